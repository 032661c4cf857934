//! Any text to tokens and back, and any tokens to text, by the vocabulary of `synthetic-tiny`.
#![no_main]

use std::sync::LazyLock;

use inferno_fuzz::{Bound, metadata_of, within};
use inferno_inference::tokenizer::Tokenizer;
use inferno_provision::synthetic;
use libfuzzer_sys::fuzz_target;

/// A token's two bytes become a word, of which each byte has its place noted twice and is split,
/// and the tokenizer remembers words. Far more than that is a defect.
const BOUND: Bound = Bound {
    fixed_bytes: 4 << 20,
    bytes_per_input_byte: 16 << 10,
};

/// Every special token begins like this.
const MARK: &str = "<|";

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let metadata = metadata_of(synthetic::model().metadata);
    Tokenizer::from_metadata(&metadata).expect("the project's own model has a tokenizer")
});

fuzz_target!(
    init: {
        LazyLock::force(&TOKENIZER);
    },
    |data: &[u8]| {
        within(BOUND, data, || {
            check_text(&String::from_utf8_lossy(data));
            // What tokens say is a text like any other.
            check_text(&text_of(data));
        });
    }
);

/// Each two bytes as a token; a few of them are not in the vocabulary.
fn text_of(data: &[u8]) -> String {
    let tokens = TOKENIZER.vocabulary_size() as u32 + 8;
    let (pairs, _odd) = data.as_chunks::<2>();
    let mut stream = TOKENIZER.text_stream();
    let mut text = String::new();
    for &pair in pairs {
        let token = u32::from(u16::from_le_bytes(pair)) % tokens;
        text.push_str(&stream.push(token));
    }
    text + &stream.finish()
}

fn check_text(text: &str) {
    let tokens = TOKENIZER.encode(text).expect("any text can be cut");
    let size = TOKENIZER.vocabulary_size();
    // The engine looks tokens up by their number.
    assert!(tokens.iter().all(|&token| (token as usize) < size));
    // A special token that is written out is left out when it is decoded.
    if !text.contains(MARK) {
        assert_eq!(TOKENIZER.decode(&tokens), text);
    }
}
