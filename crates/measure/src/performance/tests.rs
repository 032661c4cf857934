mod comparison;

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::samples::{Ending, MemoryReading, Process, Request, Run};
use super::targets::{Outcome, Targets, check};
use super::*;
use crate::error::Error;
use crate::host::MemoryUse;
use crate::record::{Host, Tool};
use crate::samples::Phase;

const PROCESSES: u32 = 8;
const REQUESTS: u64 = 13;

fn circumstances() -> Circumstances {
    Circumstances {
        tool: Tool {
            name: "inferno".into(),
            version: "0".into(),
        },
        environment: Environment {
            host: Host {
                cpu_model: Some("some".into()),
                cores: Some(2),
                memory_bytes: Some(1_000_000_000),
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
            name: "tiny".into(),
            sha256: "a".repeat(64),
            size_bytes: 100,
            backend: "candle".into(),
            task: Task::Generate,
            f32_bytes: Some(400_000_000),
        },
        settings: Settings {
            threads: 1,
            slots: 4,
            max_tokens: 16,
            prompts: 42,
            prompts_sha256: "c".repeat(64),
            clients: vec![1, 2, 4],
            cache: Some(CacheSettings {
                keys: 50,
                zipf_exponent: 1.0,
                seed: 1,
                capacities: vec![25, 50],
            }),
            processes: PROCESSES,
            requests: Some(REQUESTS * u64::from(PROCESSES)),
            duration_s: None,
            turns: None,
        },
    }
}

/// A run of `clients` in turn, each of whose requests takes a time that `latency_ns` gives.
fn run(clients: u32, mut latency_ns: impl FnMut() -> u64) -> Run {
    let mut free_at = vec![0; clients as usize];
    let mut requests = Vec::new();
    for number in 0..REQUESTS * u64::from(clients) {
        let client = &mut free_at[(number % u64::from(clients)) as usize];
        let latency_ns = latency_ns();
        requests.push(Request {
            start_ns: *client,
            latency_ns,
            first_token_ns: Some(latency_ns / 4),
            prompt_tokens: Some(8),
            tokens: Some(16),
            key: None,
            was_cached: None,
            ending: Ending::Served,
            error: None,
        });
        *client += latency_ns;
    }
    let wall_ns = free_at.into_iter().max().unwrap_or_default();
    Run {
        name: format!("{clients} clients"),
        phase: Phase::Measured,
        headline: true,
        clients,
        cache_capacity: None,
        wall_ns,
        cpu_ns: Some(wall_ns),
        cache: None,
        requests,
        memory: Vec::new(),
    }
}

fn process(number: u32, reference_ns: u64, runs: Vec<Run>) -> Process {
    let memory = |megabytes: u64| MemoryUse {
        resident_bytes: Some(megabytes * 1_000_000),
        anonymous_bytes: Some(megabytes * 900_000),
        ..MemoryUse::default()
    };
    Process {
        number,
        load_ns: Some(700_000_000 + u64::from(number) * 1_000_000),
        before_load: memory(10),
        at_rest: memory(160),
        peak_resident_bytes: Some(200_000_000),
        references_ns: vec![reference_ns; 3],
        host: None,
        runs,
    }
}

fn result_of(suite: Suite, processes: Vec<Process>) -> PerformanceResult {
    PerformanceResult::new(
        suite,
        "2026-11-26T12:00:00Z".into(),
        circumstances(),
        processes,
        true,
    )
}

/// The inference suite on a machine that is `machine` times as slow as usual, with a program that is
/// `program` times as slow. Processes and requests vary by 1 %.
fn inference(seed: u64, machine: f64, program: f64) -> PerformanceResult {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let processes = (0..PROCESSES)
        .map(|number| {
            let luck = 1.0 + (random.random::<f64>() - 0.5) * 0.02;
            let run = run(1, || {
                let noise = 1.0 + (random.random::<f64>() - 0.5) * 0.02;
                (50e6 * machine * program * luck * noise) as u64
            });
            Process {
                load_ns: Some((700e6 * machine * luck) as u64),
                ..process(number, (10e6 * machine) as u64, vec![run])
            }
        })
        .collect();
    result_of(Suite::Inference, processes)
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.expect("a figure");
    assert!(
        (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
        "{found} ≠ {expected}"
    );
}

#[test]
fn figures_follow_from_the_samples() {
    let processes = (0..PROCESSES)
        .map(|number| process(number, 1, vec![run(1, || 50_000_000)]))
        .collect();
    let result = result_of(Suite::Inference, processes);
    close(result.avg_latency_ms, 50.0);
    close(result.p50_latency_ms, 50.0);
    close(result.throughput_rps, 20.0);
    close(result.error_rate, 0.0);
    close(result.memory_usage_mb, 200.0);
    let figure = |name: &str| result.figure(name).expect(name).clone();
    close(figure("p50_first_token_ms").value, 12.5);
    close(figure("answer_tokens_per_s").value, 16.0 * 20.0);
    close(figure("model_loading_time_ms").value, 703.5);
    close(figure("cpu_utilization").value, 0.5);
    close(figure("memory_utilization").value, 0.2);
    let average = figure("avg_latency_ms");
    assert_eq!((average.basis, average.count), (Basis::Processes, 8));
    // 104 requests carry no 99th percentile: it is absent, with what it would take.
    assert_eq!(result.p99_latency_ms, None);
    assert_eq!(result.needs["p99_latency_ms"], 368);
    assert!(result.p90_latency_ms.is_some());
}

#[test]
fn what_failed_is_counted_and_not_timed() {
    let mut run = run(1, || 50_000_000);
    run.requests[3].ending = Ending::Failed;
    run.requests[3].latency_ns = 1;
    let result = result_of(Suite::Inference, vec![process(0, 1, vec![run])]);
    close(result.error_rate, 1.0 / 13.0);
    close(result.avg_latency_ms, 50.0);
    let average = result.figure("avg_latency_ms").expect("a figure");
    assert_eq!(average.basis, Basis::Blocks);
}

#[test]
fn an_interrupted_run_without_samples_is_a_result() {
    let result = result_of(Suite::Memory, vec![Process::default()]);
    assert_eq!(result.avg_latency_ms, None);
    assert_eq!(
        result.figure("model_memory_mb").expect("a figure").value,
        None
    );
}

#[test]
fn throughput_grows_up_to_the_knee() {
    let runs = [(1, 10_000_000), (2, 10_000_000), (4, 20_000_000)];
    let processes = (0..PROCESSES)
        .map(|number| {
            let runs = runs.map(|(clients, latency_ns)| run(clients, || latency_ns));
            process(number, 1, runs.to_vec())
        })
        .collect();
    let result = result_of(Suite::Concurrent, processes);
    let curve = result.throughput_curve();
    let places: Vec<f64> = curve.iter().map(|point| point.x).collect();
    assert_eq!(places, [1.0, 2.0, 4.0]);
    close(Some(curve[0].value), 100.0);
    assert!(
        curve[1].value > 180.0 && curve[2].value > 180.0,
        "{curve:?}"
    );
    close(result.figure("knee_clients").expect("a figure").value, 2.0);
}

#[test]
fn memory_is_told_against_the_f32_form_and_over_requests() {
    let mut run = run(1, || 1_000_000);
    run.memory = (0..20)
        .map(|number| MemoryReading {
            at_ns: number,
            requests: number,
            resident_bytes: None,
            anonymous_bytes: Some(100_000_000 + number * 2_000),
        })
        .collect();
    let result = result_of(Suite::Memory, vec![process(0, 1, vec![run])]);
    let value = |name: &str| result.figure(name).expect(name).value;
    close(value("model_memory_mb"), 150.0);
    close(value("f32_memory_mb"), 400.0);
    close(value("memory_reduction"), 1.0 - 150.0 / 400.0);
    close(value("memory_growth_per_request_kb"), 2.0);
    assert_eq!(result.memory_curves()[0].points.len(), 20);
}

#[test]
fn hit_ratios_stand_beside_what_theory_expects() {
    let mut run = run(1, || 10_000_000);
    run.cache_capacity = Some(25);
    for (number, request) in run.requests.iter_mut().enumerate() {
        request.was_cached = Some(number % 13 > 2);
        if number % 13 > 2 {
            request.latency_ns = 1_000_000;
        }
    }
    let result = result_of(Suite::Cache, vec![process(0, 1, vec![run])]);
    let value = |name: &str| result.figure(name).expect(name).value;
    close(value("cache_hit_ratio"), 10.0 / 13.0);
    close(value("miss_latency_ms"), 10.0);
    close(value("latency_saved"), 1.0 - (30.0 + 10.0) / 13.0 / 10.0);
    let curve = result.hit_ratio_curve();
    assert_eq!(curve.len(), 1, "the other capacity was not measured");
    assert!(curve[0].least_recently_used < curve[0].best);
}

#[test]
fn a_result_survives_its_file_and_an_edited_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inference_benchmark.json");
    let result = inference(1, 1.0, 1.0);
    result.write(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        parse(&path, text.as_bytes()).unwrap(),
        std::slice::from_ref(&result)
    );
    // A request stands on one line.
    assert!(
        text.lines()
            .any(|line| line.contains("start_ns") && line.contains("ending"))
    );

    let stored = format!("\"avg_latency_ms\": {}", result.avg_latency_ms.unwrap());
    let edited = text.replacen(&stored, "\"avg_latency_ms\": 1.0", 1);
    assert_ne!(edited, text);
    let error = parse(&path, edited.as_bytes()).unwrap_err();
    assert!(
        matches!(error, Error::ResultContradiction { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("avg_latency_ms"), "{error}");
    assert!(
        error.to_string().contains("inference_benchmark.json"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 2);

    let baseline = PerformanceBaseline::new("now".into(), Vec::new(), vec![result.clone()], true);
    baseline.write(&path).unwrap();
    let text = std::fs::read(&path).unwrap();
    assert_eq!(parse(&path, &text).unwrap(), [result]);
}

#[test]
fn other_files_are_refused_by_name() {
    let whole = serde_json::to_string(&inference(1, 1.0, 1.0)).unwrap();
    let older = whole.replacen("\"schema\":2", "\"schema\":1", 1);
    let seed = r#"{"benchmark_type": "inference", "avg_latency_ms": 45.2}"#;
    for (text, told) in [
        (&whole[..whole.len() / 2], "cut off"),
        ("", "cut off"),
        ("hello", "no JSON"),
        ("[1, 2]", "another program"),
        (seed, "another program"),
        (r#"{"benchmark_type": "stress", "schema": 1}"#, "stress"),
        (older.as_str(), "schema 1"),
    ] {
        let error = parse(Path::new("some.json"), text.as_bytes()).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(told) && message.contains("some.json"),
            "{message}"
        );
        assert_eq!(error.exit_code(), 2, "{message}");
        assert!(error.hint().is_some(), "{message}");
    }
}

#[test]
fn targets_pass_fail_or_say_why_not() {
    let inference = inference(1, 1.0, 1.0);
    let memory = result_of(
        Suite::Memory,
        vec![process(0, 1, vec![run(1, || 1_000_000)])],
    );
    let outcome = |results: &[&PerformanceResult], targets: &Targets, key: &str| {
        let outcomes = check(targets, results);
        assert_eq!(outcomes.len(), Targets::KEYS.len());
        let found = outcomes.iter().find(|outcome| outcome.key == key);
        found.expect(key).clone()
    };
    let both = [&inference, &memory];
    let targets = Targets::default();
    for (key, expected) in [
        ("inference_latency_ms", Outcome::Pass),
        ("model_loading_time_ms", Outcome::Pass),
        // 150 MB of 200 MB, which is half of the 400 MB of 32-bit numbers.
        ("memory_efficiency_mb", Outcome::Pass),
        ("throughput_rps", Outcome::NotMeasured),
        ("cache_hit_ratio", Outcome::NotMeasured),
        ("cpu_utilization", Outcome::Pass),
        ("memory_utilization", Outcome::Pass),
    ] {
        assert_eq!(outcome(&both, &targets, key).outcome, expected, "{key}");
    }
    let strict = Targets {
        inference_latency_ms: inference.avg_latency_ms.unwrap(),
        memory_efficiency_mb: Some(100.0),
        ..targets
    };
    let latency = outcome(&both, &strict, "inference_latency_ms");
    assert!(
        latency.note.is_some(),
        "the limit lies within the interval: {latency:?}"
    );
    let memory_outcome = outcome(&both, &strict, "memory_efficiency_mb");
    assert_eq!(memory_outcome.outcome, Outcome::Fail);

    let mut embedder = inference.clone();
    embedder.circumstances.model.task = Task::Embed;
    embedder.circumstances.model.f32_bytes = None;
    for key in ["cache_hit_ratio", "memory_efficiency_mb"] {
        let found = outcome(&[&embedder], &targets, key);
        assert_eq!(found.outcome, Outcome::NotApplicable, "{key}");
        assert!(found.note.is_some());
    }
    assert!(check(&targets, &[]).is_empty());
}

#[test]
fn a_target_tells_the_workload_of_its_own_suite() {
    let empty = |suite, change: fn(&mut Settings)| {
        let mut circumstances = circumstances();
        change(&mut circumstances.settings);
        PerformanceResult::new(suite, "now".into(), circumstances, Vec::new(), true)
    };
    let inference = empty(Suite::Inference, |settings| {
        settings.clients = vec![1];
        settings.cache = None;
    });
    let concurrent = empty(Suite::Concurrent, |settings| settings.clients = vec![1, 25]);
    let cache = empty(Suite::Cache, |_| {});
    let told = |results: &[&PerformanceResult], key: &str| {
        let outcomes = check(&Targets::default(), results);
        let found = outcomes.iter().find(|outcome| outcome.key == key);
        found.expect(key).workload.clone()
    };
    let all = [&inference, &concurrent, &cache];
    let clients = told(&all, "throughput_rps");
    assert!(clients.contains("up to 25 clients"), "{clients}");
    let keys = told(&all, "cache_hit_ratio");
    assert!(keys.contains("50 prompts by Zipf's law"), "{keys}");
    assert_eq!(told(&[&inference], "throughput_rps"), "concurrent suite");
}
