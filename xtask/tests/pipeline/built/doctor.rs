//! `cargo xtask doctor` names a next step for each thing that is not there.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::xtask::{Outcome, run, scratch};

/// The directory of the compiler's own programs: no linker, no Python.
fn toolchain_bin() -> std::path::PathBuf {
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc runs");
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).into_owned();
    std::path::Path::new(sysroot.trim()).join("bin")
}

/// The line on `item`, and the one below it.
#[track_caller]
fn lines_on<'a>(outcome: &'a Outcome, item: &str) -> (&'a str, &'a str) {
    let mut lines = outcome.stdout.lines();
    let line = lines
        .find(|line| line.split_whitespace().nth(1) == Some(item))
        .expect("a line on the item");
    (line, lines.next().unwrap_or_default())
}

#[test]
fn slow_what_is_missing_has_a_next_step() {
    let directory = scratch();
    // A Python without pip is common, and fetches nothing.
    let python = directory.path().join("python3");
    std::fs::write(&python, "#!/bin/sh\nexit 1\n").expect("a script");
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let models = directory.path().join("models");
    std::fs::create_dir(&models).expect("a directory");
    std::fs::write(models.join("synthetic-tiny.gguf"), "other content").expect("a file");
    let path = std::env::join_paths([directory.path().to_owned(), toolchain_bin()]).expect("paths");

    let outcome = run(Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("doctor")
        .env("PATH", path)
        .env_remove("INFERNO_CHROMIUM")
        .env_remove("LLVM_BOLT")
        .env_remove("INFERNO_CLANG")
        .env("INFERNO_TOOLS_DIR", directory.path())
        .env("LLVM_PROFDATA", "/nowhere/llvm-profdata")
        .env("INFERNO_MODELS_DIR", &models));

    assert_eq!(outcome.code, Some(20), "{}", outcome.stdout);
    for (item, standing, next) in [
        ("llvm-profdata", "MISSING", "LLVM_PROFDATA must name"),
        ("clang", "absent", "packages clang-"),
        ("cc", "MISSING", "package manager"),
        ("pip", "absent", "package manager"),
        (
            "smollm2-135m",
            "absent",
            "cargo xtask model fetch smollm2-135m",
        ),
        (
            "synthetic-tiny",
            "MISSING",
            "cargo xtask model fetch synthetic-tiny",
        ),
        ("perf", "absent", "package linux-perf"),
        ("valgrind", "absent", "package valgrind"),
        ("lld", "absent", "package lld"),
        ("llvm-bolt", "absent", "package bolt-22"),
        ("hyperfine", "absent", "package hyperfine"),
        ("Chromium", "absent", "package chromium"),
        ("shellcheck", "absent", "package shellcheck"),
    ] {
        let (line, below) = lines_on(&outcome, item);
        assert!(line.starts_with(standing), "{}", outcome.stdout);
        assert!(
            below.contains("next: ") && below.contains(next),
            "{}",
            outcome.stdout
        );
    }
}
