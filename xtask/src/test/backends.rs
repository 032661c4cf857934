//! The tests of the backends that are not built by default, and clippy on what only they compile.
//!
//! Takes nothing but a filter; fetches the models and ONNX Runtime that the tests name by variables. A
//! machine that cannot build llama.cpp tests the rest, and is told so.

use std::path::{Path, PathBuf};

use inferno_pgo::assets;
use xshell::{Shell, cmd};

use crate::error::Result;
use crate::project;

/// What the tests find their files by, and the names of these in the catalogue.
const FILES: [(&str, &str); 5] = [
    ("BENCH_MODEL_PATH", project::DEFAULT_MODEL),
    ("INFERNO_TEST_MINILM", "minilm"),
    ("INFERNO_TEST_MINILM_ONNX", "minilm-int8-onnx"),
    ("INFERNO_TEST_MAGIKA", "magika"),
    ("ORT_DYLIB_PATH", "onnxruntime"),
];

/// The tests that are written once for all backends, or are about one of these.
const TESTS: [&str; 4] = [
    "conformance",
    "embed_classify",
    "engine_faults",
    "onnx_models",
];

/// Packages with such features.
const PACKAGES: [&str; 3] = ["inferno-inference", "inferno-cli", "inferno-benches"];

pub(super) fn run(filter: Option<&str>) -> Result<u8> {
    let sh = Shell::new()?;
    sh.change_dir(project::root());
    for (variable, name) in FILES {
        let path = assets::fetch(|progress| inferno_provision::fetch_model(name, progress))?;
        sh.set_var(variable, path);
    }
    let backends: &[&str] = match missing_for_llama() {
        None => &["llama", "onnx"],
        Some(missing) => {
            eprintln!(
                "SKIPPED the backend llama: there is no {missing}; docs/BACKENDS.md says what it needs"
            );
            &["onnx"]
        }
    };
    let features: Vec<String> = PACKAGES
        .iter()
        .flat_map(|package| backends.iter().map(move |name| format!("{package}/{name}")))
        .chain(["inferno-inference/candle".to_owned()])
        .collect();
    let features = features.join(",");
    // Of the whole workspace, as in the other commands: what they have in common is not compiled anew.
    cmd!(
        sh,
        "cargo clippy --workspace --all-targets --features {features} -- -D warnings"
    )
    .run()?;
    let tests = TESTS.map(|name| ["--test", name]).concat();
    cmd!(
        sh,
        "cargo test --workspace --exclude xtask --features {features} {tests...} -- {filter...} --skip slow_"
    )
    .run()?;
    Ok(inferno_pgo::exit::ANSWERED)
}

/// What llama.cpp cannot be built without.
fn missing_for_llama() -> Option<&'static str> {
    if which::which("cmake").is_err() {
        return Some("cmake");
    }
    libclang().is_none().then_some("libclang")
}

/// Where the crate that writes the bindings looks for the library, too.
fn libclang() -> Option<PathBuf> {
    let named = std::env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    let toolchains = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten();
    let toolchains = toolchains
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm-"))
        .map(|entry| entry.path().join("lib"));
    let places = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    let places = places.map(PathBuf::from);
    let mut all = named.into_iter().chain(toolchains).chain(places);
    all.find(|place| holds_libclang(place))
}

fn holds_libclang(place: &Path) -> bool {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| {
        name.to_string_lossy().starts_with("libclang.so")
            || name.to_string_lossy().starts_with("libclang-1")
    })
}
