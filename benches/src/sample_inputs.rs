//! Inputs that look like what people have: contents of small files of several kinds, short texts.
//!
//! Takes how many there are to be; gives the same ones in every run, drawn from a fixed seed. What
//! a model makes of them is not known here, but for [`CERTAIN`].

use std::fmt::Write as _;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Fewest and most bytes of a content.
const SIZES_BYTES: (usize, usize) = (200, 8192);

/// More than any piece that contents are put together from, with what ends the content.
const PIECE_BYTES: usize = 500;

/// Seed of all that is drawn.
const SEED: u64 = 1;

/// Contents whose kind is beyond doubt, each after Magika's label for it.
pub const CERTAIN: [(&str, &str); 3] = [
    (
        "python",
        "#!/usr/bin/env python3\nimport os\nimport sys\n\n\ndef main(arguments):\n    for name in \
         arguments:\n        with open(name) as file:\n            print(name, len(file.read()))\n    \
         return 0\n\n\nif __name__ == \"__main__\":\n    sys.exit(main(sys.argv[1:]))\n",
    ),
    (
        "json",
        "{\n  \"name\": \"example\",\n  \"version\": \"1.0.0\",\n  \"keywords\": [\"one\", \"two\", \
         \"three\"],\n  \"nested\": {\"number\": 3, \"flag\": true, \"nothing\": null}\n}\n",
    ),
    (
        "html",
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Page</title>\n\
         </head>\n<body>\n<h1>Heading</h1>\n<p>A <a href=\"x.html\">link</a>.</p>\n</body>\n</html>\n",
    ),
];

const OPENINGS: [&str; 6] = [
    "The",
    "A small",
    "Every old",
    "Nobody saw that the",
    "Yesterday the",
    "Once again a",
];

/// Names in code and data as well, so none of them is a word of a programming language.
const NOUNS: [&str; 16] = [
    "harbour", "boat", "letter", "garden", "window", "teacher", "river", "engine", "bridge",
    "orchard", "winter", "ticket", "kitchen", "station", "mountain", "market",
];

const VERBS: [&str; 10] = [
    "crossed", "followed", "found", "left", "carried", "watched", "opened", "passed", "kept",
    "painted",
];

const ENDINGS: [&str; 6] = [
    "in the morning",
    "before it rained",
    "without a word",
    "for many days",
    "near the river",
    "as it had always done",
];

/// What a content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Python.
    Code,
    /// A list of records.
    Json,
    /// English sentences.
    Text,
    /// Records of little-endian numbers.
    Binary,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Code, Self::Json, Self::Text, Self::Binary];

    /// Its name, for a line of output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "source code",
            Self::Json => "JSON",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }

    /// At least `size_bytes`, to the end of a piece.
    fn content(self, size_bytes: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
        match self {
            Self::Code => code(size_bytes, random).into_bytes(),
            Self::Json => json(size_bytes, random).into_bytes(),
            Self::Text => text(size_bytes, random).into_bytes(),
            Self::Binary => binary(size_bytes, random),
        }
    }
}

/// The content of a file that there might be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What it is.
    pub kind: Kind,
    /// The whole of it: 200 bytes to 8 KiB.
    pub bytes: Vec<u8>,
}

/// `count` contents, of each kind in turn.
pub fn contents(count: usize) -> Vec<Content> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let kinds = Kind::ALL.into_iter().cycle().take(count);
    kinds
        .map(|kind| {
            let (fewest, most) = SIZES_BYTES;
            let size_bytes = random.random_range(fewest..=most - PIECE_BYTES);
            let bytes = kind.content(size_bytes, &mut random);
            Content { kind, bytes }
        })
        .collect()
}

/// `count` sentences of some 8 to 32 words.
pub fn texts(count: usize) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    (0..count).map(|_| sentence(&mut random)).collect()
}

fn one_of(words: &[&'static str], random: &mut ChaCha8Rng) -> &'static str {
    words[random.random_range(0..words.len())]
}

fn sentence(random: &mut ChaCha8Rng) -> String {
    let mut text = one_of(&OPENINGS, random).to_owned();
    let clauses = random.random_range(1..=4);
    for clause in 0..clauses {
        let joint = if clause == 0 { "" } else { ", and the" };
        let (subject, verb) = (one_of(&NOUNS, random), one_of(&VERBS, random));
        let object = one_of(&NOUNS, random);
        // Writing to a string does not fail, here as below.
        let _ = write!(text, "{joint} {subject} {verb} the {object}");
    }
    let _ = write!(text, " {}.", one_of(&ENDINGS, random));
    text
}

fn code(size_bytes: usize, random: &mut ChaCha8Rng) -> String {
    let mut text = "#!/usr/bin/env python3\nimport os\nimport sys\n".to_owned();
    while text.len() < size_bytes {
        let (verb, noun) = (one_of(&VERBS, random), one_of(&NOUNS, random));
        let limit = random.random_range(1..1000);
        let _ = write!(
            text,
            "\n\ndef {verb}_{noun}(names, limit={limit}):\n    \"\"\"{}\"\"\"\n    found = []\n    \
             for {noun} in names:\n        if len({noun}) > limit:\n            \
             found.append({noun}.strip())\n    return found\n",
            sentence(random)
        );
    }
    text
}

fn json(size_bytes: usize, random: &mut ChaCha8Rng) -> String {
    let mut text = "{\n  \"version\": 1,\n  \"records\": [".to_owned();
    let mut id = 0;
    while text.len() < size_bytes {
        let comma = if id == 0 { "" } else { "," };
        id += 1;
        let _ = write!(
            text,
            "{comma}\n    {{\n      \"id\": {id},\n      \"name\": \"{}\",\n      \
             \"note\": \"{}\",\n      \"size\": {:.2},\n      \"active\": {}\n    }}",
            one_of(&NOUNS, random),
            sentence(random),
            100.0 * random.random::<f64>(),
            random.random::<bool>()
        );
    }
    text.push_str("\n  ]\n}\n");
    text
}

fn text(size_bytes: usize, random: &mut ChaCha8Rng) -> String {
    let mut text = sentence(random);
    while text.len() < size_bytes {
        let is_paragraph_over = random.random_range(0..5) == 0;
        text.push_str(if is_paragraph_over { "\n\n" } else { " " });
        text.push_str(&sentence(random));
    }
    text.push('\n');
    text
}

fn binary(size_bytes: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = b"\x89REC\x01\x00\x00\x00".to_vec();
    let mut number: u32 = 0;
    while bytes.len() < size_bytes {
        number += 1;
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&random.random_range(0..1_u32 << 12).to_le_bytes());
        bytes.extend_from_slice(&random.random::<f64>().to_le_bytes());
        bytes.extend_from_slice(&random.random::<u64>().to_le_bytes());
        // Fields that nobody has filled in.
        bytes.extend_from_slice(&[0; 8]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_the_same_in_every_run() {
        assert_eq!(contents(12), contents(12));
        assert_eq!(texts(12), texts(12));
        assert_ne!(texts(2)[0], texts(2)[1]);
    }

    #[test]
    fn contents_have_the_sizes_that_are_told() {
        let (fewest, most) = SIZES_BYTES;
        for Content { kind, bytes } in contents(400) {
            let size_bytes = bytes.len();
            assert!(
                (fewest..=most).contains(&size_bytes),
                "{kind:?}: {size_bytes}"
            );
        }
    }

    #[test]
    fn a_content_is_text_unless_it_is_binary() {
        for Content { kind, bytes } in contents(40) {
            let is_text = std::str::from_utf8(&bytes).is_ok();
            assert_eq!(is_text, kind != Kind::Binary, "{kind:?}");
        }
    }
}
