//! Records for tests: a plausible run that each test changes where it matters.

use std::collections::BTreeMap;

use inferno_measure::record::{
    Artifact, Artifacts, Audit, Check, CheckOutcome, Declared, Estimate, ExpectationResult,
    FunctionCode, Host, HotFunction, MetricResult, NullRebuild, Profile, Record, Regime,
    ScenarioResult, Spec, Stage, StageKind, StageState, Suitability, SuitabilityInput, Summary,
    Timings, Tool, Toolchain, TrainingWorkload, TrendResult, TrendValue, Validity, Verdict,
    Verification,
};
use inferno_measure::samples::{Arm, NotRun, Pair, Phase, Restart, Sample, Samples};
use inferno_measure::scenario::{Better, Direction, Expectation, Judging, Role, Trend};

/// A run with one scenario of each verdict, cold and warm.
pub(crate) fn record() -> Record {
    let mut cold = scenario(
        "single_request/short",
        "single_request_pgo_comparison",
        Regime::Cold,
    );
    cold.scenario.class = vec!["cold-start".into()];
    cold.scenario.role = Role::Guard;
    cold.scenario.expected = Some(expected(Verdict::NoDifference, None));
    cold.metrics = BTreeMap::from([
        (
            "backend_init_ms".into(),
            metric("ms", Better::Lower, 1.2, 1.21),
        ),
        (
            "model_load_ms".into(),
            metric("ms", Better::Lower, 212.0, 211.5),
        ),
        (
            "tokens_per_s".into(),
            metric("tokens/s", Better::Higher, 47.96, 47.9),
        ),
    ]);
    let mut warm = faster("warm/short", 0.974);
    warm.scenario.class = vec!["warm".into(), "cpu-bound".into()];
    warm.scenario.expected = Some(expected(Verdict::Faster, Some([0.15, 0.30])));
    warm.expectation = Some(ExpectationResult::NotMet);
    warm.metrics = BTreeMap::from([
        (
            "inference_percent".into(),
            metric("%", Better::Higher, 97.2, 97.1),
        ),
        (
            "queue_wait_ms".into(),
            metric("ms", Better::Lower, 0.02, 0.021),
        ),
    ]);
    let mut slow = scenario(
        "cpu_intensive/reasoning",
        "cpu_intensive_pgo_comparison",
        Regime::Warm,
    );
    judged(&mut slow, Verdict::Slower, 1.026, 0.009);
    slow.scenario.class = vec!["cpu-intensive".into()];
    slow.expectation = Some(ExpectationResult::NotMet);
    let open = inconclusive("high/200", "high_concurrency_pgo_comparison");
    with_scenarios(vec![cold, warm, slow, open])
}

/// [`record`], with raw samples in every scenario that was measured.
pub(crate) fn sampled() -> Record {
    let mut record = record();
    for scenario in &mut record.scenarios {
        if let Some(effect) = scenario.effect {
            scenario.simultaneous_low = scenario.ci_low.map(|low| low - 0.004);
            scenario.simultaneous_high = scenario.ci_high.map(|high| high + 0.004);
            scenario.samples = samples(8, 20, effect);
        }
    }
    record
}

/// Warm samples around an effect: a warm-up and `pairs` judged pairs in each of `restarts`.
pub(crate) fn samples(restarts: u32, pairs: u32, effect: f64) -> Samples {
    let wall_ns = |step: u32| 85_000_000 + u64::from(step.wrapping_mul(7919) % 4_001) * 1_000;
    let sample = |wall_ns: u64| Sample {
        wall_ns,
        ..Sample::default()
    };
    let pair = |restart: u32, index: u32| Pair {
        seq: u64::from(index),
        phase: if index == 0 {
            Phase::Warmup
        } else {
            Phase::Measured
        },
        turn: index,
        turn_position: 0,
        order: vec![Arm::Baseline, Arm::Candidate],
        baseline: sample(wall_ns(restart * 31 + index)),
        control: None,
        candidate: sample((wall_ns(restart * 17 + index * 3) as f64 * effect) as u64),
        output: None,
    };
    let restart = |index: u32| Restart {
        index,
        layout: None,
        start_order: vec![Arm::Baseline, Arm::Candidate],
        startup_ns: None,
        idle_cpu_ns: None,
        surroundings: None,
        host: None,
        pairs: (0..=pairs).map(|number| pair(index, number)).collect(),
    };
    Samples {
        not_run: None,
        restarts: (0..restarts).map(restart).collect(),
    }
}

/// Puts `text` wherever a record holds text of a spec, a program or a machine.
pub(crate) fn poison(record: &mut Record, text: &str) {
    let told = || text.to_owned();
    record.name = told();
    record.created = told();
    (record.tool.name, record.tool.version) = (told(), told());
    let spec = record.spec.as_mut().expect("a spec");
    (spec.path, spec.text) = (told(), told());
    record.host.cpu_model = Some(told());
    record.host.kernel = Some(told());
    record.host.governor = Some(told());
    record.toolchain.as_mut().expect("a compiler").rustc = told();
    let flags = &mut record.artifacts.candidate.rustflags;
    flags.as_mut().expect("flags").push(told());
    for check in &mut record.verification.checks {
        (check.name, check.detail) = (told(), told());
    }
    let profile = record.profile.as_mut().expect("a profile");
    profile.hottest[0].name = told();
    profile.workloads[0].name = told();
    for stage in &mut record.timings.stages {
        stage.name = told();
    }
    for scenario in &mut record.scenarios {
        scenario.scenario.name = told();
        scenario.scenario.class.push(told());
        scenario.reason = told();
        scenario.remedy = scenario.remedy.is_some().then(told);
        scenario.validity.notes = vec![told()];
        for metric in scenario.metrics.values_mut() {
            metric.unit = told();
        }
    }
}

/// A prediction.
pub(crate) fn suitability() -> Suitability {
    let input = |value, detail: &str| SuitabilityInput {
        value,
        unit: "share".into(),
        detail: detail.into(),
    };
    Suitability {
        score: Some(12.0),
        low: Some(1.0),
        high: Some(40.0),
        confidence: Some(0.9),
        inputs: BTreeMap::from([
            ("instrumentable".into(), input(Some(0.87), "perf")),
            ("mispredicted".into(), input(None, "no counters here")),
        ]),
        ..Suitability::default()
    }
}

/// A run with these scenarios.
pub(crate) fn with_scenarios(scenarios: Vec<ScenarioResult>) -> Record {
    Record {
        schema: inferno_measure::record::SCHEMA_VERSION,
        name: "concurrent_inference".into(),
        created: "2026-11-22T06:00:00Z".into(),
        tool: Tool {
            name: "inferno-pgo".into(),
            version: "0.1.0".into(),
        },
        spec: Some(Spec {
            path: "profiles/concurrent_inference.toml".into(),
            sha256: hash('c'),
            text: "name = \"concurrent_inference\"".into(),
        }),
        host: host(),
        toolchain: Some(Toolchain {
            rustc: "rustc 1.95.0".into(),
            llvm: "22.1.2".into(),
            llvm_profdata: Some("22.1.8".into()),
            target: "x86_64-unknown-linux-gnu".into(),
            c: None,
        }),
        artifacts: artifacts(),
        inputs: Vec::new(),
        profile: Some(profile()),
        verification: verification(),
        workloads: BTreeMap::new(),
        judging: Judging::default(),
        statistics: inferno_measure::verdict::STATISTICS,
        scenarios,
        trends: Vec::new(),
        hints: Vec::new(),
        suitability: None,
        timings: timings(),
    }
}

/// A scenario without a difference.
pub(crate) fn scenario(name: &str, group: &str, kind: Regime) -> ScenarioResult {
    let declared = Declared {
        name: name.into(),
        group: group.into(),
        kind,
        cache: None,
        pin: None,
        class: Vec::new(),
        role: Role::Primary,
        expected: None,
        metric_definitions: Vec::new(),
    };
    let mut scenario = ScenarioResult {
        scenario: declared,
        verdict: Verdict::NoDifference,
        reason: "the simultaneous interval lies inside ±1.0 %".into(),
        remedy: None,
        effect: None,
        ci_low: None,
        ci_high: None,
        simultaneous_low: None,
        simultaneous_high: None,
        pairs: 0,
        restarts: 0,
        mde: None,
        noise_floor: None,
        aa: None,
        restart_sd: None,
        layouts: None,
        layout_sd: None,
        pair_sd: None,
        costs: BTreeMap::new(),
        metrics: BTreeMap::new(),
        expectation: Some(ExpectationResult::Met),
        validity: Validity {
            blocks: 8,
            ..Validity::default()
        },
        idle_cpu_ns: (kind == Regime::Warm).then_some(0),
        instructions: None,
        samples: Samples::default(),
    };
    judged(&mut scenario, Verdict::NoDifference, 0.999, 0.004);
    scenario
}

/// A warm scenario that is faster.
pub(crate) fn faster(name: &str, effect: f64) -> ScenarioResult {
    let mut scenario = scenario(name, "single_request_pgo_warm", Regime::Warm);
    judged(&mut scenario, Verdict::Faster, effect, 0.008);
    scenario
}

/// A scenario that did not fit into the budget.
pub(crate) fn inconclusive(name: &str, group: &str) -> ScenarioResult {
    let mut scenario = scenario(name, group, Regime::Warm);
    scenario.verdict = Verdict::Inconclusive;
    scenario.reason = "it does not fit into its share of the budget".into();
    scenario.remedy = Some("needs 21 min: run again with --budget 45m".into());
    (scenario.effect, scenario.ci_low, scenario.ci_high) = (None, None, None);
    (scenario.pairs, scenario.restarts) = (0, 0);
    (scenario.mde, scenario.noise_floor, scenario.aa) = (None, None, None);
    scenario.costs.clear();
    scenario.expectation = Some(ExpectationResult::NotMeasured);
    scenario.validity = Validity::default();
    scenario.samples.not_run = Some(NotRun::NeedsBudget {
        minimum_s: 1260.0,
        budget_s: 2700.0,
    });
    scenario
}

/// Gives `scenario` a verdict with an interval of ± `half_width` around `effect`.
pub(crate) fn judged(
    scenario: &mut ScenarioResult,
    verdict: Verdict,
    effect: f64,
    half_width: f64,
) {
    scenario.verdict = verdict;
    scenario.effect = Some(effect);
    scenario.ci_low = Some(effect - half_width);
    scenario.ci_high = Some(effect + half_width);
    scenario.pairs = 160;
    scenario.restarts = 8;
    scenario.mde = Some(1.5 * half_width);
    scenario.noise_floor = Some(half_width);
    scenario.aa = Some(Estimate {
        effect: 1.0,
        ci_low: 1.0 - half_width,
        ci_high: 1.0 + half_width,
    });
    let wall = metric("ns", Better::Lower, 85_100_000.0, 85_100_000.0 * effect);
    scenario.costs = BTreeMap::from([("wall_ns".into(), wall)]);
}

/// A metric with these medians.
pub(crate) fn metric(unit: &str, better: Better, baseline: f64, candidate: f64) -> MetricResult {
    let ratio = candidate / baseline;
    MetricResult {
        unit: unit.into(),
        better,
        baseline: summary(baseline),
        candidate: summary(candidate),
        effect: Some(ratio),
        ci_low: Some(ratio - 0.01),
        ci_high: Some(ratio + 0.01),
    }
}

/// What a document expects.
pub(crate) fn expected(verdict: Verdict, gain: Option<[f64; 2]>) -> Expectation {
    Expectation {
        verdict: Some(verdict),
        gain,
    }
}

/// A trend of the gain over two scenarios.
pub(crate) fn trend(result: ExpectationResult) -> TrendResult {
    let over = vec!["medium/10".to_owned(), "high/200".to_owned()];
    let value = |scenario: &String| TrendValue {
        scenario: scenario.clone(),
        value: None,
        low: None,
        high: None,
    };
    TrendResult {
        values: over.iter().map(value).collect(),
        trend: Trend {
            metric: "gain".into(),
            over,
            expect: Direction::Increasing,
        },
        result,
        detail: "high/200 was not measured.".into(),
    }
}

/// A second build of the baseline.
pub(crate) fn audit(null_rebuild: NullRebuild) -> Audit {
    Audit {
        null_rebuild,
        detail: "the files are the same.".into(),
    }
}

fn summary(median: f64) -> Summary {
    Summary {
        count: 160,
        mean: median * 1.01,
        median,
        p90: median * 1.1,
        p99: Some(median * 1.3),
        min: median * 0.9,
        max: median * 1.4,
    }
}

fn hash(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn host() -> Host {
    Host {
        os: "linux".into(),
        arch: "x86_64".into(),
        cpu_model: Some("Example CPU at 2.0 GHz".into()),
        cores: Some(2),
        memory_bytes: Some(24_000_000_000),
        kernel: Some("6.1.0".into()),
        governor: None,
        virtualized: Some(true),
    }
}

fn artifacts() -> Artifacts {
    let artifact = |digit: char, size_bytes: u64, own: &[&str]| Artifact {
        path: format!("bin/{digit}"),
        sha256: hash(digit),
        text_sha256: Some(hash(digit)),
        text_size_bytes: Some(size_bytes / 2),
        size_bytes,
        rustflags: Some(
            std::iter::once("-Ctarget-cpu=x86-64-v3")
                .chain(own.iter().copied())
                .map(str::to_owned)
                .collect(),
        ),
    };
    Artifacts {
        baseline: artifact('a', 5_021_000, &[]),
        instrumented: Some(artifact('e', 38_100_000, &["-Cprofile-generate=raw"])),
        candidate: artifact(
            'b',
            5_400_000,
            &[
                "-Cprofile-use=merged-dddd.profdata",
                "-Cllvm-args=-pgo-warn-missing-function",
            ],
        ),
    }
}

fn profile() -> Profile {
    Profile {
        sha256: hash('d'),
        functions_covered: Some(2_841),
        functions_total: Some(7_849),
        counts_total: Some(21_224_780_700),
        counts_discarded_share: Some(0.0004),
        blocks_for_99_percent: Some(27),
        blocks_total: Some(41_233),
        holdout_overlap: Some(0.912),
        workloads: vec![TrainingWorkload {
            name: "chat".into(),
            weight: 1.0,
            counts_total: Some(21_224_780_700),
            raw_files: 1,
            wall_s: 41.3,
        }],
        hottest: vec![
            hot_function("engine::dot<T>", 0.87, own(1_840), own(1_210)),
            hot_function(
                "engine::step",
                0.05,
                FunctionCode::InlinedOrGone,
                FunctionCode::NotKnown,
            ),
        ],
        source: None,
    }
}

fn own(size_bytes: u64) -> FunctionCode {
    FunctionCode::Own {
        size_bytes,
        symbols: 1,
        placement: None,
    }
}

fn hot_function(
    name: &str,
    counts_share: f64,
    baseline: FunctionCode,
    candidate: FunctionCode,
) -> HotFunction {
    HotFunction {
        name: name.into(),
        counts_share,
        copies: 2,
        baseline,
        candidate,
    }
}

fn verification() -> Verification {
    let check = |name: &str, outcome, detail: &str| Check {
        name: name.into(),
        outcome,
        detail: detail.into(),
    };
    Verification {
        checks: vec![
            check(
                "binaries-differ",
                CheckOutcome::Passed,
                "SHA-256 and code differ.",
            ),
            check(
                "outputs-agree",
                CheckOutcome::Passed,
                "40 of 40 outputs are equal.",
            ),
            check("holdout-overlap", CheckOutcome::Warned, "91.2 %."),
        ],
        audit: None,
    }
}

fn timings() -> Timings {
    let stage = |name: &str, kind, state, wall_s| Stage {
        name: name.into(),
        kind,
        state,
        wall_s,
    };
    Timings {
        stages: vec![
            stage("build baseline", StageKind::Build, StageState::Reused, 0.0),
            stage("train chat", StageKind::Train, StageState::Ran, 41.3),
            stage("measure", StageKind::Measure, StageState::Ran, 601.0),
        ],
        total_wall_s: 655.0,
        overhead_share: Some(0.0193),
    }
}
