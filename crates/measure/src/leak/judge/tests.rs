//! Series that are leaks and series that only look like some.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const CYCLES: usize = 150;
const DRAWS: usize = 200;

const LIMITS: Limits = Limits {
    tolerance: 1.0,
    grain: 0.01,
};

/// The same, where any growth matters.
const ANY: Limits = Limits {
    tolerance: 0.0,
    ..LIMITS
};

/// Noise of which each value keeps `memory` of the one before.
fn noise(random: &mut ChaCha8Rng, memory: f64) -> Vec<f64> {
    let mut last = 0.0;
    let mut draw = || {
        last = memory * last + random.random::<f64>() - 0.5;
        last
    };
    (0..CYCLES).map(|_| draw()).collect()
}

/// What is said of [`DRAWS`] series: `make` gives one, by its noise.
fn judged(memory: f64, make: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Judgement> {
    judged_by(LIMITS, memory, make)
}

fn judged_by(limits: Limits, memory: f64, make: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Judgement> {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    (0..DRAWS)
        .map(|_| {
            let control: Vec<f64> = noise(&mut random, 0.0)
                .iter()
                .map(|value| value / 10.0)
                .collect();
            let series = make(&noise(&mut random, memory));
            judge(&series, &control, limits)
        })
        .collect()
}

fn count(judgements: &[Judgement], verdict: Verdict) -> usize {
    let is_so = |judgement: &&Judgement| judgement.verdict == verdict;
    judgements.iter().filter(is_so).count()
}

fn with(noise: &[f64], of_cycle: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..)
        .zip(noise)
        .map(|(cycle, noise)| of_cycle(cycle) + noise)
        .collect()
}

#[test]
fn a_flat_series_has_no_leak_and_says_what_it_would_have_seen() {
    let judgement = judge(&[7e7; 75], &[7e7; 20], ANY);
    assert_eq!(judgement.verdict, Verdict::None);
    assert_eq!(judgement.reason, None);
    let growth = judgement.growth.unwrap();
    assert!((growth.p_value - 1.0).abs() < 1e-9);
    assert!((growth.smallest_leak - 4.0 * 0.01 / 75.0).abs() < 1e-12);
}

#[test]
fn a_healthy_sawtooth_is_no_leak() {
    let judgements = judged_by(ANY, 0.0, |noise| {
        with(noise, |cycle| (cycle % 10) as f64 * 30.0)
    });
    assert!(count(&judgements, Verdict::Leak) <= 4, "{judgements:?}");
}

#[test]
fn noise_is_no_leak_and_is_said_to_be_none() {
    let judgements = judged_by(ANY, 0.0, <[f64]>::to_vec);
    assert!(count(&judgements, Verdict::Leak) <= 4, "{judgements:?}");
    let judgements = judged(0.0, <[f64]>::to_vec);
    assert!(count(&judgements, Verdict::Leak) <= 4, "{judgements:?}");
    assert!(count(&judgements, Verdict::None) > 190, "{judgements:?}");
}

#[test]
fn neighbours_that_are_alike_are_no_leak() {
    let judgements = judged_by(ANY, 0.6, <[f64]>::to_vec);
    assert!(count(&judgements, Verdict::Leak) <= 10, "{judgements:?}");
}

#[test]
fn a_leak_of_the_size_that_is_promised_is_found() {
    let without = judged_by(ANY, 0.0, <[f64]>::to_vec);
    let sizes: Vec<f64> = without
        .iter()
        .filter_map(|judgement| Some(judgement.growth?.smallest_leak))
        .collect();
    let size = crate::stats::median(&sizes).unwrap();
    let judgements = judged_by(ANY, 0.0, |noise| with(noise, |cycle| size * cycle as f64));
    let found = count(&judgements, Verdict::Leak);
    assert!(found >= DRAWS * 4 / 5, "{found} of {DRAWS}");
    let judgements = judged_by(ANY, 0.0, |noise| {
        with(noise, |cycle| 3.0 * size * cycle as f64)
    });
    let found = count(&judgements, Verdict::Leak);
    assert!(found >= DRAWS * 19 / 20, "{found} of {DRAWS}");
}

#[test]
fn growth_that_would_not_matter_is_none_and_no_smaller_leak_is_promised() {
    let grow = |slope: f64| -> Vec<f64> { (0..75).map(|cycle| f64::from(cycle) * slope).collect() };
    let limits = Limits {
        tolerance: 2048.0,
        grain: 16.0,
    };
    let judgement = judge(&grow(16.0), &[0.0; 40], limits);
    assert_eq!(judgement.verdict, Verdict::None);
    let smallest_leak = judgement.growth.unwrap().smallest_leak;
    assert!(smallest_leak >= 2048.0, "{smallest_leak}");
    for slope in [2064.0, 4096.0] {
        let judgement = judge(&grow(slope), &[0.0; 40], limits);
        assert_eq!(judgement.verdict, Verdict::Leak, "{judgement:?}");
    }
}

#[test]
fn a_leak_beneath_a_sawtooth_is_found() {
    let judgements = judged(0.0, |noise| {
        with(noise, |cycle| {
            (cycle % 10) as f64 * 3.0 + cycle as f64 * 2.0
        })
    });
    let found = count(&judgements, Verdict::Leak);
    assert!(found >= DRAWS * 19 / 20, "{found} of {DRAWS}");
}

#[test]
fn one_step_is_inconclusive_and_named() {
    for at in [40, 75, 110] {
        let judgements = judged(0.0, |noise| {
            with(noise, |cycle| if cycle < at { 0.0 } else { 500.0 })
        });
        assert_eq!(count(&judgements, Verdict::Leak), 0);
        for judgement in judgements {
            match judgement.reason {
                Some(Reason::Step { at: found, size }) => {
                    assert!(found.abs_diff(at) <= CYCLES / BLOCKS, "{found} {at}");
                    assert!((size - 500.0).abs() < 100.0, "{size}");
                }
                // A step so early or late that the slope is below what matters.
                None => assert_eq!(judgement.verdict, Verdict::None),
                Some(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_leak_shows_through_readings_that_move_by_pages() {
    let page = 4096.0;
    let series: Vec<f64> = (0..75)
        .map(|cycle| (7e7 / page + f64::from(cycle) * 700.0 / page).floor() * page)
        .collect();
    let limits = Limits {
        tolerance: 100.0,
        grain: page,
    };
    let judgement = judge(&series, &[7e7; 20], limits);
    assert_eq!(judgement.verdict, Verdict::Leak, "{judgement:?}");
    let slope = judgement.growth.unwrap().slope;
    assert!((slope - 700.0).abs() < 70.0, "{slope}");
}

#[test]
fn growth_that_the_control_shows_as_well_is_no_leak() {
    let grow = |count: usize| (0..count).map(|cycle| cycle as f64 * 64.0).collect();
    let (measured, control): (Vec<f64>, Vec<f64>) = (grow(75), grow(40));
    let judgement = judge(&measured, &control, LIMITS);
    assert_eq!(judgement.reason, Some(Reason::Unconfirmed), "{judgement:?}");
    assert!(judgement.growth.unwrap().floor >= 63.9);
}

#[test]
fn too_few_readings_say_how_many_it_takes() {
    for (measured, control) in [(9, 40), (40, 9)] {
        let judgement = judge(&vec![1.0; measured], &vec![1.0; control], LIMITS);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert_eq!(judgement.reason, Some(Reason::TooFew { needs: 10 }));
        assert_eq!(judgement.growth, None);
    }
}

#[test]
fn more_cycles_are_asked_for_where_readings_wander() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let wild: Vec<f64> = noise(&mut random, 0.0)
        .iter()
        .map(|value| value * 1e4)
        .collect();
    let judgement = judge(&wild, &[0.0; 40], LIMITS);
    assert_eq!(judgement.verdict, Verdict::Inconclusive, "{judgement:?}");
    match judgement.reason {
        Some(Reason::Noise { needs }) => assert!(needs > CYCLES && needs <= 1_000_000, "{needs}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_leak_outweighs_the_rest() {
    use Verdict::{Inconclusive, Leak, None};
    assert_eq!(overall([None, Leak, Inconclusive]), Leak);
    assert_eq!(overall([None, Inconclusive]), Inconclusive);
    assert_eq!(overall([None, None]), None);
    assert_eq!(overall([]), Inconclusive);
}
