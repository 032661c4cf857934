//! Starts the binary in a folder of its own, with the synthetic model as the only one that there is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// So few requests that a test takes seconds.
pub(crate) const SHORT: [&str; 10] = [
    "--iterations",
    "8",
    "--restarts",
    "2",
    "--max-tokens",
    "2",
    "--cache-keys",
    "8",
    "--threads",
    "1",
];

/// A folder to work in.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The binary in this folder, without what the environment might say to it.
    pub(crate) fn inferno(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inferno"));
        command
            .current_dir(self.0.path())
            .env("INFERNO_MODELS_DIR", models())
            .env_remove("INFERNO_API_KEY")
            .env_remove("INFERNO_LOG_LEVEL")
            .env_remove("INFERNO_ONNX_MODEL")
            .env_remove("ORT_DYLIB_PATH")
            .env_remove("COLUMNS");
        command
    }

    /// Runs `performance-benchmark` with the arguments of all `parts`.
    pub(crate) fn run(&self, parts: &[&[&str]]) -> Output {
        self.inferno()
            .arg("performance-benchmark")
            .args(parts.concat())
            .output()
            .expect("the binary runs")
    }

    /// Runs `benchmark` on one suite; gives its result.
    pub(crate) fn result(&self, suite: &str, options: &[&str]) -> Value {
        let output = self.run(&[&["benchmark", "--bench-type", suite], &SHORT, options]);
        succeeded(&output);
        self.json(&format!("benchmark_results/{suite}_benchmark.json"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).expect(name)
    }
}

/// The folder of models, written once.
pub(crate) fn models() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("benchmark-models");
        std::fs::create_dir_all(&folder).expect("a folder");
        inferno_provision::synthetic::write(&folder.join("tiny.gguf")).expect("a model");
        folder
    })
}

pub(crate) fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
}

/// What it said on both streams.
pub(crate) fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}\n{err}")
}
