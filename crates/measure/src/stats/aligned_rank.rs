//! The interval that inverts the aligned rank test, where two of three arms are the same program.
//!
//! Takes one triple per unit: the levels (baseline, control, candidate) on the scale of logarithms.
//! Gives the shift of the candidate against the other two, with the bounds that the test does not
//! reject. The control counts as a second baseline, so the interval is narrower than that of
//! candidate and baseline alone: by the root of 3/4 where the noise is normal.
//!
//! Without a shift, which of a triple's three levels is the candidate's is random, because the order
//! of the arms is. No other assumption on the noise: it may have heavy tails on one side.
//!
//! For a shift θ the levels (b, a, c − θ) of each triple are aligned by their mean, then ranked among
//! those of all triples. θ is in the interval while the candidates' rank sum differs from its mean by
//! no more than a quantile of the normal distribution times the standard deviation that the random
//! order gives it; the latter is taken where θ fits best, so that the interval has no holes. Hodges
//! and Lehmann, "Rank methods for combination of independent experiments in analysis of variance",
//! Annals of Mathematical Statistics 33 (1962), 482–497; the inversion as in Hodges and Lehmann (1963).

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::Interval;

/// Levels of baseline, control and candidate.
pub(crate) type Triple = [f64; 3];

/// Halvings of the range in which a bound is looked for: to the last digit of a double.
const HALVINGS: u32 = 60;

/// The two-sided interval with error probability `alpha`. `None` without triples, and where so few
/// cannot reach that level.
pub(crate) fn interval(triples: &[Triple], alpha: f64) -> Option<Interval> {
    if triples.is_empty() {
        return None;
    }
    let mut ranking = Ranking::new(triples);
    let center = f64::midpoint(
        ranking.last_shift(|sum| sum > 0.0),
        ranking.last_shift(|sum| sum >= 0.0),
    );
    let quantile = Normal::standard().inverse_cdf(1.0 - alpha / 2.0);
    let limit = quantile * ranking.variance(center).sqrt();
    if limit > 0.0 && ranking.sum(ranking.range.0) <= limit {
        return None;
    }
    Some(Interval {
        center,
        low: ranking.last_shift(|sum| sum > limit),
        high: ranking.last_shift(|sum| sum >= -limit),
    })
}

/// Shifts below and above which the candidate's aligned level is beyond all others.
fn range(triples: &[Triple]) -> (f64, f64) {
    let spread = triples
        .iter()
        .map(|[b, a, _]| (b - a).abs())
        .fold(0.0, f64::max);
    let shifts = || triples.iter().map(|[b, a, c]| c - f64::midpoint(*b, *a));
    // Never empty, so that equal triples are bracketed as well.
    let margin = 2.0 * spread + f64::EPSILON;
    (
        shifts().fold(f64::INFINITY, f64::min) - margin,
        shifts().fold(f64::NEG_INFINITY, f64::max) + margin,
    )
}

/// Triples with room to rank their levels.
struct Ranking<'a> {
    triples: &'a [Triple],
    range: (f64, f64),
    /// Aligned levels with their places: three times the triple's number, plus the arm's.
    aligned: Vec<(f64, usize)>,
    /// By place.
    ranks: Vec<f64>,
}

impl<'a> Ranking<'a> {
    fn new(triples: &'a [Triple]) -> Self {
        Self {
            triples,
            range: range(triples),
            aligned: Vec::with_capacity(3 * triples.len()),
            ranks: vec![0.0; 3 * triples.len()],
        }
    }

    /// The largest shift at which `holds` of the rank sum, which never rises with the shift.
    fn last_shift(&mut self, holds: impl Fn(f64) -> bool) -> f64 {
        let (mut low, mut high) = self.range;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if holds(self.sum(middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }

    /// The candidates' rank sum less its mean, when `shift` is taken from their levels.
    fn sum(&mut self, shift: f64) -> f64 {
        self.rank(shift);
        let count = self.triples.len() as f64;
        let sum: f64 = self.ranks.iter().skip(2).step_by(3).sum();
        sum - count * (3.0 * count + 1.0) / 2.0
    }

    /// The variance of that sum: each of a triple's ranks was as likely to be the candidate's.
    fn variance(&mut self, shift: f64) -> f64 {
        self.rank(shift);
        let of_triple = |ranks: &[f64]| {
            let center = ranks.iter().sum::<f64>() / 3.0;
            let squares: f64 = ranks.iter().map(|rank| (rank - center).powi(2)).sum();
            squares / 3.0
        };
        self.ranks.chunks_exact(3).map(of_triple).sum()
    }

    fn rank(&mut self, shift: f64) {
        self.aligned.clear();
        for (number, &[b, a, c]) in self.triples.iter().enumerate() {
            let levels = [b, a, c - shift];
            let center = levels.iter().sum::<f64>() / 3.0;
            let places = levels.into_iter().zip(3 * number..);
            self.aligned
                .extend(places.map(|(level, place)| (level - center, place)));
        }
        self.aligned.sort_unstable_by(|x, y| x.0.total_cmp(&y.0));
        let mut before = 0;
        // Equal levels share the mean of their ranks.
        for equal in self.aligned.chunk_by(|x, y| x.0.total_cmp(&y.0).is_eq()) {
            let shared = before as f64 + f64::midpoint(1.0, equal.len() as f64);
            for &(_, place) in equal {
                self.ranks[place] = shared;
            }
            before += equal.len();
        }
    }
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

    #[test]
    fn sum_and_variance_agree_with_a_worked_example() {
        // Aligned: −1, 0, 1 and −2, −1, 3. Ranks: 2.5, 4, 5 and 1, 2.5, 6; means 23/6 and 19/6.
        let triples = [[1.0, 2.0, 3.0], [0.0, 1.0, 5.0]];
        let mut ranking = Ranking::new(&triples);
        assert!((ranking.sum(0.0) - 4.0).abs() < 1e-12);
        let squares = |ranks: [f64; 3], mean: f64| -> f64 {
            ranks.iter().map(|rank| (rank - mean).powi(2)).sum()
        };
        let variance = squares([2.5, 4.0, 5.0], 23.0 / 6.0) + squares([1.0, 2.5, 6.0], 19.0 / 6.0);
        assert!((ranking.variance(0.0) - variance / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_sum_never_rises_with_the_shift_and_ends_at_its_extremes() {
        let triples = triples(20);
        let mut ranking = Ranking::new(&triples);
        let sums: Vec<f64> = (-300..=300)
            .map(|step| ranking.sum(f64::from(step) / 100.0))
            .collect();
        assert!(sums.is_sorted_by(|a, b| a >= b), "{sums:?}");
        // All candidates above, or below, all others: 20 times ±20.
        let (first, last) = ranking.range;
        assert_eq!((ranking.sum(first), ranking.sum(last)), (400.0, -400.0));
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
