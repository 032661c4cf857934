//! Whether a release keeps what the last one had: the guard scenarios of a spec, measured between the two
//! programs.
//!
//! Takes two programs and a spec; gives records with verdicts, and what they mean for the release. It must
//! not pass over a guard in silence: one that was not measured holds nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::record::{Record, ScenarioResult, Verdict};
use inferno_measure::verdict;

use super::last_release::Released;
use crate::artifact::Artifact;
use crate::compare::programs::{self, Finished, Workload};
use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::stage::Reuse;

/// The largest slowdown that a guard without a verdict may leave possible, as a ratio. A guess of what a
/// release could hide without anybody noticing; runners that others share seldom tell less in 20 minutes.
const LARGEST_UNSEEN: f64 = 1.05;

/// What to make of a guard without a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// A guard that was measured, and whose interval excludes a slowdown above 5 %, holds.
    Accept,
    /// Only a guard that is known not to be slower holds (`--strict`).
    Refuse,
}

/// What the guards say of a release, the worst of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// All hold, or there was nothing to compare with.
    Held,
    /// One was not measured, or has no verdict where one is asked for.
    Undecided,
    /// One got slower.
    Slower,
}

/// The names of the scenarios that must not get slower.
///
/// # Errors
/// [`Error::Spec`] when there is none: nothing would be guarded.
pub(super) fn names(spec: &Spec) -> Result<Vec<String>> {
    let guards = spec.scenario_specs().iter().filter(|one| one.guard);
    let names: Vec<String> = guards.map(|one| one.name.clone()).collect();
    if names.is_empty() {
        return Err(spec.error(
            "no scenario is a guard, so nothing keeps a release from getting slower",
            "write `guard = true` in the scenarios that must not get slower: docs/spec.md",
        ));
    }
    Ok(names)
}

/// Measures the guards of `spec`, from the program of the last release to `candidate`.
///
/// # Errors
/// See [`programs::run`]; [`Error::Verification`] when another file was measured than `candidate`.
pub(super) fn run(
    spec: &Spec,
    last: &Released,
    candidate: &Artifact,
    out: &Path,
    budget: Duration,
) -> Result<Finished> {
    let finished = programs::run(&programs::Options {
        baseline: last.program.clone(),
        candidate: candidate.path.clone(),
        workload: Workload::Spec {
            spec: Box::new(spec.clone()),
            only: names(spec)?,
        },
        name: spec.name().to_owned(),
        out: directory(out).join(spec.name()),
        budget,
        threshold: None,
        samples: Reuse::Nothing,
    })?;
    if finished.record.artifacts.candidate.sha256 == candidate.sha256 {
        return Ok(finished);
    }
    Err(Error::Verification {
        check: "unchanged-binaries",
        message: format!(
            "`{}` is no longer the file that was verified",
            candidate.path.display()
        ),
        hint: "leave the output directory alone while it is in use; run again".into(),
    })
}

/// Where records and reports of the guards are, by spec.
pub(super) fn directory(out: &Path) -> PathBuf {
    out.join("guards")
}

/// What `record` says, all of whose scenarios are guards.
pub(super) fn standing(record: &Record, undecided: Undecided) -> Standing {
    let measured = verdict::count_measured(&record.scenarios);
    let of_one = |result: &ScenarioResult| match (result.verdict, undecided) {
        (Verdict::Slower, _) => Standing::Slower,
        (Verdict::Faster | Verdict::NoDifference, _) => Standing::Held,
        (Verdict::Inconclusive, Undecided::Refuse) => Standing::Undecided,
        (Verdict::Inconclusive, Undecided::Accept) => {
            let is_bounded = result
                .simultaneous_high
                .is_some_and(|high| high <= LARGEST_UNSEEN);
            match verdict::distrust(result, &record.judging, measured) {
                None if is_bounded => Standing::Held,
                _ => Standing::Undecided,
            }
        }
    };
    let all = record.scenarios.iter().map(of_one);
    all.max().unwrap_or(Standing::Undecided)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scenario `name` of a published record, with another verdict where one is given.
    fn record(name: &str, verdict: Option<Verdict>) -> Record {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../profiles/results/2026-11-25-concurrent_inference/record.json");
        let mut record = Record::read(&path).expect("it is published");
        record.scenarios.retain(|one| one.scenario.name == name);
        for scenario in &mut record.scenarios {
            scenario.verdict = verdict.unwrap_or(scenario.verdict);
        }
        record
    }

    #[test]
    fn a_loss_weighs_more_than_not_knowing_and_what_was_not_measured_does_not_hold() {
        let (measured, left_out) = ("warm/short", "warm/medium");
        for (name, verdict, accepted, refused) in [
            (measured, None, Standing::Held, Standing::Held),
            (
                measured,
                Some(Verdict::NoDifference),
                Standing::Held,
                Standing::Held,
            ),
            (
                measured,
                Some(Verdict::Slower),
                Standing::Slower,
                Standing::Slower,
            ),
            (
                measured,
                Some(Verdict::Inconclusive),
                Standing::Held,
                Standing::Undecided,
            ),
            (left_out, None, Standing::Undecided, Standing::Undecided),
            ("nothing", None, Standing::Undecided, Standing::Undecided),
        ] {
            let record = record(name, verdict);
            assert_eq!(standing(&record, Undecided::Accept), accepted, "{name}");
            assert_eq!(standing(&record, Undecided::Refuse), refused, "{name}");
        }
        for (high, accepted) in [(1.05, Standing::Held), (1.06, Standing::Undecided)] {
            let mut wide = record(measured, Some(Verdict::Inconclusive));
            wide.scenarios[0].simultaneous_high = Some(high);
            assert_eq!(standing(&wide, Undecided::Accept), accepted, "{high}");
        }
        let mut both = record(measured, Some(Verdict::Slower));
        both.scenarios.extend(record(left_out, None).scenarios);
        assert_eq!(standing(&both, Undecided::Refuse), Standing::Slower);
    }
}
