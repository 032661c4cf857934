//! C code that a build script compiles: with `c = "clang"` it is in the profile, and a profile of
//! other C code is refused.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::xtask::{copy_of, fixture, pgo, place, run, scratch};

/// A build script that does not ask for the compiler.
const DEAF_BUILD_SCRIPT: &str = r#"
fn main() {
    let object = format!("{}/checksum.o", std::env::var("OUT_DIR").unwrap());
    let mut command = std::process::Command::new("cc");
    command.args(["-O2", "-c", "src/checksum.c", "-o", &object]);
    assert!(command.status().unwrap().success());
    println!("cargo:rustc-link-arg={object}");
}
"#;

/// The major version of rustc's LLVM.
fn llvm_major() -> String {
    let output = Command::new("rustc").arg("-vV").output();
    let text = String::from_utf8(output.expect("rustc runs").stdout).expect("text");
    let (_, version) = text.split_once("LLVM version: ").expect("a version");
    version.split('.').next().expect("a number").to_owned()
}

/// Without clang there is nothing to test but its absence.
pub(crate) fn clang_is_there() -> bool {
    let name = format!("clang-{}", llvm_major());
    let found = which::which(&name).is_ok();
    if !found {
        eprintln!("skipped: {name} is not on PATH; install it to test C code in the profile");
    }
    found
}

/// Replaces text in a file of the package, which must be there.
#[track_caller]
fn change(file: &Path, changes: &[(&str, &str)]) {
    let mut text = std::fs::read_to_string(file).expect("the source");
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in {}", file.display());
        text = text.replace(from, to);
    }
    std::fs::write(file, text).expect("the source");
}

fn check<'a>(record: &'a Value, name: &str) -> &'a Value {
    let checks = record["verification"]["checks"].as_array().expect("checks");
    let mut checks = checks.iter();
    checks
        .find(|check| check["name"] == name)
        .expect("the check")
}

#[test]
fn slow_c_code_is_in_the_profile_and_changed_c_code_is_refused() {
    if !clang_is_there() {
        return;
    }
    let directory = scratch();
    let package = copy_of("c-code", directory.path());
    let (spec, out) = (package.join("pgo.toml"), directory.path().join("out"));
    let whole = run(pgo(place(&spec, &out)).args(["--budget", "3s", "--json"])).succeeded();
    is_in_the_profile(&whole.record());

    let (c, rust) = (package.join("src/checksum.c"), package.join("src/main.rs"));
    let optimize = || run(pgo(["optimize"]).args(place(&spec, &out)));
    let branch = "if (byte == '#') {\n return 77;\n }\n if (byte >= 'a'";
    change(&c, &[("if (byte >= 'a'", branch)]);
    optimize().failed(22, "the sources or flags have changed since training");

    change(&c, &[("mixed", "blended"), ("c_checksum", "c_sum")]);
    change(&rust, &[("c_checksum", "c_sum")]);
    optimize().failed(22, "stand under functions of this program");

    std::fs::write(package.join("build.rs"), DEAF_BUILD_SCRIPT).expect("a build script");
    optimize().failed(22, "no C or C++ function is counted");
}

fn is_in_the_profile(record: &Value) {
    let clang = record["toolchain"]["c"]["clang"].as_str();
    assert!(clang.is_some_and(|version| version.starts_with(&llvm_major())));
    let hottest = record["profile"]["hottest"].as_array().expect("functions");
    // The local one is known by its file in both builds.
    for function in ["c_checksum", "mixed"] {
        assert!(
            hottest.iter().any(|hot| hot["name"] == function),
            "{function}: {hottest:?}"
        );
    }
    assert_eq!(check(record, "c-code")["outcome"], "passed");
}

#[test]
fn slow_a_clang_that_does_not_fit_is_refused() {
    let directory = scratch();
    let clang = directory.path().join("clang");
    let spec = fixture("c-code/pgo.toml");
    let mut command = pgo(place(&spec, &directory.path().join("out")));
    let major = llvm_major();
    for (version, message) in [
        (
            "14.0.6",
            "is LLVM 14.0.6, but rustc writes profiles of LLVM",
        ),
        (
            &*format!("{major}.1.0"),
            "counts its own execution: no runtime here",
        ),
    ] {
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && echo 'clang version {version}' && exit\n\
             echo 'no runtime here' >&2\nexit 1\n"
        );
        std::fs::write(&clang, script).expect("a script");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&clang, executable).expect("executable");
        run(command.env("INFERNO_CLANG", &clang)).failed(20, message);
    }
    run(command.env("INFERNO_CLANG", "/nowhere/clang")).failed(20, "cannot run `/nowhere/clang`");
}
