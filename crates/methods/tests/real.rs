//! The fixture and the real tools.
//!
//! These build the fixture and run hyperfine and Criterion, so their names start with `slow_`.
//! Nothing here depends on how long anything takes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inferno_methods::fixture::{self, Variants};
use inferno_methods::outcome::Table;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn variants(directory: &Path) -> Variants {
    let built = fixture::build(&repository(), Table::Cold).expect("the fixture builds");
    fixture::variants(&built, &[1, 2, 5], directory).expect("the constant is there once")
}

#[test]
fn slow_a_copy_does_as_much_more_work_as_it_claims() {
    let directory = tempfile::tempdir().unwrap();
    let variants = variants(directory.path());
    for (difference, rounds) in [(0, 24_000), (1, 24_240), (2, 24_480), (5, 25_200)] {
        let program = &variants.programs[&difference];
        let output = Command::new(program).arg("--outcome").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.starts_with(&format!("{rounds} rounds, ")), "{said}");
        let plain = Command::new(program).output().unwrap();
        assert_eq!(
            plain.stdout, b"done\n",
            "without --outcome all say the same"
        );
    }
}

#[test]
fn slow_instructions_differ_as_claimed() {
    if which::which("valgrind").is_err() {
        eprintln!("skipped: valgrind is not on PATH; install it to count instructions");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let variants = variants(directory.path());
    let baseline = instructions(&variants.programs[&0]);
    for difference in [1, 2, 5] {
        let ratio = instructions(&variants.programs[&difference]) / baseline;
        let claimed = 1.0 + f64::from(difference) / 100.0;
        assert!((ratio - claimed).abs() < 5e-4, "{difference} %: {ratio}");
    }
}

/// Instructions of a whole run, in user mode.
fn instructions(program: &Path) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let (_, count) = said.split_once("Collected : ").expect("a count");
    let count = count.split_whitespace().next().expect("a number");
    count.parse().expect("a number")
}

fn methods(out: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_methods"));
    command.args(args).arg("--out").arg(out);
    command
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn slow_hyperfine_and_ours_take_a_repetition() {
    if which::which("hyperfine").is_err() {
        eprintln!("skipped: hyperfine is not on PATH; .ci/run installs it where it may");
        return;
    }
    takes_a_repetition_once("cold", "hyperfine");
}

#[test]
fn slow_criterion_and_ours_take_a_repetition() {
    takes_a_repetition_once("warm", "Criterion");
}

/// A second call finds the repetition taken, and takes nothing more.
fn takes_a_repetition_once(table: &str, other: &str) {
    let out = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = methods(out.path(), &["--table", table]);
        command.args([
            "--repetitions",
            "1",
            "--differences",
            "5",
            "--seconds",
            "30",
        ]);
        succeeded(&command.output().unwrap())
    };
    let text = run();
    for method in ["ours", other] {
        assert!(text.contains(&format!("| 5 % | {method} | 1 | ")), "{text}");
    }
    let log = out.path().join(format!("{table}.jsonl"));
    let before = std::fs::read(&log).unwrap();
    assert!(run().contains(&format!("| 5 % | {other} | 1 | ")));
    assert_eq!(std::fs::read(&log).unwrap(), before);
}

#[test]
fn slow_without_hyperfine_the_next_step_is_named() {
    let out = tempfile::tempdir().unwrap();
    let output = methods(out.path(), &["--repetitions", "1"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(20), "{said}");
    assert!(said.contains("hint: install it"), "{said}");
}
