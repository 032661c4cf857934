//! Training: the declared workloads on the instrumented binary.
//!
//! Takes an [`Instrumented`] binary and a workload; gives a [`WorkloadProfile`] that is not empty.
//! A run that ends otherwise than declared, or leaves no profile, is an error: a profile of half a
//! run optimises for half a program. So a server is asked to end, and must end by itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use inferno_measure::process::{self, Command, ExitKind, Finished, Stdin, Undriven};
use inferno_measure::scenario::Server;
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, Counters};
use crate::digest;
use crate::error::{Error, Result};
use crate::profile::profdata::Weighted;
use crate::spec::{Spec, Train};
use crate::stage::Whole;
use crate::toolchain::LlvmProfdata;

/// Lines of a failed run's output that the error repeats.
const TAIL_LINES: usize = 10;

/// A binary that counts its own execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrumented(Artifact);

impl Instrumented {
    /// Accepts a build only if it really has counters.
    ///
    /// # Errors
    /// [`Error::Verification`] when it has none.
    pub fn new(artifact: Artifact) -> Result<Self> {
        if artifact.counters == Counters::Present {
            return Ok(Self(artifact));
        }
        Err(Error::Verification {
            check: "instrumented-counters",
            message: format!("`{}` has no profile counters", artifact.path.display()),
            hint: "a cargo configuration may replace the flags: compare `rustflags` in the build's log".into(),
        })
    }

    /// The binary.
    pub fn artifact(&self) -> &Artifact {
        &self.0
    }
}

/// The merged profile of one training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadProfile {
    /// The workload's name.
    pub name: String,
    /// The profile.
    pub path: PathBuf,
    /// SHA-256 of the profile.
    pub sha256: String,
    /// The declared weight.
    pub weight: f64,
    /// Sum of all its counts, above zero.
    pub counts_total: u64,
    /// Raw profiles that the run left.
    pub raw_files: u32,
    /// How long the run took.
    pub wall_s: f64,
}

impl WorkloadProfile {
    /// Merges what a run left in `raw`; `None` where nothing was counted.
    ///
    /// # Errors
    /// [`Error::Verification`] when a raw profile is unusable: none is passed over.
    pub(crate) fn gather(name: &str, raw: &Path, tool: &LlvmProfdata) -> Result<Option<Self>> {
        let files = raw_files(raw)?;
        if files.is_empty() {
            return Ok(None);
        }
        Self::of_files(name, &files, raw.with_extension("profdata"), tool)
    }

    /// Merges `files` into `path`; `None` where nothing was counted.
    ///
    /// # Errors
    /// [`Error::Verification`] when one of them is unusable: none is passed over.
    pub(crate) fn of_files(
        name: &str,
        files: &[PathBuf],
        path: PathBuf,
        tool: &LlvmProfdata,
    ) -> Result<Option<Self>> {
        tool.merge_into(&Weighted::equally(files), &path)?;
        let counts_total = tool.counts(&path)?.total();
        let profile = Self {
            name: name.to_owned(),
            sha256: digest::file(&path)?,
            path,
            weight: 1.0,
            counts_total,
            raw_files: files.len() as u32,
            wall_s: 0.0,
        };
        Ok((counts_total > 0).then_some(profile))
    }
}

impl Whole for WorkloadProfile {
    fn is_whole(&self) -> bool {
        digest::file(&self.path).is_ok_and(|digest| digest == self.sha256)
    }
}

/// Runs one workload.
///
/// `env` goes to the process below the workload's own; `raw` is emptied first.
///
/// # Errors
/// [`Error::Training`] when the run does not end as declared, [`Error::Verification`] when its
/// profile is missing or unusable.
pub fn run(
    spec: &Spec,
    workload: &Train,
    instrumented: &Instrumented,
    env: &BTreeMap<String, String>,
    tool: &LlvmProfdata,
    raw: &Path,
) -> Result<WorkloadProfile> {
    instrumented.artifact().check()?;
    recreate(raw)?;
    let process = command(spec, workload, instrumented, env, raw)?;
    let finished = carry_out(spec, workload, env, process)?;
    let profile = WorkloadProfile::gather(&workload.name, raw, tool)?;
    let wall_s = finished.wall_ns as f64 / 1e9;
    profile
        .map(|profile| WorkloadProfile {
            weight: workload.weight,
            wall_s,
            ..profile
        })
        .ok_or_else(|| no_profile(&workload.name))
}

/// Runs a workload with `process`, after what it wants before and with what asks it where it serves;
/// accepts its end only as it is declared.
///
/// # Errors
/// [`Error::Training`].
pub(crate) fn carry_out(
    spec: &Spec,
    workload: &Train,
    env: &BTreeMap<String, String>,
    process: Command,
) -> Result<Finished> {
    prepare(spec, workload, env)?;
    let finished = match workload.server() {
        Some(server) => serve(spec, workload, &server, process, env)?,
        None => process.run()?,
    };
    check_end(workload, &finished)?;
    check_answers(workload, &finished)?;
    Ok(finished)
}

/// The raw profiles in `directory` and below, sorted.
///
/// # Errors
/// [`Error::Io`] naming the directory.
pub fn raw_files(directory: &Path) -> Result<Vec<PathBuf>> {
    files_of_kind(directory, "profraw")
}

/// The files in `directory` and below whose names end in `.kind`, sorted.
///
/// # Errors
/// [`Error::Io`] naming the directory.
pub(crate) fn files_of_kind(directory: &Path, kind: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::io("read", directory))? {
        let entry = entry.map_err(Error::io("read", directory))?;
        let path = entry.path();
        // Not through links: one may lead back up.
        if entry.file_type().is_ok_and(|found| found.is_dir()) {
            files.extend(files_of_kind(&path, kind)?);
        } else if path.extension().is_some_and(|extension| extension == kind) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The value of `LLVM_PROFILE_FILE`: a file per binary (`%m`) and process (`%p`), since processes
/// that share one lose counts.
pub fn profile_file_pattern(directory: &Path) -> PathBuf {
    directory.join("run_%m_%p.profraw")
}

/// Empties a directory, creating it if need be.
///
/// # Errors
/// [`Error::Io`] naming the directory.
pub fn recreate(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory).map_err(Error::io("empty", directory))?;
    }
    std::fs::create_dir_all(directory).map_err(Error::io("create", directory))
}

fn command(
    spec: &Spec,
    workload: &Train,
    instrumented: &Instrumented,
    env: &BTreeMap<String, String>,
    raw: &Path,
) -> Result<Command> {
    let launcher = Command::new(&instrumented.artifact().path);
    let command = process(spec, workload, launcher, env)?;
    Ok(command.env("LLVM_PROFILE_FILE", profile_file_pattern(raw)))
}

/// The workload's process. `launcher` starts the binary: it is the binary itself, or a tool with
/// its options and the binary as the last of them.
///
/// # Errors
/// [`Error::Internal`] for a request that cannot be written.
pub(crate) fn process(
    spec: &Spec,
    workload: &Train,
    launcher: Command,
    env: &BTreeMap<String, String>,
) -> Result<Command> {
    let stdin = match &workload.stdin {
        Some(file) => Stdin::File(spec.resolve(file)),
        None if workload.requests.is_empty() => Stdin::Null,
        None => Stdin::Bytes(request_lines(workload)?.into_bytes()),
    };
    let command = launcher
        .args(&workload.args)
        .directory(&spec.directory)
        .stdin(stdin)
        .timeout(workload.timeout);
    Ok(surrounded(workload, command, env))
}

/// The workload's environment for one of its commands.
fn surrounded(workload: &Train, command: Command, env: &BTreeMap<String, String>) -> Command {
    env.iter()
        .chain(&workload.env)
        .fold(command, |command, (name, value)| command.env(name, value))
}

/// Runs the command that the workload wants before it.
///
/// # Errors
/// [`Error::Training`] when it does not end with exit code 0.
pub(crate) fn prepare(spec: &Spec, workload: &Train, env: &BTreeMap<String, String>) -> Result<()> {
    let Some(command) = Command::declared(&workload.prepare, &spec.directory) else {
        return Ok(());
    };
    let command = surrounded(workload, command, env).timeout(workload.timeout);
    let finished = command.run()?;
    if finished.success() {
        return Ok(());
    }
    let ended = format!(
        "could not be prepared: `prepare` ended with {}",
        finished.status
    );
    let hint = "run the command by hand, in the spec's directory";
    Err(failed(workload, &ended, &said(&finished), hint))
}

/// Runs a workload that serves; gives what became of the server.
fn serve(
    spec: &Spec,
    workload: &Train,
    server: &Server,
    command: Command,
    env: &BTreeMap<String, String>,
) -> Result<Finished> {
    let driver = Command::declared(&server.driver, &spec.directory)
        .ok_or_else(|| Error::Internal("a server without a driver".into()))?;
    let driver = surrounded(workload, driver, env);
    match process::drive(command, driver, server, workload.timeout)? {
        Ok(driven) => Ok(driven.server),
        Err(Undriven { problem, output }) => {
            let hint = "`ready` must tell when the server can be asked, and `driver` must end with exit code 0";
            Err(failed(workload, &problem, &output, hint))
        }
    }
}

fn request_lines(workload: &Train) -> Result<String> {
    let mut lines = String::new();
    for (seq, request) in workload.requests.iter().enumerate() {
        let mut request = request.clone();
        request.insert("seq".into(), seq.into());
        let line =
            serde_json::to_string(&request).map_err(|error| Error::Internal(error.to_string()))?;
        let _ = writeln!(lines, "{line}");
    }
    Ok(lines)
}

fn check_end(workload: &Train, finished: &Finished) -> Result<()> {
    if finished.status == ExitKind::Code(workload.exit) {
        return Ok(());
    }
    let (ended, hint) = match finished.status {
        ExitKind::TimedOut => (
            format!("did not end within {} s", workload.timeout.as_secs()),
            "instrumented binaries are slower: give it less to do, or a larger `timeout`",
        ),
        ExitKind::Signal(signal) => (
            format!("was killed by signal {signal}"),
            "a killed process writes no profile: let it end by itself; a server must catch its `stop` signal and return from main",
        ),
        ExitKind::Code(code) => (
            format!("ended with exit code {code}, expected {}", workload.exit),
            "mend the workload, or declare the code with `exit`",
        ),
    };
    Err(failed(workload, &ended, &said(finished), hint))
}

/// A worker that answers with an error has trained its error path.
fn check_answers(workload: &Train, finished: &Finished) -> Result<()> {
    if workload.requests.is_empty() {
        return Ok(());
    }
    let stdout = String::from_utf8_lossy(&finished.stdout);
    let answers: Vec<serde_json::Value> = stdout
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let answered = |answer: &&serde_json::Value| answer.get("wall_ns").is_some();
    if answers.iter().filter(answered).count() == workload.requests.len() {
        return Ok(());
    }
    let hint = "each request must be answered without an error: see docs/spec.md, worker protocol";
    Err(failed(
        workload,
        "left requests unanswered, or answered with an error",
        &said(finished),
        hint,
    ))
}

/// All that a process wrote.
fn said(finished: &Finished) -> String {
    let mut said = String::from_utf8_lossy(&finished.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&finished.stderr));
    said
}

fn failed(workload: &Train, ended: &str, said: &str, hint: &str) -> Error {
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n  ");
    let message = if tail.is_empty() {
        ended.to_owned()
    } else {
        format!("{ended}; its last words:\n  {tail}")
    };
    Error::Training {
        workload: workload.name.clone(),
        message,
        hint: hint.into(),
    }
}

/// A run that counted nothing.
pub(crate) fn no_profile(workload: &str) -> Error {
    Error::Verification {
        check: "training-profile",
        message: format!("training workload `{workload}` left no profile, or an empty one"),
        hint: "the profile is written when main returns or exit() is called: `_exit`, abort and signals skip it".into(),
    }
}
