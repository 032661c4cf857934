//! `cargo xtask calibrate`: what ends it, before anything is built.

use std::process::Command;

use crate::xtask::{Outcome, run};

fn calibrate(options: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    run(command.arg("calibrate").args(options))
}

#[test]
fn slow_a_program_that_fails_gives_its_exit_code() {
    let options = [
        "--only",
        "control-sleep",
        "--record",
        "/nowhere/record.json",
    ];
    calibrate(&options).failed(2, "`control-sleep` has no spec of its own");
}

#[test]
fn slow_what_would_be_ignored_is_refused() {
    let two = [
        "--only",
        "gain",
        "--only",
        "no-gain",
        "--record",
        "record.json",
    ];
    calibrate(&two).failed(2, "--record holds the effect of one program");
    for options in [
        &["--document", "--only", "gain"][..],
        &["--document", "--remeasure"],
        &["--list", "--build-only"],
        &["--list", "--document"],
    ] {
        let outcome = calibrate(options);
        assert_eq!(outcome.code, Some(2), "{options:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("cannot be used with"),
            "{options:?}"
        );
    }
    assert_eq!(calibrate(&["--list", "--only", "gain"]).code, Some(0));
}
