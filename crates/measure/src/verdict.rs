//! From samples to verdicts: pure functions.
//!
//! Within a restart the judged pairs' ln(candidate ÷ baseline) give one Hodges–Lehmann
//! value; across restarts an interval of their location. Restarts are the unit, because memory
//! layout is drawn once per process: an interval over all pooled pairs is several times too
//! narrow. Where there are enough restarts for ranks, the A/A control counts as a second baseline.
//! Where both arms are measured in several code layouts, the layout is the unit: its
//! restarts are averaged, and the interval is over the layouts.
//! Nothing here reads a file, a clock or a random number.

mod decide;
mod expectation;
mod figures;
mod surroundings;
mod trend;
mod turns;

pub use trend::judge_trends;

use std::collections::{BTreeMap, BTreeSet};

use crate::campaign::Measured;
use crate::plan::most_restarts;
use crate::record::{Declared, Estimate, Record, ScenarioResult, Validity};
use crate::samples::{Arm, Pair, Phase, Restart, Sample, Samples};
use crate::scenario::Judging;
use crate::stats::aligned_rank::{self, Triple};
use crate::stats::{self, Interval, IntervalKind};

pub use decide::Trust;
pub(crate) use decide::{Decision, answer, log_threshold, percent, ratios};
use decide::{Evidence, decide};

/// Version of the judgement; raised whenever the same samples would be judged otherwise, in a figure
/// or in a sentence. Records say which one judged them.
///
/// 1: t intervals below 25 values, signed ranks from there on. 2: signed ranks by number and level
/// ([`stats::interval_kind`]), code layouts always by t, waiting by correction. 3: aligned ranks, the
/// control being a second baseline, where there are enough values for ranks. 4: what others compute
/// beside an arm by means, as it is counted in ticks.
pub const STATISTICS: u32 = 4;
/// Error probability of the intervals for display, and of all verdicts of a run together.
pub(crate) const ALPHA: f64 = 0.05;
/// Error probability with which the A/A control makes a scenario inconclusive, over all
/// scenarios of a run together: it must be sure, or it would spoil one run in twenty.
pub(crate) const ALPHA_AA: f64 = 0.01;

/// Judges all scenarios of a run together: the intervals that decide are simultaneous over
/// the `m` scenarios that were measured (error probability 0.05 ÷ m each, Bonferroni).
pub fn judge(measured: &[Measured], judging: &Judging) -> Vec<ScenarioResult> {
    judge_among(measured, judging, 1)
}

/// The same for one of `runs` runs whose answers are read together: the intervals that decide are
/// simultaneous over all of them.
fn judge_among(measured: &[Measured], judging: &Judging, runs: usize) -> Vec<ScenarioResult> {
    let with_samples = measured
        .iter()
        .filter(|one| !restarts_of(&one.samples).is_empty())
        .count();
    let scenarios = with_samples.max(1) * runs;
    measured
        .iter()
        .map(|one| judge_one(one, judging, scenarios))
        .collect()
}

/// Judges a saved record again, with the thresholds that it holds: scenarios, expectations
/// and trends are made anew from its samples, everything else stays, counted instructions too.
#[must_use]
pub fn judge_again(record: &Record) -> Record {
    judge_again_among(record, 1)
}

/// The same for one of `runs` records whose answers are read together.
#[must_use]
pub(crate) fn judge_again_among(record: &Record, runs: usize) -> Record {
    let measured: Vec<Measured> = record
        .scenarios
        .iter()
        .map(|result| Measured {
            scenario: result.scenario.clone(),
            samples: result.samples.clone(),
        })
        .collect();
    let mut scenarios = judge_among(&measured, &record.judging, runs);
    for (judged, stored) in scenarios.iter_mut().zip(&record.scenarios) {
        judged.instructions.clone_from(&stored.instructions);
    }
    let declared: Vec<_> = record
        .trends
        .iter()
        .map(|result| result.trend.clone())
        .collect();
    let trends = judge_trends(&declared, &scenarios, &record.judging);
    Record {
        statistics: STATISTICS,
        scenarios,
        trends,
        ..record.clone()
    }
}

fn judge_one(measured: &Measured, judging: &Judging, scenarios: usize) -> ScenarioResult {
    let restarts = restarts_of(&measured.samples);
    let effects = log_ratios(&restarts, Arm::Candidate, wall_ns);
    let restart_effects: Vec<f64> = restarts
        .iter()
        .filter_map(|restart| restart_log_ratio(restart, Arm::Candidate, wall_ns))
        .collect();
    let controls = log_ratios(&restarts, Arm::Control, wall_ns);
    let evidence = evidence_of(&measured.scenario, &measured.samples, judging, scenarios);
    let decision = decide(&evidence, judging);
    let strictest = ALPHA / scenarios as f64;
    let kind = kind_of(&restarts, &effects, strictest);
    let display = effect_interval(&restarts, kind, ALPHA, wall_ns);
    let aa_kind = kind_of(&restarts, &controls, ALPHA_AA / scenarios as f64);
    let aa = stats::interval_of(aa_kind, &controls, ALPHA).map(estimate);
    let simultaneous = evidence.effect.map(estimate);
    let shown = display.map(estimate);
    let expectation = measured
        .scenario
        .expected
        .map(|expected| expectation::judge(&expected, &decision, simultaneous.as_ref()));
    ScenarioResult {
        scenario: measured.scenario.clone(),
        verdict: decision.verdict,
        reason: decision.reason,
        remedy: decision.remedy,
        effect: shown.map(|shown| shown.effect),
        ci_low: shown.map(|shown| shown.ci_low),
        ci_high: shown.map(|shown| shown.ci_high),
        simultaneous_low: simultaneous.map(|estimate| estimate.ci_low),
        simultaneous_high: simultaneous.map(|estimate| estimate.ci_high),
        pairs: count(restarts.iter().map(|restart| judged(restart).count()).sum()),
        restarts: count(restarts.len()),
        layouts: layouts_of(&restarts),
        mde: evidence
            .effect
            .and_then(|effect| stats::minimum_detectable_effect(&effect, effects.len(), strictest))
            .map(f64::exp_m1),
        noise_floor: aa.map(|aa| (aa.ci_high - 1.0).abs().max((1.0 - aa.ci_low).abs())),
        aa,
        restart_sd: stats::standard_deviation(&restart_effects),
        layout_sd: layouts_of(&restarts).and(stats::standard_deviation(&effects)),
        pair_sd: pair_sd(&restarts),
        costs: figures::costs(&restarts, strictest),
        metrics: figures::metrics(&measured.scenario, &restarts, strictest),
        expectation,
        validity: validity(&restarts),
        idle_cpu_ns: idle_cpu_ns(&restarts),
        instructions: None,
        samples: measured.samples.clone(),
    }
}

/// What the decision on a scenario rests on, in a run with `scenarios` that were measured.
fn evidence_of<'a>(
    scenario: &Declared,
    samples: &'a Samples,
    judging: &Judging,
    scenarios: usize,
) -> Evidence<'a> {
    let restarts = restarts_of(samples);
    let effects = log_ratios(&restarts, Arm::Candidate, wall_ns);
    let controls = log_ratios(&restarts, Arm::Control, wall_ns);
    let alpha = ALPHA / scenarios as f64;
    let kind = kind_of(&restarts, &effects, alpha);
    let effect = effect_interval(&restarts, kind, alpha, wall_ns);
    let threshold = log_threshold(judging);
    Evidence {
        effect,
        disparity: surroundings::disparity(&restarts, effect, threshold, scenarios),
        control: interval(&restarts, &controls, ALPHA_AA / scenarios as f64),
        restarts: restarts.len(),
        layouts: layouts_of(&restarts).map(|layouts| layouts as usize),
        most_restarts: most_restarts(scenario.kind, judging) as usize,
        not_run: samples.not_run.as_ref(),
    }
}

/// How an interval of units' values is made. `strictest` is the smallest error probability that is
/// asked of them: so the interval for display is of the same kind as the one that decides.
///
/// Ranks rest on the random order within a pair. Nothing makes the luck of a code layout symmetric; so
/// layouts have t intervals.
fn kind_of(restarts: &[&Restart], values: &[f64], strictest: f64) -> IntervalKind {
    match layouts_of(restarts) {
        Some(_) => IntervalKind::StudentT,
        None => stats::interval_kind(values.len(), strictest),
    }
}

/// The interval of ln(candidate ÷ baseline) of a figure. By ranks, the control counts as a second
/// baseline, where every judged pair has one.
fn effect_interval(
    restarts: &[&Restart],
    kind: IntervalKind,
    alpha: f64,
    figure: impl Fn(&Sample) -> Option<f64>,
) -> Option<Interval> {
    let values = log_ratios(restarts, Arm::Candidate, &figure);
    let mut pairs = restarts.iter().flat_map(|restart| judged(restart));
    if kind == IntervalKind::Ranks && pairs.all(|pair| pair.control.is_some()) {
        let triples: Vec<Triple> = restarts
            .iter()
            .filter_map(|restart| log_levels(restart, &figure))
            .collect();
        if triples.len() == values.len() {
            return aligned_rank::interval(&triples, alpha);
        }
    }
    stats::interval_of(kind, &values, alpha)
}

/// The interval of units' values where `alpha` is the strictest level that is asked of them.
fn interval(restarts: &[&Restart], values: &[f64], alpha: f64) -> Option<Interval> {
    stats::interval_of(kind_of(restarts, values, alpha), values, alpha)
}

/// What an A/A control says about an interval.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Control {
    /// Its own interval, at the level at which it spoils a row.
    Measured(Interval),
    /// There is none.
    Unknown,
}

/// Applies the rule to an interval of an ln ratio that rests on `units` on its weaker side;
/// `spoiled` says why what it was made from cannot be trusted.
pub(crate) fn judge_interval(
    effect: Option<Interval>,
    control: Control,
    spoiled: Option<String>,
    units: usize,
    judging: &Judging,
) -> Decision {
    let evidence = Evidence {
        effect,
        control: match control {
            Control::Measured(interval) => Some(interval),
            Control::Unknown => None,
        },
        disparity: spoiled,
        restarts: units,
        layouts: None,
        most_restarts: usize::MAX,
        not_run: None,
    };
    decide(&evidence, judging)
}

/// ln(`arm` ÷ baseline) of each unit of a scenario.
pub(crate) fn log_effects(samples: &Samples, arm: Arm) -> Vec<f64> {
    log_ratios(&restarts_of(samples), arm, wall_ns)
}

/// ln of `arm`'s time in nanoseconds, for each unit of a scenario.
pub(crate) fn log_times(samples: &Samples, arm: Arm) -> Vec<f64> {
    by_unit(&restarts_of(samples), |restart| {
        let times: Vec<f64> = times_of(restart, arm).map(f64::ln).collect();
        stats::hodges_lehmann(&times)
    })
}

/// `arm`'s judged times in nanoseconds, in the order in which they were taken.
pub(crate) fn judged_times(samples: &Samples, arm: Arm) -> Vec<f64> {
    samples
        .restarts
        .iter()
        .flat_map(|restart| times_of(restart, arm))
        .collect()
}

fn times_of(restart: &Restart, arm: Arm) -> impl Iterator<Item = f64> {
    judged(restart)
        .filter_map(move |pair| pair.sample(arm))
        .filter(|sample| sample.wall_ns > 0)
        .map(|sample| sample.wall_ns as f64)
}

/// The A/A control's interval of an ln ratio with error probability `alpha`.
pub(crate) fn control_interval(samples: &Samples, alpha: f64) -> Option<Interval> {
    let restarts = restarts_of(samples);
    interval(
        &restarts,
        &log_ratios(&restarts, Arm::Control, wall_ns),
        alpha,
    )
}

/// Why a judged scenario of a record may be used for nothing; `None` where it can be trusted.
/// `scenarios` were measured in that run.
pub fn distrust(result: &ScenarioResult, judging: &Judging, scenarios: usize) -> Option<String> {
    let evidence = evidence_of(&result.scenario, &result.samples, judging, scenarios);
    let decision = decide(&evidence, judging);
    (decision.trust == Trust::Unsound).then_some(decision.reason)
}

/// The scenarios of a run that were measured, at least 1: what its intervals are simultaneous over.
pub fn count_measured(scenarios: &[ScenarioResult]) -> usize {
    let measured = scenarios.iter().filter(|result| result.restarts > 0);
    measured.count().max(1)
}

/// A ratio from an interval of its logarithm.
fn estimate(interval: Interval) -> Estimate {
    Estimate {
        effect: interval.center.exp(),
        ci_low: interval.low.exp(),
        ci_high: interval.high.exp(),
    }
}

/// The restarts that have judged pairs.
fn restarts_of(samples: &Samples) -> Vec<&Restart> {
    samples
        .restarts
        .iter()
        .filter(|restart| judged(restart).next().is_some())
        .collect()
}

/// The pairs of a restart that are neither pilot nor warm-up.
fn judged(restart: &Restart) -> impl Iterator<Item = &Pair> {
    restart
        .pairs
        .iter()
        .filter(|pair| pair.phase == Phase::Measured)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape that all figures of a sample share"
)]
fn wall_ns(sample: &Sample) -> Option<f64> {
    Some(sample.wall_ns as f64)
}

/// One value per unit of the pairs' ln(`arm` ÷ baseline) of a figure; an interval is over them.
/// See [`by_unit`] and [`restart_log_ratio`].
fn log_ratios(
    restarts: &[&Restart],
    arm: Arm,
    figure: impl Fn(&Sample) -> Option<f64>,
) -> Vec<f64> {
    by_unit(restarts, |restart| restart_log_ratio(restart, arm, &figure))
}

/// The values of the restarts, or, where code layouts are controlled, of the layouts: the mean
/// of a layout's restarts. More restarts in the same layout do not average its luck away.
fn by_unit(restarts: &[&Restart], value: impl Fn(&Restart) -> Option<f64>) -> Vec<f64> {
    let mut layouts: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    let mut units = Vec::new();
    for restart in restarts {
        match (value(restart), restart.layout) {
            (Some(value), Some(layout)) => layouts.entry(layout).or_default().push(value),
            (value, None) => units.extend(value),
            (None, Some(_)) => {}
        }
    }
    units.extend(layouts.values().filter_map(|values| stats::mean(values)));
    units
}

/// The Hodges–Lehmann value of a restart's ln(`arm` ÷ baseline) of a figure. Pairs in which it is
/// missing, zero or negative are left out; `None` without any other.
fn restart_log_ratio(
    restart: &Restart,
    arm: Arm,
    figure: impl Fn(&Sample) -> Option<f64>,
) -> Option<f64> {
    stats::hodges_lehmann(&pair_log_ratios(restart, arm, figure))
}

/// A restart's ln levels of a figure: the Hodges–Lehmann value of each arm over the pairs, each pair
/// taken relative to its own mean, because inputs differ. Pairs in which one is missing, zero or
/// negative are left out; `None` without any other.
fn log_levels(restart: &Restart, figure: impl Fn(&Sample) -> Option<f64>) -> Option<Triple> {
    let level = |sample: &Sample| {
        figure(sample)
            .map(f64::ln)
            .filter(|level| level.is_finite())
    };
    let mut by_arm = [const { Vec::new() }; 3];
    for pair in judged(restart) {
        let Some(control) = &pair.control else {
            continue;
        };
        let levels = [&pair.baseline, control, &pair.candidate].map(level);
        let [Some(baseline), Some(control), Some(candidate)] = levels else {
            continue;
        };
        let center = (baseline + control + candidate) / 3.0;
        for (levels, level) in by_arm.iter_mut().zip([baseline, control, candidate]) {
            levels.push(level - center);
        }
    }
    let [baseline, control, candidate] = by_arm.map(|levels| stats::hodges_lehmann(&levels));
    Some([baseline?, control?, candidate?])
}

/// The code layouts that were measured; `None` when layouts are not controlled.
fn layouts_of(restarts: &[&Restart]) -> Option<u32> {
    let layouts: BTreeSet<u32> = restarts
        .iter()
        .filter_map(|restart| restart.layout)
        .collect();
    (!layouts.is_empty()).then(|| count(layouts.len()))
}

fn pair_log_ratios(
    restart: &Restart,
    arm: Arm,
    figure: impl Fn(&Sample) -> Option<f64>,
) -> Vec<f64> {
    judged(restart)
        .filter_map(|pair| {
            let ratio = figure(pair.sample(arm)?)? / figure(&pair.baseline)?;
            (ratio.is_finite() && ratio > 0.0).then(|| ratio.ln())
        })
        .collect()
}

/// Typical spread of the pairs within a restart: the median over restarts. `None` where a
/// restart has a single pair.
fn pair_sd(restarts: &[&Restart]) -> Option<f64> {
    let spread = |restart: &&Restart| {
        stats::standard_deviation(&pair_log_ratios(restart, Arm::Candidate, wall_ns))
    };
    stats::median(&restarts.iter().filter_map(spread).collect::<Vec<_>>())
}

fn validity(restarts: &[&Restart]) -> Validity {
    let causes: Vec<&str> = restarts
        .iter()
        .filter_map(|restart| restart.host.as_ref()?.disturbed.as_deref())
        .collect();
    let mut distinct = causes.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let note = |cause: &&str| {
        let blocks = causes.iter().filter(|other| *other == cause).count();
        format!("{cause}: {blocks} of {} blocks", restarts.len())
    };
    Validity {
        blocks: count(restarts.len()),
        disturbed: count(causes.len()),
        notes: distinct
            .iter()
            .map(note)
            .chain(turns::note(restarts))
            .collect(),
    }
}

/// Sum over arms and restarts; `None` where one is not known.
fn idle_cpu_ns(restarts: &[&Restart]) -> Option<u64> {
    if restarts.is_empty() {
        return None;
    }
    restarts
        .iter()
        .map(|restart| {
            let idle = restart.idle_cpu_ns?;
            Some(idle.baseline + idle.control.unwrap_or(0) + idle.candidate)
        })
        .sum()
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
