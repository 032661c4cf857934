//! What each option of the whole job keeps and what it does again.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::xtask::{copy_of, fixture, pgo, place, run, scratch};

/// The smallest run that reaches its end.
fn short(out: &Path) -> Command {
    let mut command = pgo(place(&fixture("faulty/declared-exit.toml"), out));
    command.args(["--budget", "1s", "--json"]);
    command
}

/// The states of the stages of `kind`.
fn states(record: &Value, kind: &str) -> Vec<String> {
    let stages = record["timings"]["stages"].as_array().expect("stages");
    let states: Vec<String> = stages
        .iter()
        .filter(|stage| stage["kind"] == kind)
        .map(|stage| stage["state"].as_str().expect("a state").to_owned())
        .collect();
    assert!(!states.is_empty(), "no stage of the kind {kind}");
    states
}

#[track_caller]
fn assert_states(record: &Value, kind: &str, state: &str) {
    let states = states(record, kind);
    assert!(
        states.iter().all(|found| found == state),
        "{kind}: {states:?}"
    );
}

#[test]
fn slow_fresh_starts_over() {
    let out = scratch();
    run(&mut short(out.path())).succeeded();
    let left = out.path().join("logs/of-an-earlier-run.log");
    std::fs::write(&left, "").expect("a file");

    let again = run(&mut short(out.path())).succeeded().record();
    for kind in ["build", "train", "verify"] {
        assert_states(&again, kind, "reused");
    }
    assert!(left.is_file());

    let fresh = run(short(out.path()).arg("--fresh")).succeeded().record();
    for kind in ["build", "train", "verify"] {
        assert_states(&fresh, kind, "ran");
    }
    assert!(!left.exists());
}

#[test]
fn slow_remeasure_samples_again_and_builds_nothing() {
    let out = scratch();
    let samples = |record: &Value| record["scenarios"][0]["samples"].clone();
    let first = run(&mut short(out.path())).succeeded().record();
    let kept = run(&mut short(out.path())).succeeded().record();
    assert_eq!(samples(&kept), samples(&first));

    let again = run(short(out.path()).arg("--remeasure")).succeeded();
    let record = again.record();
    assert_ne!(samples(&record), samples(&first));
    for kind in ["build", "train", "verify"] {
        assert_states(&record, kind, "reused");
    }
}

#[test]
fn slow_only_measures_what_it_names() {
    let out = scratch();
    let spec = fixture("gain/pgo.toml");
    let only = |names: &[&str]| {
        let mut command = pgo(place(&spec, out.path()));
        command.args(["--budget", "3s", "--json"]);
        for name in names {
            command.args(["--only", name]);
        }
        command
    };
    let record = run(&mut only(&["cold/programs"])).succeeded().record();
    let scenarios = record["scenarios"].as_array().expect("scenarios");
    let measured: Vec<&Value> = scenarios.iter().map(|scenario| &scenario["name"]).collect();
    assert_eq!(measured, ["cold/programs"]);

    // A slip of the pen must not cost the work of an hour.
    run(only(&["cold/program"]).arg("--fresh")).failed(2, "no scenario `cold/program`");
    assert!(out.path().join("record.json").is_file());
    let all = run(&mut only(&["cold/programs", "warm/programs"])).succeeded();
    let record = all.record();
    assert_states(&record, "build", "reused");
    assert_eq!(record["scenarios"].as_array().map(Vec::len), Some(2));
}

#[test]
fn slow_noise_needs_no_profile() {
    let out = scratch();
    let spec = fixture("faulty/declared-exit.toml");
    let outcome = run(pgo(["noise"])
        .args(place(&spec, out.path()))
        .args(["--budget", "1s", "--json"]))
    .succeeded();
    let record = outcome.record();
    assert_eq!(record["profile"], Value::Null);
    assert_eq!(record["scenarios"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        record["artifacts"]["baseline"]["sha256"],
        record["artifacts"]["candidate"]["sha256"]
    );
    assert!(out.path().join("noise.json").is_file());
    assert!(!out.path().join("record.json").exists());
    assert_eq!(record["artifacts"]["instrumented"], Value::Null);
}

/// The loop that the training leaves out is compiled for size, and takes several times as long.
#[test]
fn slow_a_slower_candidate_is_an_answer_and_closes_the_gate() {
    let out = scratch();
    let spec = fixture("faulty/untrained.toml");
    let run_with = |gate: &[&str]| {
        let mut command = pgo(place(&spec, out.path()));
        run(command.args(["--budget", "12s", "--json"]).args(gate))
    };
    let record = run_with(&[]).succeeded().record();
    assert_eq!(record["scenarios"][0]["verdict"], "slower");
    assert_eq!(run_with(&["--gate"]).code, Some(10));
}

#[test]
fn slow_workers_that_answer_differently_are_refused() {
    let out = scratch();
    for (spec, message) in [
        (
            "faulty/worker-output-differs.toml",
            "baseline and candidate put out different results",
        ),
        (
            "faulty/worker-output-differs-later.toml",
            "the arms put out different results for input",
        ),
    ] {
        let mut command = pgo(place(&fixture(spec), out.path()));
        run(command.args(["--budget", "1s"])).failed(22, message);
    }
}

#[test]
fn slow_a_file_of_training_and_holdout_is_refused() {
    let directory = scratch();
    let package = copy_of("gain", directory.path());
    let spec = package.join("pgo.toml");
    let text = std::fs::read_to_string(&spec).expect("a spec");
    // The same file under another name.
    std::os::unix::fs::symlink("train.txt", package.join("inputs/alias.txt")).expect("a link");
    let overlapping = text.replace("inputs/holdout.txt", "inputs/alias.txt");
    assert_ne!(overlapping, text);
    std::fs::write(&spec, overlapping).expect("a spec");
    let out = directory.path().join("out");
    run(&mut pgo(place(&spec, &out))).failed(2, "is in training and in scenario");
    assert!(!out.exists());
}
