//! Tests of the plan: order, budget, shares.

use super::unit::best_pairs;
use super::*;

fn warm(scenario: &str, session: usize, pair_s: f64) -> Demand {
    Demand {
        scenario: scenario.to_owned(),
        group: scenario.split('/').next().unwrap_or_default().to_owned(),
        sampling: Sampling::Warm {
            session,
            startup_s: 1.2,
            warmup: 3,
            pair_sd: Some(0.066),
            pin: Pin::OneCore,
        },
        pair_s,
    }
}

fn cold(scenario: &str, pair_s: f64) -> Demand {
    let group = scenario.split('/').next().unwrap_or_default().to_owned();
    Demand {
        scenario: scenario.to_owned(),
        group,
        sampling: Sampling::Cold,
        pair_s,
    }
}

fn judging(budget_s: f64) -> Judging {
    Judging {
        budget_s,
        ..Judging::default()
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    let shares = plan.units.iter().flat_map(|unit| &unit.scenarios);
    shares.map(|share| share.scenario.as_str()).collect()
}

#[test]
fn the_cheapest_of_every_group_comes_first() {
    let demands = [
        cold("a/1", 1.0),
        cold("a/2", 2.0),
        cold("b/1", 30.0),
        cold("c/1", 400.0),
    ];
    let plan = plan("key", &demands, &judging(340.0), 0.0);
    assert_eq!(names(&plan), ["a/1", "b/1"]);
    let waiting: Vec<_> = plan
        .waiting
        .iter()
        .map(|waiting| waiting.scenario.as_str())
        .collect();
    assert_eq!(waiting, ["a/2", "c/1"]);
}

#[test]
fn the_budget_that_is_named_is_enough_though_pilots_grow_with_it() {
    let demands = [
        cold("a/1", 1.0),
        warm("b/1", 0, 2.0),
        warm("b/2", 1, 3.0),
        cold("c/1", 40.0),
    ];
    for turn_requests in [1, 20] {
        let judging = |budget_s| Judging {
            turn_requests,
            ..judging(budget_s)
        };
        let short = plan("key", &demands, &judging(100.0), 5.0);
        assert!(!short.waiting.is_empty());
        for waiting in short.waiting {
            let budget_s = waiting.budget_s + 1e-6;
            for pilots_s in [5.0, 5.0 + PILOT_SHARE * budget_s] {
                let enough = plan("key", &demands, &judging(budget_s), pilots_s);
                assert!(
                    names(&enough).contains(&waiting.scenario.as_str()),
                    "{turn_requests} {pilots_s}: {} in {enough:?}",
                    waiting.scenario
                );
            }
            let less = judging(budget_s - 2.0);
            let too_little = plan("key", &demands, &less, 5.0 + PILOT_SHARE * less.budget_s);
            assert!(!names(&too_little).contains(&waiting.scenario.as_str()));
        }
    }
}

#[test]
fn no_budget_above_the_named_one_is_too_small() {
    // With more time the expensive group is admitted, and pushes the second of `a` out.
    let demands = [cold("a/1", 1.0), cold("a/2", 30.0), cold("b/1", 80.0)];
    let short = plan("key", &demands, &judging(100.0), 0.0);
    for waiting in short.waiting {
        for step in 0..200 {
            let budget_s = (waiting.budget_s + 1e-6) * (1.0 + f64::from(step) * 0.01);
            let enough = plan("key", &demands, &judging(budget_s), 0.0);
            assert!(
                names(&enough).contains(&waiting.scenario.as_str()),
                "{budget_s}: {waiting:?}"
            );
        }
    }
}

#[test]
fn the_plan_stays_within_the_budget_and_above_the_minima() {
    for budget_s in [60.0, 150.0, 600.0, 3000.0, 1e6] {
        let demands = [
            cold("cold", 1.5),
            warm("w/1", 0, 0.25),
            warm("w/2", 0, 2.0),
            warm("x/1", 1, 0.3),
        ];
        let plan = plan("key", &demands, &judging(budget_s), 10.0);
        assert!(plan.expected_s() + 10.0 <= budget_s, "{budget_s}: {plan:?}");
        for unit in &plan.units {
            assert!(unit.restarts >= 8, "{plan:?}");
            assert!(
                unit.scenarios
                    .iter()
                    .all(|share| share.warmup == 0 || share.pairs >= 5)
            );
        }
    }
}

#[test]
fn scenarios_that_share_workers_share_a_unit() {
    let demands = [
        warm("w/1", 0, 0.25),
        warm("w/2", 0, 0.5),
        warm("x/1", 1, 0.3),
    ];
    let plan = plan("key", &demands, &judging(600.0), 0.0);
    let sizes: Vec<_> = plan.units.iter().map(|unit| unit.scenarios.len()).collect();
    assert_eq!(sizes, [2, 1]);
}

#[test]
fn a_whole_budget_is_used_where_the_limits_allow() {
    let plan = plan("key", &[warm("w/1", 0, 0.25)], &judging(120.0), 0.0);
    assert!(plan.expected_s() > 100.0, "{plan:?}");
}

#[test]
fn pairs_follow_costs_and_variances() {
    // √(1.2 / 0.3) × 0.075 / 0.0075 = 20.
    assert_eq!(best_pairs(1.2, 0.3, Some(0.075 + 1e-9), Pin::OneCore), 20);
    assert!(best_pairs(1.2, 0.3, Some(0.075), Pin::None) < 20);
    assert_eq!(best_pairs(0.0, 0.3, None, Pin::None), 1);
}

#[test]
fn a_turn_is_never_cut() {
    let judging = Judging {
        turn_requests: 20,
        ..judging(600.0)
    };
    let plan = plan("key", &[warm("w/1", 0, 0.05)], &judging, 0.0);
    assert_eq!(plan.units[0].scenarios[0].pairs % 20, 0);
}

#[test]
fn where_the_best_pairs_do_not_fit_turns_stay_whole_and_the_share_is_kept() {
    let demands = [warm("w/1", 0, 0.3), warm("w/2", 0, 0.05)];
    let mut between = 0;
    for turn_requests in [1, 4] {
        let judging = Judging {
            turn_requests,
            ..Judging::default()
        };
        let chosen: Vec<&Demand> = demands.iter().collect();
        let drafts = group_by_unit(&chosen, &judging);
        let (least, best) = (drafts[0].unit(0.0), drafts[0].unit(1e6));
        for step in 0..100 {
            let share_s = drafts[0].minimum_s() * (1.001 + f64::from(step) * 0.05);
            let unit = drafts[0].unit(share_s);
            assert!(f64::from(unit.restarts) * unit.restart_s <= share_s);
            for (place, share) in unit.scenarios.iter().enumerate() {
                assert_eq!(share.pairs % turn_requests, 0);
                assert!(share.pairs >= least.scenarios[place].pairs);
                assert!(share.pairs <= best.scenarios[place].pairs);
            }
            between +=
                u32::from(unit.scenarios != least.scenarios && unit.scenarios != best.scenarios);
        }
    }
    assert!(between > 0, "the case in question never came up");
}

#[test]
fn every_code_layout_gets_equally_many_restarts() {
    let demands = [cold("a/1", 1.0), warm("b/1", 0, 2.0)];
    for (layouts, budget_s) in [(8, 400.0), (9, 400.0), (12, 1000.0), (16, 3000.0)] {
        let judging = Judging {
            layouts: Some(layouts),
            ..judging(budget_s)
        };
        let plan = plan("key", &demands, &judging, 0.0);
        assert_eq!(plan.units.len(), 2, "{plan:?}");
        for unit in &plan.units {
            assert!(unit.restarts >= layouts, "{unit:?}");
            assert_eq!(unit.restarts % layouts, 0, "{unit:?}");
        }
        assert!(plan.expected_s() <= budget_s, "{plan:?}");
    }
    let short = Judging {
        layouts: Some(16),
        ..judging(10.0)
    };
    let waiting = plan("key", &demands, &short, 0.0).waiting;
    assert!((waiting[0].minimum_s - 16.0).abs() < 1e-9, "{waiting:?}");
}
