//! Paired sampling, statistics, verdict and the record format.
//!
//! Takes two binaries (and a byte copy of the first as A/A control) with the
//! scenarios that compare them; gives raw samples, a verdict per scenario and
//! the record that anyone can judge again. Knows nothing of how the binaries
//! were made nor of what they compute.
//!
//! The way through the crate: [`scenario`] says what is measured on which [`arms`], [`campaign`]
//! measures it and writes samples as they are taken, [`verdict`] judges them
//! (a pure function), [`record`] keeps everything. [`process`] runs children
//! such that none outlives the program. [`leak`] judges a single process: whether it keeps more
//! with every cycle of work.

pub mod arms;
pub mod audit;
pub mod benchmarks;
pub mod campaign;
mod cold;
pub mod comparison;
pub mod error;
pub mod host;
pub mod ladder;
pub mod leak;
mod order;
pub mod pairing;
pub mod performance;
pub mod plan;
pub mod process;
pub mod record;
pub mod regression;
pub mod samples;
pub mod scenario;
pub mod stats;
mod storage;
pub mod trial;
pub mod verdict;
mod warm;

pub use error::{Error, Result};
pub use storage::{write_atomically, write_new};
