//! This project's method: the campaign and the judgement that `cargo xtask` uses, with its settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::arms::Arms;
use inferno_measure::campaign::{self, Campaign, Measured, Silent};
use inferno_measure::record::{ScenarioResult, Verdict};
use inferno_measure::samples::{Pair, Phase, Restart, Sample, Samples};
use inferno_measure::scenario::{Judging, Kind, PageCache, Pin, Role, Scenario};
use inferno_measure::verdict;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::outcome::{Claim, Outcome, Table};

/// Names of the verdicts with δ = 1 %, the default, and with δ = 0.5 %.
pub const VERDICT: &str = "verdict, δ = 1 %";
/// See [`VERDICT`].
pub const VERDICT_HALF: &str = "verdict, δ = 0.5 %";
/// The thresholds of the verdicts.
const THRESHOLDS: [(&str, f64); 2] = [(VERDICT, 0.01), (VERDICT_HALF, 0.005)];
/// Version of the way in which samples are taken: raised when pairs, restarts or their plan change.
/// Logs of another version are not continued.
const SAMPLING: u32 = 3;

/// The judged times of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// By restart, by pair: baseline, control, candidate, in microseconds.
    pub pairs_us: Vec<Vec<[u64; 3]>>,
    /// Why the arms' surroundings were not alike, by the name of the verdict that they spoil; it was
    /// found when the samples were taken, from what is not kept here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spoiled: BTreeMap<String, String>,
}

/// What our samples depend on beside the binaries.
pub fn version() -> String {
    format!("{}, sampling {SAMPLING}", env!("CARGO_PKG_VERSION"))
}

/// Compares two programs within `budget_s`. `seed` chooses the orders; samples go to `directory`.
///
/// # Errors
/// When a program does not do what it should, or a file cannot be written.
pub fn compare(
    table: Table,
    baseline: &Path,
    candidate: &Path,
    budget_s: f64,
    seed: u32,
    directory: &Path,
) -> Result<Times> {
    let arms = [Arms::with_control(
        baseline,
        candidate,
        &directory.join("arms"),
    )?];
    let scenarios = [scenario(table, directory)];
    let judging = Judging {
        budget_s,
        seed: u64::from(seed),
        ..Judging::default()
    };
    let measured = campaign::measure(
        &Campaign {
            scenarios: &scenarios,
            arms: &arms,
            judging: &judging,
            directory: directory.join("samples"),
            key: String::new(),
            known_costs: BTreeMap::new(),
        },
        &mut Silent,
    )?;
    let [measured] = &measured[..] else {
        return Err(Error::unreadable("our measurement", "holds no scenario"));
    };
    let times = times_of(measured);
    if times.pairs_us.is_empty() {
        let result = judged(measured, judging.threshold);
        return Err(Error::unreadable("our measurement", result.reason));
    }
    Ok(times)
}

fn scenario(table: Table, directory: &Path) -> Scenario {
    let (kind, args) = match table {
        Table::Cold => (
            Kind::Cold {
                cache: PageCache::Warm,
                pin: Pin::OneCore,
            },
            Vec::new(),
        ),
        Table::Warm => (
            Kind::Warm {
                request: serde_json::Map::new(),
                pin: Pin::OneCore,
                warmup: 2,
            },
            vec!["--worker".to_owned()],
        ),
    };
    Scenario {
        name: "known-difference".to_owned(),
        group: "known-difference".to_owned(),
        kind,
        args,
        env: BTreeMap::new(),
        stdin: None,
        directory: PathBuf::from(directory),
        inputs: Vec::new(),
        timeout: Duration::from_mins(1),
        exit: 0,
        prepare: Vec::new(),
        server: None,
        class: Vec::new(),
        role: Role::Primary,
        expect: None,
        metrics: Vec::new(),
    }
}

/// What is kept of the samples.
fn times_of(measured: &Measured) -> Times {
    let microseconds = |sample: &Sample| (sample.wall_ns + 500) / 1_000;
    let restarts = measured.samples.restarts.iter();
    let pairs_us = restarts
        .map(|restart| {
            let judged = restart.pairs.iter();
            let judged = judged.filter(|pair| pair.phase == Phase::Measured);
            judged
                .filter_map(|pair| {
                    let arms = [&pair.baseline, pair.control.as_ref()?, &pair.candidate];
                    Some(arms.map(microseconds))
                })
                .collect()
        })
        .filter(|pairs: &Vec<_>| !pairs.is_empty())
        .collect();
    let unwatched = Measured {
        samples: Samples {
            restarts: (measured.samples.restarts.iter().cloned())
                .map(|restart| Restart {
                    surroundings: None,
                    ..restart
                })
                .collect(),
            ..measured.samples.clone()
        },
        ..measured.clone()
    };
    let spoiled = THRESHOLDS.into_iter().filter_map(|(name, threshold)| {
        let watched = judged(measured, threshold);
        let is_spoiled = watched.reason != judged(&unwatched, threshold).reason;
        is_spoiled.then(|| (name.to_owned(), watched.reason))
    });
    Times {
        spoiled: spoiled.collect(),
        pairs_us,
    }
}

fn judged(measured: &Measured, threshold: f64) -> ScenarioResult {
    let judging = Judging {
        threshold,
        ..Judging::default()
    };
    verdict::judge(std::slice::from_ref(measured), &judging).remove(0)
}

/// Judges the kept times by the statistics of this program. `None` where they give no interval.
pub fn judge(times: &Times, table: Table) -> Option<Outcome> {
    let sample = |time_us: u64| Sample {
        wall_ns: time_us * 1_000,
        ..Sample::default()
    };
    let pair = |&[baseline, control, candidate]: &[u64; 3]| Pair {
        seq: 0,
        phase: Phase::Measured,
        turn: 0,
        turn_position: 0,
        order: Vec::new(),
        baseline: sample(baseline),
        control: Some(sample(control)),
        candidate: sample(candidate),
        output: None,
    };
    let restart = |(index, pairs): (u32, &Vec<[u64; 3]>)| Restart {
        index,
        layout: None,
        start_order: Vec::new(),
        startup_ns: None,
        idle_cpu_ns: None,
        surroundings: None,
        host: None,
        pairs: pairs.iter().map(pair).collect(),
    };
    let measured = Measured {
        scenario: scenario(table, Path::new("")).declared(),
        samples: Samples {
            not_run: None,
            restarts: (0..).zip(&times.pairs_us).map(restart).collect(),
        },
    };
    let claims = THRESHOLDS.into_iter().map(|(name, threshold)| {
        let claim = match times.spoiled.get(name) {
            Some(_) => Claim::Unsure,
            None => claim_of(judged(&measured, threshold).verdict),
        };
        (name.to_owned(), claim)
    });
    let claims = claims.collect();
    let result = judged(&measured, Judging::default().threshold);
    Some(Outcome {
        ratio: result.effect?,
        low: result.ci_low?,
        high: result.ci_high?,
        samples: result.pairs,
        claims,
    })
}

fn claim_of(verdict: Verdict) -> Claim {
    match verdict {
        Verdict::Faster => Claim::Faster,
        Verdict::Slower => Claim::Slower,
        Verdict::NoDifference => Claim::NoDifference,
        Verdict::Inconclusive => Claim::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(effect: f64, restarts: u64) -> Times {
        let pairs_us = (0..restarts).map(|restart| {
            let base = 75_000 + restart * 7919 % 100;
            vec![[
                base,
                base + restart % 3 - 1,
                (base as f64 * effect) as u64 + restart % 5,
            ]]
        });
        Times {
            pairs_us: pairs_us.collect(),
            spoiled: BTreeMap::new(),
        }
    }

    #[test]
    fn kept_times_are_judged_as_a_record_is() {
        let outcome = judge(&times(1.02, 20), Table::Cold).unwrap();
        assert_eq!((outcome.claim(), outcome.samples), (Claim::Slower, 20));
        assert!((outcome.ratio - 1.02).abs() < 1e-3, "{outcome:?}");
        assert_eq!(outcome.claims[VERDICT], Claim::Slower);
        let equal = judge(&times(1.0, 20), Table::Cold).unwrap();
        assert_eq!(equal.claims[VERDICT_HALF], Claim::NoDifference);
        assert_eq!(judge(&times(1.0, 0), Table::Cold), None);
    }

    #[test]
    fn what_the_surroundings_spoiled_stays_unsure() {
        let mut spoiled = times(1.02, 20);
        let reason = "workers were stopped from outside".to_owned();
        spoiled.spoiled.insert(VERDICT.to_owned(), reason);
        let outcome = judge(&spoiled, Table::Cold).unwrap();
        assert_eq!(outcome.claims[VERDICT], Claim::Unsure);
        assert_eq!(outcome.claims[VERDICT_HALF], Claim::Slower);
    }

    #[test]
    fn the_log_holds_whole_microseconds_of_judged_pairs() {
        let times = times(1.02, 9);
        let text = serde_json::to_string(&times).unwrap();
        assert!(
            text.starts_with("{\"pairs_us\":[[[75000,74999,76500]],"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Times>(&text).unwrap(), times);
    }
}
