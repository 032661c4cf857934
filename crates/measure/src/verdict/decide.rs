//! The decision rule, with its reason and what it would take to know more.

use serde::{Deserialize, Serialize};

use crate::record::Verdict;
use crate::samples::NotRun;
use crate::scenario::Judging;
use crate::stats::Interval;

/// What the rule looks at; intervals are of ln ratios.
#[derive(Debug, Clone)]
pub(super) struct Evidence<'a> {
    /// Simultaneous interval of candidate ÷ baseline.
    pub(super) effect: Option<Interval>,
    /// Interval of control ÷ baseline at the stricter level.
    pub(super) control: Option<Interval>,
    /// Why the arms' surroundings were not alike.
    pub(super) disparity: Option<String>,
    /// Restarts that the effect rests on.
    pub(super) restarts: usize,
    /// Code layouts that the effect rests on; `None` when layout is not controlled.
    pub(super) layouts: Option<usize>,
    /// Restarts that a plan makes at most without `restarts` in the spec being raised.
    pub(super) most_restarts: usize,
    /// Why nothing was measured.
    pub(super) not_run: Option<&'a NotRun>,
}

/// The answer with its reason.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) remedy: Option<String>,
    pub(super) trust: Trust,
}

/// Whether the interval may be used for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// It was measured with enough restarts, the control agrees with the baseline, and the arms'
    /// surroundings were alike.
    Sound,
    /// There is none, or one of these is not so.
    Unsound,
}

/// δ on the scale of ln ratios, the same both ways, so that swapping the arms inverts the
/// verdict: "inside ±δ" is from 1 ÷ (1 + δ) to 1 + δ.
pub(crate) fn log_threshold(judging: &Judging) -> f64 {
    judging.threshold.ln_1p()
}

/// Applies the rule: `faster` or `slower` when the interval excludes 1 and the effect is at
/// least δ, `no-difference` when the interval lies inside ±δ, else `inconclusive`.
pub(super) fn decide(evidence: &Evidence<'_>, judging: &Judging) -> Decision {
    let Some(effect) = measured(evidence, judging) else {
        return unmeasured(evidence, judging);
    };
    if let Some(control) = evidence.control.filter(|control| control.excludes(0.0)) {
        return Decision {
            verdict: Verdict::Inconclusive,
            reason: format!(
                "the A/A control, the same code as the baseline, differs from it ({}, \
                 at 99 % over all scenarios together)",
                ratios(&control)
            ),
            remedy: Some(
                "measure again on a quieter machine; if it persists, something treats equal \
                 binaries differently"
                    .to_owned(),
            ),
            trust: Trust::Unsound,
        };
    }
    if let Some(reason) = &evidence.disparity {
        return Decision {
            verdict: Verdict::Inconclusive,
            reason: reason.clone(),
            remedy: Some(
                "find what runs together with one arm, end it, and measure again with --remeasure"
                    .to_owned(),
            ),
            trust: Trust::Unsound,
        };
    }
    let delta = log_threshold(judging);
    let sound = |verdict, reason| Decision {
        verdict,
        reason,
        remedy: None,
        trust: Trust::Sound,
    };
    let interval = told(&effect, evidence);
    let threshold = percent(judging.threshold);
    match answer(&effect, delta) {
        Verdict::NoDifference => {
            let reason = format!("the simultaneous interval ({interval}) lies inside ±{threshold}");
            sound(Verdict::NoDifference, reason)
        }
        verdict @ (Verdict::Faster | Verdict::Slower) => {
            let reason = format!(
                "the simultaneous interval ({interval}) excludes 1 and the effect is at least {threshold}"
            );
            sound(verdict, reason)
        }
        Verdict::Inconclusive => undecided(&effect, evidence, judging),
    }
}

/// The answer that an interval of ln ratios gives by itself.
pub(crate) fn answer(effect: &Interval, log_threshold: f64) -> Verdict {
    if effect.low > -log_threshold && effect.high < log_threshold {
        Verdict::NoDifference
    } else if effect.excludes(0.0) && effect.center.abs() >= log_threshold {
        if effect.center < 0.0 {
            Verdict::Faster
        } else {
            Verdict::Slower
        }
    } else {
        Verdict::Inconclusive
    }
}

fn measured(evidence: &Evidence<'_>, judging: &Judging) -> Option<Interval> {
    let least = judging.restarts.max(Judging::LEAST_RESTARTS) as usize;
    evidence
        .effect
        .filter(|_| evidence.not_run.is_none() && evidence.restarts >= least)
        .filter(|_| lacking_layouts(evidence, judging).is_none())
}

/// The layouts that there are and those that there must be, where there are too few.
fn lacking_layouts(evidence: &Evidence<'_>, judging: &Judging) -> Option<(usize, usize)> {
    let least = judging
        .layouts
        .unwrap_or_default()
        .max(Judging::LEAST_RESTARTS) as usize;
    let found = match (evidence.layouts, judging.layouts) {
        (None, None) => return None,
        (found, _) => found.unwrap_or_default(),
    };
    (found < least).then_some((found, least))
}

/// The interval for people, with the layouts that it holds for.
fn told(effect: &Interval, evidence: &Evidence<'_>) -> String {
    match evidence.layouts {
        Some(layouts) => format!("{} over {layouts} code layouts", ratios(effect)),
        None => ratios(effect),
    }
}

fn unmeasured(evidence: &Evidence<'_>, judging: &Judging) -> Decision {
    let (reason, remedy) = match evidence.not_run {
        Some(NotRun::NeedsBudget {
            minimum_s,
            budget_s,
        }) => {
            let minutes = whole_minutes(*budget_s);
            (
                format!(
                    "needs {} min of its own, which the budget does not hold",
                    whole_minutes(*minimum_s)
                ),
                format!("give it the time: --budget {minutes}m"),
            )
        }
        None => {
            if let Some((found, least)) = lacking_layouts(evidence, judging) {
                return too_few(found, least, "code layouts");
            }
            let least = judging.restarts.max(Judging::LEAST_RESTARTS) as usize;
            return too_few(evidence.restarts, least, "restarts");
        }
    };
    let remedy = Some(remedy);
    Decision {
        verdict: Verdict::Inconclusive,
        reason,
        remedy,
        trust: Trust::Unsound,
    }
}

fn too_few(found: usize, least: usize, unit: &str) -> Decision {
    Decision {
        verdict: Verdict::Inconclusive,
        reason: format!("only {found} of at least {least} {unit} were measured"),
        remedy: Some("let the run go to its end; it continues where it stopped".to_owned()),
        trust: Trust::Unsound,
    }
}

/// The interval is too wide for any answer, or the effect lies about the threshold.
fn undecided(effect: &Interval, evidence: &Evidence<'_>, judging: &Judging) -> Decision {
    let delta = log_threshold(judging);
    let threshold = percent(judging.threshold);
    let interval = told(effect, evidence);
    let size = effect.center.abs();
    let reason = if effect.excludes(0.0) {
        format!(
            "the simultaneous interval ({interval}) excludes 1, but the effect is not certainly below {threshold}"
        )
    } else {
        format!("the simultaneous interval ({interval}) includes 1 and reaches beyond ±{threshold}")
    };
    // With the same estimate, an answer needs an interval that excludes 1 (a large effect)
    // or lies inside ±δ (a small one).
    let needed = if size >= delta { size } else { delta - size };
    // The half-width shrinks with the square root of the units.
    let factor = (effect.half_width() / needed).powi(2);
    let remedy = if factor.is_finite() && factor <= MOST_FACTOR {
        more_units(factor, evidence)
    } else {
        format!("the effect is too close to the threshold of {threshold} to be told from it")
    };
    Decision {
        verdict: Verdict::Inconclusive,
        reason,
        remedy: Some(remedy),
        trust: Trust::Sound,
    }
}

/// The advice to take `factor` times as many units.
fn more_units(factor: f64, evidence: &Evidence<'_>) -> String {
    let restarts = evidence.restarts;
    if let Some(layouts) = evidence.layouts {
        let wanted = (layouts as f64 * factor).ceil().max(layouts as f64 + 1.0);
        return format!(
            "about {wanted:.0} code layouts instead of {layouts} (--layout-control {wanted:.0}), \
                 and {:.1} times the budget, if the estimate stays",
            wanted / layouts as f64
        );
    }
    let wanted = (restarts as f64 * factor).ceil().max(restarts as f64 + 1.0);
    // The budget alone does not lift the planner's limit.
    let limit = if wanted > evidence.most_restarts as f64 {
        format!(" and `restarts = {wanted:.0}` in [judge]")
    } else {
        String::new()
    };
    format!(
        "about {wanted:.0} restarts instead of {restarts}, that is {:.1} times the \
             budget{limit}, if the estimate stays",
        wanted / restarts as f64
    )
}

/// Above this multiple of the budget, more of it is no advice.
const MOST_FACTOR: f64 = 100.0;

fn whole_minutes(seconds: f64) -> u64 {
    (seconds / 60.0).ceil().max(1.0) as u64
}

/// The bounds of an interval of ln ratios, for people.
pub(crate) fn ratios(interval: &Interval) -> String {
    format!("{:.4} … {:.4}", interval.low.exp(), interval.high.exp())
}

/// A share that somebody chose, for people.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
