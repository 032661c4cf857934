//! Inputs of the calibration programs: generated, so that they need no download and are the same
//! everywhere.
//!
//! Takes a kind, a seed and a size; gives bytes. Different seeds give texts of the same kind with
//! other content, so that training and holdout are disjoint.

use std::fmt::Write as _;

use serde::Deserialize;

/// What a generated input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// Lines of words, some rare; `size` in bytes.
    Prose,
    /// Random bytes with runs; `size` in bytes.
    Bytes,
    /// One JSON array of objects; `size` in bytes.
    Json,
    /// Headings, lists, tables, links and code; `size` in bytes.
    Markdown,
    /// A style sheet with variables, mixins, loops and nesting; `size` in bytes.
    Scss,
    /// A page of nested elements; `size` in bytes.
    Html,
    /// Log lines with mangled Rust names; `size` in bytes.
    Symbols,
    /// Milliseconds to wait, one number a line; `size` in lines.
    Waits,
}

impl Generator {
    /// The input of `size` for `seed`; the same bytes for the same arguments.
    pub fn generate(self, seed: u64, size: usize) -> Vec<u8> {
        let mut random = Random::new(seed);
        let grow = |random: &mut Random, part: fn(&mut Random, usize, &mut String)| {
            let mut text = String::with_capacity(size + 1024);
            let mut number = 0;
            while text.len() < size {
                part(random, number, &mut text);
                number += 1;
            }
            text.into_bytes()
        };
        match self {
            Self::Prose => grow(&mut random, prose),
            Self::Bytes => bytes(&mut random, size),
            Self::Json => {
                let objects = grow(&mut random, object);
                [b"[".as_slice(), objects.trim_suffix_comma(), b"]\n"].concat()
            }
            Self::Markdown => grow(&mut random, markdown),
            Self::Scss => [SCSS_HEAD.as_bytes(), &grow(&mut random, scss)].concat(),
            Self::Html => {
                let body = grow(&mut random, html);
                let head = b"<!DOCTYPE html><html><body>".as_slice();
                [head, &body, b"</body></html>\n"].concat()
            }
            Self::Symbols => grow(&mut random, symbols),
            Self::Waits => waits(&mut random, size),
        }
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and the same on every platform.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// A word; short and frequent ones more often, as in a language.
    fn word(&mut self) -> String {
        const FREQUENT: [&str; 24] = [
            "the",
            "of",
            "and",
            "to",
            "in",
            "a",
            "is",
            "that",
            "for",
            "it",
            "with",
            "as",
            "was",
            "on",
            "by",
            "at",
            "from",
            "not",
            "strawberry",
            "blueberries",
            "river",
            "Window",
            "machine",
            "seventeen",
        ];
        const SYLLABLES: [&str; 20] = [
            "ka", "lo", "mi", "ner", "ta", "ri", "so", "ven", "du", "pel", "ga", "hor", "in", "ba",
            "ste", "qui", "fo", "wa", "lem", "za",
        ];
        if self.below(2) == 0 {
            return self.pick(&FREQUENT).to_owned();
        }
        (0..=self.below(4)).map(|_| self.pick(&SYLLABLES)).collect()
    }

    fn words(&mut self, count: usize) -> String {
        let words: Vec<String> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }
}

trait TrimComma {
    fn trim_suffix_comma(&self) -> &[u8];
}

impl TrimComma for Vec<u8> {
    fn trim_suffix_comma(&self) -> &[u8] {
        self.strip_suffix(b",\n").unwrap_or(self)
    }
}

fn prose(random: &mut Random, number: usize, text: &mut String) {
    let count = 4 + random.below(14);
    let words = random.words(count);
    let _ = match random.below(5) {
        0 => writeln!(text, "{words} {number}."),
        1 => writeln!(text, "{}: {words}", random.below(100_000)),
        _ => writeln!(text, "{words}."),
    };
}

fn bytes(random: &mut Random, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 64);
    while bytes.len() < size {
        let word = random.next().to_le_bytes();
        match random.below(8) {
            0 => bytes.extend([word[0] % 3; 24]),
            1 => bytes.extend(b"printable text, "),
            _ => bytes.extend(word),
        }
    }
    bytes.truncate(size);
    bytes
}

fn object(random: &mut Random, number: usize, text: &mut String) {
    let count = 1 + random.below(5);
    let tags: Vec<String> = (0..count)
        .map(|_| format!("\"{}\"", random.word()))
        .collect();
    let _ = writeln!(
        text,
        "{{\"id\":{number},\"name\":\"{}\",\"size\":{},\"weight\":{}.{},\"active\":{},\"tags\":[{}],\"note\":{}}},",
        random.words(2),
        random.below(100),
        1 + random.below(20),
        random.below(100),
        random.below(2) == 0,
        tags.join(","),
        if random.below(3) == 0 {
            "null".to_owned()
        } else {
            format!("\"{}\\n\"", random.words(5))
        },
    );
}

fn markdown(random: &mut Random, number: usize, text: &mut String) {
    let words = |random: &mut Random, most: usize| {
        let count = 2 + random.below(most);
        random.words(count)
    };
    let _ = match random.below(9) {
        0 => writeln!(
            text,
            "{} {}\n",
            "#".repeat(1 + random.below(4)),
            words(random, 5)
        ),
        1 => {
            for _ in 0..2 + random.below(5) {
                let _ = writeln!(text, "- {} **{}**", words(random, 8), random.word());
            }
            writeln!(text)
        }
        2 => writeln!(
            text,
            "```rust\nfn {}() -> u32 {{ {number} }}\n```\n",
            random.word()
        ),
        3 => {
            let _ = writeln!(text, "| a | b |\n|---|---:|");
            for _ in 0..=random.below(5) {
                let _ = writeln!(text, "| {} | {} |", random.word(), random.below(1000));
            }
            writeln!(text)
        }
        4 => writeln!(text, "> {}\n> *{}*\n", words(random, 9), words(random, 9)),
        5 => writeln!(
            text,
            "See [{}](https://example.org/{number} \"{}\") and `{}` &amp; <em>{}</em>.\n",
            words(random, 3),
            random.word(),
            random.word(),
            random.word()
        ),
        _ => writeln!(
            text,
            "{}, *{}* and __{}__.\n{}\n",
            words(random, 20),
            random.word(),
            words(random, 3),
            words(random, 20)
        ),
    };
}

const SCSS_HEAD: &str = "$base: 12px;
@mixin box($pad, $colour: #336699) { padding: $pad; color: darken($colour, 10%); &:hover { color: lighten($colour, 5%); } }
@function scale($n) { @return $n * 1.5 + $base; }
";

fn scss(random: &mut Random, number: usize, text: &mut String) {
    let shade = random.below(0x00ff_ffff);
    let _ = match random.below(4) {
        0 => writeln!(
            text,
            ".c{number} {{ @include box({}px, #{shade:06x}); a, b > {} {{ margin: scale({}px); }} }}",
            random.below(30),
            random.pick(&["i", "em", ".x", "#y"]),
            random.below(40)
        ),
        1 => writeln!(
            text,
            "@for $i from 1 through {} {{ .w{number}-#{{$i}} {{ width: 100% / $i; @if $i > 2 {{ top: $i * 1px; }} @else {{ top: 0; }} }} }}",
            2 + random.below(5)
        ),
        2 => writeln!(
            text,
            "$m{number}: (small: {}px, large: {}px); @each $k, $v in $m{number} {{ .s{number}-#{{$k}} {{ height: $v; }} }}",
            random.below(90),
            random.below(900)
        ),
        _ => writeln!(
            text,
            ".p{number} {{ border: {}px solid rgba(#{shade:06x}, 0.{}); @media (min-width: {}px) {{ float: {}; }} }}",
            random.below(9),
            1 + random.below(8),
            random.below(2000),
            random.pick(&["left", "right", "none"])
        ),
    };
}

fn html(random: &mut Random, number: usize, text: &mut String) {
    let count = 2 + random.below(8);
    let words = random.words(count);
    let _ = match random.below(4) {
        0 => writeln!(
            text,
            "<ul class=\"list l{}\"><li class=\"item\"><a href=\"/{number}?a=1&amp;b={}\">{words}</a></li><li>{}</li></ul>",
            number % 7,
            random.below(99),
            random.word()
        ),
        1 => writeln!(
            text,
            "<div id=d{number}><p>{words}<br><b>{}</b> &lt;{}&gt;</p><img src='i{number}.png'></div>",
            random.word(),
            random.word()
        ),
        2 => writeln!(
            text,
            "<table><tr><td>{}</td><td colspan=2>{words}</td></tr></table>",
            random.below(9999)
        ),
        _ => writeln!(
            text,
            "<section><h2>{words}</h2><!-- {} --></section>",
            random.word()
        ),
    };
}

fn symbols(random: &mut Random, number: usize, text: &mut String) {
    let mut path = String::new();
    for _ in 0..2 + random.below(4) {
        let word = random.word();
        let _ = write!(path, "{}{word}", word.len());
    }
    let hash = random.next();
    let count = 1 + random.below(4);
    let _ = match random.below(4) {
        0 => writeln!(text, "{number:08x} {}", random.words(6)),
        1 => writeln!(
            text,
            "{number:08x} T _ZN{path}44_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$u$GT$17h{hash:016x}E {}",
            random.words(count)
        ),
        2 => {
            let word = random.word();
            writeln!(
                text,
                "{number:08x} T _RNvNtCs{}_4core3fmt{}{word} {}",
                random.below(1000),
                word.len(),
                random.words(count)
            )
        }
        _ => writeln!(
            text,
            "{number:08x} t _ZN{path}17h{hash:016x}E+0x{:x}",
            random.below(4096)
        ),
    };
}

fn waits(random: &mut Random, count: usize) -> Vec<u8> {
    // The sum is the same for every seed, the order is not.
    let mut milliseconds: Vec<usize> = (0..count).map(|number| 1 + number % 4).collect();
    for index in (1..milliseconds.len()).rev() {
        milliseconds.swap(index, random.below(index + 1));
    }
    milliseconds.iter().fold(Vec::new(), |mut text, wait| {
        text.extend(format!("{wait}\n").into_bytes());
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Generator; 8] = [
        Generator::Prose,
        Generator::Bytes,
        Generator::Json,
        Generator::Markdown,
        Generator::Scss,
        Generator::Html,
        Generator::Symbols,
        Generator::Waits,
    ];

    #[test]
    fn a_seed_gives_the_same_input_and_another_seed_another() {
        for generator in ALL {
            let first = generator.generate(1, 4000);
            assert_eq!(first, generator.generate(1, 4000), "{generator:?}");
            let other = generator.generate(2, 4000);
            assert_ne!(first, other, "{generator:?}");
            let ratio = first.len() as f64 / other.len() as f64;
            assert!((0.7..1.4).contains(&ratio), "{generator:?}: {ratio}");
        }
    }

    #[test]
    fn generated_json_is_json() {
        let text = Generator::Json.generate(3, 20_000);
        let value: serde_json::Value = serde_json::from_slice(&text).expect("valid JSON");
        assert!(value.as_array().is_some_and(|objects| objects.len() > 50));
    }
}
