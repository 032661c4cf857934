//! Whether a series rises or falls, and how steeply.
//!
//! Takes one value per step, in order; gives the Theil–Sen slope with an interval, and the probability of
//! so strong a trend without one. Both use ranks, so a few wild values move them little. Neighbouring
//! values may be alike for reasons that are no trend: the variance is corrected for that.
//!
//! Sources: Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968),
//! 1379–1389 (slope and interval, whose ranks are those of Gilbert, "Statistical Methods for Environmental
//! Pollution Monitoring" (1987), section 16.5); Kendall, "Rank Correlation Methods", 4th edition (1970), chapter 5
//! (variance with ties); Hamed and Rao, "A modified Mann–Kendall trend test for autocorrelated data",
//! Journal of Hydrology 204 (1998), 182–196 (the correction).

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::{Interval, median_in_place};

/// Fewest values for which the normal distribution of the rank sum is near enough (Kendall 1970).
pub const LEAST_COUNT: usize = 10;

/// Lags beyond this share of the series are not looked at: their correlations rest on few pairs.
const LAG_SHARE: usize = 4;

/// Error probability at which a lag's correlation counts.
const LAG_ALPHA: f64 = 0.05;

/// A trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Slope per step, with its interval.
    pub slope: Interval,
    /// Probability of a trend at least so strong, up or down, where there is none.
    pub p_value: f64,
}

/// The trend of `values`, with an interval of error probability `alpha`. `None` below
/// [`LEAST_COUNT`] values.
pub fn trend(values: &[f64], alpha: f64) -> Option<Trend> {
    if values.len() < LEAST_COUNT {
        return None;
    }
    let mut slopes = slopes(values);
    let center = median_in_place(&mut slopes)?;
    slopes.sort_unstable_by(f64::total_cmp);
    let deviation = (variance(values) * correction(values, center)).sqrt();
    let normal = Normal::standard();
    let width = normal.inverse_cdf(1.0 - alpha / 2.0) * deviation;
    // Of N slopes in order, counted from 1: the lower bound is number (N − width) ÷ 2, the upper one has as
    // many above it as that has below it.
    let count = slopes.len();
    let rank = (((count as f64 - width) / 2.0).floor() as usize).clamp(1, count);
    let slope = Interval {
        center,
        low: slopes[rank - 1],
        high: slopes[count - rank],
    };
    let score = rank_score(values);
    // The score moves in steps of two: half of one is taken off.
    let distance = (score.abs() - 1.0).max(0.0);
    let p_value = if deviation > 0.0 {
        2.0 * (1.0 - normal.cdf(distance / deviation))
    } else {
        1.0
    };
    Some(Trend { slope, p_value })
}

/// Slopes of all pairs.
fn slopes(values: &[f64]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(values.len() * (values.len() - 1) / 2);
    for (i, earlier) in values.iter().enumerate() {
        for (j, later) in values.iter().enumerate().skip(i + 1) {
            slopes.push((later - earlier) / (j - i) as f64);
        }
    }
    slopes
}

/// Kendall's score: pairs that rise less pairs that fall.
fn rank_score(values: &[f64]) -> f64 {
    let mut score = 0.0;
    for (i, earlier) in values.iter().enumerate() {
        for later in &values[i + 1..] {
            score += match later.total_cmp(earlier) {
                std::cmp::Ordering::Less => -1.0,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Greater => 1.0,
            };
        }
    }
    score
}

/// Variance of the score of independent values: (n(n−1)(2n+5) − Σ t(t−1)(2t+5)) ÷ 18, with t the
/// sizes of groups of equal values.
fn variance(values: &[f64]) -> f64 {
    let of = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|equal| of(equal.len() as f64))
        .sum();
    (of(values.len() as f64) - ties) / 18.0
}

/// What the variance is multiplied with because neighbours are alike; at least 1.
fn correction(values: &[f64], slope: f64) -> f64 {
    let detrended: Vec<f64> = (0..)
        .zip(values)
        .map(|(i, value)| value - slope * f64::from(i))
        .collect();
    let ranks = ranks(&detrended);
    let count = ranks.len() as f64;
    let limit = Normal::standard().inverse_cdf(1.0 - LAG_ALPHA / 2.0) / count.sqrt();
    let sum: f64 = (1..ranks.len() / LAG_SHARE)
        .map(|lag| (lag as f64, autocorrelation(&ranks, lag)))
        .filter(|(_, correlation)| correlation.abs() > limit)
        .map(|(lag, correlation)| {
            (count - lag) * (count - lag - 1.0) * (count - lag - 2.0) * correlation
        })
        .sum();
    (1.0 + 2.0 / (count * (count - 1.0) * (count - 2.0)) * sum).max(1.0)
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&a, &b| values[a].total_cmp(&values[b]).is_eq()) {
        let shared = before as f64 + f64::midpoint(1.0, equal.len() as f64);
        for &index in equal {
            ranks[index] = shared;
        }
        before += equal.len();
    }
    ranks
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let total: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let pairs = values.iter().zip(&values[lag..]);
    let together: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
    if total > 0.0 { together / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_line_has_its_slope() {
        let values: Vec<f64> = (0..20).map(|i| 3.0 + 0.5 * f64::from(i)).collect();
        let trend = trend(&values, 0.05).unwrap();
        for bound in [trend.slope.low, trend.slope.center, trend.slope.high] {
            assert!((bound - 0.5).abs() < 1e-9);
        }
        assert!(trend.p_value < 1e-6);
    }

    #[test]
    fn a_constant_has_no_trend() {
        let trend = trend(&[7.0; 30], 0.05).unwrap();
        assert!(trend.slope.center.abs() < 1e-12);
        assert!((trend.p_value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn score_and_variance_are_those_of_a_worked_example() {
        // Rising pairs 8, falling 1, equal 1. n = 5 with one pair of equals: (300 − 18) ÷ 18.
        let values = [1.0, 2.0, 2.0, 5.0, 4.0];
        assert!((rank_score(&values) - 7.0).abs() < 1e-12);
        assert!((variance(&values) - (300.0 - 18.0) / 18.0).abs() < 1e-12);
    }

    #[test]
    fn the_bounds_have_the_ranks_of_the_literature() {
        // Ten values, of which no two pairs have the same slope: 45 slopes. The variance of the score is
        // 10 × 9 × 25 ÷ 18 = 125, so the width is 1.96 √125 = 21.91, and (45 − 21.91) ÷ 2 = 11.54.
        let values: Vec<f64> = (0..10)
            .map(|i| f64::from(i % 3) + 1.1_f64.powi(i))
            .collect();
        let mut slopes = slopes(&values);
        slopes.sort_unstable_by(f64::total_cmp);
        let expected = Interval {
            center: slopes[22],
            low: slopes[10],
            high: slopes[34],
        };
        assert!((correction(&values, expected.center) - 1.0).abs() < 1e-12);
        assert_eq!(trend(&values, 0.05).unwrap().slope, expected);
        // What falls is what rises, upside down.
        let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
        let mirrored = trend(&mirrored, 0.05).unwrap().slope;
        let upright = Interval {
            center: -mirrored.center,
            low: -mirrored.high,
            high: -mirrored.low,
        };
        assert_eq!(upright, expected);
    }

    #[test]
    fn few_values_have_no_trend() {
        assert_eq!(trend(&[1.0; LEAST_COUNT - 1], 0.05), None);
    }

    /// Shares of 400 series of 60 values in which a trend is claimed at 1 %, and in which the interval
    /// of 95 % holds the slope.
    fn simulate(slope: f64, memory: f64) -> (f64, f64) {
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let (mut claimed, mut held) = (0, 0);
        for _ in 0..400 {
            let mut noise = 0.0;
            let values: Vec<f64> = (0..60)
                .map(|i| {
                    noise = memory * noise + random.random::<f64>() - 0.5;
                    slope * f64::from(i) + noise
                })
                .collect();
            let trend = trend(&values, 0.05).unwrap();
            claimed += u32::from(trend.p_value < 0.01);
            held += u32::from(!trend.slope.excludes(slope));
        }
        (f64::from(claimed) / 400.0, f64::from(held) / 400.0)
    }

    #[test]
    fn noise_is_rarely_a_trend_and_a_trend_is_found() {
        let (claimed, held) = simulate(0.0, 0.0);
        assert!(claimed < 0.03 && held > 0.91, "{claimed} {held}");
        let (claimed, held) = simulate(0.02, 0.0);
        assert!(claimed > 0.98 && held > 0.91, "{claimed} {held}");
    }

    #[test]
    fn neighbours_that_are_alike_are_allowed_for() {
        let (claimed, held) = simulate(0.0, 0.5);
        assert!(claimed < 0.06 && held > 0.85, "{claimed} {held}");
    }
}
