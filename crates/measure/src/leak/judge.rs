//! Whether a series of readings at rest grows.
//!
//! Takes one reading per cycle, and readings of cycles without work; gives leak, none or
//! inconclusive, with the growth per cycle and the smallest leak that would have been found. A pure
//! function.
//!
//! What a leak is must survive three things that are none:
//! - a sawtooth, as of a buffer that is emptied now and then: of each block of neighbours only the
//!   smallest reading counts, and the last quarter's smallest must lie above the first quarter's;
//! - a single step, as of a table that doubled once: where two levels describe the series better
//!   than a line, by Schwarz's criterion ("Estimating the dimension of a model", Annals of
//!   Statistics 6 (1978), 461–464), nothing is claimed;
//! - readings that are alike because they are neighbours: [`stats::trend`](crate::stats::trend)
//!   allows for it.
//!
//! A sawtooth with fewer than about ten teeth cannot be told from growth; more cycles can.

mod step;

use serde::{Deserialize, Serialize};

use crate::stats::Interval;
use crate::stats::trend::{self, trend};

/// Blocks of neighbours: enough for a trend, few enough for teeth to fit into them.
const BLOCKS: usize = 20;

/// Error probability of the interval of the growth.
const ALPHA: f64 = 0.05;

/// A trend that chance makes more rarely than this is one.
const SIGNIFICANT: f64 = 0.01;

/// Half-widths of the interval between the floor and a leak that is found four times in five: two
/// would do for the lower bound (1.96 standard errors) and for chance at [`SIGNIFICANT`] (2.58), each
/// with 0.84 more for being found so often; the rest is for series in which a step fits better, or
/// which come down by chance at their end (by simulation: see the tests).
const FOUND_HALF_WIDTHS: f64 = 3.0;

/// A leak shows once it has moved the reading by so many of its smallest steps.
const FOUND_GRAINS: f64 = 4.0;

/// Most cycles that are asked for.
const MOST_CYCLES: f64 = 1e6;

/// What is known of the readings beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Growth per cycle that would matter: less is none.
    pub tolerance: f64,
    /// The smallest step in which a reading moves: a page, a block of the allocator, one file.
    pub grain: f64,
}

/// What the readings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// They grow with every cycle, and it cannot be said that it does not matter.
    Leak,
    /// They do not, or by less than matters.
    None,
    /// They do not say.
    Inconclusive,
}

/// Why the readings do not say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// There are too few of them.
    TooFew {
        /// So many would do, with work and without.
        needs: usize,
    },
    /// They moved once, from one level to another.
    Step {
        /// Cycle, counted from the first judged one, about where.
        at: usize,
        /// By so much.
        size: f64,
    },
    /// They rise, but no more than without work, or they came down again in between.
    Unconfirmed,
    /// They wander too much for growth that matters to be seen.
    Noise {
        /// So many cycles would do, roughly.
        needs: usize,
    },
}

/// How the readings grow, per cycle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Theil–Sen slope.
    pub slope: f64,
    /// Lower bound of its 95 % interval.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Probability of so strong a trend where there is none.
    pub p_value: f64,
    /// Growth that measuring alone may show: the farther bound of the cycles without work, or one
    /// grain over all cycles.
    pub floor: f64,
    /// The smallest leak that would have been found, four times in five; less than the tolerance is
    /// none.
    pub smallest_leak: f64,
}

/// What is said of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is inconclusive.
    pub reason: Option<Reason>,
    /// The growth; nothing where there are too few readings.
    pub growth: Option<Growth>,
}

/// Judges `measured`, one reading per cycle in order, by `control`, those of cycles without work.
pub fn judge(measured: &[f64], control: &[f64], limits: Limits) -> Judgement {
    let Some(growth) = growth(measured, control, limits) else {
        return Judgement {
            verdict: Verdict::Inconclusive,
            reason: Some(Reason::TooFew {
                needs: trend::LEAST_COUNT,
            }),
            growth: None,
        };
    };
    let step = find_step(measured);
    let is_rising = growth.p_value < SIGNIFICANT && growth.low > growth.floor;
    let (verdict, reason) = if growth.high <= limits.tolerance {
        // However surely it rises: it does not matter.
        (Verdict::None, None)
    } else if is_rising && stays_up(measured, growth.floor) {
        match step {
            None => (Verdict::Leak, None),
            Some(step) => (Verdict::Inconclusive, Some(step)),
        }
    } else {
        let otherwise = if growth.low > limits.tolerance {
            Reason::Unconfirmed
        } else {
            let needs = needed_cycles(measured.len(), &growth, limits.tolerance);
            Reason::Noise { needs }
        };
        (Verdict::Inconclusive, Some(step.unwrap_or(otherwise)))
    };
    Judgement {
        verdict,
        reason,
        growth: Some(growth),
    }
}

/// The most telling of several verdicts: one leak is a leak, and none is none only if all say so.
/// Inconclusive where there is no verdict.
pub fn overall(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let verdicts: Vec<Verdict> = verdicts.into_iter().collect();
    if verdicts.contains(&Verdict::Leak) {
        Verdict::Leak
    } else if verdicts.is_empty() || verdicts.contains(&Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::None
    }
}

fn growth(measured: &[f64], control: &[f64], limits: Limits) -> Option<Growth> {
    let (slope, p_value) = slope_per_cycle(measured)?;
    let (idle, _) = slope_per_cycle(control)?;
    let grain_per_cycle = limits.grain / measured.len() as f64;
    let floor = idle.low.abs().max(idle.high.abs()).max(grain_per_cycle);
    let found = floor + FOUND_HALF_WIDTHS * slope.half_width();
    Some(Growth {
        slope: slope.center,
        low: slope.low,
        high: slope.high,
        p_value,
        floor,
        smallest_leak: found
            .max(FOUND_GRAINS * grain_per_cycle)
            .max(limits.tolerance),
    })
}

/// Slope of the blocks' smallest readings, per cycle, and its probability by chance.
fn slope_per_cycle(values: &[f64]) -> Option<(Interval, f64)> {
    let trend = trend(&minima(values), ALPHA)?;
    let cycles = block(values.len()) as f64;
    let slope = Interval {
        center: trend.slope.center / cycles,
        low: trend.slope.low / cycles,
        high: trend.slope.high / cycles,
    };
    Some((slope, trend.p_value))
}

/// Cycles per block.
fn block(count: usize) -> usize {
    (count / BLOCKS).max(1)
}

/// The smallest of each block of neighbours, in order. What is left over at the beginning is left
/// out.
fn minima(values: &[f64]) -> Vec<f64> {
    values
        .rchunks_exact(block(values.len()))
        .rev()
        .map(smallest)
        .collect()
}

fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Whether the last quarter never comes down to where the first one was: the two are three quarters
/// of the series apart, over which the floor alone may account for some.
fn stays_up(values: &[f64], floor: f64) -> bool {
    let quarter = values.len() / 4;
    let first = smallest(&values[..quarter]);
    let last = smallest(&values[values.len() - quarter..]);
    last - first > floor * (values.len() - quarter) as f64
}

/// The step, where there is one, in cycles of the series.
fn find_step(values: &[f64]) -> Option<Reason> {
    let minima = minima(values);
    let step = step::find(&minima)?;
    let left_out = values.len() - minima.len() * block(values.len());
    Some(Reason::Step {
        at: left_out + step.at * block(values.len()),
        size: step.size,
    })
}

/// Cycles after which the interval would have shrunk enough to lie on one side of `tolerance`: its
/// width goes with the number of cycles to the power of −3/2.
fn needed_cycles(count: usize, growth: &Growth, tolerance: f64) -> usize {
    let half_width = (growth.high - growth.low) / 2.0;
    let distance = (tolerance - growth.slope).abs();
    let factor = (half_width / distance).powf(2.0 / 3.0);
    let least = count as f64 * 1.25;
    let needed = (count as f64 * factor).clamp(least, MOST_CYCLES.max(least));
    // Without width and without distance the factor is no number.
    if needed.is_nan() {
        MOST_CYCLES as usize
    } else {
        needed.ceil() as usize
    }
}

#[cfg(test)]
mod tests;
