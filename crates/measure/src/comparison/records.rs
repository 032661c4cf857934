//! Two records: what has changed from the older run's candidate to the newer run's.
//!
//! Where both have the same baseline, (newer candidate ÷ baseline) ÷ (older candidate ÷ baseline)
//! cancels the machine's drift between the runs. Where the baselines differ only absolute times are
//! left, and the drift allowance applies.

use super::unpaired::{self, Evidence, Rule};
use super::{COMPARISON_SCHEMA, Comparison, Pairing, Series, Side, Subject, Unit, fingerprint};
use crate::comparison::pairs::units_of;
use crate::record::{Record, ScenarioResult};
use crate::samples::Arm;
use crate::verdict::{self, ALPHA_AA, STATISTICS};

/// Compares the candidates of two records, scenario by scenario. `names` are what people call the
/// older and the newer record, `threshold` and `drift` are shares.
pub fn of_records(
    older: &Record,
    newer: &Record,
    names: [&str; 2],
    threshold: f64,
    drift: f64,
) -> Comparison {
    let baselines = [&older.artifacts.baseline, &newer.artifacts.baseline];
    let pairing = if baselines[0].sha256 == baselines[1].sha256 {
        Pairing::Bridged
    } else {
        Pairing::Unpaired
    };
    let common: Vec<(&ScenarioResult, &ScenarioResult)> = older
        .scenarios
        .iter()
        .filter_map(|a| Some((a, of_name(newer, &a.scenario.name)?)))
        .collect();
    let rule = Rule {
        threshold,
        drift,
        rows: common
            .iter()
            .filter(|pair| is_measured(pair))
            .count()
            .max(1),
    };
    let rows: Vec<_> = common
        .iter()
        .map(|(a, b)| {
            let mut evidence = evidence(a, b, pairing, rule);
            evidence.spoiled = distrust("older", a, older).or_else(|| distrust("newer", b, newer));
            unpaired::row(evidence, rule)
        })
        .collect();
    let side = |record: &Record, name: &str| Side {
        name: name.to_owned(),
        sha256: Some(record.artifacts.candidate.sha256.clone()),
        measured: Some(record.created.clone()),
    };
    Comparison {
        schema: COMPARISON_SCHEMA,
        subject: Subject::Records,
        baseline: side(older, names[0]),
        candidate: side(newer, names[1]),
        threshold,
        drift: (pairing == Pairing::Unpaired).then_some(drift),
        differences: fingerprint::differences(older, newer),
        notes: notes(older, newer, pairing),
        rows,
    }
}

fn of_name<'a>(record: &'a Record, name: &str) -> Option<&'a ScenarioResult> {
    record
        .scenarios
        .iter()
        .find(|result| result.scenario.name == name)
}

fn is_measured((a, b): &(&ScenarioResult, &ScenarioResult)) -> bool {
    a.restarts > 0 && b.restarts > 0
}

/// Why a record itself does not trust one of its scenarios.
fn distrust(when: &str, result: &ScenarioResult, record: &Record) -> Option<String> {
    let measured = verdict::count_measured(&record.scenarios);
    let reason = verdict::distrust(result, &record.judging, measured)?;
    Some(format!("the {when} record gives no answer here: {reason}"))
}

fn evidence(a: &ScenarioResult, b: &ScenarioResult, pairing: Pairing, rule: Rule) -> Evidence {
    let ratios = |result: &ScenarioResult| verdict::log_effects(&result.samples, Arm::Candidate);
    let times = |result: &ScenarioResult| verdict::log_times(&result.samples, Arm::Candidate);
    let (baseline, candidate) = match pairing {
        Pairing::Paired | Pairing::Bridged => (ratios(a), ratios(b)),
        Pairing::Unpaired => (times(a), times(b)),
    };
    // Either record's control may spoil the row: two chances per row.
    let alpha = ALPHA_AA / (2 * rule.rows) as f64;
    let controls = [a, b].map(|result| verdict::control_interval(&result.samples, alpha));
    let spoiling = controls.into_iter().flatten();
    let units = [units_of(a).0, units_of(b).0];
    let mixed = (units[0] != units[1]).then(|| {
        "one record counts restarts, the other code layouts: only the latter's interval holds \
         the luck of layout"
            .to_owned()
    });
    let notes = [("older", a), ("newer", b)]
        .into_iter()
        .flat_map(|(when, result)| {
            let disturbances = result.validity.notes.iter();
            disturbances.map(move |note| format!("{when} record: {note}"))
        })
        .chain(mixed);
    Evidence {
        name: a.scenario.name.clone(),
        pairing,
        unit: weaker_unit(a, b),
        baseline,
        candidate,
        log_times: [times(a), times(b)],
        samples: Series {
            baseline_ns: verdict::judged_times(&a.samples, Arm::Candidate),
            candidate_ns: verdict::judged_times(&b.samples, Arm::Candidate),
        },
        control: spoiling.max_by(|x, y| distance(x).total_cmp(&distance(y))),
        spoiled: None,
        notes: notes.collect(),
    }
}

/// What both sides' units are at least: restarts, unless both were measured in code layouts.
fn weaker_unit(a: &ScenarioResult, b: &ScenarioResult) -> Unit {
    match (units_of(a).0, units_of(b).0) {
        (Unit::Layout, Unit::Layout) => Unit::Layout,
        _ => Unit::Restart,
    }
}

/// How far an interval lies beside 0; negative when it holds it.
fn distance(interval: &crate::stats::Interval) -> f64 {
    interval.low.max(-interval.high)
}

fn notes(older: &Record, newer: &Record, pairing: Pairing) -> Vec<String> {
    let mut notes = Vec::new();
    if older == newer {
        notes.push("Both records are the same: no difference can be found.".to_owned());
    } else if older.artifacts.candidate.sha256 == newer.artifacts.candidate.sha256 {
        notes.push(
            "Both records have the same candidate: what is found is the machine's noise."
                .to_owned(),
        );
    }
    notes.push(match pairing {
        Pairing::Unpaired => "The records have different baselines, so only absolute times can be compared. They wander \
             by 15 % on shared machines; the intervals are widened by the drift allowance."
            .to_owned(),
        Pairing::Paired | Pairing::Bridged => {
            "Both records have the same baseline: the machine's drift between the runs cancels."
                .to_owned()
        }
    });
    for (record, which) in [(older, "older"), (newer, "newer")] {
        if record.statistics != STATISTICS {
            notes.push(format!(
                "The {which} record was judged by version {} of the statistics; here its samples are \
                 judged by version {STATISTICS}.",
                record.statistics
            ));
        }
    }
    if older.created > newer.created {
        notes.push("The first record is the newer one: it is named as the older.".to_owned());
    }
    for (here, there, which) in [(older, newer, "older"), (newer, older, "newer")] {
        let alone: Vec<&str> = here
            .scenarios
            .iter()
            .map(|result| result.scenario.name.as_str())
            .filter(|name| of_name(there, name).is_none())
            .collect();
        if !alone.is_empty() {
            notes.push(format!("Only in the {which} record: {}.", alone.join(", ")));
        }
    }
    notes
}
