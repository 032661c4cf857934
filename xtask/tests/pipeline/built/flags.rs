//! A user's compiler flags are kept in every arm, wherever they come from.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::xtask::{copy_of, pgo, place, run, scratch};

const FLAG: &str = "-Cforce-frame-pointers=yes";

/// A small package outside any project, so that no configuration but the test's own applies.
fn package() -> (TempDir, std::path::PathBuf) {
    let directory = scratch();
    let package = copy_of("faulty", directory.path());
    (directory, package)
}

fn command(package: &Path) -> Command {
    let spec = package.join("declared-exit.toml");
    let out = package.with_file_name("out");
    let mut command = pgo(place(&spec, &out));
    command.args(["--budget", "1s", "--json"]);
    command
}

/// All arms have the flag, and differ only in what concerns the profile.
#[track_caller]
fn keeps_the_flag(command: &mut Command, package: &Path) {
    let outcome = run(command).succeeded();
    assert!(
        outcome
            .stderr
            .contains(&format!("flags of every arm: {FLAG}")),
        "{}",
        outcome.stderr
    );
    let record = outcome.record();
    for arm in ["baseline", "instrumented", "candidate"] {
        let flags = rustflags(&record, arm);
        assert!(flags.iter().any(|flag| flag == FLAG), "{arm}: {flags:?}");
        let other: Vec<_> = flags
            .iter()
            .filter(|flag| *flag != FLAG && !concerns_profile(flag))
            .collect();
        assert!(other.is_empty(), "{arm}: {other:?}");
        let log = package
            .with_file_name("out")
            .join("logs")
            .join(format!("build-{arm}.log"));
        let log = std::fs::read_to_string(log).expect("the build's log");
        let called = log
            .lines()
            .filter(|line| line.contains("Running `") && line.contains("--crate-name faulty"));
        assert!(called.clone().count() > 0, "rustc was not called for {arm}");
        assert!(
            called.clone().all(|line| line.contains(FLAG)),
            "rustc was called without the flag for {arm}"
        );
    }
}

fn concerns_profile(flag: &str) -> bool {
    [
        "-Cprofile-generate=",
        "-Cprofile-use=",
        "-Cllvm-args=-pgo-",
        "-Cllvm-args=-no-pgo-",
        "-Cllvm-args=-enable-name-compression=",
        "-Wwarnings",
    ]
    .iter()
    .any(|prefix| flag.starts_with(prefix))
}

fn rustflags(record: &Value, arm: &str) -> Vec<String> {
    let flags = record["artifacts"][arm]["rustflags"]
        .as_array()
        .expect("flags");
    flags
        .iter()
        .map(|flag| flag.as_str().expect("a flag").to_owned())
        .collect()
}

fn configured(text: &str) -> (TempDir, std::path::PathBuf) {
    let (directory, package) = package();
    std::fs::create_dir(package.join(".cargo")).expect("a directory");
    std::fs::write(package.join(".cargo/config.toml"), text).expect("a file");
    (directory, package)
}

/// What cargo makes of the package's identity: it is in every symbol's name.
#[track_caller]
fn identity(log: &str) -> &str {
    let mut calls = log
        .lines()
        .filter(|line| line.contains("--crate-name faulty"));
    let call = calls.next().expect("rustc was called");
    let (_, rest) = call.split_once("metadata=").expect("an identity");
    rest.split(' ').next().expect("digits")
}

#[test]
fn slow_arms_have_the_symbols_of_a_plain_build() {
    let (directory, package) = package();
    let (spec, out) = (
        package.join("declared-exit.toml"),
        package.with_file_name("out"),
    );
    run(pgo(["instrument"]).args(place(&spec, &out))).succeeded();
    let log = std::fs::read_to_string(out.join("logs/build-instrumented.log")).expect("a log");
    let target = log.split("--target ").nth(1).expect("a target");
    let mut plain = Command::new("cargo");
    let plain = plain
        .args(["build", "--release", "--verbose", "--target"])
        .arg(target.split(' ').next().expect("a triple"))
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", directory.path().join("plain"));
    let plain = run(plain).succeeded();
    assert_eq!(identity(&log), identity(&plain.stderr));
}

#[test]
fn slow_rustflags_of_the_environment_are_kept() {
    let (_directory, package) = package();
    keeps_the_flag(command(&package).env("RUSTFLAGS", FLAG), &package);
}

#[test]
fn slow_encoded_rustflags_of_the_environment_are_kept() {
    let (_directory, package) = package();
    keeps_the_flag(
        command(&package).env("CARGO_ENCODED_RUSTFLAGS", FLAG),
        &package,
    );
}

#[test]
fn slow_build_rustflags_of_the_configuration_are_kept() {
    let (_directory, package) = configured(&format!("[build]\nrustflags = [\"{FLAG}\"]\n"));
    keeps_the_flag(&mut command(&package), &package);
}

#[test]
fn slow_target_rustflags_of_the_configuration_are_kept() {
    let (_directory, package) =
        configured(&format!("[target.'cfg(unix)']\nrustflags = [\"{FLAG}\"]\n"));
    keeps_the_flag(&mut command(&package), &package);
}

#[test]
fn slow_a_profile_in_the_users_flags_is_refused() {
    let (_directory, package) = package();
    let outcome = run(command(&package).env("RUSTFLAGS", "-Cprofile-use=/elsewhere.profdata"));
    outcome.failed(2, "already contain `-Cprofile-use=/elsewhere.profdata`");
}

#[test]
fn slow_cargo_is_held_to_its_lock_file() {
    let (_directory, package) = package();
    std::fs::remove_file(package.join("Cargo.lock")).expect("a file of the fixture");
    run(command(&package).arg("--locked")).failed(21, "was passed to prevent this");
    assert!(!package.join("Cargo.lock").exists());
}

#[test]
fn slow_offline_nothing_is_fetched() {
    let (directory, package) = package();
    let spec = package.join("declared-exit.toml");
    let text = std::fs::read_to_string(&spec).expect("a spec");
    let with_model = format!("{text}\n[assets]\nMODEL = \"smollm2-135m\"\n");
    std::fs::write(&spec, with_model).expect("a spec");
    let no_models = directory.path().join("models");
    let mut command = command(&package);
    run(command
        .arg("--offline")
        .env("INFERNO_MODELS_DIR", no_models))
    .failed(20, "`--offline` fetches nothing");
}

#[test]
fn slow_a_target_that_does_not_run_here_is_refused() {
    let (_directory, package) = package();
    let spec = package.join("declared-exit.toml");
    let text = std::fs::read_to_string(&spec).expect("a spec");
    let elsewhere = text.replace("[target]", "[target]\ntriple = \"wasm32-unknown-unknown\"");
    std::fs::write(&spec, elsewhere).expect("a spec");
    run(&mut command(&package)).failed(2, "`wasm32-unknown-unknown` do not run on");
}
