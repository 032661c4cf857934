//! The input of github-action-benchmark's tool `customSmallerIsBetter`: an array of objects with
//! `name`, `unit` and `value`, and optionally `range` and `extra`
//! (<https://github.com/benchmark-action/github-action-benchmark>).

use std::collections::BTreeSet;

use inferno_measure::comparison::{Comparison, Row, Time};
use serde_json::{Value, json};

use super::unique;

/// The comparison for github-action-benchmark: per scenario the candidate ÷ baseline ratio, which
/// the machine's drift leaves alone, and the candidate's time. Of entries that would share a name, the
/// later ones are numbered.
pub fn github(comparison: &Comparison) -> String {
    let mut taken = BTreeSet::new();
    // Scenarios keep their names; what is added here gives way.
    let rows = comparison.rows.iter();
    let named: Vec<_> = rows
        .map(|row| (unique(&row.name, &mut taken), row))
        .collect();
    let entries: Vec<Value> = named
        .into_iter()
        .flat_map(|(name, row)| {
            let ratio = unique(&format!("{name} (ratio)"), &mut taken);
            entries_of(row, &name, &ratio)
        })
        .collect();
    format!("{:#}\n", Value::Array(entries))
}

fn entries_of(row: &Row, name: &str, ratio_name: &str) -> Vec<Value> {
    let extra = format!("{}: {} ({})", row.verdict, row.reason, row.pairing);
    let ratio = row
        .effect
        .zip(row.ci_low)
        .zip(row.ci_high)
        .map(|((effect, low), high)| {
            json!({
                "name": ratio_name,
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
                "name": name,
                "unit": "ns",
                "value": typical_ns,
                "range": format!("± {:.0}", (high_ns - low_ns) / 2.0),
                "extra": extra,
            })
        },
    );
    ratio.into_iter().chain(time).collect()
}
