//! The statistics of the verdict, on plain numbers.
//!
//! Takes ln ratios, gives estimates and intervals. Knows nothing of arms or scenarios.

pub(crate) mod aligned_rank;
pub mod percentile;
pub mod proportion;
pub mod random_effects;
mod signed_rank;
pub mod trend;

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// Scales the median absolute deviation to the standard deviation of a normal
/// distribution: 1 ÷ Φ⁻¹(3/4).
const MAD_TO_SD: f64 = 1.482_602_218_505_602;
/// Power at which the minimum detectable effect is stated.
const POWER: f64 = 0.80;
/// The smallest rank sum that a signed-rank test must reject for an interval to rest on it: so
/// many of the extreme pairwise means lie outside of either bound. With fewer, a bound is made by the
/// few most extreme values, and t intervals are the narrower ones (see `docs/measuring.md`). It is
/// reached by 12 values at 0.05, and by 15 at 0.05 ÷ 8.
const LEAST_REJECTED_SUM: usize = 13;

/// Location and two-sided interval of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The location.
    pub center: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Interval {
    /// Half the distance between the bounds.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether `value` lies outside.
    pub fn excludes(&self, value: f64) -> bool {
        value < self.low || value > self.high
    }
}

/// How an interval is made: see [`interval_kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntervalKind {
    /// The mean with Student's t.
    StudentT,
    /// By ranks: Wilcoxon's signed ranks of pairs with the Hodges–Lehmann estimate, or the
    /// [`aligned_rank`]s of triples where there is a control.
    Ranks,
}

/// The rule by which an interval is made. It looks at the number of values and the error
/// probability alone, never at the values: else the choice would bend the error probability.
pub(crate) fn interval_kind(count: usize, alpha: f64) -> IntervalKind {
    if signed_rank::tail_probability(count, LEAST_REJECTED_SUM) <= alpha / 2.0 {
        IntervalKind::Ranks
    } else {
        IntervalKind::StudentT
    }
}

/// Location and two-sided interval with error probability `alpha`, by [`interval_kind`]. `None`
/// below two values.
pub fn location_interval(values: &[f64], alpha: f64) -> Option<Interval> {
    interval_of(interval_kind(values.len(), alpha), values, alpha)
}

/// The same of a given kind, by signed ranks. `None` also where these cannot reach `alpha` (2 ÷ 2ⁿ).
pub(crate) fn interval_of(kind: IntervalKind, values: &[f64], alpha: f64) -> Option<Interval> {
    match kind {
        IntervalKind::StudentT => t_interval(values, alpha),
        IntervalKind::Ranks => signed_rank::interval(values, alpha),
    }
}

/// The Hodges–Lehmann estimate of location: the median of all pairwise means, each value
/// with itself included. Robust against outliers (breakdown 29 %) and nearly as efficient
/// as the mean for normal noise. `None` without values.
///
/// Hodges and Lehmann, "Estimates of location based on rank tests", Annals of Mathematical
/// Statistics 34 (1963), 598–611.
pub(crate) fn hodges_lehmann(values: &[f64]) -> Option<f64> {
    hodges_lehmann_of(walsh_averages(values))
}

fn hodges_lehmann_of(mut walsh_averages: Vec<f64>) -> Option<f64> {
    median_in_place(&mut walsh_averages)
}

/// The means of all pairs of values, each value with itself included.
fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let mut means = Vec::with_capacity(values.len() * (values.len() + 1) / 2);
    for (i, a) in values.iter().enumerate() {
        means.extend(values[i..].iter().map(|b| f64::midpoint(*a, *b)));
    }
    means
}

/// The median. `None` without values.
pub fn median(values: &[f64]) -> Option<f64> {
    median_in_place(&mut values.to_vec())
}

fn median_in_place(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !even {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

/// Standard deviation told by the median absolute deviation. `None` without values.
pub(crate) fn robust_sd(values: &[f64]) -> Option<f64> {
    let center = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    Some(median(&deviations)? * MAD_TO_SD)
}

/// Arithmetic mean. `None` without values.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation with n − 1. `None` below two values.
pub(crate) fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() >= 2)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Two-sided t interval of the mean with error probability `alpha`. `None` below two values.
pub fn t_interval(values: &[f64], alpha: f64) -> Option<Interval> {
    interval_with(values, t_quantile(1.0 - alpha / 2.0, values.len())?)
}

/// Two-sided interval of mean(`newer`) − mean(`older`) with error probability `alpha`, for series
/// that share neither their variance nor their number of values. `None` when one has less than two.
///
/// Welch, "The generalization of Student's problem when several different population variances are
/// involved", Biometrika 34 (1947), 28–35; degrees of freedom after Satterthwaite.
pub fn welch_interval(older: &[f64], newer: &[f64], alpha: f64) -> Option<Interval> {
    let center = mean(newer)? - mean(older)?;
    let variances = [
        standard_error(older)?.powi(2),
        standard_error(newer)?.powi(2),
    ];
    let variance = variances[0] + variances[1];
    if variance == 0.0 {
        return Some(Interval {
            center,
            low: center,
            high: center,
        });
    }
    let share = |variance: f64, values: &[f64]| variance.powi(2) / (values.len() - 1) as f64;
    let freedom = variance.powi(2) / (share(variances[0], older) + share(variances[1], newer));
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let half_width = distribution.inverse_cdf(1.0 - alpha / 2.0) * variance.sqrt();
    Some(Interval {
        center,
        low: center - half_width,
        high: center + half_width,
    })
}

/// Interval of the mean that reaches `multiplier` standard errors to either side.
fn interval_with(values: &[f64], multiplier: f64) -> Option<Interval> {
    let half_width = multiplier * standard_error(values)?;
    let center = mean(values)?;
    Some(Interval {
        center,
        low: center - half_width,
        high: center + half_width,
    })
}

/// Minimum detectable effect: the true shift that a two-sided test at `alpha` finds with 80 %
/// power, (t₁₋α⁄₂ + t₀.₈) × standard error with n − 1 degrees of freedom. The standard error is
/// the one that `interval`, of `count` values at `alpha`, implies: its half-width ÷ t₁₋α⁄₂.
///
/// Bloom, "Minimum detectable effects: a simple way to report the statistical power of
/// experimental designs", Evaluation Review 19 (1995), 547–556.
pub(crate) fn minimum_detectable_effect(
    interval: &Interval,
    count: usize,
    alpha: f64,
) -> Option<f64> {
    let sure = t_quantile(1.0 - alpha / 2.0, count)?;
    let powerful = t_quantile(POWER, count)?;
    Some(interval.half_width() / sure * (sure + powerful))
}

fn standard_error(values: &[f64]) -> Option<f64> {
    Some(standard_deviation(values)? / (values.len() as f64).sqrt())
}

/// Quantile of Student's t with `count` − 1 degrees of freedom.
pub(crate) fn t_quantile(probability: f64, count: usize) -> Option<f64> {
    let freedom = count.checked_sub(1).filter(|&freedom| freedom > 0)?;
    let distribution = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
    Some(distribution.inverse_cdf(probability))
}

/// The value at or below which a share `quantile` of the sorted values lies (nearest rank).
/// `None` without values.
pub(crate) fn nearest_rank(sorted: &[f64], quantile: f64) -> Option<f64> {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        let found = found.expect("a value");
        assert!(
            (found - expected).abs() < 1e-4 * expected.abs().max(1.0),
            "{found} ≠ {expected}"
        );
    }

    #[test]
    fn quantiles_agree_with_the_tables_of_students_t() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
        for (probability, count, expected) in [
            (0.975, 8, 2.3646),
            (0.995, 8, 3.4995),
            (0.975, 2, 12.7062),
            (0.95, 31, 1.6973),
        ] {
            close(t_quantile(probability, count), expected);
        }
        assert_eq!(t_quantile(0.975, 1), None);
        assert_eq!(t_quantile(0.975, 0), None);
    }

    #[test]
    fn the_t_interval_agrees_with_a_worked_example() {
        // Mean 5, standard deviation √(32/7), n = 8: half width 2.3646 × 2.1381 ÷ √8.
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let interval = t_interval(&values, 0.05).unwrap();
        close(Some(interval.center), 5.0);
        close(Some(interval.half_width()), 1.787_48);
        close(
            minimum_detectable_effect(&interval, values.len(), 0.05),
            (2.364_62 + 0.896_03) * 0.755_93,
        );
        assert_eq!(t_interval(&[1.0], 0.05), None);
    }

    #[test]
    fn number_and_level_alone_choose_the_interval() {
        let values: Vec<f64> = (0..25).map(|i| f64::from(i * i)).collect();
        for (alpha, least) in [(0.05, 12), (0.01, 15), (0.05 / 8.0, 15), (0.01 / 8.0, 18)] {
            let (enough, fewer) = (&values[..least], &values[..least - 1]);
            let ranks = signed_rank::interval(enough, alpha);
            assert_eq!(location_interval(enough, alpha), ranks, "{alpha}");
            let t = t_interval(fewer, alpha);
            assert_eq!(location_interval(fewer, alpha), t, "{alpha}");
        }
        // The strictest level that the verdicts of a thousand scenarios ask for.
        assert!(location_interval(&values, 0.01 / 1000.0).is_some());
        assert_eq!(interval_kind(2000, 0.05), IntervalKind::Ranks);
        assert_eq!(interval_kind(0, 0.05), IntervalKind::StudentT);
    }

    #[test]
    fn the_welch_interval_agrees_with_worked_examples() {
        // Equal sizes and variances: Student's interval with 2 (n − 1) degrees of freedom,
        // t₀.₉₇₅(8) = 2.3060, standard error √(2 × 2.5 ÷ 5) = 1.
        let older = [1.0, 2.0, 3.0, 4.0, 5.0];
        let newer = older.map(|value| value + 2.0);
        let interval = welch_interval(&older, &newer, 0.05).unwrap();
        close(Some(interval.center), 2.0);
        close(Some(interval.half_width()), 2.306_0);
        // The other way round it is the same interval, mirrored.
        let mirrored = welch_interval(&newer, &older, 0.05).unwrap();
        close(Some(mirrored.center), -2.0);
        close(Some(mirrored.half_width()), 2.306_0);
        // A series without noise leaves the other's degrees of freedom: t₀.₉₇₅(4) = 2.7764,
        // standard error √(2.5 ÷ 5).
        let exact = [2.0; 50];
        let interval = welch_interval(&exact, &older, 0.05).unwrap();
        close(Some(interval.half_width()), 2.776_4 * 0.5_f64.sqrt());
        assert_eq!(welch_interval(&[1.0], &older, 0.05), None);
        let exact = welch_interval(&exact, &exact, 0.05).unwrap();
        assert!(exact.half_width() < 1e-12);
    }

    #[test]
    fn hodges_lehmann_is_the_median_of_pairwise_means() {
        close(hodges_lehmann(&[1.0]), 1.0);
        close(hodges_lehmann(&[1.0, 5.0]), 3.0);
        // Means: 1, 1.5, 5.5, 2, 6, 10 – the median is 3.75.
        close(hodges_lehmann(&[1.0, 2.0, 10.0]), 3.75);
        assert_eq!(hodges_lehmann(&[]), None);
    }

    #[test]
    fn hodges_lehmann_moves_with_the_data_and_little_with_an_outlier() {
        let values = [0.3, -0.1, 0.2, 0.05, -0.2, 0.15, 0.0, 0.1];
        let center = hodges_lehmann(&values).unwrap();
        let moved: Vec<f64> = values.iter().map(|value| 3.0 - 2.0 * value).collect();
        close(hodges_lehmann(&moved), 3.0 - 2.0 * center);
        let mut spoiled = values;
        spoiled[0] = 1e6;
        assert!((hodges_lehmann(&spoiled).unwrap() - center).abs() < 0.1);
    }

    #[test]
    fn medians_ranks_and_spreads() {
        close(median(&[3.0, 1.0, 2.0]), 2.0);
        close(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        close(robust_sd(&[1.0, 2.0, 3.0, 4.0, 1000.0]), 1.4826);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        close(nearest_rank(&hundred, 0.99), 99.0);
        close(nearest_rank(&hundred, 0.9), 90.0);
        close(nearest_rank(&[7.0], 0.01), 7.0);
        assert_eq!(nearest_rank(&[], 0.5), None);
    }
}
