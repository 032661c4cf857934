//! `inferno performance-benchmark benchmark`: one suite, or all of them.
//!
//! Takes a model and how much is measured; gives a JSON file per suite with all samples, one HTML page
//! about all of them, and a summary on stdout. Every suite runs in several processes of its own, one after
//! the other, because each process has the luck of its memory layout; that is what intervals count.
//!
//! - [`suites`]: what each suite asks; `job` says it to a process
//! - [`suite_run`]: a suite from its first process to its result; [`runner`] starts them
//! - `worker`: such a process, with its `target`, `closed_loop`, `reference` and `profiler`
//! - [`other`]: another build of this program, measured in turns with this one
//! - [`page`]: the HTML page, with the history

mod closed_loop;
mod job;
pub(super) mod options;
pub(super) mod other;
pub(super) mod page;
mod profiler;
mod prompts;
pub(super) mod reference;
pub(super) mod runner;
pub(super) mod suite_run;
pub(super) mod suites;
mod target;
mod wire;
pub(super) mod worker;

use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use inferno_measure::performance::targets::check;
use inferno_measure::performance::{PerformanceResult, Suite};
use inferno_report::Style;
use inferno_report::performance::benchmark_terminal;

use self::options::{Circumstance, Course, MeasuringOptions};
use self::other::Other;
use self::runner::Runner;
use self::suite_run::{Plan, Volume};
use super::results::{self, history};
use super::targets;
use crate::exit;
use crate::failure::Failure;

/// Columns of the summary where it does not go to a terminal that says how many it has.
const WIDTH: usize = 100;

/// Which suites run, how much each measures, and where the results go.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    measuring: MeasuringOptions,

    /// What is measured
    #[arg(long, value_enum, default_value = "all")]
    bench_type: BenchType,

    /// Requests of each suite, in all its processes together; the concurrent suite has as many for each number of clients
    #[arg(long, value_name = "N", default_value = "100")]
    iterations: NonZeroU64,

    /// The folder of the results; they replace those of the last run, of which a copy is in its `history`
    #[arg(long, value_name = "FOLDER", default_value = "benchmark_results")]
    output: PathBuf,

    /// Another build of inferno: its processes run in turns with those of this one, so that `compare` can tell them apart on a machine whose speed changes; its results go to `against` in the folder
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,

    /// A JSON file with targets; those that it leaves out are at their defaults
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,

    /// Also sample where the time goes, in a run of its own: flamegraphs, profiles for `pprof` and tables
    #[arg(long)]
    profile: bool,

    /// The folder of the flamegraphs [default: `flamegraphs` beside the folder of the results]
    #[arg(long, value_name = "FOLDER")]
    flamegraphs: Option<PathBuf>,
}

/// A suite by its name, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BenchType {
    /// Loading, latency and throughput of one client.
    Inference,
    /// Memory at rest and over requests, against the 32-bit form of the model.
    Memory,
    /// Throughput over the number of clients.
    Concurrent,
    /// Hit ratio over the cache's room, and what it saves.
    Cache,
    /// Flamegraphs alone.
    Profiling,
    /// All suites.
    All,
}

impl BenchType {
    fn suites(self) -> &'static [Suite] {
        match self {
            Self::Inference => &[Suite::Inference],
            Self::Memory => &[Suite::Memory],
            Self::Concurrent => &[Suite::Concurrent],
            Self::Cache => &[Suite::Cache],
            Self::Profiling => &[],
            Self::All => &Suite::ALL,
        }
    }

    /// The suites that are profiled. The cache's work is that of the inference suite, less often.
    fn profiled(self) -> Vec<Suite> {
        let all = [Suite::Inference, Suite::Memory, Suite::Concurrent];
        let is_wanted = |suite: &Suite| {
            matches!(self, Self::All | Self::Profiling) || self.suites().contains(suite)
        };
        all.into_iter().filter(is_wanted).collect()
    }
}

/// Measures; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if arguments.measuring.is_worker() {
        return worker::run(arguments.measuring.model());
    }
    let targets = targets::read(arguments.targets.as_deref())?;
    let course = match arguments.against {
        None => Course::Alone,
        Some(_) => Course::InTurns,
    };
    let circumstance = arguments.measuring.generator(course)?;
    let runner = Runner::new()?;
    results::make_folder(&arguments.output)?;
    let other = arguments.against.as_deref();
    let other = other.map(|program| Other::find(program, &arguments.output));
    let other = other.transpose()?;
    let mut measured = Vec::new();
    for &suite in arguments.bench_type.suites() {
        let plan = arguments.plan(suite, &circumstance);
        let result = match &other {
            None => plan.run(&runner),
            Some(other) => other.run(&plan, &runner),
        }?;
        history::keep(&arguments.output, &result)?;
        measured.push(result);
    }
    let profiles = arguments.profiles(&circumstance, &runner)?;
    let all: Vec<&PerformanceResult> = measured.iter().collect();
    let outcomes = check(&targets, &all);
    if !measured.is_empty() {
        page::write(&arguments.output, &measured, &outcomes, &profiles)?;
        print(&benchmark_terminal(&measured, &outcomes, width(), style()))?;
    }
    arguments.tell_files(&profiles)?;
    if let Some(other) = other {
        print(&format!(
            "to compare: inferno performance-benchmark compare --baseline {} --current {}\n",
            other.folder().display(),
            arguments.output.display()
        ))?;
    }
    Ok(exit::ANSWERED)
}

impl Arguments {
    fn plan(&self, suite: Suite, circumstance: &Circumstance) -> Plan {
        let path = results::path(&self.output, suite);
        let volume = Volume::Requests(self.iterations.get());
        Plan {
            suite,
            timestamp: results::now(),
            circumstances: circumstance.of(suite, volume),
            setup: circumstance.setup.clone(),
            volume,
            processes: circumstance.processes,
            save: Arc::new(move |result: &PerformanceResult| -> Result<(), Failure> {
                Ok(result.write(&path)?)
            }),
        }
    }

    /// Flamegraphs of the suites, where they are wanted.
    fn profiles(
        &self,
        circumstance: &Circumstance,
        runner: &Runner,
    ) -> Result<Vec<page::ProfileFile>, Failure> {
        if !self.profile && self.bench_type != BenchType::Profiling {
            return Ok(Vec::new());
        }
        let folder = self.flamegraphs_folder();
        results::make_folder(&folder)?;
        // The process that writes them may have another working directory one day.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let mut profiles = Vec::new();
        for suite in self.bench_type.profiled() {
            let path = folder.join(format!("{suite}_profile.svg"));
            eprintln!("{suite}: flamegraph");
            circumstance.profile(suite, &path, runner)?;
            profiles.push(page::ProfileFile { suite, path });
        }
        Ok(profiles)
    }

    fn flamegraphs_folder(&self) -> PathBuf {
        let beside = || self.output.with_file_name("flamegraphs");
        self.flamegraphs.clone().unwrap_or_else(beside)
    }

    fn tell_files(&self, profiles: &[page::ProfileFile]) -> Result<(), Failure> {
        let mut files = Vec::new();
        if !self.bench_type.suites().is_empty() {
            files.push(format!("results: {}\n", self.output.display()));
            files.push(format!("page: {}\n", page::path(&self.output).display()));
        }
        let profiles = profiles.iter();
        files.extend(profiles.map(|it| format!("flamegraph: {}\n", relative(&it.path))));
        print(&files.concat())
    }
}

/// Writes to stdout.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// Columns of stdout, as far as the environment says.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok();
    columns
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(WIDTH)
}

/// Colours for a terminal whose user has not forbidden them (<https://no-color.org>).
pub(super) fn style() -> Style {
    let is_forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stdout().is_terminal() && !is_forbidden {
        Style::Colour
    } else {
        Style::Plain
    }
}

/// A path without the folder in front, for people who are in it.
pub(super) fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).unwrap_or(path);
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_means_all_and_the_cache_has_no_flamegraph() {
        assert_eq!(BenchType::All.suites(), Suite::ALL);
        let three = [Suite::Inference, Suite::Memory, Suite::Concurrent];
        assert_eq!(BenchType::All.profiled(), three);
        assert_eq!(BenchType::Profiling.profiled(), three);
        assert_eq!(BenchType::Profiling.suites(), []);
        assert_eq!(BenchType::Memory.profiled(), [Suite::Memory]);
        assert_eq!(BenchType::Cache.profiled(), []);
    }
}
