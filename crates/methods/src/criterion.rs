//! Criterion: one benchmark binary after the other, the second against the first's baseline.

use std::collections::BTreeMap;
use std::path::Path;

use inferno_measure::process::Command;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::outcome::{Claim, Outcome};
use crate::run::checked;

/// Name of Criterion's own verdict.
pub const OWN: &str = "own verdict";
/// The fixture's benchmark.
const BENCHMARK: &str = "part";
/// Seconds that either side warms up.
pub const WARM_UP_S: f64 = 1.0;

/// What Criterion says of one run; its bootstrap is its own, so that no other statistics apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Time of the candidate ÷ time of the baseline.
    pub ratio: f64,
    /// Bounds of its 95 % interval.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Samples of a side.
    pub samples: u32,
    /// What its last sentence says.
    pub verdict: Claim,
}

/// `change/estimates.json`, as far as it is needed: shares by which the time changed.
#[derive(Debug, Deserialize)]
struct Change {
    mean: Estimate,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Bounds,
}

#[derive(Debug, Deserialize)]
struct Bounds {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

/// `new/sample.json`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Samples {
    iters: Vec<f64>,
}

/// Measures either side for `measurement_s` seconds, on the core that our workers are pinned to.
/// Criterion's files go to `directory`.
///
/// # Errors
/// When a benchmark fails, or what it left cannot be read.
pub fn compare(
    baseline: &Path,
    candidate: &Path,
    measurement_s: f64,
    directory: &Path,
) -> Result<Said> {
    let home = directory.join("criterion");
    bench(baseline, "--save-baseline", measurement_s, &home)?;
    let said = bench(candidate, "--baseline", measurement_s, &home)?;
    let change = read(&home.join(BENCHMARK).join("change/estimates.json"))?;
    let samples = read(&home.join(BENCHMARK).join("new/sample.json"))?;
    said_of(&change, &samples, &said)
}

/// The statement in the form that all methods share.
pub fn judge(said: &Said) -> Outcome {
    Outcome {
        ratio: said.ratio,
        low: said.low,
        high: said.high,
        samples: said.samples,
        claims: BTreeMap::from([(OWN.to_owned(), said.verdict)]),
    }
}

fn bench(binary: &Path, option: &str, measurement_s: f64, home: &Path) -> Result<String> {
    let command = Command::new(binary)
        .args(["--bench", "--noplot", "--color", "never", "--warm-up-time"])
        .arg(WARM_UP_S.to_string())
        .arg("--measurement-time")
        .arg(format!("{measurement_s:.2}"))
        .args([option, "first"])
        .env("CRITERION_HOME", home);
    checked(command.pinned())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))
}

/// Criterion's estimate of the change of the mean with its bootstrap interval, and its verdict.
fn said_of(change: &str, samples: &str, said: &str) -> Result<Said> {
    let unreadable =
        |error: serde_json::Error| Error::unreadable("Criterion's files", error.to_string());
    let change: Change = serde_json::from_str(change).map_err(unreadable)?;
    let samples: Samples = serde_json::from_str(samples).map_err(unreadable)?;
    let bounds = change.mean.confidence_interval;
    if (bounds.confidence_level - 0.95).abs() > 1e-9 {
        let problem = format!("interval at {}, not 0.95", bounds.confidence_level);
        return Err(Error::unreadable("Criterion's files", problem));
    }
    Ok(Said {
        ratio: 1.0 + change.mean.point_estimate,
        low: 1.0 + bounds.lower_bound,
        high: 1.0 + bounds.upper_bound,
        samples: samples.iters.len() as u32,
        verdict: verdict(said)?,
    })
}

/// The sentence that Criterion ends a comparison with.
fn verdict(said: &str) -> Result<Claim> {
    for (sentence, claim) in [
        ("Performance has regressed.", Claim::Slower),
        ("Performance has improved.", Claim::Faster),
        ("Change within noise threshold.", Claim::NoDifference),
        ("No change in performance detected.", Claim::NoDifference),
    ] {
        if said.contains(sentence) {
            return Ok(claim);
        }
    }
    Err(Error::unreadable("Criterion's output", "holds no verdict"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: &str = r#"{"mean":{"confidence_interval":{"confidence_level":0.95,
        "lower_bound":0.01,"upper_bound":0.03},"point_estimate":0.02,"standard_error":0.005},
        "median":{"confidence_interval":{"confidence_level":0.95,"lower_bound":0.0,
        "upper_bound":0.0},"point_estimate":0.0,"standard_error":0.0}}"#;
    const SAMPLES: &str = r#"{"sampling_mode":"Flat","iters":[2.0,2.0],"times":[1.0,1.0]}"#;

    #[test]
    fn the_change_of_the_mean_becomes_a_ratio() {
        let said = "change: [+1.0% +2.0% +3.0%] (p = 0.00 < 0.05)\nPerformance has regressed.";
        let outcome = judge(&said_of(CHANGE, SAMPLES, said).unwrap());
        assert!((outcome.ratio - 1.02).abs() < 1e-9);
        assert!((outcome.half_width() - 0.01).abs() < 1e-9);
        assert_eq!((outcome.samples, outcome.claim()), (2, Claim::Slower));
        assert_eq!(outcome.claims[OWN], Claim::Slower);
    }

    #[test]
    fn every_sentence_of_criterion_is_known() {
        for (said, claim) in [
            ("Performance has improved.", Claim::Faster),
            ("Change within noise threshold.", Claim::NoDifference),
            ("No change in performance detected.", Claim::NoDifference),
        ] {
            assert_eq!(verdict(said).unwrap(), claim);
        }
        assert!(verdict("time: [1 ms 1 ms 1 ms]").is_err());
    }

    #[test]
    fn files_of_another_form_are_refused() {
        let other_level = CHANGE.replace("0.95", "0.99");
        for change in ["", "{}", other_level.as_str()] {
            let said = "Performance has regressed.";
            assert!(said_of(change, SAMPLES, said).is_err(), "{change}");
        }
    }
}
