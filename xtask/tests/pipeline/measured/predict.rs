//! The suitability score before any instrumented build, and what it says of missing tools.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use inferno_pgo::suitability::calibration;
use serde_json::Value;

use crate::xtask::{fixture, pgo, place, run, scratch};

fn predict(name: &str, out: &Path) -> Command {
    let mut command = pgo(["predict", "--json"]);
    command.args(place(&fixture(&format!("{name}/pgo.toml")), out));
    command
}

fn value(score: &Value, input: &str) -> Option<f64> {
    score["inputs"][input]["value"].as_f64()
}

fn detail<'a>(score: &'a Value, input: &str) -> &'a str {
    score["inputs"][input]["detail"].as_str().expect("a detail")
}

/// Whether code can be counted here; says what is not tested where it cannot.
fn can_count() -> bool {
    let found = which::which("valgrind").is_ok();
    if !found {
        eprintln!("skipped: what callgrind counts, as valgrind is not installed");
    }
    found
}

/// `PATH` without one tool: every other program of its directories is linked.
pub(crate) fn path_without(tool: &str, directory: &Path) -> OsString {
    let path = std::env::var_os("PATH").expect("a path");
    let mut parts = Vec::new();
    for (index, part) in std::env::split_paths(&path).enumerate() {
        if !part.join(tool).exists() {
            parts.push(part);
            continue;
        }
        let linked = directory.join(format!("without-{tool}-{index}"));
        std::fs::create_dir_all(&linked).expect("a directory");
        for entry in std::fs::read_dir(&part).expect("a directory").flatten() {
            if entry.file_name() != tool {
                let _ = symlink(entry.path(), linked.join(entry.file_name()));
            }
        }
        parts.push(linked);
    }
    std::env::join_paths(parts).expect("a path")
}

#[test]
fn slow_predict_builds_the_baseline_alone_and_tells_waiting_from_work() {
    let (of_gain, of_no_gain) = (scratch(), scratch());
    let gain = run(&mut predict("gain", of_gain.path()))
        .succeeded()
        .record();
    let no_gain = run(&mut predict("no-gain", of_no_gain.path()))
        .succeeded()
        .record();
    assert!(of_gain.path().join("arms/baseline").is_dir());
    assert!(!of_gain.path().join("arms/instrumented").exists());

    let bound = |score: &Value| value(score, "cpu_boundness").expect("always measured");
    assert!(bound(&no_gain) < 0.5, "{no_gain}");
    assert!(bound(&gain) > bound(&no_gain));
    if can_count() {
        // An interpreter: indirect branches at every turn.
        assert!(value(&gain, "indirect_branches") > Some(10.0), "{gain}");
        assert!(value(&gain, "instrumentable_share") > Some(0.5), "{gain}");
    }
    let no_rows = calibration::embedded().expect("rows").is_empty();
    if no_rows || !can_count() {
        let why = if no_rows {
            "not calibrated: 0 of"
        } else {
            "these inputs are not measured"
        };
        for score in [&gain, &no_gain] {
            assert!(score["score"].is_null(), "{score}");
            assert!(
                score["reason"]
                    .as_str()
                    .is_some_and(|told| told.starts_with(why)),
                "{score}"
            );
        }
    } else {
        let points = |score: &Value| score["score"].as_f64().expect("a score");
        let (gain, no_gain) = (points(&gain), points(&no_gain));
        assert!(
            no_gain < 10.0 && gain > no_gain && gain <= 100.0,
            "{gain} and {no_gain}"
        );
    }

    let again = run(&mut predict("gain", of_gain.path()))
        .succeeded()
        .record();
    assert_eq!(again, gain, "the stage is not run again");
}

#[test]
fn slow_missing_tools_leave_inputs_unmeasured() {
    let (out, links) = (scratch(), scratch());
    let path = path_without("valgrind", links.path());
    let score = run(predict("gain", out.path()).env("PATH", path))
        .succeeded()
        .record();
    for input in ["calls", "code_lines", "missed_indirect"] {
        assert_eq!(value(&score, input), None, "{score}");
        assert_eq!(
            detail(&score, input),
            "not measured: valgrind is not installed"
        );
    }
    assert!(score["score"].is_null() && score["reason"].is_string());
    assert!(value(&score, "cpu_boundness").is_some());

    if can_count() {
        let path = path_without("perf", links.path());
        let score = run(predict("gain", out.path()).env("PATH", path))
            .succeeded()
            .record();
        assert!(value(&score, "instrumentable_share") > Some(0.5), "{score}");
        assert!(detail(&score, "instrumentable_share").contains("perf is not installed"));
    }
}

#[test]
fn slow_a_perf_that_is_not_permitted_is_said_and_replaced_by_nothing_silently() {
    let (out, links) = (scratch(), scratch());
    let path = path_without("perf", links.path());
    let refusing = links.path().join("refusing");
    std::fs::create_dir_all(&refusing).expect("a directory");
    let perf = refusing.join("perf");
    let script =
        "#!/bin/sh\necho 'Error: Access to performance monitoring is limited.' >&2\nexit 255\n";
    std::fs::write(&perf, script).expect("a script");
    let mut permissions = std::fs::metadata(&perf).expect("a script").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&perf, permissions).expect("an executable");
    let path = std::env::join_paths(std::iter::once(refusing).chain(std::env::split_paths(&path)))
        .expect("a path");
    let score = run(predict("gain", out.path()).env("PATH", &path))
        .succeeded()
        .record();
    let said = detail(&score, "instrumentable_share");
    assert!(
        said.contains("perf record ended with exit code 255 (Error: Access"),
        "{said}"
    );

    // The same path, another tool: what was gathered before does not stand.
    std::fs::write(&perf, "#!/bin/sh\necho 'broken' >&2\nexit 7\n").expect("a script");
    let score = run(predict("gain", out.path()).env("PATH", path))
        .succeeded()
        .record();
    let said = detail(&score, "instrumentable_share");
    assert!(said.contains("exit code 7 (broken)"), "{said}");
}

#[test]
fn slow_nothing_is_left_in_the_users_home() {
    let (out, home) = (scratch(), scratch());
    // cargo and rustup live in the real one.
    let real = std::env::home_dir().expect("a home");
    let of = |variable: &str, default: &str| {
        std::env::var_os(variable).unwrap_or_else(|| real.join(default).into_os_string())
    };
    run(predict("gain", out.path())
        .env("CARGO_HOME", of("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", of("RUSTUP_HOME", ".rustup"))
        .env("XDG_CACHE_HOME", of("XDG_CACHE_HOME", ".cache"))
        .env("HOME", home.path()))
    .succeeded();
    assert!(!home.path().join(".debug").exists());
}
