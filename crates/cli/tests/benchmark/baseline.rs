//! `baseline`: its files, its targets and its time.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Folder, said, succeeded};

/// So little time that a test takes seconds.
const SHORT: [&str; 10] = [
    "--duration",
    "2",
    "--restarts",
    "2",
    "--max-tokens",
    "2",
    "--cache-keys",
    "8",
    "--threads",
    "1",
];

#[test]
fn a_baseline_has_results_targets_and_a_report_within_its_time() {
    let folder = Folder::new();
    let started = Instant::now();
    let output = folder.run(&[&["baseline"], &SHORT]);
    let elapsed = started.elapsed();
    succeeded(&output);
    // Processes are started and ended as well, on a machine that has other things to do.
    assert!(elapsed < Duration::from_secs(40), "{elapsed:?}");
    let baseline = folder.json("performance_baseline/baseline_results.json");
    let files = std::fs::read_dir(folder.path("performance_baseline")).expect("a folder");
    assert_eq!(files.count(), 3, "the unfinished one has become this one");
    assert_eq!(baseline["benchmark_type"], "baseline");
    assert_eq!(baseline["complete"], true);
    assert!(baseline["avg_latency_ms"].as_f64() > Some(0.0));
    let results = baseline["results"].as_array().expect("results");
    let suites: Vec<&Value> = results
        .iter()
        .map(|result| &result["benchmark_type"])
        .collect();
    assert_eq!(suites, ["inference", "memory", "concurrent", "cache"]);
    let caches = results[3]["processes"].as_array().expect("processes");
    // The first one finds out how large an answer is.
    for cache in &caches[1..] {
        let [filled, measured] = [0_usize, 1].map(|run| &cache["runs"][run]);
        assert_eq!(filled["phase"], "warmup");
        assert_eq!(filled["cache"]["misses"], filled["cache_capacity"]);
        if measured["cache_capacity"] == 8 {
            assert_eq!(measured["cache"]["misses"], 0, "there is room for all");
        }
    }
    let targets = baseline["targets"].as_array().expect("targets");
    assert_eq!(targets.len(), 7);
    for target in targets {
        let outcome = target["outcome"].as_str().expect("an outcome");
        assert!(
            ["pass", "fail", "not-measured"].contains(&outcome),
            "{target}"
        );
        assert!(
            target["workload"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    let written = folder.json("performance_baseline/performance_targets.json");
    assert_eq!(written["inference_latency_ms"], 100.0);
    assert_eq!(written["memory_efficiency_mb"], Value::Null);
    assert!(written["definitions"]["throughput_rps"].is_string());
    let report = folder.text("performance_baseline/baseline_report.md");
    assert!(
        report.contains("| target |") && report.contains("`cache_hit_ratio`"),
        "{report}"
    );
}

#[test]
fn targets_are_ours_and_their_own_file_is_read_again() {
    let folder = Folder::new();
    std::fs::write(
        folder.path("custom.json"),
        r#"{"inference_latency_ms": 100000}"#,
    )
    .expect("a file");
    let with = |targets: &str| {
        folder.run(&[
            &["baseline", "--targets", targets, "--output", "out"],
            &SHORT,
        ])
    };
    succeeded(&with("custom.json"));
    let baseline = folder.json("out/baseline_results.json");
    let first = &baseline["targets"][0];
    assert_eq!(first["key"], "inference_latency_ms");
    assert_eq!(first["limit"], 100_000.0);
    assert_eq!(first["outcome"], "pass");
    succeeded(&with("out/performance_targets.json"));

    std::fs::write(folder.path("wrong.json"), r#"{"inference_latency": 80}"#).expect("a file");
    let output = with("wrong.json");
    assert_eq!(output.status.code(), Some(2));
    let told = said(&output);
    for part in [
        "wrong.json",
        "inference_latency",
        "did you mean `inference_latency_ms`?",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_backend_that_cannot_be_had_is_an_error() {
    let folder = Folder::new();
    let output = folder.run(&[&["baseline", "--backends", "gguf,onnx"], &SHORT]);
    // Built in, it still has no model in the folder of models.
    let (code, told) = if cfg!(feature = "onnx") {
        (2, "--onnx-model")
    } else {
        (20, "--features onnx")
    };
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    assert!(said(&output).contains(told), "{}", said(&output));
    assert!(
        !folder.path("performance_baseline").exists(),
        "nothing was measured"
    );
}
