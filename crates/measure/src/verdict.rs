//! From samples to verdicts: a pure function.

use crate::campaign::Measured;
use crate::record::{Record, ScenarioResult, TrendResult};
use crate::scenario::{Judging, Trend};

/// Judges all scenarios of a run together: the intervals are simultaneous over them.
pub fn judge(_measured: &[Measured], _judging: &Judging) -> Vec<ScenarioResult> {
    todo!()
}

/// Judges the declared tendencies on judged scenarios.
pub fn judge_trends(_trends: &[Trend], _scenarios: &[ScenarioResult]) -> Vec<TrendResult> {
    todo!()
}

/// Judges a saved record again, with the thresholds that it holds.
#[must_use]
pub fn judge_again(_record: &Record) -> Record {
    todo!()
}
