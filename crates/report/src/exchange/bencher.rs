//! Bencher Metric Format: an object of benchmarks, each an object of measures with a value and two
//! bounds (<https://bencher.dev/docs/reference/bencher-metric-format>).

use std::collections::BTreeSet;

use inferno_measure::comparison::{Comparison, Time};
use serde_json::{Map, Value, json};

use super::unique;

/// The comparison in Bencher Metric Format: a benchmark per scenario with the candidate's `latency` in
/// nanoseconds and the `ratio` of both sides, and one for the baseline's `latency`, each with its
/// 95 % interval. Of benchmarks that would share a name, the later ones are numbered.
pub fn bencher(comparison: &Comparison) -> String {
    let mut taken = BTreeSet::new();
    // Scenarios keep their names; what is added here gives way.
    let rows = comparison.rows.iter();
    let named: Vec<_> = rows
        .map(|row| (unique(&row.name, &mut taken), row))
        .collect();
    let mut benchmarks = Map::new();
    for (name, row) in named {
        let ratio = row.effect.map(|effect| {
            let ratio = metric(effect, row.ci_low, row.ci_high);
            ("ratio".to_owned(), ratio)
        });
        let measures: Map<String, Value> = row
            .candidate_time
            .map(|time| ("latency".to_owned(), latency(time)))
            .into_iter()
            .chain(ratio)
            .collect();
        if let Some(time) = row.baseline_time {
            let baseline = unique(&format!("{name}/baseline"), &mut taken);
            benchmarks.insert(baseline, json!({ "latency": latency(time) }));
        }
        if !measures.is_empty() {
            benchmarks.insert(name, Value::Object(measures));
        }
    }
    format!("{:#}\n", Value::Object(benchmarks))
}

fn latency(time: Time) -> Value {
    metric(time.typical_ns, Some(time.low_ns), Some(time.high_ns))
}

fn metric(value: f64, low: Option<f64>, high: Option<f64>) -> Value {
    let mut metric = Map::from_iter([("value".to_owned(), json!(value))]);
    metric.extend(low.map(|low| ("lower_value".to_owned(), json!(low))));
    metric.extend(high.map(|high| ("upper_value".to_owned(), json!(high))));
    Value::Object(metric)
}
