//! Pairs one by one on a program with known behaviour.

mod support;

use inferno_measure::arms::Arms;
use inferno_measure::pairing::Pairing;
use inferno_measure::samples::{Arm, Output};
use support::{cold, place, warm};

fn two_arms(arms: &Arms) -> Arms {
    arms.clone().without_control()
}

#[test]
fn warm_pairs_share_inputs_and_alternate_in_random_order() {
    let (place, scenario) = (place(), warm("warm/short", "faster"));
    let arms = two_arms(&place.arms);
    let mut pairing = Pairing::start(&scenario, &arms, 1).unwrap();
    let pairs: Vec<_> = (0..20).map(|_| pairing.pair().unwrap()).collect();
    pairing.close().unwrap();
    // The warm-up request was number 0.
    let seqs: Vec<u64> = pairs.iter().map(|pair| pair.seq).collect();
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    for first in [Arm::Baseline, Arm::Candidate] {
        assert!(pairs.iter().any(|pair| pair.order[0] == first), "{first}");
    }
    for pair in &pairs {
        assert!(pair.candidate.wall_ns < pair.baseline.wall_ns, "{pair:?}");
        assert!(matches!(pair.output, Some(Output::Same(_))), "{pair:?}");
    }
}

#[test]
fn outputs_that_differ_are_in_the_pair() {
    let (place, scenario) = (place(), warm("warm/short", "other-output"));
    let arms = two_arms(&place.arms);
    let mut pairing = Pairing::start(&scenario, &arms, 1).unwrap();
    let pair = pairing.pair().unwrap();
    assert!(matches!(pair.output, Some(Output::Differ(_))), "{pair:?}");
}

#[test]
fn cold_pairs_are_of_fresh_processes() {
    let (place, scenario) = (place(), cold("cold/short", ""));
    let arms = two_arms(&place.arms);
    let mut pairing = Pairing::start(&scenario, &arms, 1).unwrap();
    for _ in 0..3 {
        let pair = pairing.pair().unwrap();
        assert!(pair.baseline.wall_ns > 0 && pair.candidate.wall_ns > 0);
        assert!(pair.control.is_none());
    }
    pairing.close().unwrap();
}

#[test]
fn a_worker_that_fails_is_an_error_that_names_the_scenario() {
    let (place, scenario) = (place(), warm("warm/short", "error"));
    let arms = two_arms(&place.arms);
    let mut pairing = Pairing::start(&scenario, &arms, 1).unwrap();
    let error = (0..5)
        .find_map(|_| pairing.pair().err())
        .expect("the third request fails");
    assert!(error.to_string().contains("warm/short"), "{error}");
    assert_eq!(error.exit_code(), 23);
}

#[test]
fn a_control_is_refused() {
    let (place, scenario) = (place(), warm("warm/short", ""));
    let error = Pairing::start(&scenario, &place.arms, 1).unwrap_err();
    assert!(error.to_string().contains("control"), "{error}");
}
