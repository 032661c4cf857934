//! What the benchmarks share: the model they run on, two ways of doing the same work timed side by
//! side, flamegraphs of Criterion's benchmarks, and the time they are given.
//!
//! These benchmarks compare two paths within one program. Two builds of a program are compared by
//! `cargo xtask pgo`, whose unit is the restarted process.

pub mod budget;
pub mod flamegraph;
pub mod model;
pub mod side_by_side;
