//! What the project needs from outside (models, a matching `llvm-profdata` and clang), and the one
//! model that it makes itself.
//!
//! Takes a catalogue name; gives a path in a cache outside the repository whose content has the
//! catalogue's SHA-256. Everything from outside is pinned, fetched without root and with the
//! user's own package client; nothing is ever used, kept or replaced unchecked. This crate must
//! not know what the files are for: it neither loads models nor runs profiles.
//!
//! Without the feature `fetch` only [`synthetic`] and [`gguf`] remain, which is all that a test
//! needs to have a model.

mod atomic_file;
#[cfg(feature = "fetch")]
mod cache;
pub mod catalogue;
#[cfg(any(feature = "fetch", test))]
mod checksum;
#[cfg(feature = "fetch")]
mod clang;
mod error;
pub mod gguf;
#[cfg(feature = "fetch")]
mod llvm_profdata;
#[cfg(feature = "fetch")]
mod models;
#[cfg(feature = "fetch")]
pub mod progress;
pub mod quantize;
pub mod synthetic;
#[cfg(feature = "fetch")]
mod wheel;

#[cfg(feature = "fetch")]
pub use cache::Kind;
#[cfg(feature = "fetch")]
pub use clang::{clang, fetch_clang};
pub use error::{Error, Place};
#[cfg(feature = "fetch")]
pub use llvm_profdata::{
    LlvmProfdata, Origin, Toolchain, fetch_llvm_profdata, in_sysroot, install_llvm_profdata,
    llvm_profdata,
};
#[cfg(feature = "fetch")]
pub use models::{LocalModel, State, entry, fetch_model, model, models};
