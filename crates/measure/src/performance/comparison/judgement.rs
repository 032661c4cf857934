//! From the values of both sides to a row with its verdict.

use super::evidence::{Evidence, Measured};
use super::{ChangeScale, Drift, ERROR_THRESHOLD, Row, Rule, remedy};
use crate::performance::figures::Basis;
use crate::record::Verdict;
use crate::scenario::{Better, Judging};
use crate::stats::proportion::{Proportion, difference_interval};
use crate::stats::{self, Interval};
use crate::verdict::{ALPHA, Control, answer, judge_interval};

/// Judges one of `rows` figures.
pub(super) fn row(evidence: Evidence, rule: Rule, rows: usize) -> Row {
    let judged = match &evidence.measured {
        Measured::Levels {
            log_costs,
            drift,
            widening,
        } => levels(log_costs, *drift, *widening, rule, rows),
        Measured::Shares(counts) => shares(counts, evidence.better, rule, rows),
    };
    let is_open = judged.verdict == Verdict::Inconclusive;
    let remedy = is_open.then(|| remedy::of(&evidence, rule));
    let (basis, drift, units) = match &evidence.measured {
        Measured::Levels {
            log_costs, drift, ..
        } => (
            Basis::Processes,
            *drift,
            log_costs.each_ref().map(|costs| count(costs.len() as u64)),
        ),
        Measured::Shares(counts) => (
            Basis::Requests,
            Drift::Irrelevant,
            counts.map(|proportion| count(proportion.whole)),
        ),
    };
    let told = |interval: Interval| judged.scale.told(interval, evidence.better);
    let (shown, deciding) = (judged.shown.map(told), judged.deciding.map(told));
    let [baseline, current] = evidence.values;
    Row {
        suite: evidence.suite,
        backend: evidence.backend,
        figure: evidence.figure,
        unit: evidence.unit.to_owned(),
        better: evidence.better,
        verdict: judged.verdict,
        reason: judged.reason,
        remedy,
        baseline,
        current,
        scale: judged.scale,
        change: shown.map(|interval| interval.center),
        ci_low: shown.map(|interval| interval.low),
        ci_high: shown.map(|interval| interval.high),
        simultaneous_low: deciding.map(|interval| interval.low),
        simultaneous_high: deciding.map(|interval| interval.high),
        drift,
        basis,
        baseline_units: units[0],
        current_units: units[1],
    }
}

/// A verdict with its intervals, which are of costs: ln ratios, or differences.
struct Judged {
    scale: ChangeScale,
    shown: Option<Interval>,
    deciding: Option<Interval>,
    verdict: Verdict,
    reason: String,
}

impl ChangeScale {
    /// An interval of the cost as one of the figure.
    fn told(self, cost: Interval, better: Better) -> Interval {
        let figure = match better {
            Better::Lower => cost,
            Better::Higher => Interval {
                center: -cost.center,
                low: -cost.high,
                high: -cost.low,
            },
        };
        match self {
            Self::Difference => figure,
            Self::Ratio => Interval {
                center: figure.center.exp(),
                low: figure.low.exp(),
                high: figure.high.exp(),
            },
        }
    }
}

fn levels(
    log_costs: &[Vec<f64>; 2],
    drift: Drift,
    widening: f64,
    rule: Rule,
    rows: usize,
) -> Judged {
    let [older, newer] = log_costs;
    let at = |alpha| {
        let interval = if drift == Drift::InTurns {
            let pairs = older.iter().zip(newer);
            let changes: Vec<f64> = pairs.map(|(older, newer)| newer - older).collect();
            stats::t_interval(&changes, alpha)?
        } else {
            stats::welch_interval(older, newer, alpha)?
        };
        Some(Interval {
            center: interval.center,
            low: interval.low - widening.ln_1p(),
            high: interval.high + widening.ln_1p(),
        })
    };
    let deciding = at(ALPHA / rows as f64);
    let judging = Judging {
        threshold: rule.threshold,
        ..Judging::default()
    };
    let units = older.len().min(newer.len());
    let decision = judge_interval(deciding, Control::Unknown, None, units, &judging);
    Judged {
        scale: ChangeScale::Ratio,
        shown: at(ALPHA),
        deciding,
        verdict: decision.verdict,
        reason: decision.reason,
    }
}

/// Shares have no ratio when one of them is zero: they are subtracted.
fn shares(counts: &[Proportion; 2], better: Better, rule: Rule, rows: usize) -> Judged {
    let [older, newer] = *counts;
    let at = |alpha| {
        let interval = match better {
            Better::Lower => difference_interval(older, newer, alpha),
            // Less of a good share is the cost.
            Better::Higher => difference_interval(newer, older, alpha),
        };
        interval.filter(|interval| interval.center.is_finite())
    };
    let deciding = at(ALPHA / rows as f64);
    let threshold = match better {
        // Of all shares, errors alone are better fewer.
        Better::Lower => rule.threshold.min(ERROR_THRESHOLD),
        Better::Higher => rule.threshold,
    };
    let verdict = deciding.map_or(Verdict::Inconclusive, |interval| {
        answer(&interval, threshold)
    });
    let reason = deciding.map_or_else(
        || "there are no requests on one side".to_owned(),
        |cost| {
            let interval = ChangeScale::Difference.told(cost, better);
            let (low, high) = (interval.low * 100.0, interval.high * 100.0);
            let what = match verdict {
                Verdict::NoDifference => "lies inside",
                Verdict::Faster | Verdict::Slower => "excludes 0, and the change is at least",
                Verdict::Inconclusive => "is too wide to tell it from",
            };
            format!(
                "the simultaneous interval of the difference ({low:+.2} … {high:+.2} percentage \
                 points) {what} ±{:.2}",
                threshold * 100.0
            )
        },
    );
    Judged {
        scale: ChangeScale::Difference,
        shown: at(ALPHA),
        deciding,
        verdict,
        reason,
    }
}

fn count(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
