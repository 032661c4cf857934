//! hyperfine: one command after the other, each half of the time.

use std::collections::BTreeMap;
use std::path::Path;

use inferno_measure::process::Command;
use inferno_measure::scenario::Pin;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::error::{Error, Result};
use crate::outcome::{Claim, Outcome};
use crate::run::checked;

/// Name of hyperfine's own statement "r ± s times faster".
pub const OWN: &str = "own ±";
const ALPHA: f64 = 0.05;

/// hyperfine's `--export-json`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Export {
    results: Vec<Timed>,
}

#[derive(Debug, Deserialize)]
struct Timed {
    /// Seconds per run.
    times: Vec<f64>,
}

/// Times of all runs in microseconds, in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The baseline's.
    pub baseline_us: Vec<u64>,
    /// The candidate's.
    pub candidate_us: Vec<u64>,
}

struct Moments {
    count: f64,
    mean: f64,
    sd: f64,
}

/// Whether hyperfine is there.
///
/// # Errors
/// When it is not on `PATH`.
pub fn check() -> Result<()> {
    match which::which("hyperfine") {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::ToolMissing {
            name: "hyperfine",
            hint: "install it: apt-get install hyperfine, or cargo install hyperfine",
        }),
    }
}

/// hyperfine's name and version, as it states them.
///
/// # Errors
/// When it does not run.
pub fn version() -> Result<String> {
    Ok(checked(Command::new("hyperfine").arg("--version"))?
        .trim()
        .to_owned())
}

/// Times `runs` runs of either program, on the cores that `pin` leaves to them. The export is written
/// into `directory`.
///
/// # Errors
/// When hyperfine or a program fails, or the export cannot be read.
pub fn compare(
    baseline: &Path,
    candidate: &Path,
    runs: u32,
    pin: Pin,
    directory: &Path,
) -> Result<Times> {
    let export = directory.join("hyperfine.json");
    let command = Command::new("hyperfine")
        .args(["-N", "--style", "none", "--warmup", "1", "--runs"])
        .arg(runs.to_string())
        .arg("--export-json")
        .arg(&export)
        .arg(baseline)
        .arg(candidate);
    checked(on(pin, command))?;
    let text =
        std::fs::read_to_string(&export).map_err(|source| Error::io("read", &export, source))?;
    times_of(&text)
}

/// The command with its cores; a child is on the cores of its parent.
pub(crate) fn on(pin: Pin, command: Command) -> Command {
    match pin {
        Pin::None => command,
        Pin::OneCore => command.pinned(),
    }
}

fn unreadable(problem: &str) -> Error {
    Error::unreadable("hyperfine's export", problem)
}

fn times_of(export: &str) -> Result<Times> {
    let export: Export =
        serde_json::from_str(export).map_err(|error| unreadable(&error.to_string()))?;
    let [baseline, candidate] = &export.results[..] else {
        return Err(unreadable("holds not two commands"));
    };
    let microseconds = |timed: &Timed| {
        let times = timed.times.iter();
        times
            .map(|seconds| (seconds * 1e6).round() as u64)
            .collect()
    };
    Ok(Times {
        baseline_us: microseconds(baseline),
        candidate_us: microseconds(candidate),
    })
}

/// The ratio of the means, with the interval that a careful user computes from the exported times:
/// Welch's t interval of the difference of the logarithms of the means, their standard errors by
/// the delta method (s ÷ (m √n)). `None` where there are fewer than two runs of a program, or their
/// times do not vary.
pub fn judge(times: &Times) -> Option<Outcome> {
    let (b, c) = (moments(&times.baseline_us)?, moments(&times.candidate_us)?);
    let variance = |side: &Moments| (side.sd / side.mean).powi(2) / side.count;
    let (vb, vc) = (variance(&b), variance(&c));
    let freedom = (vb + vc).powi(2) / (vb.powi(2) / (b.count - 1.0) + vc.powi(2) / (c.count - 1.0));
    let quantile = StudentsT::new(0.0, 1.0, freedom)
        .ok()?
        .inverse_cdf(1.0 - ALPHA / 2.0);
    let log_ratio = (c.mean / b.mean).ln();
    let half_width = quantile * (vb + vc).sqrt();
    Some(Outcome {
        ratio: log_ratio.exp(),
        low: (log_ratio - half_width).exp(),
        high: (log_ratio + half_width).exp(),
        samples: times.baseline_us.len() as u32,
        claims: BTreeMap::from([(OWN.to_owned(), own_claim(&b, &c))]),
    })
}

/// hyperfine's summary: the ratio of the slower to the faster mean, ± the ratio times the root of
/// the sum of the squared relative standard deviations. It says "faster" when that excludes 1.
fn own_claim(baseline: &Moments, candidate: &Moments) -> Claim {
    let (slower, claim) = if candidate.mean > baseline.mean {
        (candidate.mean / baseline.mean, Claim::Slower)
    } else {
        (baseline.mean / candidate.mean, Claim::Faster)
    };
    let spread = slower * (baseline.sd / baseline.mean).hypot(candidate.sd / candidate.mean);
    if slower - spread > 1.0 {
        claim
    } else {
        Claim::Unsure
    }
}

fn moments(times_us: &[u64]) -> Option<Moments> {
    let times: Vec<f64> = times_us.iter().map(|&time| time as f64).collect();
    let count = times.len() as f64;
    if times.len() < 2 {
        return None;
    }
    let mean = times.iter().sum::<f64>() / count;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    let sd = (squares / (count - 1.0)).sqrt();
    Some(Moments { count, mean, sd })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_welchs_on_the_logarithms() {
        // Means 2 and 3, standard deviations 1: relative variances of the means 1/12 and 1/27,
        // 3.41 degrees of freedom.
        let export = r#"{"results": [
            {"command": "a", "times": [1.0, 2.0, 3.0], "mean": 2.0},
            {"command": "b", "times": [2.0, 3.0, 4.0], "mean": 3.0}]}"#;
        let outcome = judge(&times_of(export).unwrap()).unwrap();
        let error = (1.0_f64 / 12.0 + 1.0 / 27.0).sqrt();
        let freedom = (1.0_f64 / 12.0 + 1.0 / 27.0).powi(2)
            / ((1.0_f64 / 12.0).powi(2) / 2.0 + (1.0_f64 / 27.0).powi(2) / 2.0);
        let t = StudentsT::new(0.0, 1.0, freedom)
            .unwrap()
            .inverse_cdf(0.975);
        assert!((2.9..3.1).contains(&t), "{t}");
        assert!((outcome.ratio - 1.5).abs() < 1e-9);
        assert!((outcome.low - (1.5_f64.ln() - t * error).exp()).abs() < 1e-9);
        assert_eq!((outcome.samples, outcome.claim()), (3, Claim::Unsure));
        assert_eq!(outcome.claims[OWN], Claim::Unsure);
    }

    #[test]
    fn a_clear_difference_is_claimed_in_its_direction() {
        let export = r#"{"results": [
            {"times": [1.0, 1.01, 0.99]}, {"times": [0.5, 0.51, 0.49]}]}"#;
        let outcome = judge(&times_of(export).unwrap()).unwrap();
        assert_eq!(outcome.claim(), Claim::Faster);
        assert_eq!(outcome.claims[OWN], Claim::Faster);
    }

    #[test]
    fn an_export_that_is_not_one_is_refused() {
        for export in ["", "{}", r#"{"results": []}"#] {
            assert!(times_of(export).is_err(), "{export}");
        }
    }

    #[test]
    fn too_few_times_or_equal_ones_give_no_interval() {
        for times_us in [vec![], vec![7], vec![7, 7]] {
            let times = Times {
                baseline_us: times_us.clone(),
                candidate_us: times_us,
            };
            assert_eq!(judge(&times), None);
        }
    }
}
