//! A record whose two arms are what is compared: its verdicts, as they are.

use super::{COMPARISON_SCHEMA, Comparison, Pairing, Row, Series, Side, Subject, Time, Unit};
use crate::record::{Artifact, Record, ScenarioResult};
use crate::samples::Arm;
use crate::verdict::{self, ALPHA};

/// The comparison of a record's own arms. `names` are what people call the baseline and the
/// candidate.
pub fn of_record(record: &Record, names: [&str; 2]) -> Comparison {
    let side = |name: &str, artifact: &Artifact| Side {
        name: name.to_owned(),
        sha256: Some(artifact.sha256.clone()),
        measured: Some(record.created.clone()),
    };
    Comparison {
        schema: COMPARISON_SCHEMA,
        subject: Subject::Programs,
        baseline: side(names[0], &record.artifacts.baseline),
        candidate: side(names[1], &record.artifacts.candidate),
        threshold: record.judging.threshold,
        drift: None,
        rows: record.scenarios.iter().map(row).collect(),
        differences: Vec::new(),
        notes: Vec::new(),
    }
}

fn row(result: &ScenarioResult) -> Row {
    let units = units_of(result);
    Row {
        name: result.scenario.name.clone(),
        pairing: Pairing::Paired,
        verdict: result.verdict,
        reason: result.reason.clone(),
        remedy: result.remedy.clone(),
        effect: result.effect,
        ci_low: result.ci_low,
        ci_high: result.ci_high,
        simultaneous_low: result.simultaneous_low,
        simultaneous_high: result.simultaneous_high,
        aa: result.aa,
        baseline_units: units.1,
        candidate_units: units.1,
        unit: units.0,
        baseline_time: time_of(&verdict::log_times(&result.samples, Arm::Baseline)),
        candidate_time: time_of(&verdict::log_times(&result.samples, Arm::Candidate)),
        notes: result.validity.notes.clone(),
        samples: Series {
            baseline_ns: verdict::judged_times(&result.samples, Arm::Baseline),
            candidate_ns: verdict::judged_times(&result.samples, Arm::Candidate),
        },
    }
}

/// What the interval of a judged scenario counts, and how many of them.
pub(super) fn units_of(result: &ScenarioResult) -> (Unit, u32) {
    result
        .layouts
        .map_or((Unit::Restart, result.restarts), |layouts| {
            (Unit::Layout, layouts)
        })
}

/// The absolute time of units' ln times. `None` below two units.
pub(super) fn time_of(log_times: &[f64]) -> Option<Time> {
    let interval = crate::stats::location_interval(log_times, ALPHA)?;
    Some(Time {
        typical_ns: interval.center.exp(),
        low_ns: interval.low.exp(),
        high_ns: interval.high.exp(),
    })
}
