//! Carrying out the runs: resumable, each method for the same wall time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inferno_measure::process::{Command, check_interrupted};

use crate::error::{Error, Result};
use crate::fixture::{self, Variants};
use crate::log::{Entry, Log, Settings};
use crate::outcome::{Method, Outcome, Table};
use crate::schedule::{Run, order};
use crate::{criterion, hyperfine, ours};

/// Bytes of a failed program's output that the error quotes.
const TAIL_BYTES: usize = 2_000;
/// Least runs per command of hyperfine, and least seconds of Criterion's measurement.
const LEAST_RUNS: f64 = 2.0;
const LEAST_MEASUREMENT_S: f64 = 0.2;

/// What is to be taken.
#[derive(Debug, Clone)]
pub struct Request {
    /// Root of the repository.
    pub repository: PathBuf,
    /// Which table.
    pub table: Table,
    /// The methods; those that the table does not compare are left out.
    pub methods: Vec<Method>,
    /// Repetitions of every difference.
    pub repetitions: u32,
    /// True differences in per cent.
    pub differences: Vec<u32>,
    /// Wall time of each run, in seconds.
    pub seconds: f64,
    /// Where log and binaries are.
    pub out: PathBuf,
}

/// Where the outcomes of a table are.
pub fn log_path(out: &Path, table: Table) -> PathBuf {
    out.join(match table {
        Table::Cold => "cold.jsonl",
        Table::Warm => "warm.jsonl",
    })
}

/// Takes the runs that the log does not hold yet. `say` is told how far it is.
///
/// # Errors
/// When a tool is missing, a build or a method fails, the log is of other settings, or a signal
/// asks the program to end. What was taken is kept.
pub fn take(request: &Request, say: &mut dyn FnMut(&str)) -> Result<()> {
    let methods: Vec<Method> = request
        .table
        .methods()
        .into_iter()
        .filter(|method| request.methods.contains(method))
        .collect();
    if methods.contains(&Method::Hyperfine) {
        hyperfine::check()?;
    }
    say("building fixtures/known-difference");
    let built = fixture::build(&request.repository, request.table)?;
    let variants = fixture::variants(&built, &request.differences, &request.out.join("bin"))?;
    let settings = Settings {
        table: request.table,
        seconds: request.seconds,
        binaries_sha256: variants.binaries_sha256.clone(),
    };
    let (mut log, mut entries) = Log::open(&log_path(&request.out, request.table), &settings)?;
    let known: BTreeSet<Run> = entries.iter().map(|entry| entry.run).collect();
    let mut runs = order(request.repetitions, &request.differences, &methods);
    runs.retain(|run| !known.contains(run));
    let started = Instant::now();
    for (taken, &run) in runs.iter().enumerate() {
        check_interrupted()?;
        say(&progress(run, request, &runs, taken, started.elapsed()));
        let entry = take_one(run, request, &variants, &entries)?;
        log.append(&entry)?;
        entries.push(entry);
    }
    Ok(())
}

fn progress(run: Run, request: &Request, runs: &[Run], taken: usize, elapsed: Duration) -> String {
    let each_s = if taken == 0 {
        request.seconds
    } else {
        elapsed.as_secs_f64() / taken as f64
    };
    let left_min = (runs.len() - taken) as f64 * each_s / 60.0;
    format!(
        "repetition {} of {}, {} %, {}; about {left_min:.0} min left",
        run.repetition + 1,
        request.repetitions,
        run.difference,
        run.method
    )
}

fn take_one(run: Run, request: &Request, variants: &Variants, before: &[Entry]) -> Result<Entry> {
    let directory = tempfile::tempdir_in(&request.out)
        .map_err(|source| Error::io("create a directory in", &request.out, source))?;
    let directory = directory.path();
    let last = before
        .iter()
        .rev()
        .find(|entry| entry.run.method == run.method);
    let programs = |of: &std::collections::BTreeMap<u32, PathBuf>| {
        (of[&0].clone(), of[&run.difference].clone())
    };
    let (baseline, candidate) = programs(&variants.programs);
    // What fills the time is found out beforehand, as users do; it is no part of the run.
    let runs = match (run.method, last) {
        (Method::Hyperfine, None) => first_runs(&baseline, request.seconds)?,
        _ => 0.0,
    };
    let started = Instant::now();
    let outcome: Outcome = match run.method {
        Method::Ours => ours::compare(
            request.table,
            &baseline,
            &candidate,
            request.seconds,
            run.repetition,
            directory,
        )?,
        Method::Hyperfine => {
            let runs = last.map_or(runs, |last| scaled_runs(last, request.seconds));
            hyperfine::compare(&baseline, &candidate, runs.round() as u32, directory)?
        }
        Method::Criterion => {
            let seconds = last.map_or_else(
                || request.seconds / 2.0 - criterion::WARM_UP_S - 0.5,
                |last| shifted_measurement_s(last, request.seconds),
            );
            let (baseline, candidate) = programs(&variants.benchmarks);
            let seconds = seconds.max(LEAST_MEASUREMENT_S);
            criterion::compare(&baseline, &candidate, seconds, directory)?
        }
    };
    Ok(Entry {
        run,
        wall_s: started.elapsed().as_secs_f64(),
        outcome,
    })
}

/// Runs per command that fill the time, from three runs of the program.
fn first_runs(program: &Path, seconds: f64) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..3 {
        checked(Command::new(program))?;
    }
    let each_s = started.elapsed().as_secs_f64() / 3.0;
    Ok((seconds / each_s / 2.0).max(LEAST_RUNS))
}

/// The last run's number of runs, scaled to the wall time that is wanted.
fn scaled_runs(last: &Entry, seconds: f64) -> f64 {
    let before = last.outcome.effort.unwrap_or(LEAST_RUNS);
    (before * seconds / last.wall_s).max(LEAST_RUNS)
}

/// The last run's measurement time of a side, lengthened by half of the wall time that was left.
fn shifted_measurement_s(last: &Entry, seconds: f64) -> f64 {
    let before = last.outcome.effort.unwrap_or(LEAST_MEASUREMENT_S);
    before + (seconds - last.wall_s) / 2.0
}

/// Runs a command that must succeed; gives its standard output.
pub(crate) fn checked(command: Command) -> Result<String> {
    let shown = command.display();
    let finished = command.run()?;
    let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
    if finished.success() {
        return Ok(stdout);
    }
    let said = format!("{stdout}{}", String::from_utf8_lossy(&finished.stderr));
    let mut start = said.len().saturating_sub(TAIL_BYTES);
    while !said.is_char_boundary(start) {
        start += 1;
    }
    Err(Error::Failed {
        command: shown,
        status: finished.status.to_string(),
        output: said[start..].to_owned(),
    })
}
