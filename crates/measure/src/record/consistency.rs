//! Whether a record says of its samples what its samples say.
//!
//! Takes a record, judges it again and compares all that was judged. A record that disagrees with
//! itself was edited. One that other statistics judged is compared with nothing: it says so
//! ([`Record::statistics`]).

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Record, ScenarioResult};
use crate::samples::Samples;
use crate::verdict::{STATISTICS, judge_again};

/// Figures are written with all their digits; a sum in another order may change the last ones.
const TOLERANCE: f64 = 1e-9;
/// The fields of a scenario by which a contradiction is named where there are several.
const FIRST: [&str; 6] = [
    "verdict", "restarts", "pairs", "effect", "ci_low", "ci_high",
];

/// One figure that does not follow from the samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Where, such as `scenario "cold/programs", effect`.
    pub field: String,
    /// What the record says.
    pub stored: String,
    /// What its samples give.
    pub judged: String,
}

impl Record {
    /// The first figure or fact that does not follow from the samples; `None` where all do. Figures
    /// are compared only where the record was judged by the statistics of this program.
    pub fn contradiction(&self) -> Option<Contradiction> {
        impossible(self).or_else(|| {
            // Other statistics give other figures of the same samples.
            (self.statistics == STATISTICS)
                .then(|| disagreement(self, &judge_again(self)))
                .flatten()
        })
    }
}

/// What no sampler can have written.
fn impossible(record: &Record) -> Option<Contradiction> {
    let mut names = BTreeSet::new();
    record.scenarios.iter().find_map(|result| {
        let name = &result.scenario.name;
        if !names.insert(name) {
            return Some(Contradiction {
                field: format!("scenario {name:?}"),
                stored: "twice".to_owned(),
                judged: "once".to_owned(),
            });
        }
        let pairs = result
            .samples
            .restarts
            .iter()
            .flat_map(|restart| &restart.pairs);
        let timeless = |pair: &&crate::samples::Pair| {
            let control = pair
                .control
                .as_ref()
                .is_some_and(|sample| sample.wall_ns == 0);
            pair.baseline.wall_ns == 0 || pair.candidate.wall_ns == 0 || control
        };
        pairs.into_iter().find(timeless).map(|pair| Contradiction {
            field: format!("scenario {name:?}, wall_ns of pair {}", pair.seq),
            stored: "0".to_owned(),
            judged: "a positive time".to_owned(),
        })
    })
}

/// The first figure or sentence of a scenario or a trend that is not what the samples give. All of
/// them are compared, so that none is forgotten; the raw samples are what they are compared with.
fn disagreement(stored: &Record, judged: &Record) -> Option<Contradiction> {
    let scenarios = stored.scenarios.iter().zip(&judged.scenarios);
    let mut scenarios = scenarios.map(|(stored, judged)| {
        let name = format!("scenario {:?}", stored.scenario.name);
        difference(&name, &without_samples(stored), &without_samples(judged))
    });
    let trends = stored.trends.iter().zip(&judged.trends);
    let mut trends = trends.map(|(stored, judged)| {
        let name = format!("trend of {:?}", stored.trend.metric);
        difference(&name, &plain(stored), &plain(judged))
    });
    scenarios
        .find_map(|found| found)
        .or_else(|| trends.find_map(|found| found))
}

fn without_samples(result: &ScenarioResult) -> Value {
    let result = ScenarioResult {
        samples: Samples::default(),
        ..result.clone()
    };
    plain(&result)
}

fn plain(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("plain data")
}

/// The first leaf in which two values differ; what people look at comes before the rest.
pub(crate) fn difference(at: &str, stored: &Value, judged: &Value) -> Option<Contradiction> {
    let missing = || Value::Null;
    match (stored, judged) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort_by_key(|key| {
                let place = FIRST.iter().position(|first| first == key);
                (place.unwrap_or(FIRST.len()), *key)
            });
            keys.dedup();
            keys.into_iter().find_map(|key| {
                let value = |object: &Map<String, Value>| object.get(key).cloned();
                let (a, b) = (value(a), value(b));
                let at = format!("{at}, {key}");
                difference(&at, &a.unwrap_or_else(missing), &b.unwrap_or_else(missing))
            })
        }
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len())).find_map(|place| {
            let value = |items: &[Value]| items.get(place).cloned().unwrap_or_else(missing);
            difference(&format!("{at}, {}", place + 1), &value(a), &value(b))
        }),
        (a, b) if alike(a, b) => None,
        (a, b) => Some(Contradiction {
            field: at.to_owned(),
            stored: told(a),
            judged: told(b),
        }),
    }
}

fn alike(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * b.abs().max(1.0),
        _ => a == b,
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
