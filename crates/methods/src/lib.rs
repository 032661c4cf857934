//! Methods of comparison side by side: this project's, hyperfine's and Criterion's, on copies of
//! one binary whose true difference is known.
//!
//! Takes the number of repetitions and the time that each method gets; gives a log of outcomes and
//! the tables made from it. Every method is the real one: hyperfine's and Criterion's programs, and
//! the campaign and the judgement that `cargo xtask` uses. Nothing here changes how any of them
//! measures or judges.

pub mod criterion;
pub mod effort;
pub mod error;
pub mod fixture;
pub mod hyperfine;
pub mod log;
pub mod ours;
pub mod outcome;
pub mod patch;
pub mod raw;
pub mod run;
pub mod schedule;
pub mod table;

pub use error::{Error, Result};
