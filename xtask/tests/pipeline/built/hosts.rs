//! `cargo xtask compare --merge` on published records, as other hosts might have made them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::measured::compare::edit;
use crate::xtask::{Outcome, run, scratch};

fn published(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../profiles/results")
        .join(name)
        .join("record.json")
}

/// The published record as a host would have made it on which the candidate takes `factor` of its time.
fn host(directory: &Path, name: &str, factor: f64) -> PathBuf {
    let path = directory.join(format!("{name}.json"));
    edit(
        &published("2026-11-25-concurrent_inference"),
        &path,
        |record| {
            record["host"]["cpu_model"] = json!(name);
            for scenario in record["scenarios"].as_array_mut().expect("scenarios") {
                let restarts = scenario["samples"]["restarts"].as_array_mut();
                for restart in restarts.expect("restarts") {
                    for pair in restart["pairs"].as_array_mut().expect("pairs") {
                        let time = &mut pair["candidate"]["wall_ns"];
                        let changed = time.as_f64().expect("a time") * factor;
                        *time = json!(changed.round() as u64);
                    }
                }
            }
        },
    );
    path
}

fn merge(records: &[&Path], options: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["compare", "--merge"]).args(records);
    run(command.args(options))
}

fn scenario<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    let mut scenarios = comparison["scenarios"].as_array().expect("a list").iter();
    scenarios
        .find(|scenario| scenario["name"] == name)
        .expect("it is there")
}

#[test]
fn slow_one_pair_is_shown_host_by_host_and_pooled_with_the_spread() {
    let scratch = scratch();
    let directory = scratch.path();
    let hosts = [("amd", 1.0), ("intel", 1.03), ("other", 0.98)];
    let records = hosts.map(|(name, factor)| host(directory, name, factor));
    let [amd, intel, other] = records.each_ref().map(PathBuf::as_path);

    let outcome = merge(&[amd, intel, other], &["--format", "json"]).succeeded();
    let comparison = outcome.record();
    assert_eq!(comparison["schema"], 1);
    let labels: Vec<&Value> = comparison["hosts"]
        .as_array()
        .expect("hosts")
        .iter()
        .map(|side| &side["label"])
        .collect();
    assert_eq!(labels, ["amd", "intel", "other"]);
    let warm = scenario(&comparison, "warm/short");
    let figure = |pointer: &str| warm.pointer(pointer).and_then(Value::as_f64).expect("it");
    assert_eq!(warm["pooled"]["hosts"], 3);
    assert!(figure("/rows/0/effect") < figure("/rows/1/effect"));
    assert!(figure("/pooled/spread") > 0.01);
    assert!(figure("/pooled/new_host/ci_low") < figure("/pooled/effect/ci_low"));
    // The budget did not hold this one on any host.
    let unmeasured = scenario(&comparison, "warm/medium");
    assert_eq!(unmeasured["pooled"], Value::Null);
    assert!(unmeasured["rows"][0]["left_out"].is_string());
    assert_eq!(merge(&[amd, intel, other], &["--strict"]).code, Some(11));

    let alone = merge(&[amd], &["--format", "markdown"]).succeeded();
    assert!(alone.stdout.contains("nothing to pool"), "{}", alone.stdout);
    merge(&[amd, intel, amd], &[]).failed(2, "hold the same samples");
}

#[test]
fn slow_records_of_another_pair_are_refused_and_told_when_forced() {
    let scratch = scratch();
    let amd = host(scratch.path(), "amd", 1.0);
    let older = published("2026-11-22-concurrent_inference");
    let refused = merge(&[&amd, &older], &[]).failed(2, "program of the candidates");
    let named = "(2026-11-22-concurrent_inference)";
    assert!(refused.stderr.contains(named), "{}", refused.stderr);
    let forced = merge(&[&amd, &older], &["--force"]);
    assert!(forced.stdout.contains("Forced"), "{}", forced.stderr);

    merge(&[&amd, &scratch.path().join("missing")], &[]).failed(2, "there is no");
    merge(&[&amd], &["--budget", "5s"]).failed(2, "--budget belongs to two programs");
    merge(&[&amd], &["--format", "bmf"]).failed(2, "--format bmf belongs to two sides");
}
