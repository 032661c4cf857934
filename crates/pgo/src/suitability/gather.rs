//! Evidence from the baseline binary on the declared training workloads.
//!
//! Takes a [`Subject`]; gives [`Evidence`]. No instrumented binary and no measured gain is needed.
//! A tool that is missing, not permitted or too slow leaves its inputs "not measured"; it is never
//! replaced by a guess.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inferno_measure::process::{self, Command, ExitKind, Finished, Output, Usage};

use super::counts::{self, Counts};
use super::evidence::{Evidence, Input, Measured};
use super::sampling::{self, Samples};
use super::symbols::Reach;
use crate::artifact::Artifact;
use crate::callgrind;
use crate::error::Result;
use crate::progress::Progress;
use crate::spec::{Spec, Train};
use crate::train;

/// Wall time that plain runs of a workload should fill, and the most runs.
const PLAIN_TIME: Duration = Duration::from_secs(1);
const PLAIN_RUNS: u32 = 10;
/// Samples wanted of each workload, and the most runs and time to get them.
const SAMPLES_WANTED: u64 = 600;
const SAMPLING_RUNS: u32 = 20;
const SAMPLING_TIME: Duration = Duration::from_secs(5);
/// Below this number of samples a share says nothing.
const SAMPLES_NEEDED: u64 = 30;
/// A workload whose plain run takes longer is not sampled, whatever time it declares.
const RUN_LIMIT: Duration = Duration::from_mins(2);
/// How much slower callgrind is than the plain program, for a decision whether to start.
const CALLGRIND_SLOWDOWN: f64 = 40.0;
/// The share of instructions that [`Input::CodeLines`] is about.
const HOT_SHARE: f64 = 0.95;

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) baseline: &'a Artifact,
    /// What the compilers can instrument.
    pub(crate) reach: &'a Reach,
    /// Environment of every process.
    pub(crate) env: &'a BTreeMap<String, String>,
    /// Where tools leave their files.
    pub(crate) directory: &'a Path,
    /// Time for callgrind over all workloads.
    pub(crate) callgrind_limit: Duration,
}

/// A workload's plain runs.
#[derive(Debug, Clone)]
struct Plain {
    workload: Train,
    usage: Usage,
    wall: Duration,
    cpu_per_wall: f64,
    runs: u32,
}

/// Gathers all inputs.
///
/// # Errors
/// [`crate::Error::Measure`] when interrupted, [`crate::Error::Io`].
pub(crate) fn gather(subject: &Subject<'_>, progress: &mut Progress) -> Result<Evidence> {
    train::recreate(subject.directory)?;
    subject.baseline.check()?;
    // What callgrind is to count is run plainly as well: for its cost.
    let (mut plain, mut to_count) = (Vec::new(), Vec::new());
    let mut failures = Vec::new();
    for workload in subject.spec.train() {
        if workload.server().is_some() {
            failures.push(format!(
                "{}: a server, which is not looked at",
                workload.name
            ));
            continue;
        }
        progress.note(&format!("run {}", workload.name));
        let whole = subject.plain(workload)?;
        let counted = if workload.requests.len() > 1 {
            subject.plain(&first_request(workload))?
        } else {
            whole.clone()
        };
        to_count.extend(counted.ok());
        match whole {
            Ok(run) => plain.push(run),
            Err(reason) => failures.push(format!("{}: {reason}", workload.name)),
        }
    }
    let mut evidence = Evidence::default();
    if plain.is_empty() {
        let reason = if failures.is_empty() {
            "no [[train]] is declared".to_owned()
        } else {
            failures.join("; ")
        };
        for input in Input::ALL {
            evidence.0.insert(input, Measured::not(&reason));
        }
        return Ok(evidence);
    }
    evidence.0.insert(Input::CpuBoundness, boundness(&plain));
    let counted = subject.count(&to_count, progress)?;
    let share = match subject.sample(&plain, progress)? {
        Ok(measured) => measured,
        Err(reason) => share_by_instructions(&counted, &reason),
    };
    evidence.0.insert(Input::InstrumentableShare, share);
    evidence.0.extend(by_counts(counted));
    Ok(evidence)
}

/// A worker's start and its first request: enough to see its code, little enough for callgrind.
fn first_request(workload: &Train) -> Train {
    let mut workload = workload.clone();
    workload.requests.truncate(1);
    workload
}

impl Subject<'_> {
    fn run(&self, workload: &Train, launcher: Command, limit: Duration) -> Result<Finished> {
        process::check_interrupted()?;
        train::prepare(self.spec, workload, self.env)?;
        let command = train::process(self.spec, workload, launcher, self.env)?;
        let finished = command.stdout(Output::Null).timeout(limit).run();
        process::check_interrupted()?;
        Ok(finished?)
    }

    fn plain(&self, workload: &Train) -> Result<Result<Plain, String>> {
        let started = Instant::now();
        let mut plain = Plain {
            workload: workload.clone(),
            usage: Usage::default(),
            wall: Duration::MAX,
            cpu_per_wall: 0.0,
            runs: 0,
        };
        while plain.runs < PLAIN_RUNS && (plain.runs == 0 || started.elapsed() < PLAIN_TIME) {
            let launcher = Command::new(&self.baseline.path);
            let limit = workload.timeout.min(RUN_LIMIT);
            let finished = self.run(workload, launcher, limit)?;
            if finished.status == ExitKind::TimedOut {
                return Ok(Err(too_long(limit)));
            }
            if let Err(reason) = ended_well(&finished, workload) {
                return Ok(Err(reason));
            }
            plain.runs += 1;
            plain.usage.user_ns += finished.usage.user_ns;
            plain.usage.system_ns += finished.usage.system_ns;
            plain.wall = plain.wall.min(Duration::from_nanos(finished.wall_ns));
            // Others' load makes the wall time longer: the least disturbed run tells most.
            let ratio = finished.usage.cpu_ns() as f64 / finished.wall_ns.max(1) as f64;
            plain.cpu_per_wall = plain.cpu_per_wall.max(ratio);
        }
        Ok(Ok(plain))
    }

    /// Where the CPU time goes, by `perf`; or why that is not known.
    fn sample(&self, plain: &[Plain], progress: &mut Progress) -> Result<Result<Measured, String>> {
        let Ok(perf) = which::which("perf") else {
            return Ok(Err("perf is not installed".into()));
        };
        let (mut shares, mut all) = (Vec::new(), Samples::default());
        for run in plain {
            progress.note(&format!("sample {}", run.workload.name));
            let samples = match self.sample_workload(run, &perf)? {
                Ok(samples) => samples,
                Err(reason) => return Ok(Err(reason)),
            };
            all = all.plus(samples);
            if samples.total >= SAMPLES_NEEDED {
                let share = samples.instrumentable as f64 / samples.total as f64;
                // A perf that may not look into the kernel has not counted its time.
                let seen = if samples.kernel == 0 {
                    run.user_share()
                } else {
                    1.0
                };
                shares.push((share * seen, run.workload.weight));
            }
        }
        let Some(share) = weighted_mean(&shares) else {
            return Ok(Err(format!(
                "perf took {} samples, which is too few",
                all.total
            )));
        };
        let percent = |count: u64| 100.0 * count as f64 / all.total.max(1) as f64;
        let kernel = if all.kernel == 0 {
            "kernel time from the process's own accounts".to_owned()
        } else {
            format!("{:.0} % kernel", percent(all.kernel))
        };
        let foreign = percent(all.foreign);
        let foreign = match self.reach {
            Reach::Rust => format!("{foreign:.0} % C or assembly in the binary"),
            Reach::AndC(_) => format!(
                "{:.0} % C or C++ that clang compiles, {foreign:.0} % other C or assembly in the binary",
                percent(all.c)
            ),
        };
        Ok(Ok(Measured::new(
            share,
            format!(
                "perf, {} samples of the CPU clock over {}: {kernel}, {foreign}; precompiled parts of std count as instrumentable{}",
                all.total,
                workloads(shares.len(), plain.len()),
                spinning(plain),
            ),
        )))
    }

    fn sample_workload(&self, run: &Plain, perf: &Path) -> Result<Result<Samples, String>> {
        let data = self.directory.join("perf.data");
        let executable = file_name(&self.baseline.path);
        let started = Instant::now();
        let mut samples = Samples::default();
        for number in 0..SAMPLING_RUNS {
            let enough = samples.total >= SAMPLES_WANTED || started.elapsed() > SAMPLING_TIME;
            if number > 0 && enough {
                break;
            }
            // A run that leaves none must not be read from the file of the one before.
            let _absent = std::fs::remove_file(&data);
            let launcher = Command::new(perf)
                .args(["record", "--quiet"])
                // Else perf copies every binary that it meets into the user's home.
                .arg("--no-buildid-cache")
                .args(["-e", "cpu-clock", "-F"])
                .arg(sampling::FREQUENCY_HZ.to_string())
                .arg("-o")
                .arg(&data)
                .arg("--")
                .arg(&self.baseline.path);
            let finished = self.run(&run.workload, launcher, RUN_LIMIT)?;
            if let Err(reason) = ended_well(&finished, &run.workload) {
                return Ok(Err(format!("perf record {reason}")));
            }
            let report = Command::new(perf)
                .arg("report")
                .arg("-i")
                .arg(&data)
                .args(sampling::REPORT_OPTIONS)
                .timeout(RUN_LIMIT)
                .run()?;
            if !report.success() {
                return Ok(Err(format!("perf report {}", last_line(&report))));
            }
            let text = String::from_utf8_lossy(&report.stdout);
            samples = samples.plus(Samples::parse(&text, &executable, self.reach));
        }
        Ok(Ok(samples))
    }

    /// What is executed, by callgrind; or why that is not known.
    fn count(&self, plain: &[Plain], progress: &mut Progress) -> Result<Result<Counted, String>> {
        let Ok(valgrind) = which::which("valgrind") else {
            return Ok(Err("valgrind is not installed".into()));
        };
        let mut order: Vec<&Plain> = plain.iter().collect();
        order.sort_by_key(|run| run.wall);
        let deadline = Instant::now() + self.callgrind_limit;
        let mut sum = Counts::default();
        let (mut shares, mut reasons) = (Vec::new(), Vec::new());
        for (index, run) in order.into_iter().enumerate() {
            let name = &run.workload.name;
            let left = deadline.saturating_duration_since(Instant::now());
            let expected =
                run.usage.cpu_ns() as f64 / 1e9 / f64::from(run.runs) * CALLGRIND_SLOWDOWN;
            if index > 0 && expected > left.as_secs_f64() {
                reasons.push(format!("{name}: would take about {expected:.0} s"));
                continue;
            }
            progress.note(&format!("callgrind {name}, at most {} s", left.as_secs()));
            match self.count_workload(run, &valgrind, left)? {
                Ok(counts) => {
                    sum.add_normalised(&counts, run.workload.weight);
                    let share = counts.instrumentable.instructions / counts.all_instructions;
                    shares.push((share * run.user_share(), run.workload.weight));
                }
                Err(reason) => reasons.push(format!("{name}: {reason}")),
            }
        }
        if shares.is_empty() {
            return Ok(Err(format!("callgrind: {}", reasons.join("; "))));
        }
        let mut how = format!("callgrind over {}", workloads(shares.len(), plain.len()));
        if plain.iter().any(|run| !run.workload.requests.is_empty()) {
            how.push_str(", of a worker its start and first request");
        }
        if !reasons.is_empty() {
            how = format!("{how} ({})", reasons.join("; "));
        }
        Ok(Ok(Counted {
            counts: sum,
            shares,
            how,
        }))
    }

    fn count_workload(
        &self,
        run: &Plain,
        valgrind: &Path,
        limit: Duration,
    ) -> Result<Result<Counts, String>> {
        let out = self.directory.join("callgrind.out");
        let arguments = callgrind::arguments(&counts::OPTIONS, &out, &self.baseline.path);
        let launcher = Command::new(valgrind).args(arguments);
        let finished = self.run(&run.workload, launcher, limit)?;
        if finished.status == ExitKind::TimedOut {
            return Ok(Err(format!("timed out after {} s", limit.as_secs())));
        }
        if let Err(reason) = ended_well(&finished, &run.workload) {
            return Ok(Err(reason));
        }
        let executable = canonical(&self.baseline.path);
        let counts = callgrind::read(&out)
            .and_then(|text| Counts::parse(&text, &executable.to_string_lossy(), self.reach));
        Ok(counts.map_err(|unreadable| unreadable.0))
    }
}

/// The sum over workloads, and how it came about.
#[derive(Debug)]
struct Counted {
    counts: Counts,
    /// Share of each workload's CPU time in instrumentable code, as far as instructions tell, with
    /// the workload's weight.
    shares: Vec<(f64, f64)>,
    how: String,
}

impl Plain {
    fn user_share(&self) -> f64 {
        self.usage.user_ns as f64 / self.usage.cpu_ns().max(1) as f64
    }
}

fn boundness(plain: &[Plain]) -> Measured {
    let capped: Vec<(f64, f64)> = plain
        .iter()
        .map(|run| (run.cpu_per_wall.min(1.0), run.workload.weight))
        .collect();
    let runs: u32 = plain.iter().map(|run| run.runs).sum();
    let value = weighted_mean(&capped).unwrap_or_default();
    Measured::new(
        value,
        format!(
            "CPU time ÷ wall time, at most 1, best of {runs} runs of {}; the load of others lowers it{}",
            workloads(plain.len(), plain.len()),
            spinning(plain)
        ),
    )
}

/// CPU time of threads that wait for each other actively looks like work.
fn spinning(plain: &[Plain]) -> String {
    let most = plain.iter().map(|run| run.cpu_per_wall).fold(0.0, f64::max);
    if most > 1.05 {
        format!("; {most:.1} cores are busy: threads that spin while they wait count as work")
    } else {
        String::new()
    }
}

fn share_by_instructions(counted: &Result<Counted, String>, reason: &str) -> Measured {
    let counted = match counted {
        Ok(counted) => counted,
        Err(other) => return Measured::not(format!("{reason}; {other}")),
    };
    match weighted_mean(&counted.shares) {
        Some(share) => Measured::new(
            share,
            format!(
                "share of instructions × share of user time, by {}, because {reason}",
                counted.how
            ),
        ),
        None => Measured::not(format!("{reason}; no instructions were counted")),
    }
}

fn by_counts(counted: Result<Counted, String>) -> Vec<(Input, Measured)> {
    let inputs = [
        Input::CodeLines,
        Input::MissedBranches,
        Input::IndirectBranches,
        Input::MissedIndirect,
        Input::Calls,
    ];
    let counted = match counted {
        Ok(counted) => counted,
        Err(reason) => return inputs.map(|input| (input, Measured::not(&reason))).into(),
    };
    let events = counted.counts.instrumentable;
    let per_thousand = |count: f64| Some(1000.0 * count / events.instructions);
    let lines = counted.counts.lines_for(HOT_SHARE);
    inputs
        .map(|input| {
            let value = match input {
                Input::MissedBranches => per_thousand(events.missed_branches),
                Input::IndirectBranches => per_thousand(events.indirect),
                Input::MissedIndirect => per_thousand(events.missed_indirect),
                Input::Calls => per_thousand(events.calls),
                _ => lines.map(|lines| lines as f64),
            };
            let measured = match value.filter(|value| value.is_finite()) {
                Some(value) => Measured::new(value, &counted.how),
                None => Measured::not("no instrumentable code was executed"),
            };
            (input, measured)
        })
        .into()
}

fn too_long(limit: Duration) -> String {
    let seconds = limit.as_secs_f64();
    if limit == RUN_LIMIT {
        format!(
            "takes more than {seconds} s, the longest that is looked at: declare a shorter [[train]]"
        )
    } else {
        format!("timed out after the {seconds} s that it declares")
    }
}

fn ended_well(finished: &Finished, workload: &Train) -> Result<(), String> {
    match finished.status {
        ExitKind::Code(code) if code == workload.exit => Ok(()),
        ExitKind::Code(code) => Err(format!("ended with exit code {code}{}", said(finished))),
        ExitKind::Signal(signal) => Err(format!("was killed by signal {signal}{}", said(finished))),
        ExitKind::TimedOut => Err("timed out".into()),
    }
}

fn said(finished: &Finished) -> String {
    let line = last_line(finished);
    if line.is_empty() {
        line
    } else {
        format!(" ({line})")
    }
}

/// The last line on standard error, without what could be a long tail.
fn last_line(finished: &Finished) -> String {
    let text = String::from_utf8_lossy(&finished.stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or_default().trim().chars().take(120).collect()
}

fn weighted_mean(values: &[(f64, f64)]) -> Option<f64> {
    let weights: f64 = values.iter().map(|(_, weight)| weight).sum();
    let sum: f64 = values.iter().map(|(value, weight)| value * weight).sum();
    (weights > 0.0).then(|| sum / weights)
}

fn workloads(done: usize, all: usize) -> String {
    match (done, all) {
        (1, 1) => "the training workload".into(),
        _ if done == all => format!("all {all} training workloads"),
        _ => format!("{done} of {all} training workloads"),
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::counts::Events;
    use super::*;

    fn counted(shares: &[(f64, f64)], events: Events) -> Counted {
        Counted {
            counts: Counts {
                instrumentable: events,
                ..Counts::default()
            },
            shares: shares.to_vec(),
            how: "callgrind".into(),
        }
    }

    #[test]
    fn a_workload_without_own_code_counts_as_much_as_it_weighs() {
        let share = |shares: &[(f64, f64)]| {
            let counted = Ok(counted(shares, Events::default()));
            share_by_instructions(&counted, "perf is not installed").value
        };
        assert_eq!(share(&[(0.8, 1.0), (0.0, 1.0)]), Some(0.4));
        assert_eq!(share(&[(0.5, 3.0), (0.0, 1.0)]), Some(0.375));
        assert_eq!(share(&[(0.0, 1.0)]), Some(0.0), "nothing is a measurement");
        assert_eq!(share(&[]), None);
    }

    #[test]
    fn the_share_tells_both_reasons_where_neither_tool_works() {
        let neither = share_by_instructions(&Err("no valgrind".into()), "no perf");
        assert_eq!(neither, Measured::not("no perf; no valgrind"));
    }

    #[test]
    fn rates_are_per_thousand_instructions_and_absent_without_any() {
        let events = Events {
            instructions: 2000.0,
            calls: 7.0,
            ..Events::default()
        };
        let rate = |events| {
            let measured: BTreeMap<Input, Measured> =
                by_counts(Ok(counted(&[], events))).into_iter().collect();
            measured[&Input::Calls].value
        };
        assert_eq!(rate(events), Some(3.5));
        assert_eq!(rate(Events::default()), None);
        let missing = by_counts(Err("no valgrind".into()));
        assert_eq!(missing.len(), 5);
        assert!(missing.iter().all(|(_, measured)| measured.value.is_none()));
    }

    #[test]
    fn means_are_weighted_and_nothing_has_none() {
        assert_eq!(weighted_mean(&[(1.0, 1.0), (4.0, 2.0)]), Some(3.0));
        assert_eq!(weighted_mean(&[]), None);
    }

    #[test]
    fn a_time_out_says_whose_limit_it_was() {
        assert!(too_long(RUN_LIMIT).contains("declare a shorter"));
        assert!(too_long(Duration::from_secs(3)).contains("the 3 s that it declares"));
    }
}
