//! Carrying out the runs: resumable, each method for the same wall time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inferno_measure::process::{Command, check_interrupted};
use inferno_measure::scenario::Pin;
use inferno_measure::{host, stats};

use crate::error::{Error, Result};
use crate::fixture::{self, Variants};
use crate::log::{self, Entry, Log, Settings};
use crate::outcome::{Method, Table};
use crate::raw::Raw;
use crate::schedule::{Run, order};
use crate::{criterion, effort, hyperfine, ours};

/// Bytes of a failed program's output that the error quotes.
const TAIL_BYTES: usize = 2_000;
/// After so many runs of a method without an answer, one after the other, nothing more is taken.
const MOST_WITHOUT_ANSWER: usize = 3;
/// Runs of either program from which the share of starting and ending is told.
const STARTS: u32 = 15;

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
    let methods = methods_of(request)?;
    if methods.iter().any(|&method| method.is_hyperfine()) {
        hyperfine::check()?;
    }
    say("building fixtures/known-difference");
    let built = fixture::build(&request.repository, request.table)?;
    let variants = fixture::variants(&built, &request.differences, &request.out.join("bin"))?;
    let path = log_path(&request.out, request.table);
    let known = log::read(&path)?;
    let unchanged_share = match &known {
        Some((settings, ..)) => settings.unchanged_share,
        None => unchanged_share(request.table, &variants)?,
    };
    let settings = Settings {
        table: request.table,
        seconds: request.seconds,
        binaries_sha256: variants.binaries_sha256.clone(),
        host: host::describe(),
        unchanged_share,
    };
    let (mut log, mut entries) = Log::open(&path, &settings)?;
    let versions = versions(&methods, &request.repository)?;
    log::check_versions(&path, &entries, &versions)?;
    let known: BTreeSet<Run> = entries.iter().map(|entry| entry.run).collect();
    let mut runs = order(request.repetitions, &request.differences, &methods);
    runs.retain(|run| !known.contains(run));
    let started = Instant::now();
    for (taken, &run) in runs.iter().enumerate() {
        check_interrupted()?;
        say(&progress(run, request, &runs, taken, started.elapsed()));
        let version = versions[&run.method].clone();
        let entry = take_one(run, request, &variants, &entries, version)?;
        if let Raw::NoAnswer { reason } = &entry.raw {
            say(&format!("{} gave no answer: {reason}", run.method));
        }
        log.append(&entry)?;
        entries.push(entry);
        check_answers(run.method, &entries)?;
    }
    Ok(())
}

/// The methods that were asked for, each once.
fn methods_of(request: &Request) -> Result<Vec<Method>> {
    let methods: BTreeSet<Method> = request.methods.iter().copied().collect();
    match methods
        .iter()
        .find(|&&method| !request.table.admits(method))
    {
        Some(method) => Err(Error::NotInTable {
            method: method.to_string(),
        }),
        None => Ok(methods.into_iter().collect()),
    }
}

fn versions(methods: &[Method], repository: &Path) -> Result<BTreeMap<Method, String>> {
    let version = |method: &Method| {
        let version = match method {
            Method::Ours => ours::version(),
            Method::Hyperfine | Method::HyperfineOneCore => hyperfine::version()?,
            Method::Criterion => fixture::criterion_version(repository)?,
        };
        Ok((*method, version))
    };
    methods.iter().map(version).collect()
}

/// A method that never answers is not there, or cannot do what it is asked for.
fn check_answers(method: Method, entries: &[Entry]) -> Result<()> {
    let last = entries
        .iter()
        .rev()
        .filter(|entry| entry.run.method == method)
        .take(MOST_WITHOUT_ANSWER);
    let reasons: Vec<&String> = last
        .filter_map(|entry| match &entry.raw {
            Raw::NoAnswer { reason } => Some(reason),
            _ => None,
        })
        .collect();
    if reasons.len() < MOST_WITHOUT_ANSWER {
        return Ok(());
    }
    let problem = format!(
        "no answer {MOST_WITHOUT_ANSWER} times in a row: {}",
        reasons[0]
    );
    Err(Error::unreadable(method.to_string(), problem))
}

/// Share of a whole run that starting and ending take, from medians of runs in turn. Requests to a
/// worker, and iterations of a benchmark, do neither.
fn unchanged_share(table: Table, variants: &Variants) -> Result<f64> {
    if table == Table::Warm {
        return Ok(0.0);
    }
    let (mut idle_ns, mut whole_ns) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        for (program, times_ns) in [
            (&variants.without_work, &mut idle_ns),
            (&variants.programs[&0], &mut whole_ns),
        ] {
            let started = Instant::now();
            checked(Command::new(program).pinned())?;
            times_ns.push(started.elapsed().as_secs_f64() * 1e9);
        }
    }
    let medians = stats::median(&idle_ns).zip(stats::median(&whole_ns));
    Ok(medians.map_or(0.0, |(idle, whole)| idle / whole))
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

fn take_one(
    run: Run,
    request: &Request,
    variants: &Variants,
    before: &[Entry],
    version: String,
) -> Result<Entry> {
    let directory = tempfile::tempdir_in(&request.out)
        .map_err(|source| Error::io("create a directory in", &request.out, source))?;
    let directory = directory.path();
    let programs = |of: &BTreeMap<u32, PathBuf>| (of[&0].clone(), of[&run.difference].clone());
    let (baseline, candidate) = programs(&variants.programs);
    // What fills the time is found out beforehand, as users do; it is no part of the run.
    let effort = match effort::next(run.method, before, request.seconds) {
        Some(effort) => effort,
        None => first_runs(&baseline, pin_of(run.method), request.seconds)?,
    };
    let started = Instant::now();
    let raw = match run.method {
        Method::Ours => ours::compare(
            request.table,
            &baseline,
            &candidate,
            effort,
            run.repetition,
            directory,
        )
        .map(Raw::Ours),
        Method::Hyperfine | Method::HyperfineOneCore => {
            let (runs, pin) = (effort.round() as u32, pin_of(run.method));
            hyperfine::compare(&baseline, &candidate, runs, pin, directory).map(Raw::Hyperfine)
        }
        Method::Criterion => {
            let (baseline, candidate) = programs(&variants.benchmarks);
            criterion::compare(&baseline, &candidate, effort, directory).map(Raw::Criterion)
        }
    };
    let wall_s = started.elapsed().as_secs_f64();
    Ok(Entry {
        run,
        taken: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        version,
        effort,
        wall_s,
        raw: raw.or_else(without_answer)?,
    })
}

/// A method that fails is a result. A signal, or a file that cannot be written, is none.
fn without_answer(error: Error) -> Result<Raw> {
    match error.exit_code() {
        23 => Ok(Raw::NoAnswer {
            reason: error.to_string(),
        }),
        _ => Err(error),
    }
}

/// Which cores hyperfine and what it runs may use.
fn pin_of(method: Method) -> Pin {
    if method == Method::HyperfineOneCore {
        Pin::OneCore
    } else {
        Pin::None
    }
}

/// Runs per command that fill the time, from three runs of the program.
fn first_runs(program: &Path, pin: Pin, seconds: f64) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..3 {
        checked(hyperfine::on(pin, Command::new(program)))?;
    }
    Ok(effort::runs_of(
        started.elapsed().as_secs_f64() / 3.0,
        seconds,
    ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::entry_of;

    #[test]
    fn a_method_is_taken_once_and_one_of_another_table_is_refused() {
        let request = |table, methods: &[Method]| Request {
            repository: PathBuf::new(),
            table,
            methods: methods.to_vec(),
            repetitions: 1,
            differences: vec![0],
            seconds: 10.0,
            out: PathBuf::new(),
        };
        let twice = request(Table::Cold, &[Method::Ours, Method::Ours]);
        assert_eq!(methods_of(&twice).unwrap(), [Method::Ours]);
        let foreign = request(Table::Warm, &[Method::Ours, Method::HyperfineOneCore]);
        let error = methods_of(&foreign).unwrap_err();
        assert!(error.to_string().contains("hyperfine, one core"), "{error}");
        assert!(error.exit_code() == 2 && error.hint().is_some());
    }

    #[test]
    fn a_run_that_fails_is_kept_and_a_signal_is_not() {
        let failed = Error::unreadable("hyperfine's export", "holds not two commands");
        let reason = "hyperfine's export: holds not two commands".to_owned();
        assert_eq!(without_answer(failed).unwrap(), Raw::NoAnswer { reason });
        let io = Error::io("read", "x", std::io::ErrorKind::NotFound.into());
        assert!(without_answer(io).is_err());
    }

    #[test]
    fn a_method_that_never_answers_ends_the_taking() {
        let silent = |repetition| Entry {
            raw: Raw::NoAnswer {
                reason: "crashed".to_owned(),
            },
            ..entry_of(Method::Hyperfine, repetition, 0)
        };
        let mut entries = vec![silent(0), silent(1), entry_of(Method::Ours, 0, 0)];
        check_answers(Method::Hyperfine, &entries).unwrap();
        entries.push(silent(2));
        let error = check_answers(Method::Hyperfine, &entries).unwrap_err();
        assert!(
            error.to_string().contains("3 times in a row: crashed"),
            "{error}"
        );
        check_answers(Method::Ours, &entries).unwrap();
        entries.push(entry_of(Method::Hyperfine, 3, 0));
        check_answers(Method::Hyperfine, &entries).unwrap();
    }
}
