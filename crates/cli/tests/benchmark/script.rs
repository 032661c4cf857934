//! `scripts/benchmark.sh`: what it makes of its options, what it refuses, how it ends.
//!
//! Where no measurement is needed a file of a few shell commands stands in for `inferno`: the script is
//! told that `sh` is the binary, and `sh` runs the file `performance-benchmark` of the folder.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::program::{Folder, models, said, succeeded};

/// A stand-in that keeps the arguments that it was called with.
const RECORDER: &str = "echo \"$@\" >>calls\n";

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/benchmark.sh")
}

/// The script on the real binary.
fn benchmark(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(script());
    command
        .args(arguments)
        .current_dir(folder.path(""))
        .env("INFERNO_BINARY", env!("CARGO_BIN_EXE_inferno"))
        .env("INFERNO_MODELS_DIR", models())
        .env_remove("BENCH_MODEL_PATH");
    command
}

/// Runs the script with `stand_in` instead of the binary.
fn with(stand_in: &str, folder: &Folder, arguments: &str) -> Output {
    std::fs::write(folder.path("performance-benchmark"), stand_in).expect("a file");
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut command = benchmark(folder, &arguments);
    command.env("INFERNO_BINARY", "sh").output().expect("runs")
}

/// A folder with a baseline that the stand-ins do not look at.
fn with_baseline() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("performance_baseline")).expect("a folder");
    let baseline = folder.path("performance_baseline/baseline_results.json");
    std::fs::write(baseline, "").expect("a file");
    std::fs::write(folder.path("custom.json"), "{}").expect("a file");
    folder
}

#[test]
fn people_may_call_it() {
    let mode = std::fs::metadata(script())
        .expect("the script")
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111, "{mode:o}");
}

#[test]
fn options_become_calls_of_inferno() {
    for (arguments, calls) in [
        (
            "",
            "benchmark --bench-type all --output benchmark_results\n",
        ),
        (
            "--ci -p --targets=custom.json memory -o out -- --iterations 8",
            "benchmark --bench-type memory --output out --profile --targets custom.json --iterations 8\n",
        ),
        (
            "baseline -b kept --targets custom.json -t 60",
            "baseline --output kept --targets custom.json\n",
        ),
        (
            "--ci --compare",
            "benchmark --bench-type all --output benchmark_results\n\
             compare --current benchmark_results --baseline performance_baseline/baseline_results.json \
             --threshold 10\n",
        ),
        (
            "-c -o out -- --against old/inferno",
            "benchmark --bench-type all --output out --against old/inferno\n\
             compare --current out --baseline out/against\n",
        ),
        (
            "memory -c -- --against=old",
            "benchmark --bench-type memory --output benchmark_results --against=old\n\
             compare --current benchmark_results/memory_benchmark.json --baseline \
             benchmark_results/against/memory_benchmark.json\n",
        ),
        (
            "cache -c",
            "benchmark --bench-type cache --output benchmark_results\n\
             compare --current benchmark_results/cache_benchmark.json --baseline \
             performance_baseline/baseline_results.json\n",
        ),
    ] {
        let folder = with_baseline();
        succeeded(&with(RECORDER, &folder, arguments));
        assert_eq!(folder.text("calls"), calls, "{arguments}");
    }
}

#[test]
fn what_would_be_ignored_or_fail_later_is_refused() {
    let folder = Folder::new();
    for (arguments, told) in [
        ("fast", "fast"),
        ("all cache", "all and cache"),
        ("--output", "--output"),
        ("--timeout 0", "--timeout 0"),
        ("--timeout 5m", "--timeout 5m"),
        ("--baseline kept", "--compare"),
        ("-c -b kept -- --against old", "--baseline beside --against"),
        ("baseline --output out", "--baseline"),
        ("baseline --compare", "--compare"),
        ("profiling --report", "--report"),
        ("--targets nowhere.json", "nowhere.json"),
        ("--compare", "scripts/benchmark.sh baseline"),
    ] {
        let output = with(RECORDER, &folder, arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
        assert!(said.contains(told) && said.contains("next:"), "{said}");
    }
    assert!(!folder.path("calls").exists(), "nothing was measured");
}

#[test]
fn a_model_and_a_binary_are_asked_for_before_anything_is_built() {
    let folder = Folder::new();
    let output = benchmark(&folder, &[])
        .env_remove("INFERNO_MODELS_DIR")
        .env_remove("INFERNO_BINARY")
        .output()
        .expect("the script runs");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("cargo xtask model fetch"));
    let output = benchmark(&folder, &[])
        .env("INFERNO_BINARY", "/nowhere/inferno")
        .output()
        .expect("the script runs");
    assert_eq!(output.status.code(), Some(20), "{}", said(&output));
    assert!(said(&output).contains("/nowhere/inferno"));
}

#[test]
fn the_model_of_a_variable_is_named_to_inferno() {
    let folder = Folder::new();
    std::fs::write(folder.path("performance-benchmark"), RECORDER).expect("a file");
    let output = benchmark(&folder, &["cache"])
        .env("INFERNO_BINARY", "sh")
        .env("BENCH_MODEL_PATH", "my model.gguf")
        .output()
        .expect("the script runs");
    succeeded(&output);
    let calls = folder.text("calls");
    assert!(calls.ends_with(" --model my model.gguf\n"), "{calls}");
}

#[test]
fn exit_codes_of_inferno_are_its_own() {
    for (stand_in, arguments, code) in [
        ("exit 20", "", 20),
        ("exit 130", "", 130),
        ("exit 1", "baseline", 1),
        // Found slower; refused as it was measured otherwise.
        ("[ $1 != compare ] || exit 10", "--ci --compare", 10),
        ("[ $1 != compare ] || exit 2", "--ci --compare", 2),
        // A run that failed is not compared.
        ("[ $1 = compare ] || exit 23", "--compare", 23),
    ] {
        let output = with(stand_in, &with_baseline(), arguments);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    }
}

#[test]
fn a_report_that_is_missing_is_no_success() {
    for arguments in ["--report", "baseline --report"] {
        let output = with(RECORDER, &Folder::new(), arguments);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("report"), "{}", said(&output));
    }
    // Those of the run are there, that of the comparison is not.
    let folder = with_baseline();
    let makes_a_page = "[ $1 = compare ] || { mkdir -p $5 && : >$5/benchmark_report.html; }";
    let output = with(makes_a_page, &folder, "--compare --report");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let told = said(&output);
    assert!(
        told.contains("report: benchmark_results/benchmark_report.html"),
        "{told}"
    );
    assert!(told.contains("benchmark_results/comparison.html"), "{told}");
}

#[test]
fn a_run_that_takes_too_long_leaves_what_it_has_measured() {
    let folder = Folder::new();
    let output = benchmark(&folder, &["inference", "--timeout", "3", "--ci", "--"])
        .args(["--iterations", "100000000", "--threads", "1"])
        .output()
        .expect("the script runs");
    let told = said(&output);
    assert_eq!(output.status.code(), Some(124), "{told}");
    assert!(told.contains("--timeout"), "{told}");
    let result = folder.json("benchmark_results/inference_benchmark.json");
    assert_eq!(result["complete"], false);
    let processes = result["processes"].as_array().expect("processes");
    assert!(!processes.is_empty(), "what was measured is kept");
}
