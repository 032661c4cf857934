//! `--instructions`: callgrind's counts beside the verdicts, and what is said where there are none.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::predict::path_without;
use crate::xtask::{fixture, pgo, place, run, scratch};

/// A run whose budget is enough for both scenarios.
fn counting(out: &Path, options: &[&str]) -> Command {
    let mut command = pgo(place(&fixture("gain/pgo.toml"), out));
    command.args(["--budget", "30s", "--json"]).args(options);
    command
}

/// Without valgrind there is nothing to test but its absence.
fn valgrind_is_there() -> bool {
    let found = which::which("valgrind").is_ok();
    if !found {
        eprintln!("skipped: valgrind is not on PATH; install it to test counted instructions");
    }
    found
}

fn scenarios(record: &Value) -> &Vec<Value> {
    record["scenarios"].as_array().expect("scenarios")
}

fn count(scenario: &Value, arm: &str) -> f64 {
    let counted = scenario["instructions"][arm].as_f64();
    counted.unwrap_or_else(|| panic!("not counted: {}", scenario["instructions"]))
}

/// The stages that counted, with their states.
fn stages(record: &Value) -> Vec<(&str, &str)> {
    let stages = record["timings"]["stages"].as_array().expect("stages");
    stages
        .iter()
        .filter_map(|stage| Some((stage["name"].as_str()?, stage["state"].as_str()?)))
        .filter(|(name, _)| name.starts_with("instructions "))
        .collect()
}

#[test]
fn slow_instructions_of_both_arms_stand_beside_the_verdicts() {
    if !valgrind_is_there() {
        return;
    }
    let out = scratch();
    let plan = run(&mut counting(out.path(), &["--instructions", "--dry-run"])).succeeded();
    assert!(
        plan.stderr.contains("instructions warm/programs"),
        "{}",
        plan.stderr
    );

    let record = run(&mut counting(out.path(), &["--instructions"]))
        .succeeded()
        .record();
    assert_eq!(scenarios(&record).len(), 2);
    for scenario in scenarios(&record) {
        let (baseline, candidate) = (count(scenario, "baseline"), count(scenario, "candidate"));
        assert!(baseline > 10_000.0 && candidate > 10_000.0, "{scenario}");
        let ratio = count(scenario, "ratio");
        assert!((ratio - candidate / baseline).abs() < 1e-12);
        // The profile changes what is inlined and what is checked, so what is executed.
        assert!((ratio - 1.0).abs() > 0.001, "{ratio}");
        let requests = &scenario["instructions"]["requests"];
        assert_eq!(requests.is_null(), scenario["kind"] == "cold", "{requests}");
    }
    // A process runs all programs of the file and starts, a request runs one.
    let of = |name: &str| {
        let mut all = scenarios(&record).iter();
        all.find(|one| one["name"] == name).expect("a scenario")
    };
    for arm in ["baseline", "candidate"] {
        assert!(count(of("warm/programs"), arm) < count(of("cold/programs"), arm));
    }

    let markdown = std::fs::read_to_string(out.path().join("report.md")).expect("a report");
    let page = std::fs::read_to_string(out.path().join("report.html")).expect("a page");
    for text in [&markdown, &page] {
        assert!(text.contains("instructions: "), "{text}");
        assert!(text.contains("a companion of the times and decide nothing"));
    }
    let saved = out.path().join("record.json");
    let judged = run(pgo(["judge".as_ref(), saved.as_os_str()]).args(["--format", "json"]))
        .succeeded()
        .record();
    assert_eq!(judged["scenarios"], record["scenarios"]);

    // The same inputs: nothing is counted again. Another limit: counted again, and nearly the same.
    let kept = run(&mut counting(out.path(), &["--instructions"]))
        .succeeded()
        .record();
    assert_eq!(kept["scenarios"], record["scenarios"]);
    assert!(stages(&kept).iter().all(|(_, state)| *state == "reused"));
    let again = run(&mut counting(out.path(), &["--instructions=4m"]))
        .succeeded()
        .record();
    assert_eq!(stages(&again).len(), 2);
    assert!(stages(&again).iter().all(|(_, state)| *state == "ran"));
    for (first, second) in scenarios(&record).iter().zip(scenarios(&again)) {
        for arm in ["baseline", "candidate"] {
            let change = count(second, arm) / count(first, arm) - 1.0;
            assert!(change.abs() < 0.001, "{arm} of {}: {change}", first["name"]);
        }
        // Counted or not, a verdict comes from the samples.
        assert_eq!(first["verdict"], second["verdict"]);
    }

    // Without the option, nothing is said of instructions.
    let plain = run(&mut counting(out.path(), &[])).succeeded().record();
    for (plain, counted) in scenarios(&plain).iter().zip(scenarios(&record)) {
        assert!(plain.get("instructions").is_none(), "{plain}");
        assert_eq!(plain["effect"], counted["effect"]);
    }
}

#[test]
fn slow_what_takes_too_long_is_not_counted_and_says_so() {
    if !valgrind_is_there() {
        return;
    }
    let out = scratch();
    let mut command = pgo(place(&fixture("gain/pgo.toml"), out.path()));
    command.args(["--instructions=50ms", "--json"]);
    command.args(["--only", "warm/programs", "--budget", "8s"]);
    let record = run(&mut command).succeeded().record();
    for scenario in scenarios(&record) {
        assert!(scenario["effect"].is_number(), "{scenario}");
        let counts = &scenario["instructions"];
        for figure in ["baseline", "candidate", "ratio"] {
            assert!(counts[figure].is_null(), "{counts}");
        }
        let detail = counts["detail"].as_str().expect("a detail");
        assert!(
            detail.starts_with("not measured: callgrind takes longer than 50ms"),
            "{detail}"
        );
        assert!(detail.contains("--instructions=TIME"), "{detail}");
    }
    let report = std::fs::read_to_string(out.path().join("report.md")).expect("a report");
    assert!(
        report.contains("instructions not measured: callgrind takes longer"),
        "{report}"
    );
}

#[test]
fn slow_without_valgrind_nothing_is_built() {
    let (out, links) = (scratch(), scratch());
    let path = path_without("valgrind", links.path());
    run(counting(out.path(), &["--instructions"]).env("PATH", path))
        .failed(20, "valgrind, which counts instructions, is not on PATH");
    assert!(!out.path().join("arms").exists());
}
