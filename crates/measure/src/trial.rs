//! One run of a scenario on one binary, for proofs rather than for figures: what
//! it puts out and what it costs. Compares nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::campaign::KnownCost;
use crate::cold;
use crate::error::Result;
use crate::samples::Arm;
use crate::scenario::{Kind, Scenario};
use crate::warm::{Launch, Worker};

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
pub fn run(scenario: &Scenario, binary: &Path, arm: Arm, requests: u32) -> Result<Trial> {
    run_patiently(scenario.clone(), binary, arm, requests, || scenario.timeout)
}

/// The same, for runs under a tool that makes them slow: `limit` bounds the whole run instead of
/// the scenario's time-out each of its steps. Only a worker's end, after its last answer, may take
/// as long again.
///
/// # Errors
/// As those of [`run`].
pub fn run_within(
    scenario: &Scenario,
    binary: &Path,
    arm: Arm,
    requests: u32,
    limit: Duration,
) -> Result<Trial> {
    let started = Instant::now();
    let left = || limit.saturating_sub(started.elapsed());
    run_patiently(scenario.clone(), binary, arm, requests, left)
}

/// `patience` is the time-out of the next step.
fn run_patiently(
    mut scenario: Scenario,
    binary: &Path,
    arm: Arm,
    requests: u32,
    patience: impl Fn() -> Duration,
) -> Result<Trial> {
    match &scenario.kind {
        Kind::Cold { .. } => {
            let started = Instant::now();
            scenario.timeout = patience();
            cold::prepare(&scenario, arm)?;
            scenario.timeout = patience();
            let finished = cold::run(&scenario, binary, arm)?.finished;
            Ok(Trial {
                stdout: finished.stdout,
                stderr: finished.stderr,
                output_sha256: Vec::new(),
                cost: KnownCost {
                    startup: Duration::ZERO,
                    // More than what is timed, where something is prepared or served.
                    sample: started.elapsed(),
                },
            })
        }
        Kind::Warm { .. } => run_warm(scenario, binary, arm, requests, patience),
    }
}

fn run_warm(
    mut scenario: Scenario,
    binary: &Path,
    arm: Arm,
    requests: u32,
    patience: impl Fn() -> Duration,
) -> Result<Trial> {
    let started = Instant::now();
    let mut worker = Worker::start(&Launch {
        scenario: &scenario,
        binary,
        arm,
        timeout: patience(),
    })?;
    let startup = started.elapsed();
    let asked = Instant::now();
    let mut output_sha256 = Vec::new();
    for seq in 0..u64::from(requests) {
        scenario.timeout = patience();
        output_sha256.push(worker.request(&scenario, seq)?.output_sha256);
    }
    let sample = asked.elapsed() / requests.max(1);
    worker.close(&scenario.name)?;
    Ok(Trial {
        stdout: Vec::new(),
        stderr: Vec::new(),
        output_sha256,
        cost: KnownCost { startup, sample },
    })
}
