//! The proof that the two arms may be compared.
//!
//! Takes baseline, candidate and the holdout; gives a [`VerifiedPair`], which nothing else can
//! make. A differing hash is necessary, not sufficient: each check says in the record what it
//! proves.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use inferno_measure::campaign::KnownCost;
use inferno_measure::record::{Audit, Check, CheckOutcome, NullRebuild};
use inferno_measure::samples::{Arm as SampledArm, Output as SampledOutput, Pair, Samples};
use inferno_measure::scenario::Scenario;
use inferno_measure::trial::{self, Trial};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::assets::Assets;
use crate::digest::Key;
use crate::error::{Error, Result};
use crate::flags::Arm;
use crate::optimize::Candidate;
use crate::progress::Progress;
use crate::spec::{Output, Spec};
use crate::stage::Whole;

/// Below this overlap the training does not stand for the holdout (a heuristic;
/// docs/troubleshooting.md#low-overlap).
pub const OVERLAP_WARNING: f64 = 0.7;

/// Baseline and candidate, proved to be comparable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerifiedPair {
    baseline: Artifact,
    candidate: Candidate,
    checks: Vec<Check>,
    costs: BTreeMap<String, Cost>,
    grounds: Grounds,
}

/// What the proofs rest on beside the binaries: a pair is stale when one of these has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// SHA-256 over what the spec says of building, training and the scenarios that were tried,
    /// and over the files that these read.
    pub declared_sha256: String,
    /// SHA-256 of each file from outside, in the spec's order.
    pub assets_sha256: Vec<String>,
}

/// What a scenario's trial took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Start-up of a warm worker.
    pub startup_s: f64,
    /// One request, or one cold process.
    pub sample_s: f64,
}

impl Cost {
    /// The same for the sampler.
    pub(crate) fn known(&self) -> KnownCost {
        KnownCost {
            startup: Duration::from_secs_f64(self.startup_s),
            sample: Duration::from_secs_f64(self.sample_s),
        }
    }
}

impl VerifiedPair {
    /// The binary without the profile.
    pub fn baseline(&self) -> &Artifact {
        &self.baseline
    }

    /// The binary with the profile.
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// What was proved, in order.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What the proofs rest on beside the binaries.
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// What each scenario's trial took on the slower arm.
    pub fn costs(&self) -> &BTreeMap<String, Cost> {
        &self.costs
    }

    /// The same for the sampler.
    pub fn known_costs(&self) -> BTreeMap<String, KnownCost> {
        self.costs
            .iter()
            .map(|(name, cost)| (name.clone(), cost.known()))
            .collect()
    }
}

impl Whole for VerifiedPair {
    fn is_whole(&self) -> bool {
        self.baseline.check().is_ok() && self.candidate.artifact().check().is_ok()
    }
}

/// Proves that `baseline` and `candidate` may be compared on `scenarios`.
///
/// # Errors
/// [`Error::Verification`] for each proof that does not hold, and the scenarios' own failures.
pub fn run(
    baseline: &Artifact,
    candidate: &Candidate,
    scenarios: &[Scenario],
    output: &Output,
    grounds: Grounds,
    progress: &mut Progress,
) -> Result<VerifiedPair> {
    baseline.check()?;
    candidate.artifact().check()?;
    let mut checks = vec![
        flags_agree(baseline, candidate)?,
        binaries_differ(baseline, candidate.artifact())?,
        coverage(candidate),
    ];
    checks.extend(candidate.checks());
    let mut costs = BTreeMap::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        progress.note(&format!(
            "{} of {}, {}",
            index + 1,
            scenarios.len(),
            scenario.name
        ));
        let cost = outputs_agree(&baseline.path, &candidate.artifact().path, scenario, output)?;
        costs.insert(scenario.name.clone(), cost);
    }
    checks.push(outputs_check(output, scenarios.len()));
    checks.extend(servers_check(scenarios));
    Ok(VerifiedPair {
        baseline: baseline.clone(),
        candidate: candidate.clone(),
        checks,
        costs,
        grounds,
    })
}

/// What a pair rests on when `scenarios` are tried on it.
///
/// # Errors
/// [`Error::Io`] for a file that the spec names and that cannot be read.
pub(crate) fn grounds(spec: &Spec, scenarios: &[Scenario], assets: &Assets) -> Result<Grounds> {
    // Where the files from outside are does not matter; what they hold is kept apart.
    let mut tried = spec.scenarios(&BTreeMap::new());
    tried.retain(|declared| scenarios.iter().any(|other| other.name == declared.name));
    let declared = serde_json::to_string(&(spec.target(), spec.train(), tried))
        .map_err(|error| Error::Internal(error.to_string()))?;
    let trained_on = spec.train().iter().flat_map(|train| spec.files_of(train));
    let key = Key::new("grounds")
        .part(declared)
        .part(format!("{:?}", spec.output()))
        .files(trained_on)?
        .files(spec.holdout_files())?;
    Ok(Grounds {
        declared_sha256: key.finish(),
        assets_sha256: assets
            .files
            .iter()
            .map(|file| file.sha256.clone())
            .collect(),
    })
}

/// The arms differ in the profile and in nothing else.
fn flags_agree(baseline: &Artifact, candidate: &Candidate) -> Result<Check> {
    let arm = Arm::Candidate {
        profile: candidate.profile().path.clone(),
    };
    let expected = [baseline.rustflags.clone(), arm.own_flags()].concat();
    if candidate.artifact().rustflags != expected {
        return Err(Error::Verification {
            check: "same-flags",
            message: "baseline and candidate were built with different flags".into(),
            hint: "build both again with the same flags: run the whole job".into(),
        });
    }
    Ok(Check {
        name: "same-flags".into(),
        outcome: CheckOutcome::Passed,
        detail: format!(
            "{} flags are common, {} concern the profile",
            baseline.rustflags.len(),
            arm.own_flags().len()
        ),
    })
}

/// Baseline and candidate are not the same program.
///
/// # Errors
/// [`Error::Verification`] when their files or their machine codes are identical.
pub(crate) fn binaries_differ(baseline: &Artifact, candidate: &Artifact) -> Result<Check> {
    let identical = |what: &str| {
        Err(Error::Verification {
            check: "binaries-differ",
            message: format!("{what} of baseline and candidate are identical: the profile changed nothing"),
            hint: "check that training executes this program's code: see docs/troubleshooting.md#identical-binaries".into(),
        })
    };
    if baseline.sha256 == candidate.sha256 {
        return identical("the files");
    }
    if baseline.text_sha256 == candidate.text_sha256 {
        return identical("the machine codes");
    }
    Ok(Check {
        name: "binaries-differ".into(),
        outcome: CheckOutcome::Passed,
        detail: format!(
            "files {} and {}, machine code {} and {}",
            short(&baseline.sha256),
            short(&candidate.sha256),
            short(&baseline.text_sha256),
            short(&candidate.text_sha256)
        ),
    })
}

fn coverage(candidate: &Candidate) -> Check {
    let profile = candidate.profile();
    Check {
        name: "profile-coverage".into(),
        outcome: CheckOutcome::Passed,
        detail: format!(
            "{} of {} functions ran in training; {} of {} blocks hold 99 % of the counts",
            profile.functions_covered,
            profile.functions_total,
            profile.blocks_for_99_percent,
            profile.blocks_total
        ),
    }
}

/// The first digits, for people.
pub(crate) fn short(sha256: &str) -> &str {
    &sha256[..sha256.len().min(12)]
}

/// Whether two binaries put out the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They do.
    Equal,
    /// They do not, though each says the same thing twice.
    Differ,
    /// The baseline does not say the same thing twice.
    Unrepeatable,
}

/// Runs the scenario once on each binary; only outputs that differ cost a third run, which tells a
/// wrong candidate from a program that never says the same thing twice.
pub(crate) fn trial_of(
    baseline: &Path,
    candidate: &Path,
    scenario: &Scenario,
    output: &Output,
) -> Result<(Cost, Agreement)> {
    let on = |binary: &Path, arm| trial::run(scenario, binary, arm, 1);
    let first = on(baseline, SampledArm::Baseline)?;
    let other = on(candidate, SampledArm::Candidate)?;
    // The slower arm decides what fits into the budget.
    let cost = Cost {
        startup_s: first.cost.startup.max(other.cost.startup).as_secs_f64(),
        sample_s: first.cost.sample.max(other.cost.sample).as_secs_f64(),
    };
    if comparable(&first, output)? == comparable(&other, output)? {
        return Ok((cost, Agreement::Equal));
    }
    let again = on(baseline, SampledArm::Baseline)?;
    if comparable(&first, output)? == comparable(&again, output)? {
        return Ok((cost, Agreement::Differ));
    }
    Ok((cost, Agreement::Unrepeatable))
}

/// The cost of a scenario whose outputs agree.
pub(crate) fn outputs_agree(
    baseline: &Path,
    candidate: &Path,
    scenario: &Scenario,
    output: &Output,
) -> Result<Cost> {
    let (cost, agreement) = trial_of(baseline, candidate, scenario, output)?;
    match agreement {
        Agreement::Equal => Ok(cost),
        Agreement::Differ => Err(Error::Verification {
            check: "outputs-agree",
            message: format!("scenario `{}`: baseline and candidate put out different results", scenario.name),
            hint: "the program may depend on undefined behaviour, on its own binary or on floating-point order; what must be equal is `output` in [verify]".into(),
        }),
        Agreement::Unrepeatable => Err(Error::Verification {
            check: "outputs-deterministic",
            message: format!("scenario `{}`: two runs of the baseline put out different results", scenario.name),
            hint: "fix the seed, or say in [verify] what must be equal: `output = { regex = '…' }`, or `output = \"none\"`".into(),
        }),
    }
}

/// What of a trial must be equal; `None` where nothing is compared.
fn comparable(trial: &Trial, output: &Output) -> Result<Option<Vec<String>>> {
    let warm = !trial.output_sha256.is_empty();
    Ok(match output {
        Output::Unchecked => None,
        Output::Stdout | Output::Regex(_) if warm => Some(trial.output_sha256.clone()),
        Output::Stdout => Some(vec![crate::digest::bytes(&trial.stdout)]),
        Output::Regex(pattern) => Some(captures(pattern, &String::from_utf8_lossy(&trial.stdout))?),
    })
}

/// Every match's first group, or the whole match where the pattern has no group.
fn captures(pattern: &str, text: &str) -> Result<Vec<String>> {
    let compiled = Regex::new(pattern).map_err(|error| Error::Internal(error.to_string()))?;
    let of_match = |groups: regex::Captures<'_>| {
        groups
            .get(1)
            .or(groups.get(0))
            .map_or_else(String::new, |group| group.as_str().to_owned())
    };
    let found: Vec<String> = compiled.captures_iter(text).map(of_match).collect();
    if found.is_empty() {
        return Err(Error::Verification {
            check: "outputs-agree",
            message: format!("`{pattern}` of [verify] finds nothing in standard output"),
            hint: "two empty findings would agree on nothing: correct the pattern".into(),
        });
    }
    Ok(found)
}

pub(crate) fn outputs_check(output: &Output, scenarios: usize) -> Check {
    let (outcome, detail) = match output {
        Output::Unchecked => (
            CheckOutcome::NotMeasured,
            "the spec declares `output = \"none\"`".to_owned(),
        ),
        Output::Stdout => (
            CheckOutcome::Passed,
            format!("equal on the holdout of {scenarios} scenarios"),
        ),
        Output::Regex(pattern) => (
            CheckOutcome::Passed,
            format!(
                "what `{pattern}` finds (cold) and the workers' hashes (warm) are equal on the holdout of {scenarios} scenarios"
            ),
        ),
    };
    Check {
        name: "outputs-agree".into(),
        outcome,
        detail,
    }
}

/// Says of servers what was timed: a figure of theirs is not the time of a process.
fn servers_check(scenarios: &[Scenario]) -> Option<Check> {
    let served = scenarios
        .iter()
        .filter(|scenario| scenario.server.is_some());
    let names: Vec<&str> = served.map(|scenario| scenario.name.as_str()).collect();
    (!names.is_empty()).then(|| Check {
        name: "servers-driven".into(),
        outcome: CheckOutcome::Passed,
        detail: format!(
            "the time of {} is that of the driver, against a server that is started anew for each sample; CPU time and memory are the server's",
            names.join(", ")
        ),
    })
}

/// Fails when the workers' outputs differed in any sample: the trial compares one input, the
/// sampling all of them.
///
/// # Errors
/// [`Error::Verification`] naming the scenario and the input.
pub fn sampled_outputs_agree<'a>(
    samples: impl IntoIterator<Item = (&'a str, &'a Samples)>,
    output: &Output,
) -> Result<()> {
    if *output == Output::Unchecked {
        return Ok(());
    }
    for (scenario, samples) in samples {
        let pairs = samples.restarts.iter().flat_map(|restart| &restart.pairs);
        for pair in pairs {
            pair_agrees(scenario, pair, output)?;
        }
    }
    Ok(())
}

/// Fails when the workers' outputs differ in this pair.
///
/// # Errors
/// [`Error::Verification`] naming the scenario and the input.
pub fn pair_agrees(scenario: &str, pair: &Pair, output: &Output) -> Result<()> {
    let differs = matches!(pair.output, Some(SampledOutput::Differ(_)));
    if !differs || *output == Output::Unchecked {
        return Ok(());
    }
    Err(Error::Verification {
        check: "outputs-agree",
        message: format!(
            "scenario `{scenario}`: the arms put out different results for input {}",
            pair.seq
        ),
        hint: "see docs/troubleshooting.md#outputs-differ".into(),
    })
}

/// What the overlap of the training profile with one gathered on the holdout says.
pub fn overlap_check(overlap: Option<f64>, gathered_on: &str) -> Check {
    let (outcome, detail) = match overlap {
        None => (
            CheckOutcome::NotMeasured,
            format!("no profile of the holdout ({gathered_on})"),
        ),
        Some(overlap) if overlap < OVERLAP_WARNING => (
            CheckOutcome::Warned,
            format!(
                "training and holdout share {:.0} % of their counts ({gathered_on}): below {:.0} % training does not stand for the holdout",
                overlap * 100.0,
                OVERLAP_WARNING * 100.0
            ),
        ),
        Some(overlap) => (
            CheckOutcome::Passed,
            format!(
                "training and holdout share {:.0} % of their counts ({gathered_on})",
                overlap * 100.0
            ),
        ),
    };
    Check {
        name: "holdout-overlap".into(),
        outcome,
        detail,
    }
}

/// What a second plain build says about the first.
pub fn audit(baseline: &Artifact, rebuilt: &Artifact) -> Audit {
    let (null_rebuild, detail) = if baseline.sha256 == rebuilt.sha256 {
        (
            NullRebuild::Identical,
            "two plain builds are identical: a difference comes from the profile",
        )
    } else if baseline.text_sha256 == rebuilt.text_sha256 {
        (
            NullRebuild::CodeIdentical,
            "two plain builds differ, their machine code does not: only a difference in the code proves something",
        )
    } else {
        (
            NullRebuild::Differs,
            "two plain builds have different machine code: that baseline and candidate differ proves nothing",
        )
    };
    Audit {
        null_rebuild,
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Counters;

    fn artifact(sha256: &str, text_sha256: &str) -> Artifact {
        Artifact {
            path: "/binary".into(),
            sha256: sha256.into(),
            text_sha256: text_sha256.into(),
            text_size_bytes: 1,
            size_bytes: 2,
            counters: Counters::Absent,
            rustflags: Vec::new(),
        }
    }

    #[test]
    fn identical_files_and_identical_code_are_refused() {
        assert!(binaries_differ(&artifact("a", "t"), &artifact("b", "u")).is_ok());
        let files =
            binaries_differ(&artifact("a", "t"), &artifact("a", "t")).expect_err("the same file");
        assert!(files.to_string().contains("the files"));
        let code =
            binaries_differ(&artifact("a", "t"), &artifact("b", "t")).expect_err("the same code");
        assert!(code.to_string().contains("the machine codes"));
        assert_eq!(code.exit_code(), crate::exit::VERIFICATION_FAILED);
    }

    #[test]
    fn a_null_rebuild_is_told_by_file_and_code() {
        let baseline = artifact("a", "t");
        for (rebuilt, expected) in [
            (artifact("a", "t"), NullRebuild::Identical),
            (artifact("b", "t"), NullRebuild::CodeIdentical),
            (artifact("b", "u"), NullRebuild::Differs),
        ] {
            assert_eq!(audit(&baseline, &rebuilt).null_rebuild, expected);
        }
    }

    #[test]
    fn captures_take_the_group_or_the_match() {
        for pattern in ["sum=(\\d+)", "\\d+"] {
            assert_eq!(
                captures(pattern, "sum=1 sum=22").expect("a valid pattern"),
                ["1", "22"]
            );
        }
    }

    #[test]
    fn overlap_warns_below_its_limit() {
        assert_eq!(overlap_check(Some(0.69), "").outcome, CheckOutcome::Warned);
        assert_eq!(overlap_check(Some(0.7), "").outcome, CheckOutcome::Passed);
        assert_eq!(overlap_check(None, "").outcome, CheckOutcome::NotMeasured);
    }
}
