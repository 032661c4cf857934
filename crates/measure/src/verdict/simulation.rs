//! The statistics on simulated runs: how often they are wrong, and what they can see.
//!
//! A simulated request takes exp(level) of time, where the level is the sum of
//! - noise: an autoregressive series per arm and restart (coefficient 0.3) with innovations
//!   of Student's t with 3 degrees of freedom. The autocorrelation is within each arm, so
//!   that pairing does not cancel it: the unfavourable case;
//! - a restart's own level per arm, normal, with a standard deviation of 1 % of the ratio;
//! - a drift of 5 % over the run;
//! - where code layouts are controlled, the luck of each layout, normal, 2 % of the ratio;
//! - the arm's true effect.
//!
//! The noise is scaled so that a pair's ln(candidate ÷ baseline) has the stated standard
//! deviation. Copies of one binary gave 4.7 to 8 % (outliers included) and a restart
//! standard deviation of 0.75 % on one pinned core: 5 % is on the cautious side of that,
//! since heavy-tailed noise of 5 % would by itself spread the restarts by more.
//!
//! [`DEFAULT`] is what the planner gives a pinned scenario of 85 ms requests that shares
//! its workers with two others, when eight scenarios share 10 minutes (checked below).

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal, StudentT};

use super::decide::{Evidence, decide};
use super::{ALPHA, ALPHA_AA};
use crate::plan::{self, Demand, Sampling};
use crate::record::Verdict;
use crate::scenario::{Judging, Pin};
use crate::stats::aligned_rank::{self, Triple};
use crate::stats::{self, Interval, IntervalKind};

/// Simulated runs: of every test run, and of the slow one that the figures are quoted from.
const FEW_RUNS: u32 = 1_000;
const RUNS: u32 = 10_000;
const AUTOCORRELATION: f64 = 0.3;
const RESTART_SD: f64 = 0.01;
const DRIFT: f64 = 0.05;
/// Standard deviation that the luck of code layout adds to ln(candidate ÷ baseline), where
/// layouts are controlled: 0.7 to 7 % were seen on relinked loops.
const LAYOUT_SD: f64 = 0.02;
const DEFAULT: Plan = Plan {
    restarts: 28,
    pairs: 8,
    pair_sd: 0.05,
    scenarios: 1,
    layouts: None,
};

/// What is simulated.
#[derive(Debug, Clone, Copy)]
struct Plan {
    restarts: usize,
    pairs: usize,
    /// Standard deviation of a pair's ln(candidate ÷ baseline).
    pair_sd: f64,
    /// Scenarios over which the deciding intervals are simultaneous.
    scenarios: usize,
    /// Code layouts in which both arms are measured, in turn; then they are the unit.
    layouts: Option<usize>,
}

/// What came out of all runs.
#[derive(Debug)]
struct Tally {
    /// Shares of the verdicts.
    faster: f64,
    slower: f64,
    no_difference: f64,
    inconclusive: f64,
    /// Share of the 95 % intervals that hold the true effect.
    coverage: f64,
    /// Median minimum detectable effect, as a share.
    median_mde: f64,
}

/// ln(arm ÷ baseline) per restart, and the levels of all three arms.
struct Run {
    candidate: Vec<f64>,
    control: Vec<f64>,
    triples: Vec<Triple>,
}

impl Run {
    /// As the judge takes it: by ranks, the control is a second baseline.
    fn effect(&self, plan: Plan, alpha: f64, strictest: f64) -> Option<Interval> {
        match kind_of(plan, self.candidate.len(), strictest) {
            IntervalKind::Ranks => aligned_rank::interval(&self.triples, alpha),
            IntervalKind::StudentT => stats::t_interval(&self.candidate, alpha),
        }
    }
}

fn kind_of(plan: Plan, count: usize, strictest: f64) -> IntervalKind {
    match plan.layouts {
        Some(_) => IntervalKind::StudentT,
        None => stats::interval_kind(count, strictest),
    }
}

fn simulate(plan: Plan, runs: u32, true_effect: f64, seed: u64) -> Tally {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let judging = Judging::default();
    let alpha = |alpha: f64| alpha / plan.scenarios as f64;
    let mut verdicts = [0_u32; 4];
    let mut covered = 0_u32;
    let mut detectable = Vec::with_capacity(runs as usize);
    for _ in 0..runs {
        let run = run(plan, true_effect, &mut random);
        let effect = run.effect(plan, alpha(ALPHA), alpha(ALPHA));
        let control = kind_of(plan, run.control.len(), alpha(ALPHA_AA));
        let evidence = Evidence {
            effect,
            control: stats::interval_of(control, &run.control, alpha(ALPHA_AA)),
            restarts: plan.restarts,
            layouts: plan.layouts,
            disparity: None,
            most_restarts: 120,
            not_run: None,
        };
        verdicts[decide(&evidence, &judging).verdict as usize] += 1;
        let display = run.effect(plan, ALPHA, alpha(ALPHA));
        let display = display.expect("enough restarts");
        covered += u32::from(!display.excludes(true_effect));
        let count = run.candidate.len();
        detectable.extend(
            effect
                .and_then(|effect| stats::minimum_detectable_effect(&effect, count, alpha(ALPHA)))
                .map(f64::exp_m1),
        );
    }
    let share = |verdict: Verdict| f64::from(verdicts[verdict as usize]) / f64::from(runs);
    Tally {
        faster: share(Verdict::Faster),
        slower: share(Verdict::Slower),
        no_difference: share(Verdict::NoDifference),
        inconclusive: share(Verdict::Inconclusive),
        coverage: f64::from(covered) / f64::from(runs),
        median_mde: stats::median(&detectable).expect("there are runs"),
    }
}

fn run(plan: Plan, true_effect: f64, random: &mut ChaCha8Rng) -> Run {
    let requests = (plan.restarts * plan.pairs * 3) as f64;
    let mut number = 0.0;
    let mut run = Run {
        candidate: Vec::new(),
        control: Vec::new(),
        triples: Vec::new(),
    };
    let luck: Vec<f64> = (0..plan.layouts.unwrap_or(0))
        .map(|_| {
            let normal: f64 = StandardNormal.sample(random);
            LAYOUT_SD * normal
        })
        .collect();
    for restart in 0..plan.restarts {
        let luck = match luck.len() {
            0 => 0.0,
            layouts => luck[restart % layouts],
        };
        let mut arms = [0.0, 0.0, true_effect + luck].map(|effect| Arm::new(effect, plan, random));
        let (mut candidate, mut control) = (Vec::new(), Vec::new());
        let mut aligned = [const { Vec::new() }; 3];
        for _ in 0..plan.pairs {
            let mut order = [0, 1, 2];
            order.shuffle(random);
            let mut levels = [0.0; 3];
            for arm in order {
                levels[arm] = arms[arm].request(random) + DRIFT * number / requests;
                number += 1.0;
            }
            control.push(levels[1] - levels[0]);
            candidate.push(levels[2] - levels[0]);
            let center = levels.iter().sum::<f64>() / 3.0;
            for (aligned, level) in aligned.iter_mut().zip(levels) {
                aligned.push(level - center);
            }
        }
        let of_arm = |levels: Vec<f64>| stats::hodges_lehmann(&levels).expect("there are pairs");
        run.triples.push(aligned.map(of_arm));
        run.candidate.extend(stats::hodges_lehmann(&candidate));
        run.control.extend(stats::hodges_lehmann(&control));
    }
    if let Some(layouts) = plan.layouts {
        run.candidate = averaged(&run.candidate, layouts);
        run.control = averaged(&run.control, layouts);
    }
    run
}

/// The mean of each layout's restarts, which come in turn.
fn averaged(restarts: &[f64], layouts: usize) -> Vec<f64> {
    (0..layouts)
        .filter_map(|layout| {
            let of_layout: Vec<f64> = restarts
                .iter()
                .skip(layout)
                .step_by(layouts)
                .copied()
                .collect();
            stats::mean(&of_layout)
        })
        .collect()
}

/// An arm's process within one restart.
struct Arm {
    level: f64,
    noise: f64,
    scale: f64,
    innovations: StudentT<f64>,
}

impl Arm {
    fn new(effect: f64, plan: Plan, random: &mut ChaCha8Rng) -> Self {
        let normal: f64 = StandardNormal.sample(random);
        // The variance of t with 3 degrees of freedom is 3, that of the series is the
        // innovations' ÷ (1 − ρ²), that of a difference of two arms twice an arm's.
        let stationary_sd = plan.pair_sd / 2.0_f64.sqrt();
        let scale = stationary_sd * (1.0 - AUTOCORRELATION.powi(2)).sqrt() / 3.0_f64.sqrt();
        let innovations = StudentT::new(3.0).expect("3 is positive");
        let mut arm = Self {
            level: effect + normal * RESTART_SD / 2.0_f64.sqrt(),
            noise: 0.0,
            scale,
            innovations,
        };
        for _ in 0..5 {
            arm.request(random);
        }
        arm
    }

    fn request(&mut self, random: &mut ChaCha8Rng) -> f64 {
        self.noise = AUTOCORRELATION * self.noise + self.scale * self.innovations.sample(random);
        self.level + self.noise
    }
}

/// The least true effect of arms that differ, in thresholds: nearer to δ, an interval that misses the
/// truth by chance, as one in forty does on that side, may lie inside ±δ.
const LEAST_SHIFT: f64 = 1.5;

/// Simulates equal arms, and arms whose true effect is twice the median minimum detectable
/// effect of the former, and at least [`LEAST_SHIFT`].
fn simulate_both(name: &str, plan: Plan, runs: u32) -> (Tally, Tally) {
    let equal = simulate(plan, runs, 0.0, 1);
    let least = LEAST_SHIFT * Judging::default().threshold;
    let shift = (2.0 * equal.median_mde).max(least);
    let shifted = simulate(plan, runs, -shift.ln_1p(), 2);
    println!("{name}: {plan:?}, {runs} runs\n  equal:   {equal}\n  shifted: {shifted}");
    (equal, shifted)
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |share: f64| share * 100.0;
        write!(
            f,
            "faster {:.2} %, slower {:.2} %, no-difference {:.2} %, inconclusive {:.2} %, \
             coverage {:.2} %, median MDE {:.2} %",
            percent(self.faster),
            percent(self.slower),
            percent(self.no_difference),
            percent(self.inconclusive),
            percent(self.coverage),
            percent(self.median_mde)
        )
    }
}

fn assert_honest(equal: &Tally, shifted: &Tally) {
    assert!(
        equal.faster + equal.slower <= 0.05,
        "false verdicts: {equal:?}"
    );
    assert!(
        (0.93..=0.97).contains(&equal.coverage),
        "coverage: {equal:?}"
    );
    assert!(
        (0.93..=0.97).contains(&shifted.coverage),
        "coverage: {shifted:?}"
    );
    // Twice what can be detected is never called no difference, nor seen the wrong way round.
    assert!(
        shifted.slower + shifted.no_difference <= 0.001,
        "{shifted:?}"
    );
}

fn assert_default_sees_enough(runs: u32) {
    let (equal, shifted) = simulate_both("default", DEFAULT, runs);
    assert_honest(&equal, &shifted);
    assert!(equal.median_mde <= 0.015, "{equal:?}");
    assert!(shifted.faster >= 0.95, "{shifted:?}");
}

#[test]
fn the_default_plan_is_honest_and_sees_enough() {
    assert_default_sees_enough(FEW_RUNS);
}

#[test]
fn eight_code_layouts_are_honest() {
    let plan = Plan {
        restarts: 16,
        layouts: Some(8),
        ..DEFAULT
    };
    let (equal, shifted) = simulate_both("eight code layouts", plan, FEW_RUNS);
    assert_honest(&equal, &shifted);
}

/// The least numbers of cold pairs that ranks are used for, with one scenario and with eight.
#[test]
fn few_cold_pairs_are_honest() {
    for (restarts, scenarios) in [(12, 1), (15, 8)] {
        let plan = cold(restarts, scenarios);
        let (equal, shifted) = simulate_both("few cold pairs", plan, FEW_RUNS);
        assert_honest(&equal, &shifted);
    }
}

fn cold(restarts: usize, scenarios: usize) -> Plan {
    Plan {
        restarts,
        pairs: 1,
        scenarios,
        ..DEFAULT
    }
}

#[test]
fn slow_all_plans_are_honest_and_the_default_sees_enough() {
    assert_default_sees_enough(RUNS);
    for (name, plan) in [
        (
            "least",
            Plan {
                restarts: 8,
                pairs: 5,
                ..DEFAULT
            },
        ),
        (
            "least restarts",
            Plan {
                restarts: 8,
                pairs: 20,
                ..DEFAULT
            },
        ),
        (
            "good enough to let others in",
            Plan {
                restarts: 18,
                pairs: 10,
                ..DEFAULT
            },
        ),
        (
            "many restarts",
            Plan {
                restarts: 40,
                pairs: 5,
                ..DEFAULT
            },
        ),
        (
            "quiet machine",
            Plan {
                pair_sd: 0.03,
                ..DEFAULT
            },
        ),
        (
            "noisy machine",
            Plan {
                pair_sd: 0.07,
                ..DEFAULT
            },
        ),
        (
            "eight scenarios",
            Plan {
                scenarios: 8,
                ..DEFAULT
            },
        ),
        (
            "eight code layouts",
            Plan {
                restarts: 24,
                layouts: Some(8),
                ..DEFAULT
            },
        ),
        (
            "sixteen code layouts",
            Plan {
                restarts: 32,
                layouts: Some(16),
                ..DEFAULT
            },
        ),
        ("cold, the least", cold(10, 1)),
        ("cold, the least by ranks", cold(12, 1)),
        ("the same, over eight scenarios", cold(15, 8)),
        ("cold", cold(20, 1)),
        ("cold over eight scenarios", cold(20, 8)),
        ("cold, many", cold(60, 1)),
        ("cold, very many", cold(300, 1)),
    ] {
        let (equal, shifted) = simulate_both(name, plan, RUNS);
        assert_honest(&equal, &shifted);
    }
}

/// Eight scenarios as a spec for a small model has them: three pinned ones of 85 ms
/// requests, four on all cores of 0.3 to 1 s, and a cold one of 1.2 s.
#[test]
fn the_planner_gives_the_default_plan() {
    let warm = |number: usize, session, pair_s, pin| Demand {
        scenario: format!("warm/{number}"),
        group: "warm".to_owned(),
        sampling: Sampling::Warm {
            session,
            startup_s: 1.5,
            warmup: 2,
            // The robust spread of noise with 3 degrees of freedom and 5 % standard deviation.
            pair_sd: Some(0.033),
            pin,
        },
        pair_s,
    };
    let mut demands: Vec<Demand> = (0..3)
        .map(|i| warm(i, 0, 3.0 * 0.085, Pin::OneCore))
        .collect();
    demands.extend([0.3, 0.5, 0.7, 1.0].map(|s| warm((s * 10.0) as usize, 1, 3.0 * s, Pin::None)));
    demands.push(Demand {
        scenario: "cold".to_owned(),
        group: "cold".to_owned(),
        sampling: Sampling::Cold,
        pair_s: 3.0 * 1.2,
    });
    let plan = plan::plan("key", &demands, &Judging::default(), 40.0);
    let pinned = plan
        .units
        .iter()
        .find(|unit| unit.scenarios.len() == 3)
        .expect("one session");

    let pairs: Vec<usize> = pinned
        .scenarios
        .iter()
        .map(|share| share.pairs as usize)
        .collect();
    let found = (pinned.restarts as usize, pairs);
    assert_eq!(
        found,
        (DEFAULT.restarts, vec![DEFAULT.pairs; 3]),
        "{plan:#?}"
    );
}
