//! Metadata without a model around them: the engine reads them from files alone, so a file is written.

use std::io::Cursor;

use inferno_inference::gguf::{Header, Metadata};
use inferno_provision::gguf::{File, Value};

/// The metadata that a file with these `entries` and without tensors has.
///
/// # Panics
/// When the reader refuses what the writer writes. Keys are to differ, and to be short.
pub fn metadata_of(entries: Vec<(String, Value)>) -> Metadata {
    let file = File {
        metadata: entries,
        tensors: Vec::new(),
    };
    let mut bytes = Vec::new();
    file.write_to(&mut bytes).expect("writing to memory");
    let header = Header::read(&mut Cursor::new(bytes)).expect("what is written can be read");
    header.metadata
}
