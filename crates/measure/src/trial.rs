//! One run of a scenario on one binary, for proofs rather than for figures: what
//! it puts out and what it costs.

use std::path::Path;

use crate::campaign::KnownCost;
use crate::error::Result;
use crate::samples::Arm;
use crate::scenario::Scenario;

/// What a scenario put out on one binary.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Cold: standard output.
    pub stdout: Vec<u8>,
    /// Cold: standard error.
    pub stderr: Vec<u8>,
    /// Warm: SHA-256 of the outputs of the first requests, by `seq` from 0.
    pub output_sha256: Vec<String>,
    /// What it cost; for [`crate::campaign::Campaign::known_costs`].
    pub cost: KnownCost,
}

/// Runs `scenario` once on `binary`: one cold process, or a worker that answers
/// `requests` requests with `seq` from 0. `arm` names the binary in errors.
///
/// # Errors
/// When the process or worker does not do what the scenario declares, or a signal
/// asks the program to end.
pub fn run(_scenario: &Scenario, _binary: &Path, _arm: Arm, _requests: u32) -> Result<Trial> {
    todo!()
}
