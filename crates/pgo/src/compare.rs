//! Which of two things is faster, for programs that this tool did not build, and for results of
//! earlier runs.
//!
//! Takes what a person named on the command line; [`operand`] finds out what it is, [`programs`]
//! measures two programs, [`results`] compares what was measured before, [`hosts`] puts records of one
//! pair from several machines together. Statistics and verdicts
//! are `inferno_measure::comparison`'s; rendering and exit codes are the caller's.

mod criterion;
pub mod hosts;
pub mod operand;
pub mod programs;
pub mod results;
pub(crate) mod surroundings;
