//! Percentiles with the bounds that order statistics give them.
//!
//! Takes values in any order; gives a percentile and an interval in which the true one lies with the
//! confidence asked for, whatever the distribution. A percentile that so few values cannot carry is not
//! given; how many it would take is. Source of the intervals: David and Nagaraja, "Order Statistics", 3rd
//! edition (2003), section 7.1: the number of values below the true percentile is binomial.

use statrs::distribution::{Binomial, DiscreteCDF as _};

/// A percentile of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentile {
    /// The value by nearest rank.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Values it was taken from.
    pub count: usize,
}

/// A percentile, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PercentileOf {
    /// It was taken.
    Taken(Percentile),
    /// There are too few values.
    Needs {
        /// So many would do.
        count: usize,
    },
}

impl PercentileOf {
    /// The percentile if there is one.
    pub fn taken(&self) -> Option<Percentile> {
        match self {
            Self::Taken(percentile) => Some(*percentile),
            Self::Needs { .. } => None,
        }
    }
}

/// The percentile at `share` (0.5 is the median) of `values`, with an interval whose error
/// probability is at most `alpha`, half of it on either side.
///
/// # Panics
/// When `share` or `alpha` is not between 0 and 1.
pub fn percentile(values: &[f64], share: f64, alpha: f64) -> PercentileOf {
    let needed = least_count(share, alpha);
    if values.len() < needed {
        return PercentileOf::Needs { count: needed };
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len();
    let rank = ((count as f64 * share).ceil() as usize).clamp(1, count);
    match bounds(count, share, alpha) {
        None => PercentileOf::Needs { count: needed },
        Some((low, high)) => PercentileOf::Taken(Percentile {
            value: sorted[rank - 1],
            low: sorted[low - 1],
            high: sorted[high - 1],
            count,
        }),
    }
}

/// Fewest values whose smallest and largest bound the percentile at `share`: with fewer, all of them may
/// lie on one side of it with more than half of `alpha`.
///
/// # Panics
/// When `share` or `alpha` is not between 0 and 1.
pub fn least_count(share: f64, alpha: f64) -> usize {
    assert!(share > 0.0 && share < 1.0 && alpha > 0.0 && alpha < 1.0);
    let rarer = share.max(1.0 - share);
    ((alpha / 2.0).ln() / rarer.ln()).ceil() as usize
}

/// Ranks, from 1, of the values that bound the percentile.
fn bounds(count: usize, share: f64, alpha: f64) -> Option<(usize, usize)> {
    let below = Binomial::new(share, count as u64).ok()?;
    // P(the value of rank r lies above the percentile) = P(fewer than r values below it).
    let above = |rank: usize| below.cdf(rank as u64 - 1);
    let low = (1..=count)
        .take_while(|&rank| above(rank) <= alpha / 2.0)
        .last()?;
    let high = (1..=count).find(|&rank| 1.0 - above(rank) <= alpha / 2.0)?;
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(count: u32) -> Vec<f64> {
        (1..=count).rev().map(f64::from).collect()
    }

    #[test]
    fn the_median_of_twenty_five_has_the_ranks_of_the_tables() {
        // Conover, "Practical Nonparametric Statistics": ranks 8 and 18 of 25 at 95 %.
        let taken = percentile(&up_to(25), 0.5, 0.05).taken().unwrap();
        assert_eq!((taken.value, taken.low, taken.high), (13.0, 8.0, 18.0));
    }

    #[test]
    fn too_few_values_say_how_many_it_takes() {
        for (share, needed) in [(0.5, 6), (0.9, 36), (0.99, 368)] {
            assert_eq!(least_count(share, 0.05), needed, "{share}");
            let few = percentile(&up_to(needed as u32 - 1), share, 0.05);
            assert_eq!(few, PercentileOf::Needs { count: needed });
            let enough = percentile(&up_to(needed as u32), share, 0.05)
                .taken()
                .unwrap();
            assert!(enough.low <= enough.value && enough.value <= enough.high);
        }
    }

    #[test]
    fn bounds_keep_their_promise_and_are_no_wider_than_it_asks() {
        for count in [40, 100, 377, 1000] {
            for share in [0.5, 0.9] {
                let (low, high) = bounds(count, share, 0.05).unwrap();
                let below = Binomial::new(share, count as u64).unwrap();
                let outside = |low: usize, high: usize| {
                    (below.cdf(low as u64 - 1), 1.0 - below.cdf(high as u64 - 1))
                };
                let (left, right) = outside(low, high);
                assert!(left <= 0.025 && right <= 0.025, "{count} {share}");
                let (left, right) = outside(low + 1, high - 1);
                assert!(left > 0.025 && right > 0.025, "{count} {share}");
            }
        }
    }
}
