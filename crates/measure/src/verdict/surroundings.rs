//! Whether the arms had the same surroundings: a control beside A/A.
//!
//! The A/A control shows what treats equal binaries differently. It cannot show what comes and
//! goes with the candidate alone, such as a program that computes whenever the candidate runs.
//! Takes the restarts; gives the reason why their effect cannot be trusted.

use super::decide::answer;
use super::{ALPHA_AA, by_unit, interval, stats};
use crate::host::TICK_NS;
use crate::samples::{Arm, Restart, Surroundings};
use crate::stats::Interval;

/// Others' time on the cores, in cores, by which the arms' turns must differ to count: less than
/// this moves an arm on another core by less than other noise does.
const OTHERS_LIMIT: f64 = 0.1;
/// Share of the restarts in which a worker may have been stopped from outside: the value of a
/// restart is robust against one such request, and the interval against few such restarts.
const STOPPED_LIMIT: f64 = 0.1;

/// Why the arms cannot be compared; `None` when their surroundings were alike, or are not known.
pub(super) fn disparity(
    restarts: &[&Restart],
    effect: Option<Interval>,
    log_threshold: f64,
    scenarios: usize,
) -> Option<String> {
    let alpha = ALPHA_AA / scenarios as f64;
    stopped(restarts)
        .or_else(|| waiting(restarts, effect, log_threshold, alpha))
        .or_else(|| others(restarts, alpha))
}

fn stopped(restarts: &[&Restart]) -> Option<String> {
    let was_stopped = |restart: &&&Restart| {
        [Arm::Baseline, Arm::Control, Arm::Candidate]
            .into_iter()
            .filter_map(|arm| around(restart, arm))
            .any(|around| around.stops > 0)
    };
    let count = restarts.iter().filter(was_stopped).count();
    let share = count as f64 / restarts.len().max(1) as f64;
    (share > STOPPED_LIMIT).then(|| {
        format!(
            "workers were stopped from outside in {count} of {} restarts",
            restarts.len()
        )
    })
}

/// The arms waited for a core to different extents, and the answer would be another without that:
/// the effect is judged again, corrected by either bound of the difference.
fn waiting(
    restarts: &[&Restart],
    effect: Option<Interval>,
    log_threshold: f64,
    alpha: f64,
) -> Option<String> {
    // ln of the time with waiting ÷ without it, candidate less baseline. Threads that wait side by
    // side hold the turn up as much as they do on average.
    let delay = |around: &Surroundings| {
        let (used, waited) = (around.used_ns?, around.waited_ns?);
        // Nobody waits for others longer than these compute: the rest is the arm's own threads
        // waiting for each other. The tick that was not full when the turn ended may be theirs.
        let others = around
            .busy_ns
            .map(|busy| (busy + TICK_NS).saturating_sub(used));
        let waited = waited.min(others.unwrap_or(waited));
        let wanted = used + waited;
        let whole = around.wall_ns.max(wanted).max(1) as f64;
        // Never the whole: ticks and clocks differ by a little.
        Some(-(1.0 - (waited as f64 / whole).min(0.99)).ln())
    };
    let interval = interval(restarts, &differences(restarts, delay), alpha)
        .filter(|interval| interval.excludes(0.0))?;
    let effect = effect?;
    let found = answer(&effect, log_threshold);
    let corrected = |delay: f64| Interval {
        center: effect.center - delay,
        low: effect.low - delay,
        high: effect.high - delay,
    };
    let bounds = [interval.low, interval.high];
    let changes = |delay: f64| answer(&corrected(delay), log_threshold) != found;
    bounds.into_iter().any(changes).then(|| {
        let (least, most) = magnitudes(interval);
        format!(
            "the {} waited for a core longer than the other arm, by {:.2} % of the time \
             ({:.2} … {:.2} %), and the answer would be another without that",
            longer(interval),
            interval.center.abs() * 100.0,
            least * 100.0,
            most * 100.0
        )
    })
}

/// Bounds of an interval that excludes 0 by their distance from it.
fn magnitudes(interval: Interval) -> (f64, f64) {
    let (low, high) = (interval.low.abs(), interval.high.abs());
    (low.min(high), low.max(high))
}

/// Others computed more during one arm's turns than during the other's, both per turn and per
/// time: alike per turn is what an arm's own helpers do, alike per time is a steady load.
///
/// The cores' time is counted in ticks. A turn shorter than a tick counts none or a whole one, which
/// is right on average and wrong at the median: so means are judged, not ranks. And turns that keep
/// step with the ticks may count one too many or too few each: no more than that proves nothing.
fn others(restarts: &[&Restart], alpha: f64) -> Option<String> {
    let others_s =
        |around: &Surroundings| Some((around.busy_ns? as f64 - around.used_ns? as f64) / 1e9);
    let others_per_s =
        |around: &Surroundings| Some(others_s(around)? / (around.wall_ns.max(1) as f64 / 1e9));
    let counted_s = turns_of_restart(restarts) * TICK_NS as f64 / 1e9;
    let per_time = found(restarts, others_per_s, OTHERS_LIMIT, alpha)?;
    let per_turn = found(restarts, others_s, counted_s, alpha)?;
    (per_turn.center.signum() * per_time.center.signum() > 0.0).then(|| {
        let (least, most) = magnitudes(per_time);
        format!(
            "something else used {:.2} cores more during the turns of the {} ({least:.2} … {most:.2})",
            per_time.center.abs(),
            longer(per_time),
        )
    })
}

/// Interval of a figure's mean difference, where it is surely one and at least `limit`.
fn found(
    restarts: &[&Restart],
    figure: impl Fn(&Surroundings) -> Option<f64>,
    limit: f64,
    alpha: f64,
) -> Option<Interval> {
    stats::t_interval(&differences(restarts, figure), alpha)
        .filter(|interval| interval.excludes(0.0) && interval.center.abs() >= limit)
}

/// Turns that an arm has in a restart, on average.
fn turns_of_restart(restarts: &[&Restart]) -> f64 {
    let turns = |restart: &&Restart| {
        let last = restart.pairs.iter().map(|pair| pair.turn).max();
        last.map_or(0.0, |last| f64::from(last) + 1.0)
    };
    restarts.iter().map(turns).sum::<f64>() / restarts.len().max(1) as f64
}

/// The candidate's figure less the baseline's by unit, or less the mean of baseline and control: what
/// comes with the control alone moves the effect by half as much, and A/A by the whole.
fn differences(restarts: &[&Restart], figure: impl Fn(&Surroundings) -> Option<f64>) -> Vec<f64> {
    let of_restart = |restart: &Restart| {
        let of_arm = |arm| figure(&around(restart, arm)?);
        let baseline = of_arm(Arm::Baseline)?;
        let same_code = match around(restart, Arm::Control) {
            Some(control) => f64::midpoint(baseline, figure(&control)?),
            None => baseline,
        };
        Some(of_arm(Arm::Candidate)? - same_code)
    };
    by_unit(restarts, of_restart)
}

fn around(restart: &Restart, arm: Arm) -> Option<Surroundings> {
    let surroundings = restart.surroundings?;
    match arm {
        Arm::Baseline => Some(surroundings.baseline),
        Arm::Control => surroundings.control,
        Arm::Candidate => Some(surroundings.candidate),
    }
}

fn longer(interval: Interval) -> Arm {
    if interval.center > 0.0 {
        Arm::Candidate
    } else {
        Arm::Baseline
    }
}
