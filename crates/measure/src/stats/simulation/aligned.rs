//! Aligned ranks of triples against signed ranks of candidate and baseline alone.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::super::aligned_rank::{self, Triple};
use super::super::{Interval, mean, signed_rank};
use super::{NOISES, Noise, levels};

/// The candidate's noise is `spread` times the baseline's.
fn triples(noise: Noise, spread: f64, count: usize, random: &mut ChaCha8Rng) -> Vec<Triple> {
    let levels = levels(noise, 3 * count, random);
    let shuffled = |runs: &[f64]| {
        let mut triple = [runs[0], runs[1], runs[2]];
        triple.shuffle(random);
        triple[2] *= spread;
        triple
    };
    levels.chunks_exact(3).map(shuffled).collect()
}

/// The interval without the control.
fn of_pairs(triples: &[Triple], alpha: f64) -> Option<Interval> {
    let differences: Vec<f64> = triples.iter().map(|[b, _, c]| c - b).collect();
    signed_rank::interval(&differences, alpha)
}

/// Noises whose scale can differ from arm to arm without a shift.
const SYMMETRIC: [Noise; 2] = [Noise::Normal, Noise::HeavyTails];

struct Tried {
    coverage: f64,
    half_width: f64,
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
        half_width: of(Interval::half_width),
        bias: of(|interval| interval.center),
    }
}

fn compare(noises: &[Noise], spread: f64, counts: &[usize], alpha: f64, runs: u32) {
    for &noise in noises {
        for &count in counts {
            let mut random = ChaCha8Rng::seed_from_u64(7);
            let (mut pairs, mut aligned) = (Vec::new(), Vec::new());
            for _ in 0..runs {
                let triples = triples(noise, spread, count, &mut random);
                pairs.extend(of_pairs(&triples, alpha));
                aligned.extend(aligned_rank::interval(&triples, alpha));
            }
            let (pairs, aligned) = (tried(&pairs), tried(&aligned));
            println!(
                "{noise:?}, candidate × {spread}, {count} triples, {alpha}: coverage signed ranks {:.1} %, aligned {:.1} %; \
                 width against signed ranks {:.2}; bias {:.3}",
                pairs.coverage * 100.0,
                aligned.coverage * 100.0,
                aligned.half_width / pairs.half_width,
                aligned.bias
            );
            // Four standard errors of the simulation below what was asked for: the quantile is the
            // normal approximation's.
            let error = (alpha * (1.0 - alpha) / f64::from(runs)).sqrt();
            assert!(
                aligned.coverage >= 1.0 - alpha - 4.0 * error,
                "{noise:?} {count}"
            );
            assert!(spread > 2.0 || aligned.half_width < pairs.half_width);
        }
    }
}

#[test]
fn aligned_ranks_cover_and_are_the_narrower() {
    compare(&NOISES, 1.0, &[12, 25], 0.05, 400);
    compare(&SYMMETRIC, 2.0, &[12, 25], 0.05, 400);
}

#[test]
fn slow_aligned_ranks_on_simulated_noise() {
    compare(&NOISES, 1.0, &[12, 16, 20, 25, 42, 60, 150], 0.05, 4_000);
    // Eight scenarios.
    compare(&NOISES, 1.0, &[15, 20, 42], 0.05 / 8.0, 4_000);
    for spread in [0.5, 1.5, 2.0, 4.0] {
        compare(&SYMMETRIC, spread, &[12, 20, 60], 0.05, 4_000);
    }
}
