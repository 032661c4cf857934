//! Families as one JSON document, for programs that do not read Prometheus' text.
//!
//! ```json
//! {"metrics": [
//!   {"name": "a_total", "type": "counter", "help": "…", "samples": [
//!     {"labels": {}, "value": 1}]},
//!   {"name": "h", "type": "histogram", "help": null, "samples": [
//!     {"labels": {}, "buckets": [{"le": "+Inf", "count": 1}], "sum": 0.5, "count": 1}]}]}
//! ```
//!
//! A value that JSON cannot write is a text: `NaN`, `+Inf`, `-Inf`.

use serde_json::{Map, Value, json};

use super::{Family, Kind, Sample};

/// The document.
pub(crate) fn document(families: &[Family]) -> Value {
    let metrics: Vec<Value> = families.iter().map(family).collect();
    json!({ "metrics": metrics })
}

fn family(family: &Family) -> Value {
    let samples = match family.kind {
        Kind::Histogram => grouped(family, "_bucket", "le", "buckets"),
        Kind::Summary => grouped(family, "", "quantile", "quantiles"),
        Kind::Counter | Kind::Gauge | Kind::Untyped => family.samples.iter().map(single).collect(),
    };
    json!({
        "name": family.name,
        "type": family.kind.name(),
        "help": family.help,
        "samples": samples,
    })
}

fn single(sample: &Sample) -> Value {
    json!({ "labels": labels(sample, ""), "value": number(sample.value) })
}

/// One value per set of labels, with the samples that end in `suffix` in a list called `list`,
/// each by its label `key`.
fn grouped(family: &Family, suffix: &str, key: &str, list: &str) -> Vec<Value> {
    let mut groups: Vec<(Map<String, Value>, Map<String, Value>)> = Vec::new();
    for sample in &family.samples {
        let labels = labels(sample, key);
        let known = groups.iter().position(|(known, _)| *known == labels);
        let number_of_group = known.unwrap_or_else(|| {
            let mut parts = Map::new();
            parts.insert(list.to_owned(), json!([]));
            groups.push((labels, parts));
            groups.len() - 1
        });
        let parts = &mut groups[number_of_group].1;
        let value = number(sample.value);
        let end = sample.name.strip_prefix(&family.name).unwrap_or_default();
        if end == suffix {
            let counted = if suffix.is_empty() { "value" } else { "count" };
            let part = json!({ key: sample.label(key), counted: value });
            if let Some(Value::Array(entries)) = parts.get_mut(list) {
                entries.push(part);
            }
        } else {
            parts.insert(end.trim_start_matches('_').to_owned(), value);
        }
    }
    let whole = groups.into_iter().map(|(labels, mut parts)| {
        parts.insert("labels".to_owned(), Value::Object(labels));
        Value::Object(parts)
    });
    whole.collect()
}

/// The labels of `sample`, but for `left_out`.
fn labels(sample: &Sample, left_out: &str) -> Map<String, Value> {
    let labels = sample.labels.iter().filter(|(name, _)| name != left_out);
    labels
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect()
}

/// `value` as a number, whole where it is whole.
fn number(value: f64) -> Value {
    // Beyond 2^53 not every whole number can be told from its neighbours.
    let is_whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    if is_whole {
        return Value::from(value as i64);
    }
    if value.is_finite() {
        return Value::from(value);
    }
    Value::from(if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn samples_are_grouped_by_their_labels() {
        let text = "\
# HELP wait_seconds Time.
# TYPE wait_seconds histogram
wait_seconds_bucket{task=\"chat\",le=\"0.1\"} 1
wait_seconds_bucket{task=\"chat\",le=\"+Inf\"} 2
wait_seconds_sum{task=\"chat\"} 1.5
wait_seconds_count{task=\"chat\"} 2
# TYPE memory_bytes gauge
memory_bytes NaN
";
        let document = document(&parse(text).expect("a valid text"));
        assert_eq!(
            document,
            json!({ "metrics": [
                {
                    "name": "wait_seconds", "type": "histogram", "help": "Time.",
                    "samples": [{
                        "labels": { "task": "chat" },
                        "buckets": [
                            { "le": "0.1", "count": 1 },
                            { "le": "+Inf", "count": 2 },
                        ],
                        "sum": 1.5,
                        "count": 2,
                    }],
                },
                {
                    "name": "memory_bytes", "type": "gauge", "help": null,
                    "samples": [{ "labels": {}, "value": "NaN" }],
                },
            ] })
        );
    }

    #[test]
    fn numbers_stay_what_they_are() {
        assert_eq!(number(3.0), json!(3));
        assert_eq!(number(0.25), json!(0.25));
        assert_eq!(number(f64::NEG_INFINITY), json!("-Inf"));
    }
}
