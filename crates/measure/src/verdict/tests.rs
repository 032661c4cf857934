//! Tests of the judgement on samples with known properties.

use super::*;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::host::TICK_NS;
use crate::record::Verdict;
use crate::samples::{NotRun, PerArm, Sample, Samples, Surroundings};
use crate::scenario::{Role, Scenario};

/// A scenario whose restarts have the given ln(candidate ÷ baseline) and ln(control ÷
/// baseline), in three pairs each of different input sizes.
fn measured(effects: &[f64], controls: &[f64]) -> Measured {
    let restarts = (0..)
        .zip(effects.iter().zip(controls))
        .map(|(index, (&effect, &control))| restart(index, effect, control))
        .collect();
    Measured {
        scenario: declared(),
        samples: Samples {
            not_run: None,
            restarts,
        },
    }
}

fn declared() -> Declared {
    let scenario = Scenario {
        name: "warm/short".to_owned(),
        group: "warm".to_owned(),
        kind: crate::scenario::Kind::Warm {
            request: serde_json::Map::new(),
            pin: crate::scenario::Pin::None,
            warmup: 1,
        },
        args: Vec::new(),
        env: BTreeMap::new(),
        stdin: None,
        directory: std::path::PathBuf::new(),
        inputs: Vec::new(),
        timeout: std::time::Duration::ZERO,
        exit: 0,
        prepare: Vec::new(),
        server: None,
        class: Vec::new(),
        role: Role::Primary,
        expect: None,
        metrics: Vec::new(),
    };
    scenario.declared()
}

fn restart(index: u32, effect: f64, control: f64) -> Restart {
    let sample = |wall_ns: f64| Sample {
        wall_ns: wall_ns.round() as u64,
        ..Sample::default()
    };
    let pair = |seq: u64, phase, base: f64| Pair {
        seq,
        phase,
        turn: 0,
        turn_position: 0,
        order: vec![Arm::Baseline, Arm::Control, Arm::Candidate],
        baseline: sample(base),
        control: Some(sample(base * control.exp())),
        candidate: sample(base * effect.exp()),
        output: None,
    };
    Restart {
        index,
        layout: None,
        start_order: Vec::new(),
        startup_ns: None,
        idle_cpu_ns: Some(PerArm {
            baseline: 0,
            control: Some(0),
            candidate: 0,
        }),
        surroundings: None,
        host: None,
        pairs: vec![
            // A warm-up that would ruin everything if it counted.
            Pair {
                candidate: sample(9e12),
                ..pair(0, Phase::Warmup, 1e9)
            },
            pair(1, Phase::Measured, 1e9),
            pair(2, Phase::Measured, 3e9),
            pair(3, Phase::Measured, 2e9),
        ],
    }
}

const NOISE: [f64; 8] = [0.002, -0.001, 0.003, -0.004, 0.001, -0.002, 0.0005, 0.0005];

fn around(center: f64) -> Vec<f64> {
    NOISE.iter().map(|noise| center + noise).collect()
}

fn judged(effects: &[f64], controls: &[f64]) -> ScenarioResult {
    judge(&[measured(effects, controls)], &Judging::default()).remove(0)
}

#[test]
fn the_effect_is_the_mean_of_the_restarts_with_its_t_interval() {
    let result = judged(&around(-0.10), &around(0.0));
    assert_eq!(result.verdict, Verdict::Faster, "{}", result.reason);
    let expected = stats::t_interval(&around(-0.10), 0.05).unwrap();
    assert!((result.effect.unwrap() - (-0.10_f64).exp()).abs() < 1e-6);
    assert!((result.ci_high.unwrap() - expected.high.exp()).abs() < 1e-6);
    assert_eq!((result.restarts, result.pairs), (8, 24));
    assert_eq!(result.idle_cpu_ns, Some(0));
}

/// Noise without a pattern, of 1 % at most.
fn noise(count: usize, salt: u32) -> Vec<f64> {
    (0..count as u32)
        .map(|i| f64::from((i + salt) * 7919 % 101) / 5000.0 - 0.01)
        .collect()
}

#[test]
fn from_twelve_restarts_on_the_control_is_a_second_baseline() {
    let (effects, controls) = (noise(12, 0), noise(12, 40));
    let result = judged(&effects, &controls);
    let triples: Vec<Triple> = effects
        .iter()
        .zip(&controls)
        .map(|(&effect, &control)| [0.0, control, effect])
        .collect();
    let expected = aligned_rank::interval(&triples, 0.05).unwrap();
    assert!((result.effect.unwrap() - expected.center.exp()).abs() < 1e-6);
    assert!((result.ci_low.unwrap() - expected.low.exp()).abs() < 1e-6);
    assert!((result.ci_high.unwrap() - expected.high.exp()).abs() < 1e-6);
    // The time is a cost like others, and has the same ratio.
    assert_eq!(result.costs["wall_ns"].effect, result.effect);

    let fewer = judged(&effects[..11], &controls[..11]);
    let expected = stats::t_interval(&effects[..11], 0.05).unwrap();
    assert!((fewer.ci_high.unwrap() - expected.high.exp()).abs() < 1e-6);

    // A restart without a control: pairs alone.
    let mut one = measured(&effects, &controls);
    for pair in &mut one.samples.restarts[3].pairs {
        pair.control = None;
    }
    let result = judge(&[one], &Judging::default()).remove(0);
    let expected = stats::location_interval(&effects, 0.05).unwrap();
    assert!((result.ci_high.unwrap() - expected.high.exp()).abs() < 1e-6);
}

#[test]
fn verdicts_follow_the_rule() {
    for (center, spread, expected) in [
        (-0.10, 1.0, Verdict::Faster),
        (0.10, 1.0, Verdict::Slower),
        (0.0, 1.0, Verdict::NoDifference),
        // Real, but smaller than what matters.
        (0.005, 0.1, Verdict::NoDifference),
        (0.0, 20.0, Verdict::Inconclusive),
        (-0.0098, 1.0, Verdict::Inconclusive),
    ] {
        let effects: Vec<f64> = NOISE.iter().map(|noise| center + noise * spread).collect();
        let result = judged(&effects, &around(0.0));
        assert_eq!(
            result.verdict, expected,
            "{center} {spread}: {}",
            result.reason
        );
        assert_eq!(result.remedy.is_some(), expected == Verdict::Inconclusive);
    }
}

#[test]
fn swapping_the_arms_inverts_effect_and_verdict() {
    for center in [-0.2, -0.0098, 0.0, 0.004, 0.03] {
        let inverse: Vec<f64> = around(center).iter().map(|effect| -effect).collect();
        let (one, other) = (
            judged(&around(center), &around(0.0)),
            judged(&inverse, &around(0.0)),
        );
        assert!((one.effect.unwrap() * other.effect.unwrap() - 1.0).abs() < 1e-8);
        assert!((one.ci_low.unwrap() * other.ci_high.unwrap() - 1.0).abs() < 1e-8);
        let expected = match one.verdict {
            Verdict::Faster => Verdict::Slower,
            Verdict::Slower => Verdict::Faster,
            same => same,
        };
        assert_eq!(other.verdict, expected);
    }
}

#[test]
fn the_unit_of_time_changes_nothing() {
    let one = measured(&around(-0.03), &around(0.0));
    let mut other = one.clone();
    for pair in other
        .samples
        .restarts
        .iter_mut()
        .flat_map(|restart| &mut restart.pairs)
    {
        pair.baseline.wall_ns *= 1000;
        pair.candidate.wall_ns *= 1000;
        pair.control.as_mut().unwrap().wall_ns *= 1000;
    }
    let results = judge(&[one], &Judging::default());
    let scaled = judge(&[other], &Judging::default());
    assert!((results[0].effect.unwrap() - scaled[0].effect.unwrap()).abs() < 1e-12);
    assert_eq!(results[0].verdict, scaled[0].verdict);
}

#[test]
fn the_deciding_intervals_widen_with_the_number_of_scenarios() {
    let one = measured(&around(-0.03), &around(0.0));
    let alone = judge(std::slice::from_ref(&one), &Judging::default()).remove(0);
    let among = judge(&vec![one; 10], &Judging::default()).remove(0);
    assert_eq!(alone.ci_high, among.ci_high);
    assert_eq!(alone.simultaneous_high, alone.ci_high);
    assert!(among.simultaneous_high > alone.simultaneous_high);
    assert!(among.mde > alone.mde);
}

#[test]
fn a_control_that_surely_differs_makes_the_scenario_inconclusive() {
    let result = judged(&around(-0.10), &around(0.05));
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(result.reason.contains("A/A control"), "{}", result.reason);
    assert!(result.noise_floor.unwrap() > 0.05);
    assert!(
        result.reason.contains("99 % over all scenarios together"),
        "{}",
        result.reason
    );
    // At 95 % this control excludes 1, at 99 % it does not: no reason to give up.
    let slightly: Vec<f64> = NOISE.iter().map(|noise| 0.0022 + noise).collect();
    let aa = stats::t_interval(&slightly, 0.05).unwrap();
    assert!(aa.excludes(0.0));
    assert_eq!(judged(&around(-0.10), &slightly).verdict, Verdict::Faster);
}

#[test]
fn too_few_restarts_are_no_answer() {
    let effects = around(-0.10);
    let result = judged(&effects[..7], &around(0.0)[..7]);
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(
        result.reason.contains("only 7 of at least 8"),
        "{}",
        result.reason
    );
}

#[test]
fn what_was_not_run_has_no_figures() {
    let not_run = Some(NotRun::NeedsBudget {
        minimum_s: 600.0,
        budget_s: 1500.0,
    });
    let samples = Samples {
        not_run,
        restarts: Vec::new(),
    };
    let one = Measured {
        scenario: declared(),
        samples,
    };
    let result = judge(&[one], &Judging::default()).remove(0);
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(
        result.reason.starts_with("needs 10 min"),
        "{}",
        result.reason
    );
    assert!(result.remedy.unwrap().contains("--budget 25m"));
    assert_eq!(
        (result.effect, result.mde, result.noise_floor),
        (None, None, None)
    );
    assert_eq!(result.idle_cpu_ns, None);
    assert!(result.costs.is_empty());
}

#[test]
fn without_a_control_there_is_no_noise_floor_but_a_verdict() {
    let mut one = measured(&around(-0.10), &around(0.0));
    for pair in one
        .samples
        .restarts
        .iter_mut()
        .flat_map(|restart| &mut restart.pairs)
    {
        pair.control = None;
    }
    let result = judge(&[one], &Judging::default()).remove(0);
    assert_eq!(result.verdict, Verdict::Faster);
    assert_eq!((result.aa, result.noise_floor), (None, None));
}

#[test]
fn the_remedy_of_a_wide_interval_grows_with_its_width() {
    let wide = |spread: f64| {
        let effects: Vec<f64> = NOISE.iter().map(|noise| -0.02 + noise * spread).collect();
        judged(&effects, &around(0.0)).remedy.unwrap()
    };
    assert!(wide(15.0).contains("instead of 8"), "{}", wide(15.0));
    assert!(wide(15.0) < wide(30.0), "{} / {}", wide(15.0), wide(30.0));
}

#[test]
fn a_remedy_beyond_what_is_planned_says_so() {
    let remedy = |restarts: usize, spread: f64| {
        let step = 2.0 * spread / (restarts - 1) as f64;
        let effects: Vec<f64> = (0..restarts).map(|i| i as f64 * step - spread).collect();
        judged(&effects, &vec![0.0; restarts]).remedy.unwrap()
    };
    let (within, beyond) = (remedy(8, 0.03), remedy(100, 0.30));
    assert!(!within.contains("[judge]"), "{within}");
    assert!(beyond.contains("` in [judge]"), "{beyond}");
}

#[test]
fn a_trend_takes_no_value_that_cannot_be_trusted() {
    use crate::record::ExpectationResult::{Met, NotMeasured};
    use crate::scenario::{Direction, Trend};
    let trends = [Trend {
        metric: "gain".to_owned(),
        over: vec!["first".to_owned(), "last".to_owned()],
        expect: Direction::Increasing,
    }];
    let step = |restarts: usize, control: f64| {
        let mut last = measured(&around(-0.20)[..restarts], &around(control)[..restarts]);
        let mut first = measured(&around(-0.05), &around(0.0));
        first.scenario.name = "first".to_owned();
        last.scenario.name = "last".to_owned();
        let judging = Judging::default();
        let scenarios = judge(&[first, last], &judging);
        judge_trends(&trends, &scenarios, &judging).remove(0)
    };
    assert_eq!(step(8, 0.0).result, Met);
    for unsound in [step(8, 0.05), step(7, 0.0)] {
        assert_eq!(unsound.result, NotMeasured, "{}", unsound.detail);
        assert!(unsound.values[0].value.is_some());
        assert_eq!(unsound.values[1].value, None);
    }
}

#[test]
fn first_requests_of_a_turn_that_differ_from_later_ones_are_noted() {
    let with_first = |first: f64| {
        let mut one = measured(&around(0.0), &around(0.0));
        for restart in &mut one.samples.restarts {
            for (position, pair) in (0..).zip(&mut restart.pairs[1..]) {
                pair.turn_position = position;
                if position == 0 {
                    let scaled = pair.candidate.wall_ns as f64 * first;
                    pair.candidate.wall_ns = scaled as u64;
                }
            }
        }
        judge(&[one], &Judging::default())
            .remove(0)
            .validity
            .notes
            .remove(0)
    };
    assert!(with_first(1.05).contains("differ"), "{}", with_first(1.05));
    assert!(with_first(1.0).contains("agree"), "{}", with_first(1.0));
    // Turns of one request have nothing to compare.
    assert!(judged(&around(0.0), &around(0.0)).validity.notes.is_empty());
}

/// The same restarts, dealt out to `layouts` code layouts in turn.
fn in_layouts(effects: &[f64], layouts: u32) -> Measured {
    let mut measured = measured(effects, &around(0.0).repeat(effects.len() / NOISE.len()));
    for restart in &mut measured.samples.restarts {
        restart.layout = Some(restart.index % layouts);
    }
    measured
}

fn controlled(layouts: u32) -> Judging {
    Judging {
        layouts: Some(layouts),
        ..Judging::default()
    }
}

#[test]
fn the_layout_is_the_unit_where_layouts_are_controlled() {
    // Eight layouts that differ by far more than the restarts within them.
    let luck: Vec<f64> = NOISE.iter().map(|noise| -0.03 + 20.0 * noise).collect();
    let effects: Vec<f64> = [0.001, -0.001, 0.0]
        .iter()
        .flat_map(|shift| luck.iter().map(move |luck| luck + shift))
        .collect();
    let result = judge(&[in_layouts(&effects, 8)], &controlled(8)).remove(0);
    let expected = stats::t_interval(&luck, ALPHA).unwrap();
    assert!((result.ci_high.unwrap() - expected.high.exp()).abs() < 1e-6);
    assert_eq!((result.restarts, result.layouts), (24, Some(8)));
    assert!(result.layout_sd.unwrap() > 0.04);
    assert_eq!(result.verdict, Verdict::Inconclusive, "{}", result.reason);
    assert!(
        result.reason.contains("over 8 code layouts"),
        "{}",
        result.reason
    );
    assert!(result.remedy.unwrap().contains("--layout-control"));
    // The same restarts, taken for units of their own, claim what is luck.
    let pooled = judge(
        &[measured(&effects, &around(0.0).repeat(3))],
        &Judging::default(),
    );
    assert_eq!(pooled[0].verdict, Verdict::Faster, "{}", pooled[0].reason);
    assert_eq!(pooled[0].layouts, None);
}

#[test]
fn an_effect_in_every_layout_is_found() {
    let result = judge(&[in_layouts(&around(-0.10), 8)], &controlled(8)).remove(0);
    assert_eq!(result.verdict, Verdict::Faster, "{}", result.reason);
    assert!(
        result.reason.contains("over 8 code layouts"),
        "{}",
        result.reason
    );
}

#[test]
fn too_few_layouts_give_no_verdict() {
    let effects = around(-0.10).repeat(2);
    for (measured, found) in [
        (in_layouts(&effects, 4), "only 4 of at least 8 code layouts"),
        (
            measured(&effects, &around(0.0).repeat(2)),
            "only 0 of at least 8 code layouts",
        ),
    ] {
        let result = judge(&[measured], &controlled(8)).remove(0);
        assert_eq!(result.verdict, Verdict::Inconclusive);
        assert!(result.reason.starts_with(found), "{}", result.reason);
    }
    let result = judge(&[in_layouts(&around(-0.10), 8)], &controlled(16)).remove(0);
    assert!(
        result.reason.starts_with("only 8 of at least 16"),
        "{}",
        result.reason
    );
}

/// A measurement whose candidate's turns had other surroundings than the baseline's.
fn surrounded(effect: f64, baseline: Surroundings, candidate: Surroundings) -> ScenarioResult {
    let mut measured = measured(&around(effect), &around(0.0));
    for (restart, jitter_ns) in measured.samples.restarts.iter_mut().zip(0_u64..) {
        let jittered = |around: Surroundings| Surroundings {
            waited_ns: around.waited_ns.map(|waited| waited + jitter_ns * 1_000),
            busy_ns: around.busy_ns.map(|busy| busy + jitter_ns * 1_000_000),
            ..around
        };
        restart.surroundings = Some(PerArm {
            baseline: jittered(baseline),
            control: Some(jittered(baseline)),
            candidate: candidate_of(jittered(candidate), jitter_ns),
        });
    }
    judge(&[measured], &Judging::default()).remove(0)
}

fn candidate_of(around: Surroundings, jitter_ns: u64) -> Surroundings {
    Surroundings {
        wall_ns: around.wall_ns + jitter_ns,
        ..around
    }
}

#[test]
fn what_comes_with_the_control_alone_is_told_from_what_comes_with_the_candidate() {
    let effects: Vec<f64> = noise(16, 0).iter().map(|noise| 0.02 + noise).collect();
    let judge_with = |control_s: u64, candidate_s: u64| {
        let mut measured = measured(&effects, &noise(16, 40));
        for (restart, jitter_ns) in measured.samples.restarts.iter_mut().zip(0_u64..) {
            let beside = |busy_s: u64| Surroundings {
                busy_ns: QUIET
                    .busy_ns
                    .map(|busy| busy + busy_s * 1_000_000_000 + jitter_ns),
                ..QUIET
            };
            restart.surroundings = Some(PerArm {
                baseline: beside(0),
                control: Some(beside(control_s)),
                candidate: beside(candidate_s),
            });
        }
        judge(&[measured], &Judging::default()).remove(0)
    };
    assert_eq!(judge_with(0, 0).verdict, Verdict::Slower);
    // The control is half of what the candidate is compared with.
    for (control_s, candidate_s, arm) in [(1, 0, "baseline"), (0, 1, "candidate")] {
        let result = judge_with(control_s, candidate_s);
        assert_eq!(result.verdict, Verdict::Inconclusive, "{arm}");
        let reason = format!("during the turns of the {arm}");
        assert!(result.reason.contains(&reason), "{}", result.reason);
    }
}

const QUIET: Surroundings = Surroundings {
    wall_ns: 1_000_000_000,
    used_ns: Some(1_000_000_000),
    waited_ns: Some(1_000_000),
    busy_ns: Some(1_050_000_000),
    stops: 0,
};

#[test]
fn like_surroundings_leave_the_verdict_alone() {
    let result = surrounded(0.10, QUIET, QUIET);
    assert_eq!(result.verdict, Verdict::Slower, "{}", result.reason);
    // A steady load takes more of the longer turns.
    let loaded = |seconds: u64| Surroundings {
        wall_ns: seconds * 1_000_000_000,
        used_ns: Some(seconds * 1_000_000_000),
        waited_ns: Some(0),
        busy_ns: Some(2 * seconds * 1_000_000_000),
        stops: 0,
    };
    let result = surrounded(0.10, loaded(10), loaded(11));
    assert_eq!(result.verdict, Verdict::Slower, "{}", result.reason);
    // An arm's own helpers take as long however fast the arm itself is.
    let helped = |seconds: u64| Surroundings {
        busy_ns: Some(seconds * 1_000_000_000 + 5_000_000_000),
        ..loaded(seconds)
    };
    let result = surrounded(-0.35, helped(10), helped(7));
    assert_eq!(result.verdict, Verdict::Faster, "{}", result.reason);
}

/// The cores' time in a turn as the kernel tells it: in ticks, of which the turn begins at `phase`.
/// A quarter of a millisecond goes into starting and ending a process.
fn in_ticks(used_ns: f64, cores: f64, phase: f64) -> Surroundings {
    let wall_ns = used_ns + 250_000.0;
    let ticks = (wall_ns / TICK_NS as f64 + phase).floor() * cores;
    Surroundings {
        wall_ns: wall_ns as u64,
        used_ns: Some(used_ns as u64),
        waited_ns: Some(0),
        busy_ns: Some(ticks as u64 * TICK_NS),
        stops: 0,
    }
}

/// How many of 100 measurements are refused as something else used `beside` cores during the
/// candidate's turns; turns begin at random phases of a tick, or the baseline's always late in one.
fn refused(used_ns: f64, beside: f64, latest: f64) -> usize {
    let is_refused = |seed: &u64| {
        let effects: Vec<f64> = noise(70, 0).iter().map(|noise| 0.9 + noise).collect();
        let mut measured = measured(&effects, &noise(70, 40));
        let mut random = ChaCha8Rng::seed_from_u64(*seed);
        let mut turn = |used_ns: f64, cores, earliest: f64| {
            let used_ns = used_ns * random.random_range(1.0..1.05);
            in_ticks(used_ns, cores, random.random_range(earliest..1.0))
        };
        for restart in &mut measured.samples.restarts {
            restart.surroundings = Some(PerArm {
                baseline: turn(used_ns, 1.0, latest),
                control: Some(turn(used_ns, 1.0, latest)),
                candidate: turn(2.6 * used_ns, 1.0 + beside, 0.0),
            });
        }
        let result = judge(&[measured], &Judging::default()).remove(0);
        let reason = "cores more during the turns of the";
        result.verdict == Verdict::Inconclusive && result.reason.contains(reason)
    };
    (0..100).filter(is_refused).count()
}

#[test]
fn the_kernels_ticks_are_no_load() {
    for used_ns in [0.5e6, 1e6, 3.6e6, 6e6, 20e6] {
        assert_eq!(refused(used_ns, 0.0, 0.0), 0, "{used_ns} ns");
        assert_eq!(refused(used_ns, 0.0, 0.6), 0, "{used_ns} ns in step");
    }
    assert_eq!(refused(20e6, 1.0, 0.0), 100);
}

#[test]
fn a_load_in_phase_with_one_arm_gives_no_verdict() {
    let elsewhere = Surroundings {
        busy_ns: Some(2_000_000_000),
        ..QUIET
    };
    let on_its_core = Surroundings {
        wall_ns: 2_000_000_000,
        waited_ns: Some(900_000_000),
        busy_ns: None,
        ..QUIET
    };
    for (effect, baseline, candidate, reason) in [
        (0.10, QUIET, elsewhere, "during the turns of the candidate"),
        (-0.10, elsewhere, QUIET, "during the turns of the baseline"),
        (0.60, QUIET, on_its_core, "the candidate waited for a core"),
        // It hides a gain as well.
        (0.0, QUIET, on_its_core, "the candidate waited for a core"),
    ] {
        let result = surrounded(effect, baseline, candidate);
        assert_eq!(result.verdict, Verdict::Inconclusive, "{}", result.reason);
        assert!(result.reason.contains(reason), "{}", result.reason);
        assert!(result.remedy.is_some());
    }
    // The program itself is 0.6 % slower, which does not matter.
    let a_little_more = Surroundings {
        waited_ns: Some(5_500_000),
        ..QUIET
    };
    for (effect, baseline, candidate) in [
        (0.0105, QUIET, a_little_more),
        (-0.0105, a_little_more, QUIET),
    ] {
        let alone = surrounded(effect, QUIET, QUIET).verdict;
        assert!([Verdict::Slower, Verdict::Faster].contains(&alone));
        let result = surrounded(effect, baseline, candidate);
        assert_eq!(result.verdict, Verdict::Inconclusive, "{}", result.reason);
        assert!(!result.reason.contains("(-"), "{}", result.reason);
    }
    // Waiting that explains next to nothing of a large effect.
    let a_little = Surroundings {
        waited_ns: Some(20_000_000),
        ..QUIET
    };
    let result = surrounded(0.60, QUIET, a_little);
    assert_eq!(result.verdict, Verdict::Slower, "{}", result.reason);
}

#[test]
fn threads_that_wait_for_their_own_kind_are_the_program_itself() {
    let crowded = Surroundings {
        wall_ns: 2_000_000_000,
        waited_ns: Some(900_000_000),
        busy_ns: QUIET.used_ns,
        ..QUIET
    };
    let alone = Surroundings {
        busy_ns: QUIET.used_ns,
        ..QUIET
    };
    let result = surrounded(0.60, alone, crowded);
    assert_eq!(result.verdict, Verdict::Slower, "{}", result.reason);
}

#[test]
fn workers_that_others_stop_give_no_verdict() {
    let stopped = Surroundings { stops: 1, ..QUIET };
    let result = surrounded(0.10, QUIET, stopped);
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(
        result.reason.contains("stopped from outside in 8 of 8"),
        "{}",
        result.reason
    );
}
