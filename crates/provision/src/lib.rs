//! What the project needs from outside (models, a matching `llvm-profdata`), and the one model
//! that it makes itself.
//!
//! Takes a catalogue name; gives a path in a cache outside the repository whose content has the
//! catalogue's SHA-256. Everything from outside is pinned, fetched without root and with the
//! user's own package client; nothing is ever used, kept or replaced unchecked. This crate must
//! not know what the files are for: it neither loads models nor runs profiles.
//!
//! Without the feature `fetch` only [`synthetic`] and [`gguf`] remain, which is all that a test
//! needs to have a model.

mod atomic_file;
#[cfg(any(feature = "fetch", test))]
mod checksum;
mod error;
pub mod gguf;
pub mod quantize;
pub mod synthetic;

pub use error::Error;
