//! The session's stage that gathers evidence for the suitability score.
//!
//! Takes the [`Baseline`]; gives [`Evidence`]. No other arm is needed, but for C code that clang
//! compiles: which of it can be instrumented, the instrumented binary tells.

use std::time::Duration;

use inferno_measure::record::StageKind;
use serde::{Deserialize, Serialize};

use super::{Baseline, Session};
use crate::digest::Key;
use crate::error::{Error, Result};
use crate::stage::Whole;
use crate::suitability::evidence::{Evidence, Input};
use crate::suitability::gather::{self, Subject};
use crate::suitability::symbols::Reach;

/// Tools of the evidence: one that appears makes the stage run again.
const TOOLS: [&str; 2] = ["perf", COUNTER];

/// The tool of the inputs that are counted.
const COUNTER: &str = "valgrind";

/// What `perf` may look at, where the kernel says so.
const PERMISSION: &str = "/proc/sys/kernel/perf_event_paranoid";

/// How long callgrind, which is some fifty times slower than the program, may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as is fair beside a measurement.
    Companion,
    /// As long as it takes: a calibration row that lacks an input is of no use.
    Calibration,
}

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Self::Companion => Duration::from_mins(1),
            Self::Calibration => Duration::from_mins(15),
        }
    }

    fn stage(self) -> &'static str {
        match self {
            Self::Companion => "suitability",
            Self::Calibration => "suitability calibration",
        }
    }
}

/// Evidence, and the tools that were not there when it was gathered.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Gathered {
    evidence: Evidence,
    missing: Vec<String>,
}

impl Whole for Gathered {
    /// An input that is absent for another reason than a missing tool is tried again: a machine that
    /// was busy, or a tool that was not permitted, may do better now.
    fn is_whole(&self) -> bool {
        let is_missing = |tool: &str| self.missing.iter().any(|missing| missing == tool);
        Input::ALL.iter().all(|input| {
            self.evidence.value(*input).is_some()
                || match input {
                    Input::CpuBoundness => false,
                    // Either tool gives it.
                    Input::InstrumentableShare => TOOLS.into_iter().all(is_missing),
                    _ => is_missing(COUNTER),
                }
        })
    }
}

/// A tool as it is found now: another one, or another permission, may give other evidence.
fn found(tool: &str) -> String {
    let path = which::which(tool).ok();
    let metadata = path.as_ref().and_then(|path| path.metadata().ok());
    let changed = metadata.and_then(|metadata| metadata.modified().ok());
    format!("{path:?} {changed:?}")
}

impl Session {
    /// Gathers evidence for the suitability score from the baseline on the training workloads.
    ///
    /// # Errors
    /// [`Error::Measure`] when interrupted. What cannot be measured is no error. Where clang compiles
    /// C, those of [`Session::instrument`].
    pub fn evidence(&mut self, baseline: &Baseline, patience: Patience) -> Result<Evidence> {
        let reach = match self.workshop.c {
            None => Reach::Rust,
            Some(_) => Reach::counted_in(&self.instrument()?.artifact().path)?,
        };
        let assets = self.assets()?;
        let (spec, output) = (&self.workshop.spec, &self.workshop.output);
        let declared = serde_json::to_string(spec.train())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let inputs = spec.train().iter().flat_map(|train| spec.files_of(train));
        let missing = TOOLS.into_iter().filter(|tool| which::which(tool).is_err());
        let missing: Vec<String> = missing.map(str::to_owned).collect();
        let key = Key::new("suitability")
            .part(&baseline.artifact().sha256)
            .part(declared)
            .part(format!("{reach:?}"))
            .part(TOOLS.map(found).join(" "))
            .part(std::fs::read(PERMISSION).unwrap_or_default())
            .files(inputs)?;
        let key = assets.added_to(key).finish();
        let subject = Subject {
            spec,
            baseline: baseline.artifact(),
            reach: &reach,
            env: &assets.env,
            directory: &output.evidence(),
            callgrind_limit: patience.limit(),
        };
        let progress = &mut self.progress;
        progress.start(patience.stage());
        let gathered = self
            .stages
            .run(patience.stage(), StageKind::Verify, &key, || {
                let evidence = gather::gather(&subject, progress)?;
                Ok(Gathered { evidence, missing })
            })?;
        let evidence = gathered.evidence;
        let measured = Input::ALL
            .into_iter()
            .filter(|input| evidence.value(*input).is_some())
            .count();
        self.progress.finish(&format!(
            "{measured} of {} inputs measured",
            Input::ALL.len()
        ));
        Ok(evidence)
    }
}

#[cfg(test)]
mod tests {
    use crate::suitability::evidence::Measured;

    use super::*;

    fn gathered(absent: &[Input], missing: &[&str]) -> bool {
        let input = |input: Input| {
            let measured = if absent.contains(&input) {
                Measured::not("a reason")
            } else {
                Measured::new(1.0, "measured")
            };
            (input, measured)
        };
        Gathered {
            evidence: Evidence(Input::ALL.into_iter().map(input).collect()),
            missing: missing.iter().map(|&tool| tool.to_owned()).collect(),
        }
        .is_whole()
    }

    #[test]
    fn what_is_absent_is_kept_only_where_a_missing_tool_explains_it() {
        assert!(gathered(&[], &[]));
        assert!(!gathered(&[Input::Calls], &[]), "a time-out");
        assert!(!gathered(&[Input::Calls], &["perf"]));
        assert!(gathered(&[Input::Calls], &["valgrind"]));
        assert!(
            !gathered(&[Input::InstrumentableShare], &["valgrind"]),
            "perf may not"
        );
        assert!(gathered(
            &[Input::InstrumentableShare],
            &["perf", "valgrind"]
        ));
        assert!(
            !gathered(&Input::ALL, &["perf", "valgrind"]),
            "the workload failed"
        );
    }
}
