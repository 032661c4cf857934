//! The benchmark `pgo_benches` on a small verified pair.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::xtask::{Outcome, copy_of, fixture, pgo, place, run, scratch};

/// `cargo bench --bench pgo_benches` on the fixture `gain`, its driver without optimisation: the
/// arms state their own times.
fn bench(out: &Path, home: &Path) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["bench", "--profile", "dev", "-p", "inferno-inference"])
        .args(["--no-default-features", "--features", "benches"])
        .args(["--bench", "pgo_benches"])
        .env("INFERNO_BENCH_SPEC", fixture("gain/pgo.toml"))
        .env("INFERNO_BENCH_OUT", out)
        .env("CRITERION_HOME", home)
        .env_remove("CRITERION_PROFILER");
    command
}

/// The bounds of Criterion's interval of the mean, in nanoseconds.
fn interval(home: &Path, id: &str) -> [f64; 2] {
    let path = home.join(id).join("new/estimates.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let estimates: Value = serde_json::from_str(&text).expect("JSON");
    let mean = &estimates["mean"]["confidence_interval"];
    ["lower_bound", "upper_bound"].map(|bound| mean[bound].as_f64().expect("a number"))
}

#[test]
fn slow_criterion_finds_the_gain_of_a_verified_pair() {
    let (out, home) = (scratch(), scratch());
    let mut whole = pgo(place(&fixture("gain/pgo.toml"), out.path()));
    let whole = run(whole.args(["--budget", "3s"])).succeeded();
    assert!(!whole.stderr.contains("… criterion"), "{}", whole.stderr);

    let outcome = run(bench(out.path(), home.path()).env("INFERNO_BENCH_BUDGET", "25s"));
    let outcome = outcome.succeeded();
    for scenario in ["warm_programs", "cold_programs"] {
        let candidate = interval(home.path(), &format!("{scenario}/candidate"));
        let baseline = interval(home.path(), &format!("{scenario}/baseline"));
        assert!(candidate[1] < baseline[0], "{candidate:?} {baseline:?}");
    }
    assert!(home.path().join("report/index.html").is_file());
    assert!(outcome.stdout.contains("no verdict"), "{}", outcome.stdout);

    what_does_not_fit_is_named(out.path(), home.path());
    a_profiler_is_refused(out.path(), home.path());
    a_changed_binary_is_refused(out.path(), home.path());
}

/// `gain` with a section that has the workspace's benchmark run on it.
fn declaring(bench: &str, directory: &Path) -> PathBuf {
    let spec = copy_of("gain", directory).join("pgo.toml");
    declare(bench, &spec);
    spec
}

fn declare(bench: &str, spec: &Path) {
    let text = std::fs::read_to_string(spec).expect("a spec");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let section = format!(
        "\n[criterion]\nmanifest = \"{}\"\npackage = \"inferno-inference\"\nbench = \"{bench}\"\n\
         default-features = false\nfeatures = [\"benches\"]\nprofile = \"dev\"\nbudget = \"8s\"\n",
        manifest.display()
    );
    std::fs::write(spec, text + &section).expect("a spec");
}

#[test]
fn slow_a_declared_benchmark_is_the_last_stage() {
    let (directory, out, home) = (scratch(), scratch(), scratch());
    let spec = declaring("pgo_benches", directory.path());
    let whole = |options: &[&str]| {
        let mut command = pgo(place(&spec, out.path()));
        command.args(["--budget", "3s"]).args(options);
        run(command.env("CRITERION_HOME", home.path()))
    };
    let planned = whole(&["--dry-run"]).succeeded();
    assert!(planned.stderr.contains("criterion  "), "{}", planned.stderr);
    let planned = whole(&["--dry-run", "--no-criterion"]).succeeded();
    assert!(!planned.stderr.contains("criterion  "));

    whole(&[]).succeeded();
    let text = std::fs::read_to_string(out.path().join("record.json")).expect("a record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    let stages = record["timings"]["stages"].as_array().expect("stages");
    let last = stages.last().expect("a stage");
    assert_eq!(
        (&last["name"], &last["state"]),
        (&"criterion".into(), &"ran".into())
    );
    let report = std::fs::read_to_string(out.path().join("report.md")).expect("a report");
    assert!(report.contains("criterion/report/index.html"));
    assert!(home.path().join("report/index.html").is_file());
}

#[test]
fn slow_a_benchmark_that_fails_leaves_record_and_report() {
    let (directory, out) = (scratch(), scratch());
    let spec = declaring("no_such_bench", directory.path());
    let mut whole = pgo(place(&spec, out.path()));
    let outcome = run(whole.args(["--budget", "1s"]));
    assert!(
        outcome.stdout.contains("warm/programs"),
        "{}",
        outcome.stdout
    );
    outcome.failed(23, "the benchmark of [criterion] failed");
    for left in ["record.json", "report.md", "logs/criterion.log"] {
        assert!(out.path().join(left).is_file(), "{left}");
    }
}

#[test]
fn slow_a_closed_gate_outweighs_a_benchmark_that_fails() {
    let (directory, out) = (scratch(), scratch());
    let spec = copy_of("faulty", directory.path()).join("untrained.toml");
    declare("no_such_bench", &spec);
    let whole = |gate: &[&str]| {
        let mut whole = pgo(place(&spec, out.path()));
        run(whole.args(["--budget", "12s"]).args(gate))
    };
    let outcome = whole(&["--gate"]);
    assert!(outcome.stdout.contains("slower"), "{}", outcome.stdout);
    outcome.failed(10, "the benchmark of [criterion] failed");
    // Without a gate the answer is no failure, but the benchmark's is one.
    whole(&[]).failed(23, "the benchmark of [criterion] failed");
}

/// `cargo xtask bench pgo` on a pair that is not there ends as the suite does, and says so.
#[test]
fn slow_a_suite_that_fails_tells_its_exit_code() {
    let out = scratch();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_xtask"));
    bench
        .args(["bench", "pgo"])
        .env("INFERNO_BENCH_SPEC", fixture("gain/pgo.toml"))
        .env("INFERNO_BENCH_OUT", out.path())
        .env_remove("CRITERION_PROFILER");
    let outcome = run(&mut bench);
    assert!(
        outcome.stderr.contains("binary verification failed"),
        "{}",
        outcome.stderr
    );
    outcome.failed(22, "the suite `pgo` ended with exit code 22");
    run(bench.env("INFERNO_BENCH_BUDGET", "soon"))
        .failed(2, "the suite `pgo` ended with exit code 2");
}

fn what_does_not_fit_is_named(out: &Path, home: &Path) {
    let file = home.join("left-out.json");
    let outcome = run(bench(out, home)
        .env("INFERNO_BENCH_BUDGET", "1s")
        .env("INFERNO_BENCH_LEFT_OUT", &file))
    .succeeded();
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(text.contains("its 10 samples need a budget of"), "{text}");
    }
    let text = std::fs::read_to_string(file).expect("what was left out");
    let left_out: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(left_out.as_object().map(serde_json::Map::len), Some(2));
}

fn a_profiler_is_refused(out: &Path, home: &Path) {
    let outcome = run(bench(out, home).env("CRITERION_PROFILER", "pprof"));
    refused(&outcome, "its work is done by other processes");
}

fn a_changed_binary_is_refused(out: &Path, home: &Path) {
    let path = out.join("arms/candidate/gain");
    let mut content = std::fs::read(&path).expect("a binary");
    let last = content.len() - 1;
    content[last] ^= 1;
    std::fs::write(&path, content).expect("a binary");
    let outcome = run(&mut bench(out, home));
    refused(&outcome, "binary verification failed");
    assert!(outcome.stderr.contains("cargo xtask pgo --spec"));
}

fn refused(outcome: &Outcome, message: &str) {
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
}
