//! Runs the binary under test, and copies fixtures that a test wants to change.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// How a run of the binary ended.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// The run failed with `code`, said `message`, and named a next step.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, message: &str) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        let (_, error) = self.stderr.rsplit_once("✓").unwrap_or(("", &self.stderr));
        assert!(error.contains(message), "`{message}` is not in: {error}");
        assert!(error.contains("hint: "), "no next step in: {error}");
        self
    }

    pub(crate) fn record(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("a record on standard output")
    }
}

/// A run of `cargo xtask NAME …` that is being prepared, without the variables of the outer build.
pub(crate) fn xtask(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg(name);
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "BENCH_MODEL_PATH",
        "LLVM_PROFDATA",
        "LLVM_BOLT",
        "INFERNO_CLANG",
    ] {
        command.env_remove(variable);
    }
    let of_profile = |name: &OsString| name.to_string_lossy().starts_with("CARGO_PROFILE_");
    for variable in std::env::vars_os().map(|(name, _)| name).filter(of_profile) {
        command.env_remove(variable);
    }
    command
}

/// A run of `cargo xtask pgo …` that is being prepared.
pub(crate) fn pgo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = xtask("pgo");
    command.args(args);
    command
}

/// A run of `cargo xtask compare OLD NEW …` that is being prepared.
pub(crate) fn compare(sides: [&Path; 2]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("compare").args(sides);
    command
}

pub(crate) fn run(command: &mut Command) -> Outcome {
    command.output().expect("the binary runs").into()
}

/// `--spec … --out …`.
pub(crate) fn place(spec: &Path, out: &Path) -> [PathBuf; 4] {
    [
        "--spec".into(),
        spec.to_owned(),
        "--out".into(),
        out.to_owned(),
    ]
}

pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(path)
}

/// A directory that is removed when the test ends.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// A copy of the package `name`, with the file that fixtures share.
pub(crate) fn copy_of(name: &str, directory: &Path) -> PathBuf {
    let package = directory.join(name);
    copy(&fixture(name), &package);
    std::fs::copy(fixture("worker.rs"), directory.join("worker.rs")).expect("a copy");
    package
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "target" {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).expect("a copy");
        }
    }
}
