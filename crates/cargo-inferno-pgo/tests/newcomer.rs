//! A newcomer's path, as docs/getting-started.md has it: a fresh package, `init`, two lines, a verdict.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// A small program with work to do: it counts the words of a file.
const PROGRAM: &str = r#"use std::collections::BTreeMap;

fn main() {
    let path = std::env::args().nth(1).expect("the name of a file");
    let text = std::fs::read_to_string(path).expect("a text");
    let mut counts = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0_u32) += 1;
    }
    let often = counts.iter().max_by_key(|(_, count)| **count);
    println!("{} different words, most often {often:?}", counts.len());
}
"#;

/// Words of a few letters, another text for each seed.
fn text(seed: u32) -> String {
    let mut state = seed;
    let mut text = String::new();
    for _ in 0..200_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let _ = write!(text, "{:x} ", state >> 20);
    }
    text
}

/// `cargo inferno-pgo …`, as it is called once the subcommand is installed.
fn subcommand(directory: &Path, arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_cargo-inferno-pgo"));
    let installed = program.parent().expect("a directory").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(installed).chain(std::env::split_paths(&path));
    let mut command = Command::new("cargo");
    command
        .arg("inferno-pgo")
        .args(arguments)
        .current_dir(directory)
        .env("PATH", std::env::join_paths(path).expect("paths"));
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "LLVM_PROFDATA",
    ] {
        command.env_remove(variable);
    }
    command.output().expect("cargo runs")
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file");
}

#[test]
fn without_a_project_the_next_step_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let told = ended(&subcommand(directory.path(), &[]), 2);
    assert!(told.contains("there is no pgo.toml"), "{told}");
    assert!(told.contains("cargo inferno-pgo init"), "{told}");
    let told = ended(&subcommand(directory.path(), &["init"]), 2);
    assert!(told.contains("there is no Cargo.toml"), "{told}");
    assert!(told.contains("--manifest-path"), "{told}");
}

#[test]
fn slow_a_newcomer_gets_a_verdict() {
    // Outside this repository: a fresh package would become a member of its workspace.
    let directory = tempfile::tempdir().expect("a directory");
    let created = Command::new("cargo")
        .args(["new", "--quiet", "--vcs=none", "words"])
        .current_dir(directory.path())
        .status();
    assert!(created.expect("cargo runs").success());
    let package = directory.path().join("words");
    write(&package.join("src/main.rs"), PROGRAM);
    write(&package.join("train.txt"), &text(1));
    write(&package.join("holdout.txt"), &text(2));

    ended(&subcommand(&package, &["init"]), 0);
    let told = ended(&subcommand(&package, &[]), 2);
    assert!(told.contains("placeholder `<arguments>`"), "{told}");

    let spec = package.join("pgo.toml");
    let first = std::fs::read_to_string(&spec).expect("the spec");
    let filled_in = first
        .replacen("<arguments>", "train.txt", 1)
        .replacen("<arguments>", "holdout.txt", 1)
        .replace("# inputs", "inputs");
    write(&spec, &filled_in);
    // From below, as cargo itself can be called.
    let output = subcommand(&package.join("src"), &["--budget", "3s", "--json"]);
    ended(&output, 0);
    let record: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a record on standard output");
    let verdict = &record["scenarios"][0]["verdict"];
    let verdicts = ["faster", "slower", "no-difference", "inconclusive"];
    assert!(
        verdicts.iter().any(|known| verdict == known),
        "{verdict} is no verdict"
    );
    let results = package.join("target/pgo/words");
    for file in ["record.json", "report.md", "report.html"] {
        assert!(results.join(file).is_file(), "{file}");
    }
}
