//! Real fetches, which need a network and about 300 MB: run with `INFERNO_TEST_NETWORK=1`.
//! Without it each says on stderr that it did nothing.

#![cfg(feature = "fetch")]

use std::path::Path;
use std::process::Command;

use inferno_provision::{
    State, clang, fetch_clang, fetch_llvm_profdata, fetch_model, model, progress::StderrProgress,
};

/// Sets the cache directories by running this test binary again: the environment of a process
/// with threads is not to be changed.
fn again_with_own_cache(test: &str) -> bool {
    if std::env::var_os("INFERNO_TEST_NETWORK").is_none_or(|value| value != "1") {
        eprintln!("{test}: not run, INFERNO_TEST_NETWORK is not 1");
        return false;
    }
    if std::env::var_os("INFERNO_TEST_INNER").is_some() {
        return true;
    }
    let cache = tempfile::tempdir().expect("a temporary directory");
    let outer = std::env::current_exe().expect("the test's own program");
    let status = Command::new(outer)
        .args([test, "--exact", "--nocapture"])
        .env("INFERNO_TEST_INNER", "1")
        .env("INFERNO_MODELS_DIR", cache.path().join("models"))
        .env("INFERNO_TOOLS_DIR", cache.path().join("tools"))
        .status()
        .expect("the test runs again");
    assert!(status.success());
    let left = walk(cache.path());
    assert!(
        !left.iter().any(|name| name.contains(".partial-")),
        "{left:?}"
    );
    false
}

fn walk(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").path())
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path.display().to_string()]
            }
        })
        .collect()
}

#[test]
fn slow_the_model_is_fetched_and_whole() {
    if !again_with_own_cache("slow_the_model_is_fetched_and_whole") {
        return;
    }
    let path = fetch_model("smollm2-135m", &StderrProgress::default()).expect("the model");
    let local = model("smollm2-135m").expect("its state");
    assert_eq!((local.state, local.path), (State::Present, path));
}

#[test]
fn slow_the_tool_is_fetched_and_runs() {
    if !again_with_own_cache("slow_the_tool_is_fetched_and_runs") {
        return;
    }
    let path = fetch_llvm_profdata(22, &StderrProgress::default()).expect("the tool");
    let output = Command::new(path)
        .arg("--version")
        .output()
        .expect("it runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("LLVM version 22."));
}

#[test]
fn slow_clang_is_fetched_and_compiles() {
    if !again_with_own_cache("slow_clang_is_fetched_and_compiles") {
        return;
    }
    let path = fetch_clang(22, &StderrProgress::default()).expect("clang");
    assert_eq!(clang(22).expect("whole"), Some(path.clone()));
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let source = scratch.path().join("main.cpp");
    let text = "#include <immintrin.h>\n#include <string>\n\
                int main() { return (int)std::string(\"x\").size() - 1; }\n";
    std::fs::write(&source, text).expect("writing");
    let program = scratch.path().join("main");
    let compiled = Command::new(path)
        .args(["--driver-mode=g++", "-fprofile-generate"])
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{said}");
    let status = Command::new(program)
        .env("LLVM_PROFILE_FILE", scratch.path().join("x.profraw"))
        .status();
    assert!(status.expect("it runs").success());
}
