//! Results of performance benchmarks: what was measured of an engine, what follows from it, and what
//! has changed since.
//!
//! Takes raw samples; gives figures with intervals, one file per suite that keeps both, targets that are
//! met or not, and the comparison of two results. Plain data and pure functions: nothing here starts a
//! process or reads a clock. Every figure follows from the samples, so that an edited file is found
//! out. What was not measured is absent (`null`), never zero. What a request is about is not known here.
//!
//! - [`samples`]: processes, runs, requests
//! - [`result`](PerformanceResult): the samples of a suite with their circumstances and [`Figure`]s
//! - [`targets`]: what is fast enough
//! - [`comparison`]: two results, judged by the rule of [`crate::verdict`]
//! - [`cache`]: what a cache can be expected to do

mod baseline;
pub mod cache;
pub mod comparison;
mod curves;
mod figures;
mod result;
pub mod samples;
mod storage;
pub mod targets;
#[cfg(test)]
mod tests;

pub use baseline::PerformanceBaseline;
pub use curves::{HitRatio, MemoryCurve, Point};
pub use figures::{Basis, Figure};
pub use result::{
    Build, CacheSettings, Circumstances, Environment, Model, PerformanceResult, Settings, Suite,
    Task,
};
pub use storage::parse;

/// Version of the results' format; raised when a field changes its meaning or goes away, and when the
/// same samples would give other figures.
pub const PERFORMANCE_SCHEMA: u32 = 2;

/// Bytes of a megabyte, as the figures count them.
const MEGABYTE: f64 = 1e6;
