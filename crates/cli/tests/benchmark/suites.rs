//! `benchmark`: its files and what is in them.

use pprof::protos::{Message as _, Profile};
use serde_json::Value;

use crate::program::{Folder, SHORT, said, succeeded};

/// The fields that the documents promise.
const FIELDS: [&str; 9] = [
    "benchmark_type",
    "timestamp",
    "avg_latency_ms",
    "p50_latency_ms",
    "p90_latency_ms",
    "p99_latency_ms",
    "throughput_rps",
    "error_rate",
    "memory_usage_mb",
];

fn measured_requests(result: &Value) -> usize {
    let processes = result["processes"].as_array().expect("processes");
    let runs = processes
        .iter()
        .flat_map(|process| process["runs"].as_array().expect("runs"));
    runs.filter(|run| run["phase"] == "measured")
        .map(|run| run["requests"].as_array().expect("requests").len())
        .sum()
}

#[test]
fn a_result_has_the_fields_of_the_documents_and_its_samples() {
    let folder = Folder::new();
    let result = folder.result("inference", &[]);
    for field in FIELDS {
        assert!(result.get(field).is_some(), "{field}");
    }
    assert_eq!(result["benchmark_type"], "inference");
    assert_eq!(result["complete"], true);
    assert_eq!(result["error_rate"], 0.0);
    assert!(result["avg_latency_ms"].as_f64() > Some(0.0));
    // 8 requests carry neither.
    assert_eq!(result["p90_latency_ms"], Value::Null);
    assert_eq!(result["p99_latency_ms"], Value::Null);
    assert_eq!(result["needs"]["p99_latency_ms"], 368);
    assert_eq!(measured_requests(&result), 8);
    let average = &result["figures"]["avg_latency_ms"];
    assert_eq!(average["basis"], "processes");
    assert!(average["low"].as_f64() <= average["value"].as_f64());
    let processes = result["processes"].as_array().expect("processes");
    assert_eq!(processes.len(), 2);
    for process in processes {
        assert!(process["load_ns"].as_u64() > Some(0));
        assert!(
            !process["references_ns"]
                .as_array()
                .expect("times")
                .is_empty()
        );
        assert_eq!(process["runs"][0]["phase"], "warmup");
    }
    let model = &result["circumstances"]["model"];
    assert_eq!(model["sha256"], inferno_provision::synthetic::SHA256);
    assert_eq!(model["backend"], "candle");
    assert!(model["f32_bytes"].as_u64() > model["size_bytes"].as_u64());
}

#[test]
fn every_suite_has_its_file_and_all_of_them_a_page() {
    let folder = Folder::new();
    std::fs::write(folder.path("custom.json"), r#"{"cache_hit_ratio": 0.1234}"#).expect("a file");
    let output = folder.run(&[
        &[
            "benchmark",
            "--bench-type",
            "all",
            "--targets",
            "custom.json",
        ],
        &SHORT,
    ]);
    succeeded(&output);
    let told = said(&output);
    for part in ["avg_latency_ms", "benchmark_report.html", "> 12.3 %"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for (suite, figure) in [
        ("inference", "p50_first_token_ms"),
        ("memory", "memory_reduction"),
        ("concurrent", "knee_clients"),
        ("cache", "cache_hit_ratio"),
    ] {
        let result = folder.json(&format!("benchmark_results/{suite}_benchmark.json"));
        assert_eq!(result["benchmark_type"], suite);
        let known = result["figures"].get(figure).expect(figure);
        assert!(known["unit"].is_string(), "{known}");
    }
    let concurrent = folder.json("benchmark_results/concurrent_benchmark.json");
    for clients in [1, 2, 4, 8, 16, 25] {
        let figure = &concurrent["figures"][format!("throughput_rps_at_{clients}")];
        assert!(figure["value"].as_f64() > Some(0.0), "{clients}: {figure}");
    }
    let cache = folder.json("benchmark_results/cache_benchmark.json");
    let expected = &cache["figures"]["cache_hit_ratio_lru_at_4"];
    assert!(expected["value"].as_f64() > Some(0.0), "{expected}");
    let page = folder.text("benchmark_results/benchmark_report.html");
    for part in [
        "Targets",
        "Throughput over clients",
        "Memory over requests",
        "Cache",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script"));
}

#[test]
fn a_full_cache_answers_what_was_asked_before() {
    let folder = Folder::new();
    let result = folder.result("cache", &[]);
    let processes = result["processes"].as_array().expect("processes");
    let last = &processes[processes.len() - 1]["runs"][1];
    assert_eq!(last["cache_capacity"], 8);
    let hits = last["cache"]["hits"].as_u64().expect("a count");
    let requests = last["requests"].as_array().expect("requests");
    let seen = requests
        .iter()
        .filter(|request| request["was_cached"] == true);
    assert_eq!(hits, seen.count() as u64);
    assert_eq!(last["cache"]["evicted"], 0);
}

#[test]
fn runs_leave_a_history() {
    let folder = Folder::new();
    folder.result("inference", &[]);
    let kept = || std::fs::read_dir(folder.path("benchmark_results/history")).expect("a folder");
    assert_eq!(kept().count(), 1);
    // Timestamps have whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    folder.result("inference", &[]);
    assert_eq!(kept().count(), 2);
    let page = folder.text("benchmark_results/benchmark_report.html");
    assert!(page.contains("History"), "two runs are a history");
}

#[test]
fn profiles_are_drawn_and_put_into_the_page() {
    let folder = Folder::new();
    folder.result("inference", &["--profile"]);
    let svg = folder.text("flamegraphs/inference_profile.svg");
    assert!(svg.contains("<svg") && svg.contains("</svg>"));
    let table = folder.text("flamegraphs/inference_profile.txt");
    assert!(table.contains("samples at"), "{table}");
    let samples = std::fs::read(folder.path("flamegraphs/inference_profile.pb")).expect("samples");
    let samples = Profile::decode(samples.as_slice()).expect("the format of pprof");
    assert!(!samples.sample.is_empty());
    let page = folder.text("benchmark_results/benchmark_report.html");
    assert!(page.contains("data:image/svg+xml;base64,"));
}

#[test]
fn what_cannot_be_measured_says_why_with_its_code() {
    let folder = Folder::new();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--iterations", "0"], 2, "--iterations"),
        (&["--model", "nowhere.gguf"], 2, "nowhere.gguf"),
        (&["--zipf=-1"], 2, "--zipf"),
        (&["--prompts", "nowhere.txt"], 2, "nowhere.txt"),
        (&["--targets", "nowhere.json"], 2, "nowhere.json"),
        (&["--bench-type", "speed"], 2, "speed"),
    ];
    for (options, code, told) in cases {
        let output = folder.run(&[&["benchmark"], options]);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(told), "{}", said(&output));
    }
    if !cfg!(feature = "llama") {
        let output = folder.run(&[&["benchmark", "--backend", "llama"], &SHORT]);
        assert_eq!(output.status.code(), Some(20), "{}", said(&output));
    }
}
