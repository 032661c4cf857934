//! `cargo xtask pgo ladder`: rungs are built, compared and judged; what cannot be taken is skipped
//! with the reason, and the rest goes on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::built::c_code::clang_is_there;
use crate::xtask::{fixture, pgo, place, run, scratch};

/// A ladder of the interpreter, with one scenario.
fn ladder(out: &Path, rungs: &[&str]) -> Command {
    let mut command = pgo(["ladder"]);
    command.args(place(&fixture("gain/pgo.toml"), out)).args([
        "--only",
        "warm/programs",
        "--budget",
        "8s",
        "--json",
    ]);
    for rung in rungs {
        command.args(["--rung", rung]);
    }
    command
}

/// What became of the rung `name`.
#[track_caller]
fn outcome<'a>(ladder: &'a Value, name: &str) -> &'a Value {
    let rungs = ladder["rungs"].as_array().expect("rungs");
    let rung = rungs.iter().find(|rung| rung["name"] == name);
    &rung.expect("a rung of this name")["outcome"]
}

#[track_caller]
fn skipped(ladder: &Value, name: &str, reason: &str) {
    let found = outcome(ladder, name)["skipped"]["reason"]
        .as_str()
        .expect("it is skipped");
    assert!(found.contains(reason), "{found}");
    assert!(!found.contains(env!("CARGO_TARGET_TMPDIR")), "{found}");
}

/// Where a program stands that is no llvm-bolt.
fn stand_in(directory: &Path) -> PathBuf {
    let path = directory.join("llvm-bolt");
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'LLVM version 22.1.8'; exit; fi\n\
                  echo 'BOLT-ERROR: this program is beyond me' >&2\nexit 1\n";
    std::fs::write(&path, script).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

#[test]
fn slow_rungs_are_compared_and_what_cannot_be_taken_is_skipped() {
    let scratch = scratch();
    let out = scratch.path().join("out");
    // Its path is told, and no directory of this build may be.
    let tools = tempfile::tempdir().expect("a directory");
    let tool = stand_in(tools.path());
    let rungs = ["lto", "pgo-c", "bolt"];
    // In another environment nothing would stand.
    let climb = || {
        let mut command = ladder(&out, &rungs);
        command.env("INFERNO_CLANG", "/nowhere/clang");
        run(command.env("LLVM_BOLT", &tool)).succeeded()
    };
    let first = climb();
    let found = first.record();

    let names: Vec<&Value> = found["rungs"]
        .as_array()
        .expect("rungs")
        .iter()
        .map(|rung| &rung["name"])
        .collect();
    assert_eq!(names, ["release", "lto", "pgo-c", "bolt"]);
    let release = &outcome(&found, "release")["built"];
    assert_eq!(release["below"], Value::Null);
    assert!(release["build_s"].as_f64() > Some(0.0));
    let lto = &outcome(&found, "lto")["built"];
    assert!(lto["build_s"].as_f64() > Some(0.0));
    assert_ne!(lto["artifact"]["sha256"], release["artifact"]["sha256"]);
    assert_eq!(lto["below"], lto["first"]);
    assert_eq!(lto["below"]["against"], "release");
    assert!(lto["below"]["changes"][0]["effect"].is_f64(), "{lto}");
    skipped(&found, "pgo-c", "cannot run `/nowhere/clang`");
    skipped(&found, "bolt", "BOLT-ERROR: this program is beyond me");
    let recommended = found["recommendation"]["rung"].as_str();
    assert!(matches!(recommended, Some("release" | "lto")), "{found}");

    // The comparison's own record holds its samples, and can be judged again.
    let record = out.join(lto["below"]["record"].as_str().expect("a path"));
    let judged = run(pgo(["judge".as_ref(), record.as_os_str()]).args(["--format", "json"]));
    let record = judged.succeeded().record();
    let artifacts = &record["artifacts"];
    assert_eq!(
        artifacts["baseline"]["sha256"],
        release["artifact"]["sha256"]
    );
    assert_eq!(artifacts["candidate"]["sha256"], lto["artifact"]["sha256"]);
    assert_eq!(record["scenarios"][0]["expected"], Value::Null);
    let report = std::fs::read_to_string(out.join("ladder.md")).expect("a report");
    assert!(report.contains("# Ladder of `gain`"), "{report}");

    // Builds and comparisons stand; a tool that is not there is named.
    std::fs::remove_file(&tool).expect("it is there");
    let again = climb();
    assert!(!again.stderr.contains("sampling takes"), "{}", again.stderr);
    let again = again.record();
    assert_eq!(outcome(&again, "lto"), outcome(&found, "lto"));
    let missing = format!("cannot run `{}`", tool.display());
    skipped(&again, "bolt", &missing);
}

/// Needs an llvm-bolt, and says so where there is none.
#[test]
fn slow_bolt_rewrites_what_lies_below_by_a_profile_of_its_own() {
    let found = ["llvm-bolt-22", "llvm-bolt"]
        .iter()
        .find_map(|name| which::which(name).ok());
    let Some(tool) = found else {
        eprintln!("skipped: no llvm-bolt on PATH");
        return;
    };
    let out = scratch();
    let found = run(ladder(out.path(), &["bolt"]).env("LLVM_BOLT", tool))
        .succeeded()
        .record();
    let bolt = &outcome(&found, "bolt")["built"];
    let proof = bolt["proof"].to_string();
    assert!(proof.contains("used a profile of"), "{found}");
    assert_eq!(bolt["below"]["against"], "release");
    assert!(bolt["below"]["changes"][0]["effect"].is_f64(), "{bolt}");
    let release = &outcome(&found, "release")["built"];
    assert!(bolt["build_s"].as_f64() > release["build_s"].as_f64());
}

/// Needs a clang, and says so where there is none.
#[test]
fn slow_the_profile_reaches_c_code_in_a_rung_of_its_own() {
    if !clang_is_there() {
        return;
    }
    let out = scratch();
    let mut command = pgo(["ladder"]);
    command
        .args(place(&fixture("c-code/pgo.toml"), out.path()))
        .args(["--rung", "pgo-c", "--budget", "3s", "--json"]);
    let found = run(&mut command).succeeded().record();
    let rung = &outcome(&found, "pgo-c")["built"];
    let proof = rung["proof"].to_string();
    assert!(proof.contains("functions of C and C++ ran"), "{found}");
    assert_eq!(rung["below"]["against"], "release");
    let flags = found["toolchain"]["c"]["candidate_flags"].to_string();
    assert!(flags.contains("-fprofile-use=$OUT/rungs/pgo-c/"), "{found}");
}

#[test]
fn slow_an_unknown_rung_or_scenario_is_refused() {
    let out = scratch();
    let unknown = run(&mut ladder(out.path(), &["plo"]));
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("none of the rungs"),
        "{}",
        unknown.stderr
    );
    run(ladder(out.path(), &[]).args(["--only", "nothing"])).failed(2, "no scenario `nothing`");
}
