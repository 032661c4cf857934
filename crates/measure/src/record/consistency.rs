//! Whether a record says of its samples what its samples say.
//!
//! Takes a record, judges it again and compares. A record that disagrees with itself was edited, or
//! made by a version whose statistics differ; either way its figures are not to be trusted.

use std::collections::BTreeSet;

use super::{Record, ScenarioResult};
use crate::verdict::judge_again;

/// Figures are written with all their digits; a sum in another order may change the last ones.
const TOLERANCE: f64 = 1e-9;

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
    /// The first figure or fact that does not follow from the samples; `None` where all do.
    pub fn contradiction(&self) -> Option<Contradiction> {
        impossible(self).or_else(|| {
            let again = judge_again(self);
            let mut pairs = self.scenarios.iter().zip(&again.scenarios);
            pairs.find_map(|(stored, judged)| disagreement(stored, judged))
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

fn disagreement(stored: &ScenarioResult, judged: &ScenarioResult) -> Option<Contradiction> {
    let name = &stored.scenario.name;
    let at = |field: &str, stored: String, judged: String| Contradiction {
        field: format!("scenario {name:?}, {field}"),
        stored,
        judged,
    };
    if stored.verdict != judged.verdict {
        let values = (stored.verdict.to_string(), judged.verdict.to_string());
        return Some(at("verdict", values.0, values.1));
    }
    let counts = [
        ("pairs", stored.pairs, judged.pairs),
        ("restarts", stored.restarts, judged.restarts),
    ];
    if let Some((field, a, b)) = counts.into_iter().find(|(_, a, b)| a != b) {
        return Some(at(field, a.to_string(), b.to_string()));
    }
    let figures = [
        ("effect", stored.effect, judged.effect),
        ("ci_low", stored.ci_low, judged.ci_low),
        ("ci_high", stored.ci_high, judged.ci_high),
        (
            "simultaneous_low",
            stored.simultaneous_low,
            judged.simultaneous_low,
        ),
        (
            "simultaneous_high",
            stored.simultaneous_high,
            judged.simultaneous_high,
        ),
    ];
    let told = |figure: Option<f64>| figure.map_or_else(|| "none".to_owned(), |x| x.to_string());
    figures
        .into_iter()
        .find(|(_, a, b)| !alike(*a, *b))
        .map(|(field, a, b)| at(field, told(a), told(b)))
}

fn alike(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * b.abs().max(1.0),
        (a, b) => a == b,
    }
}
