//! This project's method: the campaign and the judgement that `cargo xtask` uses, with its settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::campaign::{self, Campaign, Measured, Silent};
use inferno_measure::record::Verdict;
use inferno_measure::scenario::{Arms, Judging, Kind, PageCache, Pin, Role, Scenario};
use inferno_measure::verdict;

use crate::error::{Error, Result};
use crate::outcome::{Claim, Outcome, Table};

/// Names of the verdicts with δ = 1 %, the default, and with δ = 0.5 %.
pub const VERDICT: &str = "verdict, δ = 1 %";
/// See [`VERDICT`].
pub const VERDICT_HALF: &str = "verdict, δ = 0.5 %";
/// The thresholds of the verdicts.
const THRESHOLDS: [(&str, f64); 2] = [(VERDICT, 0.01), (VERDICT_HALF, 0.005)];

/// Compares two programs within `seconds`. `seed` chooses the orders; samples go to `directory`.
///
/// # Errors
/// When a program does not do what it should, or a file cannot be written.
pub fn compare(
    table: Table,
    baseline: &Path,
    candidate: &Path,
    seconds: f64,
    seed: u32,
    directory: &Path,
) -> Result<Outcome> {
    let arms = [Arms::with_control(
        baseline,
        candidate,
        &directory.join("arms"),
    )?];
    let scenarios = [scenario(table, directory)];
    let judging = Judging {
        budget_s: seconds,
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
    outcome_of(&measured, judging)
}

fn scenario(table: Table, directory: &Path) -> Scenario {
    let (kind, args) = match table {
        Table::Cold => (
            Kind::Cold {
                cache: PageCache::Warm,
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
        class: Vec::new(),
        role: Role::Primary,
        expect: None,
        metrics: Vec::new(),
    }
}

fn outcome_of(measured: &[Measured], judging: Judging) -> Result<Outcome> {
    let mut claims = BTreeMap::new();
    for (name, threshold) in THRESHOLDS {
        let result = judge(
            measured,
            Judging {
                threshold,
                ..judging
            },
        )?;
        claims.insert(name.to_owned(), claim_of(result.verdict));
    }
    let result = judge(measured, judging)?;
    let missing = || Error::unreadable("our measurement", result.reason.clone());
    Ok(Outcome {
        ratio: result.effect.ok_or_else(missing)?,
        low: result.ci_low.ok_or_else(missing)?,
        high: result.ci_high.ok_or_else(missing)?,
        samples: result.pairs,
        claims,
        effort: None,
    })
}

fn judge(
    measured: &[Measured],
    judging: Judging,
) -> Result<inferno_measure::record::ScenarioResult> {
    let results = verdict::judge(measured, &judging).into_iter().next();
    results.ok_or_else(|| Error::unreadable("our measurement", "holds no scenario"))
}

fn claim_of(verdict: Verdict) -> Claim {
    match verdict {
        Verdict::Faster => Claim::Faster,
        Verdict::Slower => Claim::Slower,
        Verdict::NoDifference => Claim::NoDifference,
        Verdict::Inconclusive => Claim::Unsure,
    }
}
