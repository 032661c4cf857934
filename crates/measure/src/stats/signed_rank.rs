//! The interval that inverts the Wilcoxon signed-rank test.
//!
//! Takes values that are symmetric about their location, gives the Hodges–Lehmann estimate with
//! the bounds that the test does not reject. No other assumption on the distribution: heavy tails
//! do not widen it as they widen a t interval.
//!
//! Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3rd edition (2014), sections
//! 3.1 to 3.3.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::{Interval, hodges_lehmann_of, walsh_averages};

/// Up to this many values the distribution of the rank sum is counted out; above, the normal
/// approximation with its continuity correction differs from it by less than a rank in a hundred.
const MOST_COUNTED: usize = 60;

/// The two-sided interval with an error probability of at most `alpha`. `None` when so few values
/// cannot reach that level: the smallest is 2 ÷ 2ⁿ.
pub(super) fn interval(values: &[f64], alpha: f64) -> Option<Interval> {
    let rank = bound_rank(values.len(), alpha)?;
    let mut averages = walsh_averages(values);
    let last = averages.len().checked_sub(1)?;
    let low = *averages.select_nth_unstable_by(rank, f64::total_cmp).1;
    let high = *averages
        .select_nth_unstable_by(last - rank, f64::total_cmp)
        .1;
    Some(Interval {
        center: hodges_lehmann_of(averages)?,
        low,
        high,
    })
}

/// Place, from 0, of the lower bound among the sorted Walsh averages: the largest rank sum that the
/// test rejects.
fn bound_rank(count: usize, alpha: f64) -> Option<usize> {
    if count <= MOST_COUNTED {
        counted_quantile(count, alpha / 2.0)
    } else {
        normal_quantile(count, alpha / 2.0)
    }
}

/// The largest rank sum c with P(T⁺ ≤ c) ≤ `tail`, by counting the sets of ranks with each sum.
fn counted_quantile(count: usize, tail: f64) -> Option<usize> {
    let most = count * (count + 1) / 2;
    let mut probability = vec![0.0; most + 1];
    probability[0] = 1.0;
    for rank in 1..=count {
        for sum in (0..=rank * (rank + 1) / 2).rev() {
            let with = sum.checked_sub(rank).map_or(0.0, |rest| probability[rest]);
            probability[sum] = f64::midpoint(probability[sum], with);
        }
    }
    let mut below = 0.0;
    let reached = |p: &&f64| {
        below += **p;
        below <= tail
    };
    probability
        .iter()
        .take_while(reached)
        .count()
        .checked_sub(1)
}

/// P(T⁺ ≤ `sum`) of `count` values without a shift.
pub(super) fn tail_probability(count: usize, sum: usize) -> f64 {
    let mut probability = vec![0.0; sum + 1];
    probability[0] = 1.0;
    for rank in 1..=count {
        for sum in (0..probability.len()).rev() {
            let with = sum.checked_sub(rank).map_or(0.0, |rest| probability[rest]);
            probability[sum] = f64::midpoint(probability[sum], with);
        }
    }
    probability.iter().sum()
}

/// The largest rank sum as in [`counted_quantile`], from the normal distribution with the mean and
/// variance of T⁺.
fn normal_quantile(count: usize, tail: f64) -> Option<usize> {
    let n = count as f64;
    let mean = n * (n + 1.0) / 4.0;
    let sd = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
    let quantile = Normal::standard().inverse_cdf(tail);
    let sum = mean + quantile * sd - 0.5;
    (sum >= 0.0).then_some(sum as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_the_tables_of_the_signed_rank_test() {
        // Critical values of T for two-sided 0.05 and 0.01: Wilcoxon and Wilcox, "Some rapid
        // approximate statistical procedures" (1964), table 2.
        for (count, tail, expected) in [
            (6, 0.025, Some(0)),
            (8, 0.025, Some(3)),
            (10, 0.025, Some(8)),
            (20, 0.025, Some(52)),
            (25, 0.025, Some(89)),
            (30, 0.025, Some(137)),
            (50, 0.025, Some(434)),
            (8, 0.005, Some(0)),
            (20, 0.005, Some(37)),
            (5, 0.025, None),
            (7, 0.005, None),
            (0, 0.5, None),
        ] {
            assert_eq!(counted_quantile(count, tail), expected, "{count} {tail}");
        }
    }

    #[test]
    fn the_tail_agrees_with_the_quantiles() {
        // Of three values the sums are 0, 1, 2, 3 (twice), 4, 5 and 6.
        for (sum, eighths) in [(0, 1.0), (2, 3.0), (3, 5.0), (6, 8.0), (20, 8.0)] {
            assert!((tail_probability(3, sum) - eighths / 8.0).abs() < 1e-12);
        }
        for (count, tail) in [(12, 0.025), (20, 0.005), (40, 0.01 / 30.0)] {
            let quantile = counted_quantile(count, tail).unwrap();
            assert!(tail_probability(count, quantile) <= tail);
            assert!(tail_probability(count, quantile + 1) > tail);
        }
    }

    #[test]
    fn the_normal_approximation_continues_the_counted_quantiles() {
        for tail in [0.025, 0.005, 0.05 / 30.0, 0.01 / 30.0] {
            let counted = counted_quantile(MOST_COUNTED, tail).unwrap() as f64;
            let normal = normal_quantile(MOST_COUNTED, tail).unwrap() as f64;
            assert!(
                (0.97 * counted..=counted).contains(&normal),
                "{counted} {normal}"
            );
        }
    }

    #[test]
    fn the_interval_agrees_with_a_worked_example() {
        // Six values reach 95 % with the whole range of Walsh averages; eight leave out three at
        // either end: 0.5, 1, 1.5 and 8, 7.5, 7.
        let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let found = interval(&six, 0.05).unwrap();
        assert_eq!((found.low, found.center, found.high), (1.0, 3.5, 6.0));
        let eight = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let found = interval(&eight, 0.05).unwrap();
        assert_eq!((found.low, found.center, found.high), (2.0, 4.5, 7.0));
        assert_eq!(interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.05), None);
    }

    #[test]
    fn an_outlier_moves_a_bound_little_and_negation_mirrors_the_interval() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i * 17 % 40) / 40.0).collect();
        let clean = interval(&values, 0.05).unwrap();
        let mut spoiled = values.clone();
        spoiled[3] = 1e6;
        let found = interval(&spoiled, 0.05).unwrap();
        assert!(found.half_width() < clean.half_width() * 1.2, "{found:?}");
        let negated: Vec<f64> = values.iter().map(|value| -value).collect();
        let mirrored = interval(&negated, 0.05).unwrap();
        assert!((mirrored.low + clean.high).abs() < 1e-12);
        assert!((mirrored.center + clean.center).abs() < 1e-12);
    }
}
