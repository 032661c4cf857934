//! Two ways of doing the same work, timed in pairs.
//!
//! Takes two closures and a budget; gives the ratio of their times with an interval. The order
//! within a pair is drawn, so that a drift of the machine hits both alike.

use std::time::{Duration, Instant};

use inferno_measure::stats;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Pairs that are run and thrown away first.
const WARMUP_PAIRS: usize = 2;

/// Fewest pairs for an interval that means something.
const MIN_PAIRS: usize = 8;

/// Most pairs: beyond them the interval shrinks no more than the machine wanders.
const MAX_PAIRS: usize = 400;

/// Error probability of the 95 % interval.
const ALPHA: f64 = 0.05;

/// Seed of the order within the pairs.
const ORDER_SEED: u64 = 1;

/// The times of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// Seconds of the left and of the right side, pair by pair.
    seconds: Vec<(f64, f64)>,
}

/// How much longer the left side takes than the right one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Left time over right time: the geometric mean of the pairs.
    pub estimate: f64,
    /// Lower bound of the 95 % t interval over the logarithms of the pairs.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Pairs behind it.
    pub pairs: usize,
}

/// Runs `left` and `right` in pairs until `budget` is used up, at least 8 times.
pub fn run(budget: Duration, mut left: impl FnMut(), mut right: impl FnMut()) -> Pairs {
    let mut random = ChaCha8Rng::seed_from_u64(ORDER_SEED);
    let mut seconds = Vec::new();
    let started = Instant::now();
    let mut pairs_run = 0;
    while seconds.len() < MIN_PAIRS || (started.elapsed() < budget && seconds.len() < MAX_PAIRS) {
        let pair = if random.random::<bool>() {
            let left = timed(&mut left);
            (left, timed(&mut right))
        } else {
            let right = timed(&mut right);
            (timed(&mut left), right)
        };
        pairs_run += 1;
        if pairs_run > WARMUP_PAIRS {
            seconds.push(pair);
        }
    }
    Pairs { seconds }
}

fn timed(work: &mut impl FnMut()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

impl Pairs {
    /// Median seconds of the left side and of the right side.
    pub fn medians(&self) -> (f64, f64) {
        let median = |side: fn(&(f64, f64)) -> f64| {
            let seconds: Vec<f64> = self.seconds.iter().map(side).collect();
            stats::median(&seconds).expect("at least one pair")
        };
        (median(|pair| pair.0), median(|pair| pair.1))
    }

    /// The ratio of the sides. The interval is about this process: another start may differ by
    /// more, because memory is laid out anew.
    ///
    /// # Panics
    /// With fewer than two pairs, which [`run`] never gives.
    pub fn ratio(&self) -> Ratio {
        let logs: Vec<f64> = self
            .seconds
            .iter()
            .map(|(left, right)| (left / right).ln())
            .collect();
        let interval = stats::t_interval(&logs, ALPHA).expect("at least two pairs");
        Ratio {
            estimate: interval.center.exp(),
            low: interval.low.exp(),
            high: interval.high.exp(),
            pairs: logs.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_t_table() {
        // ln ratios 0.1, 0.2, 0.3: mean 0.2, standard error 0.1/√3, t(2, 0.975) = 4.3027.
        let seconds = [0.1_f64, 0.2, 0.3].map(|log| (log.exp(), 1.0)).to_vec();
        let ratio = Pairs { seconds }.ratio();
        assert!((ratio.estimate.ln() - 0.2).abs() < 1e-12);
        assert!((ratio.high.ln() - (0.2 + 4.3027 * 0.1 / 3_f64.sqrt())).abs() < 1e-4);
        assert!((ratio.low.ln() - (0.2 - 4.3027 * 0.1 / 3_f64.sqrt())).abs() < 1e-4);
    }

    #[test]
    fn medians_are_of_each_side_alone() {
        let seconds = vec![(1.0, 9.0), (3.0, 7.0), (2.0, 8.0)];
        assert_eq!(Pairs { seconds }.medians(), (2.0, 8.0));
    }

    #[test]
    fn both_sides_run_equally_often() {
        let (mut left, mut right) = (0, 0);
        let pairs = run(Duration::ZERO, || left += 1, || right += 1);
        assert_eq!(pairs.seconds.len(), MIN_PAIRS);
        assert_eq!(
            (left, right),
            (MIN_PAIRS + WARMUP_PAIRS, MIN_PAIRS + WARMUP_PAIRS)
        );
    }
}
