//! Which interval to take for the values of many units: candidates on simulated noise.
//!
//! A value is the difference of two arms' noise, each drawn alike: so it is symmetric, as the random
//! order within a pair makes it, whatever the noise. The figures are quoted in `docs/measuring.md`.
//!
//! [`aligned`] lets the control count as a second baseline.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1, StandardNormal, StudentT};

use super::{Interval, IntervalKind, interval_kind, mean, signed_rank, t_interval, t_quantile};

/// Share of the values that the trimmed mean leaves out at either end.
const TRIMMED: f64 = 0.1;

/// Noise of a process time, on the scale of its logarithm.
#[derive(Debug, Clone, Copy)]
enum Noise {
    Normal,
    /// Student's t with 3 degrees of freedom.
    HeavyTails,
    /// Mostly quiet; one run in ten is held up, by 8 standard deviations on average.
    HeldUp,
    /// As `HeavyTails`, with half of the last run's deviation kept, and a drift of four standard
    /// deviations over the sample.
    Wandering,
}

struct Found {
    coverage: f64,
    mean_half_width: f64,
}

/// Yuen's t interval of the trimmed mean: "The two-sample trimmed t for unequal population
/// variances", Biometrika 61 (1974), for one sample.
fn trimmed_t_interval(values: &[f64], alpha: f64) -> Option<Interval> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = (TRIMMED * values.len() as f64) as usize;
    let kept = values.len() - 2 * cut;
    let center = mean(&sorted[cut..values.len() - cut])?;
    let (low, high) = (sorted[cut], sorted[values.len() - 1 - cut]);
    let winsorised: Vec<f64> = sorted.iter().map(|value| value.clamp(low, high)).collect();
    let winsorised_mean = mean(&winsorised)?;
    let squares: f64 = winsorised
        .iter()
        .map(|value| (value - winsorised_mean).powi(2))
        .sum();
    let error = (squares / (kept * (kept - 1)) as f64).sqrt();
    let half_width = t_quantile(1.0 - alpha / 2.0, kept)? * error;
    Some(Interval {
        center,
        low: center - half_width,
        high: center + half_width,
    })
}

fn sample(noise: Noise, count: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    let levels = levels(noise, 2 * count, random);
    // Which of the two comes first is random in every pair.
    let difference = |pair: &[f64]| {
        let chance: f64 = rand_distr::Open01.sample(random);
        if chance < 0.5 {
            pair[1] - pair[0]
        } else {
            pair[0] - pair[1]
        }
    };
    levels.chunks_exact(2).map(difference).collect()
}

/// The noise of runs that follow each other.
fn levels(noise: Noise, runs: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    let heavy = StudentT::new(3.0).expect("3 is positive");
    let mut carried = 0.0;
    let mut run = |number: usize| -> f64 {
        match noise {
            Noise::Normal => StandardNormal.sample(random),
            Noise::HeavyTails => heavy.sample(random),
            Noise::HeldUp => {
                let quiet: f64 = StandardNormal.sample(random);
                let held_up: f64 = Exp1.sample(random);
                let chance: f64 = rand_distr::Open01.sample(random);
                quiet + if chance < 0.1 { 8.0 * held_up } else { 0.0 }
            }
            Noise::Wandering => {
                carried = 0.5 * carried + heavy.sample(random);
                carried + 4.0 * number as f64 / runs as f64
            }
        }
    };
    (0..runs).map(&mut run).collect()
}

fn simulate(
    noise: Noise,
    count: usize,
    runs: u32,
    alpha: f64,
    interval: fn(&[f64], f64) -> Option<Interval>,
) -> Found {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (mut covered, mut half_widths) = (0_u32, 0.0);
    for _ in 0..runs {
        let found = interval(&sample(noise, count, &mut random), alpha).expect("enough values");
        covered += u32::from(!found.excludes(0.0));
        half_widths += found.half_width();
    }
    Found {
        coverage: f64::from(covered) / f64::from(runs),
        mean_half_width: half_widths / f64::from(runs),
    }
}

mod aligned;

const NOISES: [Noise; 4] = [
    Noise::Normal,
    Noise::HeavyTails,
    Noise::HeldUp,
    Noise::Wandering,
];

/// Tries numbers of values at an error probability.
fn compare(counts: &[usize], alpha: f64, runs: u32) {
    for noise in NOISES {
        for &count in counts {
            let t = simulate(noise, count, runs, alpha, t_interval);
            let trimmed = simulate(noise, count, runs, alpha, trimmed_t_interval);
            let ranks = simulate(noise, count, runs, alpha, signed_rank::interval);
            let relative = |found: &Found| found.mean_half_width / t.mean_half_width;
            println!(
                "{noise:?}, {count} values, {alpha}: coverage t {:.1} %, trimmed {:.1} %, signed ranks \
                 {:.1} %; width against t: trimmed {:.2}, signed ranks {:.2}",
                t.coverage * 100.0,
                trimmed.coverage * 100.0,
                ranks.coverage * 100.0,
                relative(&trimmed),
                relative(&ranks)
            );
            // Three standard errors of the simulation below what was asked for.
            let error = (alpha * (1.0 - alpha) / f64::from(runs)).sqrt();
            assert!(
                ranks.coverage >= 1.0 - alpha - 3.0 * error,
                "{noise:?} {count}"
            );
            if interval_kind(count, alpha) == IntervalKind::Ranks {
                // Normal noise costs the efficiency of ranks, 3 ÷ π of the variance, and the steps
                // of the rank sum.
                assert!(relative(&ranks) < 1.12, "{noise:?} {count}");
                let is_heavy = !matches!(noise, Noise::Normal);
                assert!(!is_heavy || count < 25 || relative(&ranks) < 0.95);
            }
        }
    }
}

#[test]
fn signed_ranks_cover_and_are_the_narrower_under_heavy_tails() {
    compare(&[12, 25, 60], 0.05, 400);
}

#[test]
fn slow_intervals_on_simulated_noise() {
    compare(&[10, 12, 16, 20, 25, 60, 150], 0.05, 4_000);
    // Eight scenarios.
    compare(&[12, 15, 16, 20, 25, 60], 0.05 / 8.0, 4_000);
}
