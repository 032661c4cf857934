//! How many instructions each arm executes in a scenario: a companion of the measured times.
//!
//! Takes both arms and a scenario; gives [`InstructionCounts`]. It decides nothing: an instruction
//! may take a tenth of a cycle or three hundred. What callgrind cannot run is "not measured", with
//! the reason; it is never replaced by a guess.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inferno_measure::arms::Arms;
use inferno_measure::process;
use inferno_measure::record::{InstructionCounts, Regime, ScenarioResult};
use inferno_measure::samples::{Arm, Restart};
use inferno_measure::scenario::{Kind, Scenario};
use inferno_measure::trial;

use crate::callgrind::{self, Unreadable, Valgrind};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stage::Whole;

/// Requests whose mean is taken in a warm scenario. As many come before them: start-up, and what a
/// worker does only once, is in the counts of both its runs and so in neither's difference.
pub const REQUESTS: u32 = 3;

/// How much slower than the plain program callgrind is, for the plan: about that in the programs
/// that the suitability score was tried on.
const SLOWDOWN: f64 = 40.0;

/// Instructions are to be counted, and can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counting {
    valgrind: Valgrind,
    limit: Duration,
}

impl Counting {
    /// Finds valgrind; each scenario may take `limit`.
    ///
    /// # Errors
    /// [`Error::Tool`] when there is no valgrind that runs.
    pub fn within(limit: Duration) -> Result<Self> {
        let valgrind = Valgrind::find()?;
        Ok(Self { valgrind, limit })
    }

    /// What the counts depend on beside arms and scenario.
    pub(crate) fn key(&self) -> String {
        format!("{} {REQUESTS} {:?}", self.valgrind.version, self.limit)
    }

    /// Counts what both arms execute in `scenario`. callgrind's file goes to `directory`.
    ///
    /// # Errors
    /// [`Error::Measure`] when interrupted, [`Error::Io`]. A program that callgrind cannot run is no
    /// error.
    pub(crate) fn count(
        &self,
        scenario: &Scenario,
        arms: &Arms,
        directory: &Path,
        progress: &mut Progress,
    ) -> Result<InstructionCounts> {
        std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
        let mut run = Run {
            counting: self,
            scenario,
            out: directory.join("callgrind.out"),
            started: Instant::now(),
            progress,
        };
        let counted = run
            .arm(arms.path(Arm::Baseline), Arm::Baseline)
            .and_then(|baseline| {
                Ok((
                    baseline,
                    run.arm(arms.path(Arm::Candidate), Arm::Candidate)?,
                ))
            });
        match counted {
            Ok((baseline, candidate)) => Ok(InstructionCounts {
                baseline: Some(baseline),
                candidate: Some(candidate),
                ratio: Some(candidate / baseline),
                requests: requests(scenario),
                detail: self.how(scenario),
            }),
            Err(Stop::NotMeasured(reason)) => Ok(InstructionCounts {
                baseline: None,
                candidate: None,
                ratio: None,
                requests: requests(scenario),
                detail: format!("not measured: {reason}"),
            }),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn how(&self, scenario: &Scenario) -> String {
        let what = match requests(scenario) {
            Some(requests) => format!(
                "mean of {requests} requests; a worker's start-up and {requests} requests before them are subtracted"
            ),
            None => "one process".to_owned(),
        };
        format!("callgrind ({}), {what}", self.valgrind.version)
    }
}

fn requests(scenario: &Scenario) -> Option<u32> {
    match scenario.kind {
        Kind::Cold { .. } => None,
        Kind::Warm { .. } => Some(REQUESTS),
    }
}

/// Why there is no count.
#[derive(Debug)]
enum Stop {
    /// The program cannot be counted: a fact for the report.
    NotMeasured(String),
    /// The run cannot go on.
    Failed(Error),
}

impl From<Unreadable> for Stop {
    fn from(unreadable: Unreadable) -> Self {
        Self::NotMeasured(unreadable.0)
    }
}

/// The counting of one scenario.
#[derive(Debug)]
struct Run<'a> {
    counting: &'a Counting,
    scenario: &'a Scenario,
    out: PathBuf,
    started: Instant,
    progress: &'a mut Progress,
}

impl Run<'_> {
    /// Instructions per process or request.
    fn arm(&mut self, binary: &Path, arm: Arm) -> Result<f64, Stop> {
        match self.scenario.kind {
            Kind::Cold { .. } => Ok(self.process(binary, arm, 1)? as f64),
            Kind::Warm { .. } => {
                let once = self.process(binary, arm, REQUESTS)?;
                let twice = self.process(binary, arm, 2 * REQUESTS)?;
                per_request(once, twice, REQUESTS).map_err(Stop::NotMeasured)
            }
        }
    }

    /// Instructions of a whole process: a cold one, or a worker that answers `requests`.
    fn process(&mut self, binary: &Path, arm: Arm, requests: u32) -> Result<u64, Stop> {
        let counting = self.counting;
        let left = self.left();
        self.progress
            .note(&format!("{arm}, at most {} s left", left.as_secs()));
        // What an earlier process left must not be taken for this one's.
        match std::fs::remove_file(&self.out) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Stop::Failed(Error::io("remove", &self.out)(error)));
            }
            _ => {}
        }
        let scenario = under_callgrind(self.scenario, &self.out, binary)?;
        let run = trial::run_within(&scenario, &counting.valgrind.path, arm, requests, left);
        process::check_interrupted().map_err(|error| Stop::Failed(error.into()))?;
        if let Err(error) = run {
            return Err(if self.left().is_zero() {
                Stop::NotMeasured(format!(
                    "callgrind takes longer than {:?}; --instructions=TIME allows more",
                    counting.limit
                ))
            } else {
                reason(error)
            });
        }
        Ok(callgrind::total_instructions(&callgrind::read(&self.out)?)?)
    }

    fn left(&self) -> Duration {
        self.counting.limit.saturating_sub(self.started.elapsed())
    }
}

/// The same scenario with valgrind in place of the binary. Its metrics would mean nothing.
fn under_callgrind(scenario: &Scenario, out: &Path, binary: &Path) -> Result<Scenario, Stop> {
    let not_text = || Stop::NotMeasured("the output directory's name is not UTF-8".to_owned());
    let mut args = callgrind::arguments(&callgrind::TOTAL, out, binary)
        .into_iter()
        .map(|argument| argument.into_string().map_err(|_| not_text()))
        .collect::<Result<Vec<_>, _>>()?;
    args.extend(scenario.args.iter().cloned());
    Ok(Scenario {
        args,
        metrics: Vec::new(),
        ..scenario.clone()
    })
}

/// What one of the last `n` requests costs, when a worker that answers `n` executes `once`
/// instructions in all, and one that answers 2`n` executes `twice`.
fn per_request(once: u64, twice: u64, n: u32) -> Result<f64, String> {
    match twice.checked_sub(once) {
        Some(more) if more > 0 => Ok(more as f64 / f64::from(n)),
        _ => Err(format!(
            "a worker executes {once} instructions for {n} requests and {twice} for {}: its start-up varies by more than they take",
            2 * n
        )),
    }
}

/// Tells a program that callgrind cannot run from a run that cannot go on.
fn reason(error: inferno_measure::Error) -> Stop {
    let inferno_measure::Error::Workload {
        arm,
        problem,
        output_tail,
        ..
    } = error
    else {
        return Stop::Failed(error.into());
    };
    // valgrind says so of the program's own signal.
    if output_tail.contains("(SIGILL)") {
        return Stop::NotMeasured(format!(
            "{arm}: valgrind does not know an instruction that the program uses, as with AVX-512 (SIGILL): \
             count with an older `target-cpu`"
        ));
    }
    // Its own lines begin with `==` and the process's number.
    let of_program = |line: &&str| !line.trim().is_empty() && !line.starts_with("==");
    let last = output_tail.lines().rev().find(of_program);
    let last = last.map_or_else(String::new, |line| format!(" ({})", line.trim()));
    Stop::NotMeasured(format!("under callgrind, {arm}: {problem}{last}"))
}

/// Wall seconds that counting will take by what the last run's samples took, at most `limit`;
/// `None` where it did not sample the scenario.
pub(crate) fn expected_s(last: &ScenarioResult, limit: Duration) -> Option<f64> {
    let mean_s = last.costs.get("wall_ns")?.baseline.mean / 1e9;
    let plain_s = match last.scenario.kind {
        Regime::Cold => mean_s,
        Regime::Warm => {
            let startup_s = last.samples.restarts.first().and_then(startup_s)?;
            2.0 * startup_s + f64::from(3 * REQUESTS) * mean_s
        }
    };
    Some((2.0 * SLOWDOWN * plain_s).min(limit.as_secs_f64()))
}

fn startup_s(restart: &Restart) -> Option<f64> {
    Some(restart.startup_ns.as_ref()?.baseline as f64 / 1e9)
}

impl Whole for InstructionCounts {
    fn is_whole(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_more_requests_add() {
        for (once, twice, n, expected) in [
            (1_000_300, 1_000_600, 3, Some(100.0)),
            (7, 8, 2, Some(0.5)),
            (600, 600, 3, None),
            (600, 599, 3, None),
        ] {
            let counted = per_request(once, twice, n);
            assert_eq!(counted.as_ref().ok(), expected.as_ref(), "{counted:?}");
        }
        assert!(per_request(600, 599, 3).is_err_and(|why| why.contains("for 6")));
    }

    fn workload(problem: &str, output_tail: &str) -> inferno_measure::Error {
        inferno_measure::Error::Workload {
            scenario: "cold/short".into(),
            arm: Arm::Candidate,
            problem: problem.into(),
            output_tail: output_tail.into(),
        }
    }

    #[test]
    fn a_program_that_callgrind_cannot_run_is_a_fact_with_its_reason() {
        let illegal = "==7== valgrind: Unrecognised instruction at address 0x401000.\n\
                       ==7== Process terminating with default action of signal 4 (SIGILL)\n";
        for (problem, tail, expected) in [
            (
                "ended with signal 4 instead of exit code 0",
                illegal,
                "AVX-512",
            ),
            (
                "ended with exit code 3 instead of exit code 0",
                "==7== Callgrind\nno such model\n==7== Collected : 12\n",
                "candidate: ended with exit code 3 instead of exit code 0 (no such model)",
            ),
            ("ended with exit code 3", "", "ended with exit code 3"),
        ] {
            match reason(workload(problem, tail)) {
                Stop::NotMeasured(why) => assert!(why.contains(expected), "{why}"),
                Stop::Failed(error) => panic!("{error}"),
            }
        }
        let broken = inferno_measure::Error::Invalid {
            subject: "scenario".into(),
            problem: "pin".into(),
        };
        assert!(matches!(reason(broken), Stop::Failed(_)));
    }
}
