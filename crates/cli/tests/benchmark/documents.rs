//! The command lines of the documents, as they are written there, with little to do.
//!
//! A shell runs them in a folder where the files are that they name, with the synthetic model as the only
//! one of `INFERNO_MODELS_DIR`. What is changed is how much is measured, and what would take a release
//! build: it is this test's binary that is run.

mod lines;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use self::lines::{BUILDING, LINES, Line};
use crate::program::{Folder, SHORT, models, said, succeeded};
use crate::server::Server;

/// The document in which people look for them.
const DOCUMENT: &str = include_str!("../../../../docs/performance-benchmarking.md");

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

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder with everything that the lines name.
fn prepared() -> Folder {
    let folder = Folder::new();
    folder.result("inference", &[]);
    for name in [
        "recent_results.json",
        "new_results.json",
        "results.json",
        "baseline_results.json",
        "baseline.json",
    ] {
        copy(
            &folder.path("benchmark_results/inference_benchmark.json"),
            &folder.path(name),
        );
    }
    std::fs::write(folder.path("custom_targets.json"), CUSTOM_TARGETS).expect("a file");
    for name in ["scripts", "tools", "test_models", "small_test_models"] {
        std::fs::create_dir(folder.path(name)).expect("a folder");
    }
    for model in [
        "test_models/from-test-models.gguf",
        "small_test_models/from-small-test-models.gguf",
    ] {
        copy(&models().join("tiny.gguf"), &folder.path(model));
    }
    // Its content alone: that it may be executed is to be seen to.
    let script = std::fs::read(root().join("scripts/benchmark.sh")).expect("the script");
    std::fs::write(folder.path("scripts/benchmark.sh"), script).expect("a file");
    let inferno = folder.path("tools/inferno");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_inferno"), inferno).expect("a link");
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("copied");
}

/// Runs `line` by a shell in `folder`.
fn run(folder: &Folder, server: &Server, line: &str) -> Output {
    let few = SHORT.join(" ");
    let brief = SHORT[2..].join(" ");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(folder.path("tools")).chain(std::env::split_paths(&path));
    Command::new("sh")
        .args(["-c", line])
        .current_dir(folder.path(""))
        .env("PATH", std::env::join_paths(path).expect("paths"))
        .env("INFERNO_BINARY", env!("CARGO_BIN_EXE_inferno"))
        .env("INFERNO_MODELS_DIR", models())
        .env("FEW", few)
        // As many requests as every percentile takes.
        .env("MANY", format!("--iterations 400 {brief}"))
        .env("BRIEF", brief)
        .env("URL", format!("http://{}/metrics", server.address))
        .env_remove("BENCH_MODEL_PATH")
        .env_remove("INFERNO_API_KEY")
        .env_remove("INFERNO_ONNX_MODEL")
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .expect("a shell")
}

/// What `line` promises, and nothing that was there before.
fn check(folder: &Folder, server: &Server, line: &Line) {
    for (name, _) in line.leaves {
        // Most of them are not there.
        let _ = std::fs::remove_file(folder.path(name));
    }
    let output = run(folder, server, &line.shortened());
    let code = output.status.code().expect("a code");
    assert!(
        line.codes.contains(&code),
        "{} ended with {code}: {}",
        line.written,
        said(&output)
    );
    for (name, part) in line.leaves {
        assert!(
            folder.text(name).contains(part),
            "{}: no {part} in {name}",
            line.written
        );
    }
}

#[test]
fn slow_every_command_line_of_the_documents_does_what_it_says() {
    let folder = prepared();
    let server = Server::start(&[]);
    for line in LINES {
        eprintln!("{}", line.written);
        check(&folder, &server, line);
    }
}

#[test]
fn every_command_line_is_in_the_document() {
    let written = LINES.iter().map(|line| line.written).chain(BUILDING);
    for line in written {
        let is_it = |text: &str| {
            let rest = text.strip_prefix(line).map(str::trim_start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        };
        let is_there = DOCUMENT.lines().any(is_it);
        assert!(is_there, "docs/performance-benchmarking.md lacks: {line}");
    }
}

#[test]
fn a_command_of_cargo_at_the_workspace_s_root_finds_its_program() {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    succeeded(&output);
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let members = metadata["workspace_default_members"]
        .as_array()
        .expect("members");
    let packages = metadata["packages"].as_array().expect("packages");
    let targets: Vec<&Value> = packages
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().expect("targets"))
        .collect();
    let named = |kind: &str| -> Vec<&str> {
        let of_kind = |target: &&&Value| target["kind"][0] == kind;
        let names = targets.iter().filter(of_kind);
        names.filter_map(|target| target["name"].as_str()).collect()
    };
    // `cargo run` takes no other number of them.
    assert_eq!(named("bin"), ["inferno"]);
    for name in [
        "inference_benchmark",
        "memory_benchmark",
        "concurrent_benchmark",
        "cache_benchmark",
        "profiling_benchmark",
    ] {
        assert!(named("bench").contains(&name), "{name}");
    }
}

/// `cargo bench --bench cache_benchmark` without optimisation, and of the packages that are tested, so
/// that nothing is compiled anew but the benchmark; one part of it, for a moment.
fn bench_of_the_cache(home: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(root())
        .args(["bench", "--bench", "cache_benchmark", "--profile", "dev"])
        .args(["--workspace", "--exclude", "xtask"])
        .args([
            "--features",
            "inferno-inference/candle,inferno-inference/onnx",
            "--",
            "cache/hit",
        ])
        .args(options)
        .env("CRITERION_HOME", home)
        .env("INFERNO_BENCH_BUDGET", "5s")
        .env_remove("BENCH_MODEL_PATH")
        .env_remove("CRITERION_PROFILER");
    command
}

#[test]
fn slow_cargo_bench_times_a_suite_and_draws_where_its_time_goes() {
    let home = tempfile::tempdir().expect("a folder");
    let timed = bench_of_the_cache(home.path(), &[]).output();
    succeeded(&timed.expect("cargo runs"));
    let of = |file: &str| home.path().join("cache/hit").join(file);
    assert!(of("new/estimates.json").is_file());

    let profiled = bench_of_the_cache(home.path(), &["--profile-time", "1"])
        .env("CRITERION_PROFILER", "pprof")
        .output();
    succeeded(&profiled.expect("cargo runs"));
    let svg = std::fs::read_to_string(of("profile/flamegraph.svg")).expect("a flamegraph");
    assert!(svg.contains("</svg>"));
}
