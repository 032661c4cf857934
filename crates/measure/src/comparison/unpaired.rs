//! Two series of units that were not taken side by side.

use super::{Pairing, Row, Series, Unit};
use crate::record::Verdict;
use crate::scenario::Judging;
use crate::stats::{self, Interval};
use crate::verdict::{ALPHA, Control, Decision, judge_interval};

use super::pairs::time_of;

/// What a row of two series rests on.
pub(super) struct Evidence {
    pub(super) name: String,
    pub(super) pairing: Pairing,
    pub(super) unit: Unit,
    /// ln values of the baseline's units: ln times, or ln ratios to a common third program.
    pub(super) baseline: Vec<f64>,
    /// The same of the candidate's.
    pub(super) candidate: Vec<f64>,
    /// ln times of both sides' units.
    pub(super) log_times: [Vec<f64>; 2],
    pub(super) samples: Series,
    /// Whether an A/A control has spoiled one of the series.
    pub(super) control: Option<Interval>,
    /// Why one of the series cannot be trusted.
    pub(super) spoiled: Option<String>,
    pub(super) notes: Vec<String>,
}

/// By what rows are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) threshold: f64,
    /// Drift allowance as a share.
    pub(super) drift: f64,
    /// Rows that are judged together.
    pub(super) rows: usize,
}

/// Judges one row: a Welch interval of the difference of means, widened by the drift allowance
/// where nothing cancels the drift, and then the main job's rule.
pub(super) fn row(evidence: Evidence, rule: Rule) -> Row {
    let at = |alpha| stats::welch_interval(&evidence.baseline, &evidence.candidate, alpha);
    let widened = |interval: Interval| match evidence.pairing {
        Pairing::Unpaired => Interval {
            center: interval.center,
            low: interval.low - rule.drift.ln_1p(),
            high: interval.high + rule.drift.ln_1p(),
        },
        Pairing::Paired | Pairing::Bridged => interval,
    };
    let shown = at(ALPHA);
    let deciding = at(ALPHA / rule.rows as f64).map(widened);
    let judging = Judging {
        threshold: rule.threshold,
        ..Judging::default()
    };
    let units = [evidence.baseline.len(), evidence.candidate.len()];
    let control = evidence.control.map_or(Control::Unknown, Control::Measured);
    let decision = judge_interval(
        deciding,
        control,
        evidence.spoiled,
        units[0].min(units[1]),
        &judging,
    );
    let ratio = |value: fn(&Interval) -> f64, interval: Option<Interval>| {
        interval.map(|interval| value(&interval).exp())
    };
    let displayed = shown.map(widened);
    let mut notes = evidence.notes;
    if evidence.pairing == Pairing::Unpaired {
        notes.extend(shown.map(|plain| {
            format!(
                "without the drift allowance the 95 % interval would be {:.4} … {:.4}",
                plain.low.exp(),
                plain.high.exp()
            )
        }));
    }
    Row {
        name: evidence.name,
        pairing: evidence.pairing,
        verdict: decision.verdict,
        reason: reason(&decision, evidence.pairing, rule.drift),
        remedy: remedy(&decision, evidence.pairing),
        effect: displayed.map(|interval| interval.center.exp()),
        ci_low: ratio(|interval| interval.low, displayed),
        ci_high: ratio(|interval| interval.high, displayed),
        simultaneous_low: ratio(|interval| interval.low, deciding),
        simultaneous_high: ratio(|interval| interval.high, deciding),
        aa: None,
        baseline_units: u32::try_from(units[0]).unwrap_or(u32::MAX),
        candidate_units: u32::try_from(units[1]).unwrap_or(u32::MAX),
        unit: evidence.unit,
        baseline_time: time_of(&evidence.log_times[0]),
        candidate_time: time_of(&evidence.log_times[1]),
        notes,
        samples: evidence.samples,
    }
}

fn reason(decision: &Decision, pairing: Pairing, drift: f64) -> String {
    let reason = &decision.reason;
    match pairing {
        Pairing::Unpaired if drift > 0.0 => format!(
            "{reason}; it is widened by the drift allowance of {:.3} %",
            drift * 100.0
        )
        .replace(".000 %", " %"),
        Pairing::Unpaired => {
            format!("{reason}; no drift of the machine between the two runs is allowed for")
        }
        Pairing::Paired | Pairing::Bridged => reason.clone(),
    }
}

/// More units of what is there do not help as much as pairs do.
fn remedy(decision: &Decision, pairing: Pairing) -> Option<String> {
    if decision.verdict != Verdict::Inconclusive {
        return None;
    }
    let way = match pairing {
        Pairing::Unpaired => {
            "measure the two programs side by side: `compare OLD NEW -- ARGS…`; \
             or state what the machine's drift is with --drift, when you know it"
        }
        Pairing::Bridged => {
            "measure the two programs side by side: `compare OLD NEW --spec FILE`; \
             or make both records with a larger --budget"
        }
        Pairing::Paired => return decision.remedy.clone(),
    };
    Some(way.to_owned())
}
