//! A small byte-level BPE vocabulary, learnt from a built-in word list.
//!
//! Takes nothing, gives tokens and merges that belong together: each merge joins two tokens that
//! are there into one that is there, in the order in which an encoder must apply them. Learning
//! is that of Sennrich et al. 2016 (repeatedly join the most frequent neighbours), with ties
//! broken by the text, so that the result depends on the word list alone.

use std::collections::BTreeMap;

/// The most frequent words of English, the most frequent first.
const WORDS: &str = include_str!("words.txt");

/// Tokens that stand for themselves, with the ids 0, 1, 2: those of `SmolLM2`'s chat format.
pub(super) const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// Tokens and merges in the form in which GGUF stores them.
pub(super) struct Vocabulary {
    /// Special tokens, then the 256 bytes, then one token per merge.
    pub(super) tokens: Vec<String>,
    /// `left right`, by priority.
    pub(super) merges: Vec<String>,
}

/// Learns a vocabulary of exactly `len` tokens.
///
/// # Panics
/// When the word list has fewer merges to give: `len` is a constant of this crate, and a test
/// covers it.
pub(super) fn learn(len: usize) -> Vocabulary {
    let mut tokens: Vec<String> = SPECIAL.iter().map(ToString::to_string).collect();
    tokens.extend((0..=u8::MAX).map(|byte| byte_symbol(byte).to_string()));
    let mut merges = Vec::with_capacity(len - tokens.len());
    let mut corpus = words();
    while tokens.len() < len {
        let (left, right) = most_frequent_pair(&corpus).expect("the word list is long enough");
        for word in &mut corpus {
            word.join(&left, &right);
        }
        let joined = format!("{left}{right}");
        // Two different splits may give the same text; the encoder needs both merges, and the
        // text is one token.
        if !tokens.contains(&joined) {
            tokens.push(joined);
        }
        merges.push(format!("{left} {right}"));
    }
    Vocabulary { tokens, merges }
}

/// A word of the list as the symbols that it is made of so far.
struct Word {
    symbols: Vec<String>,
    weight: u64,
}

impl Word {
    fn join(&mut self, left: &str, right: &str) {
        let mut at = 0;
        while at + 1 < self.symbols.len() {
            if self.symbols[at] == left && self.symbols[at + 1] == right {
                let tail = self.symbols.remove(at + 1);
                self.symbols[at].push_str(&tail);
            }
            at += 1;
        }
    }
}

/// The list's words as they stand within a sentence (a blank before them), weighted by Zipf's
/// law: the word of rank *r* has the frequency 1/*r*.
fn words() -> Vec<Word> {
    (1..)
        .zip(WORDS.split_whitespace())
        .map(|(rank, word)| Word {
            symbols: format!(" {word}")
                .bytes()
                .map(|byte| byte_symbol(byte).to_string())
                .collect(),
            weight: 1_000_000 / rank,
        })
        .collect()
}

fn most_frequent_pair(corpus: &[Word]) -> Option<(String, String)> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for word in corpus {
        for pair in word.symbols.windows(2) {
            *counts.entry((&pair[0], &pair[1])).or_default() += word.weight;
        }
    }
    // `max_by_key` gives the last of equals, and the map is in the order of the text.
    let ((left, right), _) = counts.into_iter().max_by_key(|&(_, count)| count)?;
    Some((left.to_owned(), right.to_owned()))
}

/// The printable character that stands for `byte` in a byte-level vocabulary: itself where it is
/// printable, else one from U+0100 on. Source: `bytes_to_unicode` of GPT-2's encoder.
fn byte_symbol(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        char::from(byte)
    } else {
        let before = (0..byte).filter(|&other| !printable(other)).count();
        char::from_u32(0x100 + before as u32).expect("below the surrogates")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn bytes_map_as_in_gpt2() {
        for (byte, symbol) in [
            (b' ', 'Ġ'),
            (b'\n', 'Ċ'),
            (b'a', 'a'),
            (0xAD, 'Ń'),
            (0, 'Ā'),
            (0xFF, 'ÿ'),
        ] {
            assert_eq!(byte_symbol(byte), symbol, "byte {byte}");
        }
    }

    #[test]
    fn tokens_are_unique_and_merges_join_tokens_that_are_there() {
        let vocabulary = learn(600);
        let tokens: BTreeSet<&str> = vocabulary.tokens.iter().map(String::as_str).collect();
        assert_eq!(tokens.len(), 600);
        for merge in &vocabulary.merges {
            let (left, right) = merge.split_once(' ').expect("two parts");
            for part in [left, right, &format!("{left}{right}")] {
                assert!(tokens.contains(part), "{part} of {merge}");
            }
        }
    }

    #[test]
    fn frequent_words_become_one_token() {
        let tokens = learn(600).tokens;
        for word in ["Ġthe", "Ġand", "Ġof"] {
            assert!(tokens.iter().any(|token| token == word), "{word}");
        }
    }
}
