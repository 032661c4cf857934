//! The command lines of the documents, and what is to come of each. Lines that go on with a backslash
//! are joined.

/// A command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// As the documents have it.
    pub(crate) written: &'static str,
    /// What stands in it, and what does so here.
    instead: Option<(&'static str, &'static str)>,
    /// What follows it here. `$FEW`, `$MANY` and `$BRIEF` are options that say how much is measured (of
    /// `$BRIEF` the number of requests is left out), `$URL` is a server's.
    then: &'static str,
    /// What it may end with.
    pub(crate) codes: &'static [i32],
    /// Files that it writes, and what is in them.
    pub(crate) leaves: &'static [(&'static str, &'static str)],
}

impl Line {
    /// The line that is run.
    pub(crate) fn shortened(&self) -> String {
        let Self { written, then, .. } = self;
        let line = self.instead.map_or_else(
            || (*written).to_owned(),
            |(long, short)| {
                assert!(written.contains(long), "no {long} in {written}");
                written.replace(long, short)
            },
        );
        format!("{line} {then}")
    }

    const fn instead(mut self, long: &'static str, short: &'static str) -> Self {
        self.instead = Some((long, short));
        self
    }

    const fn then(mut self, then: &'static str) -> Self {
        self.then = then;
        self
    }

    const fn codes(mut self, codes: &'static [i32]) -> Self {
        self.codes = codes;
        self
    }

    const fn leaves(mut self, leaves: &'static [(&'static str, &'static str)]) -> Self {
        self.leaves = leaves;
        self
    }
}

const fn line(written: &'static str) -> Line {
    Line {
        written,
        instead: None,
        then: "",
        codes: &[0],
        leaves: &[],
    }
}

/// Lines that take a build with optimisations, which the tests do without: all benchmarks take some ten
/// minutes; one of them, its profiler and what `cargo run` finds have tests of their own.
pub(crate) const BUILDING: [&str; 3] = [
    "cargo bench",
    "cargo bench --bench cache_benchmark",
    "export CRITERION_PROFILER=\"pprof\"",
];

/// The model of the backend onnx is not among the tests' models.
const WITHOUT_ONNX: &[i32] = if cfg!(feature = "onnx") { &[2] } else { &[20] };

/// What a run that came to its end says of itself.
const COMPLETE: &str = "\"complete\": true";

const ALL_SUITES: &[(&str, &str)] = &[
    ("benchmark_results/inference_benchmark.json", COMPLETE),
    ("benchmark_results/memory_benchmark.json", COMPLETE),
    ("benchmark_results/concurrent_benchmark.json", COMPLETE),
    ("benchmark_results/cache_benchmark.json", COMPLETE),
    ("benchmark_results/benchmark_report.html", "<!DOCTYPE html>"),
];

const INFERENCE: &[(&str, &str)] = &[
    ("benchmark_results/inference_benchmark.json", COMPLETE),
    ("benchmark_results/benchmark_report.html", "<!DOCTYPE html>"),
];

/// In an order in which each finds what it needs.
pub(crate) const LINES: &[Line] = &[
    line("chmod +x ./scripts/benchmark.sh"),
    line("./scripts/benchmark.sh")
        .then("-- $FEW")
        .leaves(ALL_SUITES),
    line("cargo run --release -- performance-benchmark benchmark --bench-type all")
        .instead("cargo run --release --", "inferno")
        .then("$FEW")
        .leaves(ALL_SUITES),
    line("./scripts/benchmark.sh inference")
        .then("-- $FEW")
        .leaves(INFERENCE),
    line("./scripts/benchmark.sh memory --profile")
        .then("-- $FEW")
        .leaves(&[
            ("benchmark_results/memory_benchmark.json", COMPLETE),
            ("flamegraphs/memory_profile.svg", "</svg>"),
        ]),
    line("./scripts/benchmark.sh baseline")
        .then("-- --duration 2 $BRIEF")
        .leaves(&[
            ("performance_baseline/baseline_results.json", COMPLETE),
            (
                "performance_baseline/performance_targets.json",
                "\"inference_latency_ms\": 100.0",
            ),
            (
                "performance_baseline/baseline_report.md",
                "`cache_hit_ratio`",
            ),
        ]),
    line(
        "cargo run --release -- performance-benchmark baseline --output performance_baseline --backends gguf,onnx --duration 60",
    )
    .instead("cargo run --release --", "inferno")
    .then("$BRIEF")
    .codes(WITHOUT_ONNX),
    line(
        "inferno performance-benchmark baseline --output performance_baseline --backends gguf,onnx --duration 30",
    )
    .then("$BRIEF")
    .codes(WITHOUT_ONNX),
    line(
        "inferno performance-benchmark baseline --targets custom_targets.json --output baseline_results",
    )
    .then("--duration 2 $BRIEF")
    .leaves(&[
        ("baseline_results/baseline_results.json", COMPLETE),
        (
            "baseline_results/performance_targets.json",
            "\"inference_latency_ms\": 80.0",
        ),
        ("baseline_results/baseline_report.md", "`cache_hit_ratio`"),
    ]),
    line(
        "inferno performance-benchmark benchmark --bench-type inference --iterations 100 --output benchmark_results",
    )
    .instead("--iterations 100", "")
    .then("$FEW")
    .leaves(INFERENCE),
    line(
        "inferno performance-benchmark benchmark --bench-type all --profile --output profiled_results",
    )
    .then("$FEW")
    .leaves(&[
        ("profiled_results/inference_benchmark.json", COMPLETE),
        ("profiled_results/memory_benchmark.json", COMPLETE),
        ("profiled_results/concurrent_benchmark.json", COMPLETE),
        ("profiled_results/cache_benchmark.json", COMPLETE),
        (
            "profiled_results/benchmark_report.html",
            "data:image/svg+xml;base64,",
        ),
        ("flamegraphs/inference_profile.svg", "</svg>"),
        ("flamegraphs/memory_profile.svg", "</svg>"),
        ("flamegraphs/concurrent_profile.svg", "</svg>"),
    ]),
    line(
        "inferno performance-benchmark compare --current recent_results.json --baseline baseline_results.json --threshold 10.0 --report",
    )
    .leaves(&[
        ("recent_results_comparison.md", "avg_latency_ms"),
        ("recent_results_comparison.html", "avg_latency_ms"),
    ]),
    line(
        "inferno performance-benchmark compare --current new_results.json --baseline baseline.json --threshold 10.0",
    ),
    line(
        "inferno performance-benchmark compare --current results.json --baseline baseline.json --report",
    )
    .leaves(&[("results_comparison.html", "avg_latency_ms")]),
    line(
        "inferno performance-benchmark monitor --duration 300 --interval 10 --format console",
    )
    .instead("--duration 300 --interval 10", "--duration 1 --interval 0.4")
    .then("--threads 1 >monitor.txt")
    .leaves(&[("monitor.txt", "CPU")]),
    line(
        "inferno performance-benchmark monitor --duration 600 --format json --output monitoring_results.json",
    )
    .instead("--duration 600", "--duration 1 --interval 0.4")
    .then("--threads 1")
    .leaves(&[("monitoring_results.json", "\"mean_latency_ms\"")]),
    line(
        "inferno performance-benchmark monitor --format json --output /monitoring/inferno_metrics.json",
    )
    .instead("/monitoring/", "monitoring/")
    .then("--duration 1 --interval 0.4 --threads 1")
    .leaves(&[("monitoring/inferno_metrics.json", "\"mean_latency_ms\"")]),
    // A busy machine sends its requests late, which ends it with 11.
    line("inferno performance-benchmark stress --clients 20 --duration 300 --rate 2.0")
        .instead("--duration 300", "--duration 1")
        .then("--max-tokens 2 --threads 1")
        .codes(&[0, 11])
        .leaves(&[("benchmark_results/stress.json", "\"rate_per_client\": 2.0")]),
    line(
        "inferno performance-benchmark memory-profile --cycles 100 --track --output memory_profile.json",
    )
    .instead("--cycles 100", "--cycles 24")
    .then("--requests 2 --max-tokens 4 --threads 1")
    .leaves(&[("memory_profile.json", "\"memory_delta\"")]),
    line(
        "inferno performance-benchmark memory-profile --cycles 1000 --track --output long_term_memory.json",
    )
    .instead("--cycles 1000", "--cycles 24")
    .then("--requests 2 --max-tokens 4 --threads 1")
    .leaves(&[("long_term_memory.json", "\"memory_delta\"")]),
    line("grep \"memory_delta\" long_term_memory.json")
        .then(">deltas.txt")
        .leaves(&[("deltas.txt", "memory_delta")]),
    line("inferno metrics export --format prometheus > metrics.txt")
        .then("--url $URL")
        .leaves(&[("metrics.txt", "# TYPE inferno_request_seconds histogram")]),
    line("export INFERNO_MODELS_DIR=\"./test_models\"")
        .then("&& inferno performance-benchmark benchmark --bench-type inference $FEW")
        .leaves(&[(
            "benchmark_results/inference_benchmark.json",
            "from-test-models.gguf",
        )]),
    line("export INFERNO_MODELS_DIR=\"./small_test_models\"")
        .then("&& ./scripts/benchmark.sh inference -- $FEW")
        .leaves(&[(
            "benchmark_results/inference_benchmark.json",
            "from-small-test-models.gguf",
        )]),
    line(
        "inferno performance-benchmark benchmark --against old/inferno --output benchmark_results",
    )
    .instead("old/inferno", "tools/inferno")
    .then("--bench-type inference $FEW")
    .leaves(&[
        (
            "benchmark_results/against/inference_benchmark.json",
            "\"turns\"",
        ),
        ("benchmark_results/inference_benchmark.json", COMPLETE),
    ]),
    line("export INFERNO_LOG_LEVEL=\"info\"")
        .then("&& timeout --preserve-status 2 inferno serve --port 0 2> log.txt")
        .leaves(&[("log.txt", "INFO ")]),
    // The tests build without optimisation, on machines that do other things as well: what has got slower
    // since the baseline is its answer, no failure of the line.
    line("./scripts/benchmark.sh --ci --compare")
        .then("-- $MANY")
        .codes(&[0, 10])
        .leaves(ALL_SUITES),
    line("./scripts/benchmark.sh --report")
        .then("-- $FEW >report.txt")
        .leaves(&[
            ("benchmark_results/benchmark_report.html", "<!DOCTYPE html>"),
            (
                "report.txt",
                "report: benchmark_results/benchmark_report.html",
            ),
        ]),
    line("./scripts/benchmark.sh --timeout 600")
        .then("-- $FEW")
        .leaves(ALL_SUITES),
];
