//! Any vocabulary, merges and special tokens as a tokenizer, which then cuts a text.
//!
//! Bytes that happen to be a file with merges that fit its tokens are rare: here the input is read
//! as decisions, and merges are made of tokens that are there.
#![no_main]

use std::collections::BTreeSet;

use inferno_fuzz::{Bound, metadata_of, within};
use inferno_inference::gguf::Metadata;
use inferno_inference::tokenizer::Tokenizer;
use inferno_provision::gguf::Value;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Tables for merges and for the search of special tokens, and what cutting a text takes.
const BOUND: Bound = Bound {
    fixed_bytes: 64 << 20,
    bytes_per_input_byte: 16 << 10,
};

const PRE_TOKENIZERS: [&str; 2] = ["gpt-2", "smollm"];

/// Normal, control, user-defined, and one that means nothing here.
const TOKEN_TYPES: [i32; 4] = [1, 3, 4, 6];

const MAX_MERGES: usize = 32;

/// Longest token that a merge makes: each may be twice as long as those before it.
const MAX_JOINED_BYTES: usize = 256;

/// Tokens that are written out at the start of the text.
const MAX_WRITTEN_TOKENS: usize = 16;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok((entries, text)) = described(Unstructured::new(data)) else {
        return Corpus::Reject;
    };
    let metadata = metadata_of(entries);
    within(BOUND, data, || {
        // The tokenizer's library caches words per thread, and forgets those of a tokenizer that is
        // gone only when the thread ends.
        std::thread::scope(|scope| {
            scope.spawn(|| check(&metadata, &text));
        });
    });
    Corpus::Keep
});

fn check(metadata: &Metadata, text: &str) {
    let Ok(tokenizer) = Tokenizer::from_metadata(metadata) else {
        return;
    };
    let size = tokenizer.vocabulary_size();
    if let Ok(tokens) = tokenizer.encode(text) {
        assert!(tokens.iter().all(|&token| (token as usize) < size));
        tokenizer.decode(&tokens);
    }
    // All tokens, and the first that is not in the vocabulary.
    let tokens: Vec<u32> = (0..=size as u32).collect();
    tokenizer.decode(&tokens);
}

/// Metadata and a text. Without bytes for a decision it is the first of the possible ones.
fn described(mut input: Unstructured<'_>) -> Result<(Vec<(String, Value)>, String)> {
    let mut tokens: Vec<String> = input.arbitrary()?;
    // Tokens that are there twice are refused at once, and `gguf_reader` finds that.
    let mut seen = BTreeSet::new();
    tokens.retain(|token| seen.insert(token.clone()));
    let merges = merges(&mut input, &mut tokens)?;
    let mut entries = vec![
        entry("tokenizer.ggml.model", "gpt2".into()),
        entry(
            "tokenizer.ggml.pre",
            (*input.choose(&PRE_TOKENIZERS)?).into(),
        ),
        entry("tokenizer.ggml.merges", Value::Strings(merges)),
        entry(
            "tokenizer.ggml.add_bos_token",
            Value::Bool(input.arbitrary()?),
        ),
    ];
    for key in ["tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"] {
        // One more than there are.
        let id = input.int_in_range(0..=tokens.len() as u32)?;
        entries.push(entry(key, Value::U32(id)));
    }
    if input.arbitrary()? {
        let types: Result<Vec<i32>> = tokens
            .iter()
            .map(|_| input.choose(&TOKEN_TYPES).copied())
            .collect();
        entries.push(entry("tokenizer.ggml.token_type", Value::I32s(types?)));
    }
    let mut text = String::new();
    if !tokens.is_empty() {
        for _ in 0..input.int_in_range(0..=MAX_WRITTEN_TOKENS)? {
            text.push_str(input.choose(&tokens)?);
        }
    }
    text.push_str(&String::from_utf8_lossy(input.take_rest()));
    entries.push(entry("tokenizer.ggml.tokens", Value::Strings(tokens)));
    Ok((entries, text))
}

/// Merges of `tokens`; what most of them make is added to these.
fn merges(input: &mut Unstructured<'_>, tokens: &mut Vec<String>) -> Result<Vec<String>> {
    let mut merges = Vec::new();
    if tokens.is_empty() {
        return Ok(merges);
    }
    for _ in 0..input.int_in_range(0..=MAX_MERGES)? {
        let left = input.choose(tokens)?;
        let right = input.choose(tokens)?;
        let joined = format!("{left}{right}");
        merges.push(format!("{left} {right}"));
        let is_left_out = input.ratio(1_u8, 16)?;
        if !is_left_out && joined.len() <= MAX_JOINED_BYTES && !tokens.contains(&joined) {
            tokens.push(joined);
        }
    }
    Ok(merges)
}

fn entry(key: &str, value: Value) -> (String, Value) {
    (key.to_owned(), value)
}
