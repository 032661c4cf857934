//! Any bytes as a model file: its header, and the tokenizer that it describes.
#![no_main]

use std::io::Cursor;

use inferno_fuzz::{Bound, within};
use inferno_inference::gguf::Header;
use inferno_inference::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

/// The reader promises a small multiple of the file. By the sizes of its types, short keys are the
/// dearest: 14 bytes of the file take some 200 while the map of them grows.
const READING: Bound = Bound {
    fixed_bytes: 1 << 20,
    bytes_per_input_byte: 64,
};

/// Nothing is promised here: tables for merges and for the search of special tokens come on top.
const TOKENIZER: Bound = Bound {
    fixed_bytes: 64 << 20,
    bytes_per_input_byte: 4096,
};

fuzz_target!(|data: &[u8]| {
    let header = within(READING, data, || Header::read(&mut Cursor::new(data)));
    if let Ok(header) = header {
        for (name, tensor) in &header.tensors {
            let end = tensor.start.checked_add(tensor.size_bytes as u64);
            let is_inside = end.is_some_and(|end| end <= data.len() as u64);
            assert!(is_inside, "{name:?} is outside the file: {tensor:?}");
        }
        // Whether it is one is not the question.
        drop(within(TOKENIZER, data, || {
            Tokenizer::from_metadata(&header.metadata)
        }));
    }
});
