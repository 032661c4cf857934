//! The three ways to compare, on built data: the rule, its symmetry, the drift allowance, what
//! differs.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::record::tests::with_times;
use crate::record::{Record, Verdict};
use crate::samples::{NotRun, PerArm, Surroundings};
use crate::verdict::judge_again;

const RESTARTS: usize = 20;

fn noise(seed: u64, sd: f64) -> impl FnMut() -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // The sum of four uniform values is near enough to normal here.
    move || {
        let sum: f64 = (0..4).map(|_| random.random::<f64>() - 0.5).sum();
        sum * sd * 3.0_f64.sqrt()
    }
}

/// A record whose machine is `drift` slower, with a candidate of `effect` and its own noise.
pub(super) fn record(
    baseline: char,
    candidate: char,
    effect: f64,
    drift: f64,
    seed: u64,
) -> Record {
    let mut noise = noise(seed, 0.004);
    let restarts: Vec<[f64; 3]> = (0..RESTARTS)
        .map(|_| {
            let base = 50e6 * drift * (1.0 + noise());
            let mut arm = |effect: f64| base * effect * (1.0 + noise());
            [arm(1.0), arm(1.0), arm(effect)]
        })
        .collect();
    let mut record = with_times(&restarts);
    record.artifacts.baseline.sha256 = baseline.to_string().repeat(64);
    record.artifacts.candidate.sha256 = candidate.to_string().repeat(64);
    record
}

fn compared(older: &Record, newer: &Record) -> Comparison {
    of_records(older, newer, ["old", "new"], 0.01, DRIFT_DEFAULT)
}

fn inverse(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Faster => Verdict::Slower,
        Verdict::Slower => Verdict::Faster,
        other => other,
    }
}

#[test]
fn a_common_baseline_cancels_the_drift_between_runs() {
    // The newer run's machine is 10 % slower.
    for (effects, expected) in [
        ([1.0, 0.95], Verdict::Faster),
        ([0.95, 1.0], Verdict::Slower),
        ([0.8, 0.8], Verdict::NoDifference),
    ] {
        let older = record('a', 'b', effects[0], 1.0, 1);
        let newer = record('a', 'c', effects[1], 1.1, 2);
        let comparison = compared(&older, &newer);
        let row = &comparison.rows[0];
        assert_eq!(row.pairing, Pairing::Bridged);
        assert_eq!(row.verdict, expected, "{}", row.reason);
        let effect = row.effect.unwrap();
        let truth = effects[1] / effects[0];
        assert!((effect - truth).abs() < 0.01, "{effect} ≠ {truth}");
        assert!(row.ci_low.unwrap() < truth && truth < row.ci_high.unwrap());
        assert_eq!(comparison.drift, None);
    }
}

#[test]
fn without_a_common_baseline_a_shift_within_the_allowance_is_never_called() {
    for shift in [0.88, 0.9, 0.95, 1.0, 1.05, 1.1, 1.14] {
        let comparison = compared(
            &record('a', 'b', 1.0, 1.0, 3),
            &record('d', 'c', 1.0, shift, 4),
        );
        let row = &comparison.rows[0];
        assert_eq!(row.pairing, Pairing::Unpaired);
        assert_eq!(
            row.verdict,
            Verdict::Inconclusive,
            "{shift}: {}",
            row.reason
        );
        assert!(
            row.reason.contains("drift allowance of 15 %"),
            "{}",
            row.reason
        );
        assert!(row.remedy.as_ref().unwrap().contains("side by side"));
        assert_eq!(comparison.drift, Some(DRIFT_DEFAULT));
    }
    for (shift, expected) in [(0.5, Verdict::Faster), (2.0, Verdict::Slower)] {
        let comparison = compared(
            &record('a', 'b', 1.0, 1.0, 3),
            &record('d', 'c', 1.0, shift, 4),
        );
        assert_eq!(comparison.rows[0].verdict, expected);
    }
    // Whoever knows that the machine is quiet may say so.
    let (older, newer) = (record('a', 'b', 1.0, 1.0, 3), record('d', 'c', 0.9, 1.0, 4));
    let quiet = of_records(&older, &newer, ["old", "new"], 0.01, 0.02);
    assert_eq!(quiet.rows[0].verdict, Verdict::Faster);
}

#[test]
fn swapping_the_sides_inverts_the_answer() {
    for (baselines, seed) in [(['a', 'a'], 10), (['a', 'd'], 20)] {
        for effect in [0.5, 0.9, 0.99, 1.0, 1.02, 1.3] {
            let older = record(baselines[0], 'b', 1.0, 1.0, seed);
            let newer = record(baselines[1], 'c', effect, 1.0, seed + 1);
            let (there, back) = (compared(&older, &newer), compared(&newer, &older));
            let (there, back) = (&there.rows[0], &back.rows[0]);
            assert_eq!(there.verdict, inverse(back.verdict), "{effect}");
            for (a, b) in [
                (there.effect, back.effect),
                (there.ci_low, back.ci_high),
                (there.simultaneous_high, back.simultaneous_low),
            ] {
                assert!((a.unwrap() * b.unwrap() - 1.0).abs() < 1e-9, "{effect}");
            }
        }
    }
}

#[test]
fn a_records_own_arms_keep_their_verdict() {
    let record = record('a', 'b', 0.9, 1.0, 5);
    let comparison = of_record(&record, ["old", "new"]);
    let (row, result) = (&comparison.rows[0], &record.scenarios[0]);
    assert_eq!(row.pairing, Pairing::Paired);
    assert_eq!((row.verdict, row.effect), (result.verdict, result.effect));
    assert_eq!(row.samples.candidate_ns.len(), RESTARTS);
    let time = row.baseline_time.unwrap();
    assert!(time.low_ns < 50e6 && 50e6 < time.high_ns, "{time:?}");
    // As JSON it loses the samples alone.
    let read: Comparison =
        serde_json::from_str(&serde_json::to_string(&comparison).unwrap()).unwrap();
    assert_eq!(read.rows[0].samples, Series::default());
    assert_eq!(read.rows[0].effect, row.effect);
}

#[test]
fn what_could_explain_an_effect_is_an_obstacle() {
    type Change = fn(&mut Record);
    let changes: [(&str, Change, Weight); 9] = [
        (
            "processor",
            |r| r.host.cpu_model = Some("other".into()),
            Weight::Obstacle,
        ),
        ("cores", |r| r.host.cores = Some(999), Weight::Obstacle),
        (
            "kernel",
            |r| r.host.kernel = Some("other".into()),
            Weight::Told,
        ),
        (
            "input p.txt",
            |r| r.inputs[0].sha256 = "ff".repeat(32),
            Weight::Obstacle,
        ),
        ("compilers", |r| r.toolchain = None, Weight::Obstacle),
        (
            "flags of the candidates",
            |r| r.artifacts.candidate.rustflags = Some(vec!["-Copt-level=1".into()]),
            Weight::Obstacle,
        ),
        (
            "declaration of warm/short",
            |r| {
                r.workloads.insert("warm/short".into(), "66".repeat(32));
            },
            Weight::Obstacle,
        ),
        (
            "code layouts",
            |r| r.judging.layouts = Some(8),
            Weight::Obstacle,
        ),
        (
            "spec",
            |r| {
                r.workloads.clear();
                r.spec.as_mut().unwrap().sha256 = "77".repeat(32);
            },
            Weight::Obstacle,
        ),
    ];
    let older = record('a', 'b', 1.0, 1.0, 6);
    assert!(compared(&older, &older).differences.is_empty());
    for (what, change, weight) in changes {
        let mut newer = older.clone();
        change(&mut newer);
        let found = compared(&older, &newer).differences;
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        assert_eq!((found[0].what.as_str(), found[0].weight), (what, weight));
    }
    // Which profile was used is part of what is compared.
    let mut newer = older.clone();
    let flags = newer.artifacts.candidate.rustflags.as_mut().unwrap();
    flags.push("-Cprofile-use=$OUT/profiles/merged-1.profdata".into());
    assert!(compared(&older, &newer).differences.is_empty());
}

/// A file of the record, whose content is `byte` over and over.
fn input(path: &str, byte: &str) -> crate::record::Input {
    crate::record::Input {
        path: path.into(),
        sha256: byte.repeat(32),
        size_bytes: 1,
    }
}

#[test]
fn another_model_under_its_own_name_is_an_obstacle() {
    let with = |files: &[(&str, &str)]| {
        let mut record = record('a', 'b', 1.0, 1.0, 6);
        let inputs = files.iter().map(|(path, byte)| input(path, byte));
        record.inputs.extend(inputs);
        record
    };
    let found = |older: &Record, newer: &Record| -> Vec<(String, Weight)> {
        let differences = compared(older, newer).differences.into_iter();
        differences.map(|one| (one.what, one.weight)).collect()
    };
    let (small, large) = (with(&[("small.gguf", "a1")]), with(&[("large.gguf", "b2")]));
    let obstacle = |path: &str| (format!("input {path}"), Weight::Obstacle);
    let both = vec![obstacle("large.gguf"), obstacle("small.gguf")];
    assert_eq!(found(&small, &large), both);
    assert_eq!(found(&large, &small), both);

    // The same file under another name is the same file.
    assert_eq!(found(&small, &with(&[("renamed.gguf", "a1")])), []);

    // A file more needs a scenario more that could read it.
    let more = with(&[("small.gguf", "a1"), ("more.txt", "c3")]);
    assert_eq!(found(&small, &more), [obstacle("more.txt")]);
    let mut explained = more;
    let mut scenario = explained.scenarios[0].clone();
    scenario.scenario.name = "more".into();
    explained.scenarios.push(scenario);
    let told = vec![("input more.txt".to_owned(), Weight::Told)];
    assert_eq!(found(&small, &explained), told);
    assert_eq!(found(&explained, &small), told);
    // It explains no other model.
    explained.inputs[1] = input("large.gguf", "b2");
    assert!(found(&small, &explained).contains(&obstacle("large.gguf")));
}

#[test]
fn too_few_restarts_and_a_failed_control_give_no_answer() {
    let mut short = with_times(&[[50e6, 50e6, 40e6]; 7]);
    short.artifacts.baseline.sha256 = "a".repeat(64);
    let comparison = compared(&record('a', 'b', 1.0, 1.0, 7), &short);
    let row = &comparison.rows[0];
    assert_eq!(row.verdict, Verdict::Inconclusive);
    assert!(
        row.reason.contains("only 7 of at least 8"),
        "{}",
        row.reason
    );

    let mut noise = noise(8, 0.001);
    let spoilt: Vec<[f64; 3]> = (0..RESTARTS)
        .map(|_| [50e6, 55e6, 40e6].map(|time| time * (1.0 + noise())))
        .collect();
    let mut spoilt = with_times(&spoilt);
    spoilt.artifacts.baseline.sha256 = "a".repeat(64);
    let comparison = compared(&record('a', 'b', 1.0, 1.0, 9), &spoilt);
    assert_eq!(comparison.rows[0].verdict, Verdict::Inconclusive);
    assert!(comparison.rows[0].reason.contains("A/A control"));
}

const QUIET: Surroundings = Surroundings {
    wall_ns: 1_000_000_000,
    used_ns: Some(1_000_000_000),
    waited_ns: Some(1_000_000),
    busy_ns: Some(1_050_000_000),
    stops: 0,
};

/// The record with other surroundings of its candidate's turns, judged again.
fn surrounded(mut record: Record, candidate: Surroundings) -> Record {
    for (restart, jitter_ns) in record.scenarios[0].samples.restarts.iter_mut().zip(0_u64..) {
        let jittered = |around: Surroundings| Surroundings {
            busy_ns: around.busy_ns.map(|busy| busy + jitter_ns * 1_000_000),
            ..around
        };
        restart.surroundings = Some(PerArm {
            baseline: jittered(QUIET),
            control: Some(jittered(QUIET)),
            candidate: Surroundings {
                wall_ns: candidate.wall_ns + jitter_ns,
                ..jittered(candidate)
            },
        });
    }
    judge_again(&record)
}

/// The record with a load beside its candidate's turns, judged again.
pub(super) fn surrounded_by_others(record: Record) -> Record {
    let elsewhere = Surroundings {
        busy_ns: Some(2_000_000_000),
        ..QUIET
    };
    surrounded(record, elsewhere)
}

#[test]
fn a_scenario_that_its_own_record_does_not_trust_gives_no_answer() {
    let plain = || record('a', 'c', 0.9, 1.0, 12);
    let mut too_few_layouts = plain();
    too_few_layouts.judging.layouts = Some(16);
    for (number, restart) in (0..).zip(&mut too_few_layouts.scenarios[0].samples.restarts) {
        restart.layout = Some(number % 12);
    }
    let mut not_run = plain();
    not_run.scenarios[0].samples.not_run = Some(NotRun::NeedsBudget {
        minimum_s: 100.0,
        budget_s: 200.0,
    });
    let older = record('a', 'b', 1.0, 1.0, 11);
    // The same samples in quiet surroundings do give one.
    let trusted = compared(&older, &surrounded(plain(), QUIET));
    assert_eq!(trusted.rows[0].verdict, Verdict::Faster);
    for (spoilt, why) in [
        (surrounded_by_others(plain()), "during the turns of"),
        (
            surrounded(plain(), Surroundings { stops: 1, ..QUIET }),
            "stopped from outside",
        ),
        (judge_again(&too_few_layouts), "only 12 of at least 16"),
        (judge_again(&not_run), "of its own"),
    ] {
        for (a, b, when) in [(&older, &spoilt, "newer"), (&spoilt, &older, "older")] {
            let row = &compared(a, b).rows[0];
            assert_eq!(row.verdict, Verdict::Inconclusive, "{why}: {}", row.reason);
            let is_named = row.reason.contains(why) && row.reason.contains(when);
            assert!(is_named, "{}", row.reason);
        }
    }
}

fn benchmark(name: &str, time_ns: f64, samples: usize, seed: u64) -> Benchmark {
    let mut noise = noise(seed, 0.01);
    // Criterion's linear mode: each sample has more iterations than the one before.
    let iterations: Vec<f64> = (1..=samples).map(|sample| sample as f64 * 10.0).collect();
    let times_ns = iterations
        .iter()
        .map(|n| n * time_ns * (1.0 + noise()))
        .collect();
    Benchmark {
        name: name.to_owned(),
        iterations,
        times_ns,
    }
}

#[test]
fn series_are_judged_by_blocks_and_with_the_drift_allowance() {
    let side = |name: &str| Side {
        name: name.to_owned(),
        sha256: None,
        measured: None,
    };
    let older = [
        benchmark("same", 100.0, 100, 1),
        benchmark("drifted", 100.0, 100, 2),
        benchmark("halved", 100.0, 10, 3),
        benchmark("gone", 100.0, 100, 4),
    ];
    let newer = [
        benchmark("same", 100.0, 100, 5),
        benchmark("drifted", 110.0, 100, 6),
        benchmark("halved", 50.0, 13, 7),
    ];
    let comparison = of_benchmarks(&older, &newer, [side("a"), side("b")], 0.01, DRIFT_DEFAULT);
    let verdicts: Vec<Verdict> = comparison.rows.iter().map(|row| row.verdict).collect();
    let open = Verdict::Inconclusive;
    assert_eq!(verdicts, [open, open, Verdict::Faster]);
    for row in &comparison.rows {
        assert_eq!((row.pairing, row.unit), (Pairing::Unpaired, Unit::Block));
        assert_eq!(row.baseline_units as usize, BLOCKS);
    }
    assert!(comparison.notes.iter().any(|note| note.contains("gone")));
    assert_eq!(comparison.rows[2].samples.candidate_ns.len(), 13);
}
