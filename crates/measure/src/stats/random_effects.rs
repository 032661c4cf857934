//! Estimates of one quantity from several places, pooled with the spread between the places.
//!
//! Takes an estimate with its standard error per place; gives their mean with its interval, the
//! spread, and where a new place would lie. Knows nothing of hosts or ratios.
//!
//! The model: a place's true value is μ + u, where u has the variance τ² between places; its
//! estimate adds an error of the variance v = standard error². Places weigh 1 ÷ (v + τ²).
//!
//! - τ²: Paule and Mandel, "Consensus values and weighting factors", Journal of Research of the
//!   National Bureau of Standards 87 (1982), 377–385: the τ² ≥ 0 at which the weighted sum of squares
//!   Q(τ²) = Σ (y − ŷ)² ÷ (v + τ²) is what it is expected to be, k − 1.
//! - Interval: ŷ ± t₍k₋₁₎ × √(q ÷ Σw) with q = Q(τ²) ÷ (k − 1); Hartung and Knapp, "On tests of the overall
//!   treatment effect in meta-analysis with normally distributed responses", Statistics in Medicine
//!   20 (2001), 1771–1782, and Sidik and Jonkman, Statistics in Medicine 21 (2002), 3153–3159. A q
//!   below 1 is taken for 1, as few places may agree by chance: Röver, Knapp and Friede, BMC Medical
//!   Research Methodology 15 (2015), 99. With the τ² above q is 1 where τ² > 0, and at most 1 where it is
//!   0; so what is left is ŷ ± t₍k₋₁₎ ÷ √Σw.
//! - I²: Higgins and Thompson, Statistics in Medicine 21 (2002), 1539–1558.
//! - A new place: ŷ ± t₍k₋₂₎ × √(τ² + 1 ÷ Σw); Higgins, Thompson and Spiegelhalter, Journal of the Royal
//!   Statistical Society A 172 (2009), 137–159.
//!
//! Standard errors are taken for known, though they are estimated. Where places differ by no more than
//! their errors, the interval of a new place is too narrow: it held one in 86 % of simulated cases with
//! eight places, instead of 95 %.

use super::{Interval, mean, t_quantile};

/// Halvings that leave no more of an interval than the rounding of its bounds.
const HALVINGS: u32 = 128;
/// The variance of an estimate without noise: a standard error of 10⁻¹², which no clock resolves, in
/// place of a weight without bound.
const LEAST_VARIANCE: f64 = 1e-24;
/// From so many places on it can be told where a new one would lie.
const LEAST_FOR_PREDICTION: usize = 3;

/// What one place found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Study {
    /// Its estimate.
    pub estimate: f64,
    /// The estimate's standard error.
    pub standard_error: f64,
}

/// What several places say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pooled {
    /// The mean over places.
    pub mean: Interval,
    /// τ: the standard deviation between places.
    pub spread: f64,
    /// I²: the share of the variation of the estimates that lies between places instead of within.
    pub spread_share: f64,
    /// Where the true value of a new place lies; `None` below three places.
    pub new_place: Option<Interval>,
}

/// Pools `studies`; intervals have the error probability `alpha`. `None` below two studies.
pub fn pool(studies: &[Study], alpha: f64) -> Option<Pooled> {
    let count = studies.len();
    let quantile = |freedom_plus_one| t_quantile(1.0 - alpha / 2.0, freedom_plus_one);
    let sure = quantile(count)?;
    let variance_between = paule_mandel(studies)?;
    let Weighted { center, weight } = weighted(studies, variance_between);
    let around = |half_width: f64| Interval {
        center,
        low: center - half_width,
        high: center + half_width,
    };
    let new_place = (count >= LEAST_FOR_PREDICTION)
        .then(|| quantile(count - 1))
        .flatten()
        .map(|sure| around(sure * (variance_between + 1.0 / weight).sqrt()));
    let expected = (count - 1) as f64;
    let found = sum_of_squares(studies, 0.0);
    Some(Pooled {
        mean: around(sure / weight.sqrt()),
        spread: variance_between.sqrt(),
        spread_share: if found > expected {
            (found - expected) / found
        } else {
            0.0
        },
        new_place,
    })
}

/// τ² by halving: Q falls as τ² grows, and is at most k − 1 where τ² is the variance of the estimates
/// themselves, because their weighted sum of squares is least about ŷ. `None` below two studies.
fn paule_mandel(studies: &[Study]) -> Option<f64> {
    let expected = studies
        .len()
        .checked_sub(1)
        .filter(|&freedom| freedom > 0)? as f64;
    if sum_of_squares(studies, 0.0) <= expected {
        return Some(0.0);
    }
    let estimates: Vec<f64> = studies.iter().map(|study| study.estimate).collect();
    let center = mean(&estimates)?;
    let squares: f64 = estimates.iter().map(|y| (y - center).powi(2)).sum();
    let (mut low, mut high) = (0.0, squares / expected);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if sum_of_squares(studies, middle) > expected {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// Q(τ²).
fn sum_of_squares(studies: &[Study], variance_between: f64) -> f64 {
    let center = weighted(studies, variance_between).center;
    studies
        .iter()
        .map(|study| (study.estimate - center).powi(2) * weight_of(study, variance_between))
        .sum()
}

/// The weighted mean ŷ, and the sum of the weights.
struct Weighted {
    center: f64,
    weight: f64,
}

fn weighted(studies: &[Study], variance_between: f64) -> Weighted {
    let of = |study: &Study| weight_of(study, variance_between);
    let weight: f64 = studies.iter().map(of).sum();
    let total: f64 = studies.iter().map(|study| of(study) * study.estimate).sum();
    Weighted {
        center: total / weight,
        weight,
    }
}

fn weight_of(study: &Study, variance_between: f64) -> f64 {
    1.0 / (study.standard_error.powi(2).max(LEAST_VARIANCE) + variance_between)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution as _, StandardNormal};

    use super::*;

    fn studies(pairs: &[(f64, f64)]) -> Vec<Study> {
        let study = |&(estimate, standard_error): &(f64, f64)| Study {
            estimate,
            standard_error,
        };
        pairs.iter().map(study).collect()
    }

    fn close(found: f64, expected: f64) {
        let tolerance = 2e-5 * expected.abs().max(1e-3);
        assert!((found - expected).abs() < tolerance, "{found} ≠ {expected}");
    }

    #[test]
    fn two_places_follow_the_closed_form() {
        // Q = (y₁ − y₂)² ÷ (v₁ + v₂ + 2τ²) = 1, hence τ² = ((y₁ − y₂)² − v₁ − v₂) ÷ 2.
        let pooled = pool(&studies(&[(-0.10, 0.01), (-0.04, 0.02)]), 0.05).unwrap();
        let variance: f64 = (0.06_f64.powi(2) - 0.0001 - 0.0004) / 2.0;
        close(pooled.spread, variance.sqrt());
        let weights = [1.0 / (0.0001 + variance), 1.0 / (0.0004 + variance)];
        let sum = weights[0] + weights[1];
        close(
            pooled.mean.center,
            (-0.10 * weights[0] - 0.04 * weights[1]) / sum,
        );
        // t₀.₉₇₅ with one degree of freedom.
        close(pooled.mean.half_width(), 12.706_2 / sum.sqrt());
        // (Q(0) − 1) ÷ Q(0) with Q(0) = 0.0036 ÷ 0.0005.
        close(pooled.spread_share, 6.2 / 7.2);
        assert_eq!(pooled.new_place, None);
    }

    #[test]
    fn equally_sure_places_follow_the_closed_form() {
        // ŷ is the mean, τ² the estimates' variance less v: 0.0013 − 0.0001.
        let pooled = pool(
            &studies(&[(-0.12, 0.01), (-0.10, 0.01), (-0.05, 0.01)]),
            0.05,
        )
        .unwrap();
        close(pooled.mean.center, -0.09);
        close(pooled.spread, 0.0012_f64.sqrt());
        // t₀.₉₇₅(2) × √(0.0013 ÷ 3).
        close(pooled.mean.half_width(), 4.302_65 * 0.020_816_7);
        // Q(0) = 0.0026 ÷ 0.0001.
        close(pooled.spread_share, 24.0 / 26.0);
        // t₀.₉₇₅(1) × √(0.0012 + 0.0013 ÷ 3).
        let new_place = pooled.new_place.unwrap();
        close(new_place.half_width(), 12.706_2 * 0.040_414_5);
        close(new_place.center, -0.09);
    }

    #[test]
    fn places_that_agree_have_no_spread_and_no_narrower_interval_for_it() {
        let agreeing = studies(&[(-0.1, 0.01), (-0.101, 0.01), (-0.1, 0.01)]);
        let pooled = pool(&agreeing, 0.05).unwrap();
        assert_eq!((pooled.spread, pooled.spread_share), (0.0, 0.0));
        // As sure as the places' errors allow, however well they agree.
        close(pooled.mean.half_width(), 4.302_65 * 0.01 / 3.0_f64.sqrt());
    }

    /// Trials of the BCG vaccine: ill and well among vaccinated and others. Colditz et al., "Efficacy of
    /// BCG vaccine in the prevention of tuberculosis", JAMA 271 (1994), 698–702.
    const TRIALS: [[f64; 4]; 13] = [
        [4.0, 119.0, 11.0, 128.0],
        [6.0, 300.0, 29.0, 274.0],
        [3.0, 228.0, 11.0, 209.0],
        [62.0, 13_536.0, 248.0, 12_619.0],
        [33.0, 5036.0, 47.0, 5761.0],
        [180.0, 1361.0, 372.0, 1079.0],
        [8.0, 2537.0, 10.0, 619.0],
        [505.0, 87_886.0, 499.0, 87_892.0],
        [29.0, 7470.0, 45.0, 7232.0],
        [17.0, 1699.0, 65.0, 1600.0],
        [186.0, 50_448.0, 141.0, 27_197.0],
        [5.0, 2493.0, 3.0, 2338.0],
        [27.0, 16_886.0, 29.0, 17_825.0],
    ];

    #[test]
    fn a_published_example_is_met() {
        // Ln risk ratios. Q = 152.2330, as in Viechtbauer, "Conducting meta-analyses in R with the metafor
        // package", Journal of Statistical Software 36 (2010), 3.
        let trials: Vec<Study> = TRIALS
            .iter()
            .map(|&[a, b, c, d]| {
                let (treated, others) = (a + b, c + d);
                Study {
                    estimate: ((a / treated) / (c / others)).ln(),
                    standard_error: (1.0 / a - 1.0 / treated + 1.0 / c - 1.0 / others).sqrt(),
                }
            })
            .collect();
        close(sum_of_squares(&trials, 0.0), 152.2330);
        let pooled = pool(&trials, 0.05).unwrap();
        close(pooled.spread_share, (152.2330 - 12.0) / 152.2330);
        // What defines τ², and what it comes to when the equation is solved by another program.
        close(sum_of_squares(&trials, pooled.spread.powi(2)), 12.0);
        close(pooled.spread.powi(2), 0.318_068);
        close(pooled.mean.center, -0.714_968);
        close(pooled.mean.half_width(), 2.178_81 * 0.180_892);
    }

    #[test]
    fn the_interval_is_hartungs_and_knapps_where_places_differ() {
        let different = studies(&[(0.2, 0.05), (-0.1, 0.1), (0.05, 0.02), (0.4, 0.2)]);
        let pooled = pool(&different, 0.05).unwrap();
        let variance = pooled.spread.powi(2);
        let q = sum_of_squares(&different, variance) / 3.0;
        let weight = weighted(&different, variance).weight;
        close(pooled.mean.half_width(), 3.182_45 * (q / weight).sqrt());
    }

    #[test]
    fn order_origin_and_scale_do_not_matter() {
        let pairs = [(-0.12, 0.03), (-0.02, 0.01), (-0.3, 0.2), (0.05, 0.02)];
        let pooled = pool(&studies(&pairs), 0.01).unwrap();
        let mut turned = pairs;
        turned.reverse();
        let turned = pool(&studies(&turned), 0.01).unwrap();
        close(turned.mean.center, pooled.mean.center);
        close(turned.spread, pooled.spread);
        let moved = pairs.map(|(y, e)| (3.0 - 2.0 * y, 2.0 * e));
        let moved = pool(&studies(&moved), 0.01).unwrap();
        close(moved.mean.center, 3.0 - 2.0 * pooled.mean.center);
        close(moved.mean.low, 3.0 - 2.0 * pooled.mean.high);
        close(moved.spread, 2.0 * pooled.spread);
        close(moved.spread_share, pooled.spread_share);
    }

    #[test]
    fn one_place_is_not_pooled_and_one_without_noise_has_no_boundless_weight() {
        assert_eq!(pool(&[], 0.05), None);
        assert_eq!(pool(&studies(&[(0.1, 0.1)]), 0.05), None);
        let same = pool(&studies(&[(0.1, 0.0), (0.1, 0.0)]), 0.05).unwrap();
        assert!(same.mean.half_width() < 1e-10 && same.spread == 0.0);
        let differing = pool(&studies(&[(0.1, 0.0), (0.2, 0.0)]), 0.05).unwrap();
        close(differing.mean.center, 0.15);
        close(differing.spread, 0.005_f64.sqrt());
    }

    /// Share of `rounds` in which the intervals hold the mean over all places, and a new place.
    fn coverage(places: usize, spread: f64, rounds: u32, seed: u64) -> [f64; 2] {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut held = [0_u32; 2];
        for _ in 0..rounds {
            let mut normal = |sd: f64| {
                let value: f64 = StandardNormal.sample(&mut random);
                value * sd
            };
            let found: Vec<Study> = (0..places)
                .map(|place| {
                    // Some places are three times as sure as others.
                    let standard_error = if place.is_multiple_of(2) { 0.01 } else { 0.003 };
                    Study {
                        estimate: normal(spread) + normal(standard_error),
                        standard_error,
                    }
                })
                .collect();
            let pooled = pool(&found, 0.05).unwrap();
            held[0] += u32::from(!pooled.mean.excludes(0.0));
            let place = normal(spread);
            held[1] += u32::from(pooled.new_place.is_some_and(|new| !new.excludes(place)));
        }
        held.map(|held| f64::from(held) / f64::from(rounds))
    }

    #[test]
    fn few_places_cover_the_truth_nearly_as_often_as_they_say() {
        // The last: where places differ by no more than their errors, τ² is often taken for 0, and the
        // interval of a new place is too narrow.
        for (seed, (places, spread, least)) in (0..).zip([
            (3, 0.0, [0.98, 0.98]),
            (3, 0.02, [0.92, 0.96]),
            (5, 0.02, [0.925, 0.91]),
            (8, 0.005, [0.91, 0.83]),
        ]) {
            let found = coverage(places, spread, 2000, seed);
            for (found, least) in found.into_iter().zip(least) {
                assert!(found > least, "{places} places, {spread}: {found}");
            }
        }
        // Where places differ, the interval is no wider than it must be.
        assert!(coverage(5, 0.02, 2000, 9)[0] < 0.97);
    }
}
