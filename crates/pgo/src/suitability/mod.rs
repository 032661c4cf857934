//! The suitability score: what gain to expect, before anything is built with a profile.
//!
//! Takes the baseline binary and the declared training workloads; gives a score with a prediction
//! interval. [`evidence`] is what is measured, `gather` measures it, [`calibration`] has the
//! programs whose gain is known, [`model`] predicts from them. What was measured of the program in
//! question is left out of its own prediction: that would be circular.

pub mod calibration;
mod counts;
pub mod evidence;
pub(crate) mod gather;
pub mod model;
mod sampling;
mod score;
pub(crate) mod symbols;

pub(crate) use score::points;
pub use score::score;
