//! Describes a handful of timings, for the log.
//!
//! Takes values of one kind; gives mean, median, range, and those percentiles that so many values
//! can carry. It compares nothing: judging a difference belongs to `inferno-measure`.

/// Values needed before a 90th percentile is told: with fewer, even the largest value lies below
/// the true one with a probability above 5 % (the smallest n with 0.9ⁿ ≤ 0.05).
pub const P90_MIN_COUNT: usize = 29;

/// Values needed before a 99th percentile is told: the smallest n with 0.99ⁿ ≤ 0.05.
pub const P99_MIN_COUNT: usize = 299;

/// A description of some values, in their unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many values there are; never 0.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// The middle value, or the mean of the two in the middle.
    pub median: f64,
    /// 90th percentile by nearest rank; nothing below [`P90_MIN_COUNT`] values.
    pub p90: Option<f64>,
    /// 99th percentile by nearest rank; nothing below [`P99_MIN_COUNT`] values.
    pub p99: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

impl Summary {
    /// Describes `values`; nothing when there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let count = sorted.len();
        let middle = count / 2;
        let median = if count.is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self {
            count,
            mean: sorted.iter().sum::<f64>() / count as f64,
            median,
            p90: (count >= P90_MIN_COUNT).then(|| nearest_rank(&sorted, 90)),
            p99: (count >= P99_MIN_COUNT).then(|| nearest_rank(&sorted, 99)),
            min,
            max,
        })
    }
}

/// The smallest value that at least `percent` per cent of `sorted` do not exceed.
fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(count: u32) -> Summary {
        let values: Vec<f64> = (1..=count).rev().map(f64::from).collect();
        Summary::of(&values).expect("values")
    }

    #[test]
    fn nothing_is_said_about_nothing() {
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn odd_and_even_counts_have_a_median() {
        assert!((up_to(5).median - 3.0).abs() < 1e-12);
        assert!((up_to(4).median - 2.5).abs() < 1e-12);
        assert!((up_to(4).mean - 2.5).abs() < 1e-12);
    }

    #[test]
    fn percentiles_wait_for_enough_values() {
        assert_eq!(up_to(28).p90, None);
        assert_eq!(up_to(29).p90, Some(27.0));
        assert_eq!(up_to(298).p99, None);
        assert_eq!(up_to(299).p99, Some(297.0));
        assert_eq!(up_to(300).p90, Some(270.0));
    }

    #[test]
    fn the_least_counts_are_those_of_the_formula() {
        for (share, least) in [(0.90_f64, P90_MIN_COUNT), (0.99, P99_MIN_COUNT)] {
            let needed = (0.05_f64.ln() / share.ln()).ceil();
            assert!((needed - least as f64).abs() < 0.5);
        }
    }
}
