//! What people read beside Criterion's own lines: the plan before, a table after.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use inferno_measure::pairing::Alternation;
use inferno_measure::pairing::allotment::Share;
use inferno_measure::samples::Arm;
use inferno_measure::{stats, write_atomically};
use inferno_pgo::{Error, Result};

use crate::groups::Planned;

/// Says what is measured, how often, and what is not.
pub(crate) fn tell_plan(plan: &[Planned<'_>], budget: Option<Duration>) {
    match budget {
        Some(budget) => eprintln!("plan within {budget:.0?}, over all scenarios of the spec:"),
        None => eprintln!("plan without a budget:"),
    }
    for planned in plan {
        let name = &planned.scenario.name;
        match planned.share {
            Share::Measured(sampling) => {
                let many = if sampling.pairs_per_sample == 1 {
                    ""
                } else {
                    "s"
                };
                eprintln!(
                    "  {name}: {} samples of {} pair{many}, about {:.2?} a pair",
                    sampling.samples, sampling.pairs_per_sample, sampling.pair
                );
            }
            Share::LeftOut { needs } => eprintln!("  {name}: left out, {}", need(needs)),
        }
    }
    let single = |planned: &Planned<'_>| matches!(planned.share, Share::Measured(sampling) if sampling.pairs_per_sample == 1);
    if !plan.iter().any(single) {
        return;
    }
    eprintln!(
        "  Criterion warns that it is \"unable to complete\" samples wherever a sample is one pair: the number of samples is kept all the same"
    );
}

/// Prints the medians of the pairs on standard output.
pub(crate) fn print(plan: &[Planned<'_>], results: &BTreeMap<&str, Alternation>) {
    println!(
        "\nscenario: median baseline, candidate, candidate ÷ baseline (no verdict: see cargo xtask pgo)"
    );
    for planned in plan {
        let name = &*planned.scenario.name;
        match (planned.share, results.get(name)) {
            (Share::LeftOut { needs }, _) => println!("{name}: left out, {}", need(needs)),
            (Share::Measured(_), Some(alternation)) => println!("{name}: {}", line(alternation)),
            (Share::Measured(_), None) => {}
        }
    }
}

fn line(alternation: &Alternation) -> String {
    let pairs = alternation.pairs();
    let median = |value: fn(&[u64; 2]) -> f64| {
        stats::median(&pairs.iter().map(value).collect::<Vec<f64>>()).unwrap_or(f64::NAN)
    };
    let milliseconds = |side: f64| format!("{:.3} ms", side / 1e6);
    let mut text = format!(
        "{}, {}, {:.4} ({} pairs)",
        milliseconds(median(|pair| pair[0] as f64)),
        milliseconds(median(|pair| pair[1] as f64)),
        median(|pair| pair[1] as f64 / pair[0] as f64),
        pairs.len()
    );
    for arm in [Arm::Baseline, Arm::Candidate] {
        let unused = alternation.unused(arm);
        if unused > 0 {
            let _infallible = write!(text, "; {unused} times of the {arm} were not asked for");
        }
    }
    text
}

/// Writes the scenarios that did not fit, with the seconds that they need, to the file of
/// `INFERNO_BENCH_LEFT_OUT`.
pub(crate) fn write_left_out(plan: &[Planned<'_>]) -> Result<()> {
    let Some(path) = std::env::var_os("INFERNO_BENCH_LEFT_OUT") else {
        return Ok(());
    };
    let left_out: BTreeMap<String, String> = plan
        .iter()
        .filter_map(|planned| match planned.share {
            Share::LeftOut { needs } => {
                let id = format!("{}/{}", planned.scenario.group, planned.scenario.name);
                Some((id, need(needs)))
            }
            Share::Measured(_) => None,
        })
        .collect();
    let text = serde_json::to_vec(&left_out).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(write_atomically(path.as_ref(), &text)?)
}

fn need(needs: Duration) -> String {
    let seconds = needs.as_secs();
    format!(
        "its 10 samples need a budget of {}m {:02}s",
        seconds / 60,
        seconds % 60
    )
}
