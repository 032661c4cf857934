//! Bencher Metric Format: an object of benchmarks, each an object of measures with a value and two
//! bounds (<https://bencher.dev/docs/reference/bencher-metric-format>).

use inferno_measure::comparison::{Comparison, Row, Time};
use serde_json::{Map, Value, json};

/// The comparison in Bencher Metric Format: a benchmark per scenario and side with its `latency` in
/// nanoseconds, and one per scenario with the `ratio` of both, each with its 95 % interval.
pub fn bencher(comparison: &Comparison) -> String {
    let benchmarks: Map<String, Value> = comparison.rows.iter().flat_map(benchmarks_of).collect();
    format!("{:#}\n", Value::Object(benchmarks))
}

fn benchmarks_of(row: &Row) -> Vec<(String, Value)> {
    let name = &row.name;
    let ratio = row.effect.map(|effect| {
        let ratio = metric(effect, row.ci_low, row.ci_high);
        (name.clone(), json!({ "ratio": ratio }))
    });
    let sides = [
        ("baseline", row.baseline_time),
        ("candidate", row.candidate_time),
    ];
    let latencies = sides.into_iter().filter_map(|(side, time)| {
        let Time {
            typical_ns,
            low_ns,
            high_ns,
        } = time?;
        let latency = metric(typical_ns, Some(low_ns), Some(high_ns));
        Some((format!("{name}/{side}"), json!({ "latency": latency })))
    });
    ratio.into_iter().chain(latencies).collect()
}

fn metric(value: f64, low: Option<f64>, high: Option<f64>) -> Value {
    let mut metric = Map::from_iter([("value".to_owned(), json!(value))]);
    metric.extend(low.map(|low| ("lower_value".to_owned(), json!(low))));
    metric.extend(high.map(|high| ("upper_value".to_owned(), json!(high))));
    Value::Object(metric)
}
