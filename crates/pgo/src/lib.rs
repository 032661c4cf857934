//! From a cargo package and a spec to a verified pair of binaries, and a record that says whether
//! profile-guided optimisation pays.
//!
//! [`spec`] says what is built, trained and compared; [`session`] has the stages, each taking the
//! type that only the stage before can make; [`pipeline`] runs them in order. Sampling, statistics
//! and the record's format are `inferno-measure`'s. Nothing here knows what the built programs do.

pub mod artifact;
mod assemble;
pub mod assets;
pub mod audit;
pub mod bolt;
mod c_code;
pub mod calibrate;
mod callgrind;
pub mod cargo;
pub mod clang;
pub mod compare;
pub mod criterion;
pub mod digest;
pub mod dist;
pub mod error;
pub mod exit;
pub mod flags;
pub mod functions;
pub mod gathered;
pub mod holdout;
mod host_artifacts;
pub mod init;
pub mod instructions;
pub mod ladder;
mod llvm;
pub mod manifest;
pub mod merge;
pub mod optimize;
pub mod output;
pub mod pipeline;
pub mod plan;
pub mod profile;
pub mod progress;
pub mod registry;
pub mod relink;
pub mod reopen;
pub mod revision;
pub mod session;
pub mod sources;
pub mod spec;
pub mod stage;
pub mod status;
pub mod store;
pub mod suitability;
pub mod toolchain;
pub mod train;
pub mod verify;

pub use error::{Error, Result};
pub use pipeline::{Options, run};
