//! One run of a scenario on one binary, for proofs rather than for figures: what
//! it puts out and what it costs. Compares nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::campaign::KnownCost;
use crate::cold;
use crate::error::Result;
use crate::samples::Arm;
use crate::scenario::{Kind, Scenario};
use crate::warm::{Launch, Worker, pin_of};

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
    match &scenario.kind {
        Kind::Cold { .. } => {
            let finished = cold::run(scenario, binary, arm)?;
            Ok(Trial {
                stdout: finished.stdout,
                stderr: finished.stderr,
                output_sha256: Vec::new(),
                cost: KnownCost {
                    startup: Duration::ZERO,
                    sample: Duration::from_nanos(finished.wall_ns),
                },
            })
        }
        Kind::Warm { .. } => run_warm(scenario, binary, arm, requests),
    }
}

fn run_warm(scenario: &Scenario, binary: &Path, arm: Arm, requests: u32) -> Result<Trial> {
    let pin = pin_of(scenario);
    let started = Instant::now();
    let mut worker = Worker::start(&Launch {
        scenario,
        binary,
        arm,
        pin,
        timeout: scenario.timeout,
    })?;
    let startup = started.elapsed();
    let asked = Instant::now();
    let output_sha256 = (0..u64::from(requests))
        .map(|seq| Ok(worker.request(scenario, seq)?.output_sha256))
        .collect::<Result<Vec<_>>>()?;
    let sample = asked.elapsed() / requests.max(1);
    worker.close(&scenario.name)?;
    Ok(Trial {
        stdout: Vec::new(),
        stderr: Vec::new(),
        output_sha256,
        cost: KnownCost { startup, sample },
    })
}
