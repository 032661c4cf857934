//! An experiment: the control as a second baseline, by ranks that are aligned within triples.
//!
//! A triple is one run each of baseline, control and candidate. Today the effect rests on candidate
//! and baseline alone. For a shift θ the three values (b, a, c − θ) of a triple are aligned by their
//! mean and ranked among those of all triples; θ is in the interval while the candidates' rank sum is
//! within what the random order in each triple allows. Hodges and Lehmann, "Rank methods for
//! combination of independent experiments in analysis of variance", Annals of Mathematical Statistics
//! 33 (1962), 482–497.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF as _, Normal};

use super::super::{
    Interval, IntervalKind, hodges_lehmann, interval_kind, location_interval, mean, t_quantile,
};
use super::{NOISES, Noise, levels};

/// Baseline, control, candidate.
type Triple = [f64; 3];

/// How far to search on either side of the estimate, in half-widths of today's interval.
const REACH: f64 = 20.0;
const STEPS: u32 = 40;

fn triples(noise: Noise, count: usize, random: &mut ChaCha8Rng) -> Vec<Triple> {
    let levels = levels(noise, 3 * count, random);
    let shuffled = |runs: &[f64]| {
        let mut triple = [runs[0], runs[1], runs[2]];
        triple.shuffle(random);
        triple
    };
    levels.chunks_exact(3).map(shuffled).collect()
}

/// The candidates' standardised rank sum when θ is taken from them: 0 where it fits best.
fn score(triples: &[Triple], shift: f64) -> f64 {
    let mut aligned: Vec<(f64, usize)> = Vec::with_capacity(3 * triples.len());
    for (number, &[b, a, c]) in triples.iter().enumerate() {
        let values = [b, a, c - shift];
        let center = values.iter().sum::<f64>() / 3.0;
        let places = values.into_iter().zip(3 * number..);
        aligned.extend(places.map(|(value, place)| (value - center, place)));
    }
    aligned.sort_by(|x, y| x.0.total_cmp(&y.0));
    let mut ranks = vec![0.0; aligned.len()];
    for (rank, &(_, place)) in aligned.iter().enumerate() {
        ranks[place] = rank as f64 + 1.0;
    }
    let (mut sum, mut variance) = (0.0, 0.0);
    for triple in ranks.chunks_exact(3) {
        let center = triple.iter().sum::<f64>() / 3.0;
        sum += triple[2] - center;
        // Each of the three was as likely to be the candidate's.
        variance += triple
            .iter()
            .map(|rank| (rank - center).powi(2))
            .sum::<f64>()
            / 3.0;
    }
    sum / variance.sqrt()
}

/// Where the score falls below `wanted`, by bisection: it falls as the shift grows.
fn crossing(triples: &[Triple], wanted: f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if score(triples, middle) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Which quantile the score is compared with.
#[derive(Debug, Clone, Copy)]
enum Quantile {
    /// The normal distribution's.
    Normal,
    /// Student's t with as many degrees of freedom as triples less 1.
    StudentT,
}

fn aligned_interval(triples: &[Triple], alpha: f64, quantile: Quantile) -> Option<Interval> {
    let differences: Vec<f64> = triples
        .iter()
        .map(|[b, a, c]| c - f64::midpoint(*a, *b))
        .collect();
    let start = hodges_lehmann(&differences)?;
    let reach = REACH * today(triples, alpha)?.half_width();
    let limit = match quantile {
        Quantile::Normal => Normal::standard().inverse_cdf(1.0 - alpha / 2.0),
        Quantile::StudentT => t_quantile(1.0 - alpha / 2.0, triples.len())?,
    };
    let at = |wanted| crossing(triples, wanted, start - reach, start + reach);
    Some(Interval {
        center: at(0.0),
        low: at(limit),
        high: at(-limit),
    })
}

/// The interval of candidate and baseline alone.
fn today(triples: &[Triple], alpha: f64) -> Option<Interval> {
    let differences: Vec<f64> = triples.iter().map(|[b, _, c]| c - b).collect();
    location_interval(&differences, alpha)
}

struct Tried {
    coverage: f64,
    width: f64,
    /// Mean of the estimates, which should be 0.
    bias: f64,
}

fn tried(intervals: &[Interval]) -> Tried {
    let covered = intervals.iter().filter(|found| !found.excludes(0.0));
    let of = |figure: fn(&Interval) -> f64| {
        let figures: Vec<f64> = intervals.iter().map(figure).collect();
        mean(&figures).expect("there are runs")
    };
    Tried {
        coverage: covered.count() as f64 / intervals.len() as f64,
        width: of(Interval::half_width),
        bias: of(|interval| interval.center),
    }
}

fn try_out(noise: Noise, count: usize, alpha: f64, runs: u32) -> [Tried; 3] {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..runs {
        let triples = triples(noise, count, &mut random);
        found[0].extend(today(&triples, alpha));
        found[1].extend(aligned_interval(&triples, alpha, Quantile::Normal));
        found[2].extend(aligned_interval(&triples, alpha, Quantile::StudentT));
    }
    found.map(|intervals| tried(&intervals))
}

fn compare(counts: &[usize], alpha: f64, runs: u32) {
    for noise in NOISES {
        for &count in counts {
            let [today, normal, t] = try_out(noise, count, alpha, runs);
            let kind = match interval_kind(count, alpha) {
                IntervalKind::StudentT => "t",
                IntervalKind::SignedRank => "signed ranks",
            };
            println!(
                "{noise:?}, {count} triples, {alpha}: coverage {kind} {:.1} %, aligned {:.1} %, \
                 aligned with t {:.1} %; width against {kind}: {:.2}, {:.2}; bias {:.3}",
                today.coverage * 100.0,
                normal.coverage * 100.0,
                t.coverage * 100.0,
                normal.width / today.width,
                t.width / today.width,
                normal.bias
            );
        }
    }
}

#[test]
fn the_score_falls_with_the_shift_and_the_interval_moves_with_the_candidate() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let plain = triples(Noise::HeavyTails, 20, &mut random);
    let shifts: Vec<f64> = (-20..=20).map(|step| f64::from(step) / 4.0).collect();
    let scores: Vec<f64> = shifts.iter().map(|&shift| score(&plain, shift)).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let moved: Vec<Triple> = plain.iter().map(|&[b, a, c]| [b, a, c + 3.0]).collect();
    let found = [&plain, &moved]
        .map(|triples| aligned_interval(triples, 0.05, Quantile::Normal).expect("enough triples"));
    for (a, b) in [
        (found[0].low, found[1].low),
        (found[0].center, found[1].center),
        (found[0].high, found[1].high),
    ] {
        assert!((b - a - 3.0).abs() < 1e-6, "{found:?}");
    }
}

#[test]
fn slow_aligned_ranks_on_simulated_noise() {
    compare(&[10, 12, 17, 25, 42, 60], 0.05, 1_500);
    compare(&[17, 42], 0.05 / 8.0, 1_500);
}
