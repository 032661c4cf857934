//! The command lines of the documents, as they are written there, with little to do.
//!
//! Each runs in a folder where the files are that it names, with the synthetic model as the only one of
//! `INFERNO_MODELS_DIR`. What is changed is how much is measured, nothing else.

use crate::program::{Folder, said};

/// `performance-benchmark` and what follows it, on one line.
const COMMANDS: [&str; 9] = [
    "benchmark --bench-type all",
    "baseline --output performance_baseline --backends gguf,onnx --duration 60",
    "baseline --output performance_baseline --backends gguf,onnx --duration 30",
    "baseline --targets custom_targets.json --output baseline_results",
    "benchmark --bench-type inference --iterations 100 --output benchmark_results",
    "benchmark --bench-type all --profile --output profiled_results",
    "compare --current recent_results.json --baseline baseline_results.json --threshold 10.0 --report",
    "compare --current new_results.json --baseline baseline.json --threshold 10.0",
    "compare --current results.json --baseline baseline.json --report",
];

/// The example of the documents.
const CUSTOM_TARGETS: &str = r#"{
  "inference_latency_ms": 80,
  "memory_efficiency_mb": 400,
  "throughput_rps": 1500,
  "model_loading_time_ms": 3000,
  "cache_hit_ratio": 0.85,
  "cpu_utilization": 0.75,
  "memory_utilization": 0.65
}"#;

/// The command with little to do.
fn shortened(command: &str) -> Vec<String> {
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if words[0] == "compare" {
        return words;
    }
    set(&mut words, "--restarts", "2");
    set(&mut words, "--max-tokens", "2");
    set(&mut words, "--cache-keys", "8");
    match words[0].as_str() {
        "baseline" => set(&mut words, "--duration", "2"),
        _ => set(&mut words, "--iterations", "8"),
    }
    words
}

/// Gives `option` the value, whether it was there or not.
fn set(words: &mut Vec<String>, option: &str, value: &str) {
    match words.iter().position(|word| word == option) {
        Some(place) => value.clone_into(&mut words[place + 1]),
        None => words.extend([option.to_owned(), value.to_owned()]),
    }
}

/// What the command ends with. The model of the backend onnx is not among the tests' models.
fn expected_code(command: &str) -> i32 {
    match (command.contains("onnx"), cfg!(feature = "onnx")) {
        (false, _) => 0,
        (true, false) => 20,
        (true, true) => 2,
    }
}

#[test]
fn slow_every_command_line_of_the_documents_does_what_it_says() {
    let folder = Folder::new();
    std::fs::write(folder.path("custom_targets.json"), CUSTOM_TARGETS).expect("a file");
    folder.result("inference", &[]);
    for name in [
        "recent_results.json",
        "new_results.json",
        "results.json",
        "baseline_results.json",
        "baseline.json",
    ] {
        std::fs::copy(
            folder.path("benchmark_results/inference_benchmark.json"),
            folder.path(name),
        )
        .expect("copied");
    }
    for command in COMMANDS {
        let words = shortened(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = folder.run(&[&words]);
        assert_eq!(
            output.status.code(),
            Some(expected_code(command)),
            "{command}: {}",
            said(&output)
        );
    }
    for file in [
        "benchmark_results/inference_benchmark.json",
        "benchmark_results/benchmark_report.html",
        "baseline_results/baseline_results.json",
        "baseline_results/performance_targets.json",
        "baseline_results/baseline_report.md",
        "profiled_results/memory_benchmark.json",
        "profiled_results/concurrent_benchmark.json",
        "profiled_results/cache_benchmark.json",
        "flamegraphs/inference_profile.svg",
        "flamegraphs/memory_profile.svg",
        "flamegraphs/concurrent_profile.svg",
        "recent_results_comparison.md",
        "results_comparison.html",
    ] {
        assert!(folder.path(file).is_file(), "{file}");
    }
}
