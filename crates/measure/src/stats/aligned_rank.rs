//! The interval that inverts the aligned rank test, where two of three arms are the same program.
//!
//! Takes one triple per unit: the levels (baseline, control, candidate) on the scale of logarithms.
//! Gives the shift of the candidate against the other two, with the bounds that the test does not
//! reject. The control counts as a second baseline, so the interval is narrower than that of
//! candidate and baseline alone: by the root of 3/4 where the noise is normal.
//!
//! Where the candidate's noise is the baseline's, which of a triple's three levels is the candidate's is
//! random, because the order of the arms is; its tails may be heavy, and on one side. Where a
//! candidate varies more or less than the baseline, symmetric noise is needed, as signed ranks need it.
//!
//! For a shift θ the levels (b, a, c − θ) of each triple are aligned by their mean, then ranked among
//! those of all triples. θ is in the interval while the candidates' rank sum differs from its mean by
//! no more than a quantile of the normal distribution times its standard deviation. That is the larger of
//! what the random order gives it and of what the triples show, for the former is too small where the
//! candidate varies more. It is taken where θ fits best, so that the interval has no holes. Hodges
//! and Lehmann, "Rank methods for combination of independent experiments in analysis of variance",
//! Annals of Mathematical Statistics 33 (1962), 482–497; the inversion as in Hodges and Lehmann (1963).
//!
//! A shift moves all candidates' aligned levels alike against all others. So their rank sum less its
//! mean is the number of *differences*, of one of the n candidates' and one of the 2n other levels,
//! above θ, less n²: bounds and estimate are order statistics of the 2n² differences.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::{Interval, median_in_place};

/// Levels of baseline, control and candidate.
pub(crate) type Triple = [f64; 3];

/// The two-sided interval with error probability `alpha`. `None` without triples, and where so few
/// cannot reach that level.
pub(crate) fn interval(triples: &[Triple], alpha: f64) -> Option<Interval> {
    let aligned: Vec<Triple> = triples.iter().map(align).collect();
    let mut differences = differences(&aligned);
    let center = median_in_place(&mut differences)?;
    let quantile = Normal::standard().inverse_cdf(1.0 - alpha / 2.0);
    let limit = quantile * variance(triples, center).sqrt();
    // More differences than this above a shift: the candidates rank too high for it.
    let accepted = (triples.len().pow(2) as f64 + limit).floor() as usize;
    let last = differences.len() - 1;
    let place = last.checked_sub(accepted)?;
    let low = *differences.select_nth_unstable_by(place, f64::total_cmp).1;
    let high = *differences
        .select_nth_unstable_by(last - place, f64::total_cmp)
        .1;
    Some(Interval { center, low, high })
}

/// The levels less their mean.
fn align(levels: &Triple) -> Triple {
    let center = levels.iter().sum::<f64>() / 3.0;
    levels.map(|level| level - center)
}

/// Of each candidate's aligned level and each of the others'.
fn differences(aligned: &[Triple]) -> Vec<f64> {
    let mut differences = Vec::with_capacity(2 * aligned.len().pow(2));
    for [.., candidate] in aligned {
        for [baseline, control, _] in aligned {
            differences.extend([candidate - baseline, candidate - control]);
        }
    }
    differences
}

/// Aligned levels that differ by less than this are equal: the last digits of their sums differ.
const SAME: f64 = 1e-12;

/// Variance of the candidates' rank sum when `shift` is taken from their levels: if each of a triple's
/// ranks was as likely to be the candidate's, or, if larger, as the candidates' ranks lie about those of
/// their triples.
fn variance(triples: &[Triple], shift: f64) -> f64 {
    let mut placed: Vec<(f64, usize)> = triples
        .iter()
        .flat_map(|&[baseline, control, candidate]| align(&[baseline, control, candidate - shift]))
        .zip(0..)
        .collect();
    placed.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
    let mut ranks = vec![0.0; placed.len()];
    let mut before = 0;
    // Equal levels share the mean of their ranks.
    for equal in placed.chunk_by(|x, y| y.0 - x.0 < SAME) {
        let shared = before as f64 + f64::midpoint(1.0, equal.len() as f64);
        for &(_, place) in equal {
            ranks[place] = shared;
        }
        before += equal.len();
    }
    let (mut permuted, mut found) = (0.0, 0.0);
    for triple in ranks.chunks_exact(3) {
        let center = triple.iter().sum::<f64>() / 3.0;
        let squares: f64 = triple.iter().map(|rank| (rank - center).powi(2)).sum();
        permuted += squares / 3.0;
        found += (triple[2] - center).powi(2);
    }
    permuted.max(found)
}

#[cfg(test)]
mod tests {
    use super::super::{IntervalKind, interval_kind};
    use super::*;

    /// Levels without a pattern, of a magnitude of 1.
    fn triples(count: u32) -> Vec<Triple> {
        let level = |i: u32| f64::from(i * 7919 % 101) / 50.0 - 1.0;
        (0..count)
            .map(|i| [level(3 * i), level(3 * i + 1), level(3 * i + 2)])
            .collect()
    }

    fn shifted(triples: &[Triple], shift: f64) -> Vec<Triple> {
        triples.iter().map(|&[b, a, c]| [b, a, c + shift]).collect()
    }

    /// The candidates' rank sum less its mean, by ranking: what the differences count.
    fn rank_sum(triples: &[Triple], shift: f64) -> f64 {
        let levels = |place: usize| {
            let shifted = triples
                .iter()
                .map(move |&[b, a, c]| align(&[b, a, c - shift]));
            shifted.map(move |levels| levels[place])
        };
        let all: Vec<f64> = (0..3).flat_map(levels).collect();
        let rank = |level: f64| {
            let below = all.iter().filter(|&&other| other < level - 1e-12).count() as f64;
            let equal = all.iter().filter(|&&other| (other - level).abs() <= 1e-12);
            below + f64::midpoint(1.0, equal.count() as f64)
        };
        let count = triples.len() as f64;
        levels(2).map(rank).sum::<f64>() - count * (3.0 * count + 1.0) / 2.0
    }

    #[test]
    fn the_variance_agrees_with_a_worked_example() {
        // Aligned: −1, 0, 1 and −2, −1, 3. Ranks: 2.5, 4, 5 and 1, 2.5, 6; means 23/6 and 19/6.
        let triples = [[1.0, 2.0, 3.0], [0.0, 1.0, 5.0]];
        let squares = |ranks: [f64; 3], mean: f64| -> f64 {
            ranks.iter().map(|rank| (rank - mean).powi(2)).sum()
        };
        let permuted = squares([2.5, 4.0, 5.0], 23.0 / 6.0) + squares([1.0, 2.5, 6.0], 19.0 / 6.0);
        let found = (5.0 - 23.0 / 6.0_f64).powi(2) + (6.0 - 19.0 / 6.0_f64).powi(2);
        assert!(found > permuted / 3.0);
        assert!((variance(&triples, 0.0) - found).abs() < 1e-12);
        // With the candidate in the middle, what the order gives is the larger.
        let middle = triples.map(|[b, a, c]| [b, c, a]);
        assert!((variance(&middle, 0.0) - permuted / 3.0).abs() < 1e-12);
        assert!((rank_sum(&triples, 0.0) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn the_bounds_are_where_the_rank_sum_leaves_what_is_accepted() {
        const NEAR: f64 = 1e-7;
        for count in [12, 25, 40] {
            let triples = triples(count);
            let found = interval(&triples, 0.05).unwrap();
            let limit = 1.959_964 * variance(&triples, found.center).sqrt();
            assert!(rank_sum(&triples, found.low - NEAR) > limit);
            assert!(rank_sum(&triples, found.low + NEAR) <= limit);
            assert!(rank_sum(&triples, found.high - NEAR) >= -limit);
            assert!(rank_sum(&triples, found.high + NEAR) < -limit);
            assert!(rank_sum(&triples, found.center - NEAR) >= 0.0);
            assert!(rank_sum(&triples, found.center + NEAR) <= 0.0);
        }
    }

    #[test]
    fn the_interval_moves_with_the_candidate_and_is_mirrored_by_negation() {
        let triples = triples(25);
        let found = interval(&triples, 0.05).unwrap();
        assert!(found.low < found.center && found.center < found.high);
        let moved = interval(&shifted(&triples, 3.0), 0.05).unwrap();
        let negated: Vec<Triple> = triples.iter().map(|levels| levels.map(|x| -x)).collect();
        let mirrored = interval(&negated, 0.05).unwrap();
        for (a, b, c) in [
            (found.low, moved.low, mirrored.high),
            (found.center, moved.center, mirrored.center),
            (found.high, moved.high, mirrored.low),
        ] {
            assert!((b - a - 3.0).abs() < 1e-9 && (a + c).abs() < 1e-9);
        }
    }

    #[test]
    fn what_all_arms_of_a_triple_share_cancels() {
        let plain = triples(15);
        let drifting: Vec<Triple> = (0..)
            .zip(&plain)
            .map(|(i, levels)| levels.map(|level| level + 5.0 * f64::from(i)))
            .collect();
        let found = [&plain, &drifting].map(|triples| interval(triples, 0.05).unwrap());
        assert!((found[0].low - found[1].low).abs() < 1e-9);
        assert!((found[0].high - found[1].high).abs() < 1e-9);
    }

    #[test]
    fn whole_numbers_have_the_interval_of_their_scaled_and_moved_copies() {
        let whole: Vec<Triple> = triples(20)
            .iter()
            .map(|levels| levels.map(|level| (4.0 * level).round()))
            .collect();
        let found = interval(&whole, 0.05).unwrap();
        let copy: Vec<Triple> = whole
            .iter()
            .map(|levels| levels.map(|level| level / 7.0 + 0.1))
            .collect();
        let copied = interval(&copy, 0.05).unwrap();
        for (a, b) in [(found.low, copied.low), (found.high, copied.high)] {
            assert!((a / 7.0 - b).abs() < 1e-9, "{found:?} {copied:?}");
        }
    }

    #[test]
    fn triples_without_noise_have_an_interval_without_width() {
        let found = interval(&[[2.0, 2.0, 2.5]; 12], 0.05).unwrap();
        for bound in [found.low, found.center, found.high] {
            assert!((bound - 0.5).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn too_few_triples_give_no_interval() {
        assert_eq!(interval(&[], 0.05), None);
        assert_eq!(interval(&triples(1), 0.05), None);
        assert!(interval(&triples(12), 0.05).is_some());
        assert_eq!(interval(&triples(12), 1e-9), None);
        // Wherever number and level ask for ranks, these reach the level.
        for count in 12..60 {
            for alpha in [0.05, 0.01, 0.05 / 8.0, 0.01 / 64.0, 0.01 / 1000.0] {
                if interval_kind(count as usize, alpha) == IntervalKind::Ranks {
                    assert!(
                        interval(&triples(count), alpha).is_some(),
                        "{count} {alpha}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_outlier_moves_a_bound_little() {
        let clean = triples(40);
        let mut spoiled = clean.clone();
        spoiled[3][2] = 1e6;
        let widths = [&clean, &spoiled].map(|triples| interval(triples, 0.05).unwrap());
        assert!(widths[1].half_width() < 1.3 * widths[0].half_width());
    }
}
