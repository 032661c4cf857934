//! The input of github-action-benchmark's tool `customSmallerIsBetter`: an array of objects with
//! `name`, `unit` and `value`, and optionally `range` and `extra`
//! (<https://github.com/benchmark-action/github-action-benchmark>).

use inferno_measure::comparison::{Comparison, Row, Time};
use serde_json::{Value, json};

/// The comparison for github-action-benchmark: per scenario the candidate ÷ baseline ratio, which
/// the machine's drift leaves alone, and the candidate's time.
pub fn github(comparison: &Comparison) -> String {
    let entries: Vec<Value> = comparison.rows.iter().flat_map(entries_of).collect();
    format!("{:#}\n", Value::Array(entries))
}

fn entries_of(row: &Row) -> Vec<Value> {
    let extra = format!("{}: {} ({})", row.verdict, row.reason, row.pairing);
    let ratio = row
        .effect
        .zip(row.ci_low)
        .zip(row.ci_high)
        .map(|((effect, low), high)| {
            json!({
                "name": format!("{} (ratio)", row.name),
                "unit": "candidate ÷ baseline",
                "value": effect,
                "range": format!("± {:.4}", (high - low) / 2.0),
                "extra": extra,
            })
        });
    let time = row.candidate_time.map(
        |Time {
             typical_ns,
             low_ns,
             high_ns,
         }| {
            json!({
                "name": row.name,
                "unit": "ns",
                "value": typical_ns,
                "range": format!("± {:.0}", (high_ns - low_ns) / 2.0),
                "extra": extra,
            })
        },
    );
    ratio.into_iter().chain(time).collect()
}
