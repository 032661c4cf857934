//! Results of benchmarks for tests: every suite, with samples that follow a rule.

use inferno_measure::host::MemoryUse;
use inferno_measure::performance::samples::{Ending, MemoryReading, Process, Request, Run};
use inferno_measure::performance::targets::{Targets, check};
use inferno_measure::performance::{
    Build, CacheSettings, Circumstances, Environment, Model, PerformanceResult, Settings, Suite,
    Task,
};
use inferno_measure::record::{Host, Tool};
use inferno_measure::samples::Phase;
use inferno_report::performance::{BenchmarkPage, Profile, benchmark_html};

const PROCESSES: u32 = 8;
const REQUESTS: u64 = 13;

/// A flamegraph with a script in it, which must not run.
const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";

/// A page with everything on it; `text` is what came from outside.
pub(crate) fn page(text: &str) -> String {
    let results: Vec<PerformanceResult> = Suite::ALL
        .into_iter()
        .map(|suite| result(suite, text, "2026-11-26T12:00:00Z"))
        .collect();
    let earlier = [
        result(Suite::Inference, text, "2026-11-24T12:00:00Z"),
        result(Suite::Inference, text, "2026-11-25T12:00:00Z"),
    ];
    let all: Vec<&PerformanceResult> = results.iter().collect();
    benchmark_html(&BenchmarkPage {
        results: &results,
        targets: &check(&Targets::default(), &all),
        earlier: &earlier,
        profiles: &[Profile {
            name: text,
            file: text,
            svg: SVG,
        }],
    })
}

/// A result of `suite` whose texts from outside are `text`.
pub(crate) fn result(suite: Suite, text: &str, timestamp: &str) -> PerformanceResult {
    let processes = (0..PROCESSES).map(|number| process(suite, number));
    PerformanceResult::new(
        suite,
        timestamp.to_owned(),
        circumstances(text),
        processes.collect(),
        true,
    )
}

fn circumstances(text: &str) -> Circumstances {
    Circumstances {
        tool: Tool {
            name: "inferno".into(),
            version: "0".into(),
        },
        environment: Environment {
            host: Host {
                cpu_model: Some(text.into()),
                cores: Some(2),
                memory_bytes: Some(24_000_000_000),
                ..Host::default()
            },
            processor_features: vec!["avx2".into()],
            build: Build {
                sha256: Some("b".repeat(64)),
                is_release: true,
                target_features: Vec::new(),
            },
        },
        model: Model {
            name: text.into(),
            sha256: "a".repeat(64),
            size_bytes: 98_000_000,
            backend: text.into(),
            task: Task::Generate,
            f32_bytes: Some(540_000_000),
        },
        settings: Settings {
            threads: 2,
            slots: 4,
            max_tokens: 16,
            prompts: 42,
            prompts_sha256: "c".repeat(64),
            clients: vec![1, 2, 4],
            cache: Some(CacheSettings {
                keys: 50,
                zipf_exponent: 1.0,
                seed: 1,
                capacities: vec![5, 25],
            }),
            processes: PROCESSES,
            requests: Some(REQUESTS * u64::from(PROCESSES)),
            duration_s: None,
            turns: None,
        },
    }
}

fn process(suite: Suite, number: u32) -> Process {
    let memory = |megabytes: u64| MemoryUse {
        resident_bytes: Some(megabytes * 1_000_000),
        anonymous_bytes: Some(megabytes * 900_000),
        ..MemoryUse::default()
    };
    let runs = match suite {
        Suite::Inference | Suite::Memory => vec![run(number, 1, None)],
        Suite::Concurrent => [1, 2, 4].map(|clients| run(number, clients, None)).to_vec(),
        Suite::Cache => vec![run(number, 1, Some([5, 25][number as usize % 2]))],
    };
    Process {
        number,
        load_ns: Some(700_000_000 + u64::from(number)),
        before_load: memory(10),
        at_rest: memory(160 + u64::from(number)),
        peak_resident_bytes: Some(200_000_000 + u64::from(number)),
        references_ns: vec![10_000_000; 3],
        host: None,
        runs,
    }
}

fn run(process: u32, clients: u32, cache_capacity: Option<u64>) -> Run {
    let latency_ns = |number: u64| 50_000_000 + (number * 7 % 5 + u64::from(process)) * 1_000_000;
    let requests: Vec<Request> = (0..REQUESTS * u64::from(clients))
        .map(|number| Request {
            start_ns: number / u64::from(clients) * 60_000_000,
            latency_ns: latency_ns(number),
            first_token_ns: Some(10_000_000),
            prompt_tokens: Some(8),
            tokens: Some(16),
            key: None,
            was_cached: cache_capacity.map(|capacity| number % 30 < capacity),
            ending: Ending::Served,
            error: None,
        })
        .collect();
    let readings = (0..REQUESTS).map(|number| MemoryReading {
        at_ns: number,
        requests: number,
        resident_bytes: None,
        anonymous_bytes: Some(150_000_000 + number * 4096),
    });
    Run {
        name: "measured".into(),
        phase: Phase::Measured,
        headline: clients == 4 || clients == 1,
        clients,
        cache_capacity,
        wall_ns: REQUESTS * 60_000_000,
        cpu_ns: Some(REQUESTS * 70_000_000),
        cache: None,
        requests,
        memory: readings.collect(),
    }
}
