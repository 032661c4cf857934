//! `cargo xtask fuzz`: whatever reads bytes from outside gets bytes that nobody thought of.
//!
//! Takes targets, and how long each is run; builds them with what libFuzzer needs to see branches,
//! on the stable toolchain, and prints a line for each. It begins with a target that has a defect
//! on purpose: only a fuzzer that finds this one says something about the others. What the targets
//! do is in `fuzz/fuzz_targets`.

mod seeds;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cargo_inferno_pgo::print;
use clap::Args;
use inferno_measure::process::{Command, ExitKind, Output};
use inferno_pgo::toolchain::Compiler;
use inferno_pgo::{exit, flags};

use crate::error::{Error, Result};
use crate::project;

/// What is fuzzed.
const TARGETS: [&str; 4] = [
    "gguf_reader",
    "request_body",
    "tokenizer",
    "tokenizer_metadata",
];

/// The target with a defect on purpose.
const PLANTED: &str = "planted";

/// What its defect leads to; the words are those of `fuzz/src/allocation.rs`.
const PLANTED_FINDING: &str = "beyond the bound on memory";

/// Most time for finding it: it takes a second or so.
const PLANTED_S: u32 = 60;

/// Time for each target without an option.
const DEFAULT_S: u32 = 20;

/// Longest time of one input. Those of these targets take microseconds.
const INPUT_TIMEOUT_S: u32 = 10;

/// Largest resident set of a target. What inputs may ask for is bounded far more closely by the
/// targets themselves; this is for what is kept from one to the next.
const RESIDENT_LIMIT_MB: u32 = 1024;

/// libFuzzer's exit code for a finding that is neither of time nor of memory.
const ERROR_EXIT_CODE: i32 = 77;

/// What cargo-fuzz 0.13 passes for `--sanitizer none`: counters of branches, a table of their
/// places, and the operands of comparisons.
const INSTRUMENTATION: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // Two conditions in one branch are one step instead of two.
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    // The pass keeps functions from being inlined across units.
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The targets; without one, all
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,
    /// Seconds for each target; without it and without --runs, 20
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    seconds: Option<u32>,
    /// Inputs for each target; with --seconds as well, what comes first ends it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    runs: Option<u32>,
}

impl Arguments {
    fn targets(&self) -> Vec<&'static str> {
        let is_named =
            |target: &&str| self.targets.is_empty() || self.targets.iter().any(|t| t == target);
        TARGETS.into_iter().filter(is_named).collect()
    }

    /// What ends a target that finds nothing.
    fn limits(&self) -> Vec<String> {
        let seconds = match (self.seconds, self.runs) {
            (None, None) => Some(DEFAULT_S),
            (seconds, _) => seconds,
        };
        let seconds = seconds.map(|seconds| format!("-max_total_time={seconds}"));
        let runs = self.runs.map(|runs| format!("-runs={runs}"));
        seconds.into_iter().chain(runs).collect()
    }
}

/// What became of a target.
#[derive(Debug)]
struct Outcome {
    target: &'static str,
    /// Inputs; `None` where the target was ended before it could say.
    executions: Option<u64>,
    seconds: f64,
    finding: Option<Finding>,
}

/// What a target found.
#[derive(Debug)]
struct Finding {
    /// What happened, in libFuzzer's words where there are some.
    what: String,
    /// The input; `None` where the target failed without one, at its start, say.
    input: Option<PathBuf>,
    /// The command line that does it again.
    again: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    let targets = arguments.targets();
    let host = Compiler::at(project::root())?.host;
    let programs = build(&targets, &host)?;
    find_planted(&programs.join(PLANTED))?;
    let mut outcomes = Vec::new();
    for (number, &target) in (1..).zip(&targets) {
        eprintln!("target {number} of {}: {target}", targets.len());
        outcomes.push(fuzz(target, &programs.join(target), &arguments.limits())?);
    }
    print::write(&table(&outcomes));
    let has_finding = outcomes.iter().any(|outcome| outcome.finding.is_some());
    Ok(if has_finding {
        exit::VERIFICATION_FAILED
    } else {
        exit::ANSWERED
    })
}

/// Builds the programs and gives their directory.
fn build(targets: &[&str], host: &str) -> Result<PathBuf> {
    let directory = project::root().join("target/fuzz");
    let mut flags: Vec<String> = INSTRUMENTATION.map(str::to_owned).into();
    if host.contains("-linux-") {
        // libFuzzer has what this needs on Linux only.
        flags.push("-Cllvm-args=-sanitizer-coverage-stack-depth".to_owned());
    }
    flags.extend(user_flags());
    let programs = targets.iter().chain([&PLANTED]);
    let command = Command::new("cargo")
        .args(["build", "--release", "--manifest-path"])
        .arg(project::root().join("fuzz/Cargo.toml"))
        // With a target named, what runs while building is not instrumented.
        .args(["--target", host, "--target-dir"])
        .arg(&directory)
        .args(programs.flat_map(|target| ["--bin", *target]))
        .directory(project::root())
        .env("CARGO_ENCODED_RUSTFLAGS", flags::encode(&flags)?)
        .stdout(Output::Lines(Box::new(|line| eprintln!("{line}"))))
        .stderr(Output::Lines(Box::new(|line| eprintln!("{line}"))));
    match command.run()?.status {
        ExitKind::Code(0) => Ok(directory.join(host).join("release")),
        status => Err(inferno_pgo::Error::Build {
            arm: "fuzz".to_owned(),
            message: format!("cargo ended with {status}"),
            hint: "cargo's own words stand above; libFuzzer needs a C++ compiler".into(),
        }
        .into()),
    }
}

/// The user's flags, which the variable that is set here would replace.
fn user_flags() -> Vec<String> {
    let (flags, separator) = match std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        Ok(flags) => (flags, '\u{1f}'),
        Err(_) => (std::env::var("RUSTFLAGS").unwrap_or_default(), ' '),
    };
    flags
        .split(separator)
        .filter(|flag| !flag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Sees to it that a defect is found, from nothing, before the absence of others is believed.
fn find_planted(program: &Path) -> Result<()> {
    let artifacts = tempfile::tempdir()
        .map_err(|error| Error::Check(format!("cannot make a temporary directory: {error}")))?;
    let command = target_command(program, artifacts.path())
        .arg(format!("-max_total_time={PLANTED_S}"))
        // The same search each time.
        .arg("-seed=1");
    let finished = command.run()?;
    let log = String::from_utf8_lossy(&finished.stderr);
    if finished.status == ExitKind::Code(ERROR_EXIT_CODE) && log.contains(PLANTED_FINDING) {
        eprintln!(
            "the planted defect was found after {} inputs: findings are to be had",
            counted(executions(&log))
        );
        return Ok(());
    }
    Err(Error::Check(format!(
        "the planted defect was not found ({}, {} inputs), so nothing else would be: remove \
         target/fuzz to build anew, then look at INSTRUMENTATION in xtask/src/fuzz.rs and at \
         fuzz/src/allocation.rs",
        finished.status,
        counted(executions(&log))
    )))
}

fn fuzz(target: &'static str, program: &Path, limits: &[String]) -> Result<Outcome> {
    let artifacts = made(&project::root().join("target/fuzz-artifacts").join(target))?;
    let corpus = made(&project::root().join("target/fuzz-corpus").join(target))?;
    seeds::write(target, &corpus)?;
    let mut command = target_command(program, &artifacts).args(limits).arg(corpus);
    // What is there is read; what is found goes to the first directory.
    let written_down = project::root().join("fuzz/seeds").join(target);
    if written_down.is_dir() {
        command = command.arg(written_down);
    }
    let command = command.stderr(Output::Lines(Box::new(|line| {
        // The others are what it does not stop saying about its progress.
        if !line.starts_with('#') {
            eprintln!("{line}");
        }
    })));
    let finished = command.run()?;
    let log = String::from_utf8_lossy(&finished.stderr);
    let finding = (finished.status != ExitKind::Code(0)).then(|| {
        let input = kept_input(&log);
        let again = match &input {
            Some(input) => format!("{} {}", program.display(), input.display()),
            None => program.display().to_string(),
        };
        Finding {
            what: summary(&log).unwrap_or_else(|| finished.status.to_string()),
            input,
            again,
        }
    });
    Ok(Outcome {
        target,
        executions: executions(&log),
        seconds: finished.wall_ns as f64 / 1e9,
        finding,
    })
}

/// What all targets are told.
fn target_command(program: &Path, artifacts: &Path) -> Command {
    Command::new(program)
        .directory(project::root())
        .env("RUST_BACKTRACE", "1")
        // A separator at the end makes it a directory.
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-timeout={INPUT_TIMEOUT_S}"))
        .arg(format!("-rss_limit_mb={RESIDENT_LIMIT_MB}"))
        .args(["-print_final_stats=1", "-print_funcs=0"])
}

fn made(directory: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(directory)
        .map_err(|error| Error::Check(format!("cannot make {}: {error}", directory.display())))?;
    Ok(directory.to_owned())
}

/// How many inputs a log of libFuzzer says there were.
fn executions(log: &str) -> Option<u64> {
    let mut lines = log.lines().rev();
    let count = lines.find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    count.trim().parse().ok()
}

/// The input that a log of libFuzzer says it kept, the last where it kept slow ones before.
fn kept_input(log: &str) -> Option<PathBuf> {
    let mut lines = log.lines().rev();
    let (_, path) = lines.find_map(|line| line.split_once("Test unit written to "))?;
    Some(path.trim_end().into())
}

/// What a log of libFuzzer says happened. A panic says more than the signal that it ends with.
fn summary(log: &str) -> Option<String> {
    let said = |mark: &str| log.lines().find(|line| line.contains(mark));
    let panic = said("panicked at").or_else(|| said(PLANTED_FINDING));
    let error = said("ERROR: libFuzzer: ").and_then(|line| line.split_once("libFuzzer: "));
    panic
        .or(error.map(|(_, words)| words))
        .map(|words| words.trim().to_owned())
}

fn counted(count: Option<u64>) -> String {
    count.map_or_else(|| "not measured".to_owned(), |count| count.to_string())
}

/// A line per target, then what was found.
fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<20} {:>13} {:>9} {:>13} {:>9}\n",
        "target", "executions", "seconds", "executions/s", "findings"
    );
    for outcome in outcomes {
        let rate = outcome
            .executions
            .map(|count| (count as f64 / outcome.seconds) as u64);
        let _infallible = writeln!(
            text,
            "{:<20} {:>13} {:>9.1} {:>13} {:>9}",
            outcome.target,
            counted(outcome.executions),
            outcome.seconds,
            counted(rate),
            usize::from(outcome.finding.is_some())
        );
    }
    for outcome in outcomes {
        let Some(finding) = &outcome.finding else {
            continue;
        };
        let input = match &finding.input {
            Some(input) => input.display().to_string(),
            None => "none: it failed by itself".to_owned(),
        };
        let _infallible = write!(
            text,
            "\n{}: {}\n  input: {input}\n  again: {}\n",
            outcome.target, finding.what, finding.again
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shortened; the order is that of a real one.
    const CRASH: &str = "\
INFO: Seed: 1
#2\tINITED cov: 30 ft: 30 corp: 1/1b exec/s: 0 rss: 34Mb
thread '<unnamed>' (7) panicked at crates/inference/src/gguf/reader.rs:40:9:
attempt to subtract with overflow
==7== ERROR: libFuzzer: deadly signal
SUMMARY: libFuzzer: deadly signal
artifact_prefix='/a/'; Test unit written to /a/slow-unit-0
artifact_prefix='/a/'; Test unit written to /a/crash-1
Base64: AA==
stat::number_of_executed_units: 1234
stat::average_exec_per_sec:     617
";

    #[test]
    fn a_log_says_how_much_was_done_and_what_was_found() {
        assert_eq!(executions(CRASH), Some(1234));
        assert_eq!(kept_input(CRASH), Some("/a/crash-1".into()));
        let summary = summary(CRASH).expect("a panic");
        assert!(summary.contains("reader.rs:40"), "{summary}");
    }

    #[test]
    fn a_log_without_a_panic_has_the_words_of_libfuzzer() {
        let log = "==7== ERROR: libFuzzer: timeout after 10 seconds\n";
        assert_eq!(summary(log).as_deref(), Some("timeout after 10 seconds"));
        assert_eq!(executions(log), None);
        assert_eq!(kept_input(log), None);
    }

    #[test]
    fn the_table_names_input_and_command() {
        let outcome = |finding| Outcome {
            target: "tokenizer",
            executions: Some(1000),
            seconds: 2.0,
            finding,
        };
        let clean = table(&[outcome(None)]);
        assert!(
            clean.contains(" 500 ") && !clean.contains("again"),
            "{clean}"
        );
        let found = table(&[outcome(Some(Finding {
            what: "deadly signal".to_owned(),
            input: Some("/a/crash-1".into()),
            again: "/p/tokenizer /a/crash-1".to_owned(),
        }))]);
        assert!(found.contains("again: /p/tokenizer /a/crash-1"), "{found}");
    }

    #[test]
    fn the_targets_are_those_of_the_package() {
        let manifest = include_str!("../../fuzz/Cargo.toml");
        let programs = manifest.matches("[[bin]]").count();
        assert_eq!(programs, TARGETS.len() + 1);
        for target in TARGETS.iter().chain([&PLANTED]) {
            assert!(
                manifest.contains(&format!("name = \"{target}\"")),
                "{target}"
            );
        }
    }

    #[test]
    fn the_finding_has_the_words_of_the_allocator() {
        let allocator = include_str!("../../fuzz/src/allocation.rs");
        assert!(allocator.contains(PLANTED_FINDING));
    }
}
