//! `inferno performance-benchmark baseline`: how fast the engine is now, and whether that is fast enough.
//!
//! Takes backends and a time, which is split over them and their suites; gives `baseline_results.json`
//! for later comparisons, `performance_targets.json` with what is fast enough, and `baseline_report.md`.
//! Until all is measured, what is there so far is in a file of its own, and an older baseline stays.
//! A target that is not met is an answer, not an error. A backend that was asked for and cannot be had
//! is one: nothing is left out silently.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use inferno_measure::performance::targets::{TargetOutcome, Targets, check};
use inferno_measure::performance::{PerformanceBaseline, PerformanceResult, Suite};
use inferno_measure::write_atomically;
use inferno_report::performance::{benchmark_markdown, benchmark_terminal};

use super::benchmark::options::{Circumstance, Course, MeasuringOptions, OnnxOptions};
use super::benchmark::runner::Runner;
use super::benchmark::suite_run::{Plan, Save, Volume};
use super::benchmark::{print, style, width, worker};
use super::{results, targets};
use crate::failure::Failure;
use crate::{exit, seconds};

/// The files of a baseline, in its folder.
const RESULTS: &str = "baseline_results.json";
const PARTIAL: &str = "baseline_results.partial.json";
const TARGETS: &str = "performance_targets.json";
const REPORT: &str = "baseline_report.md";

/// What is measured for how long, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    measuring: MeasuringOptions,

    #[command(flatten)]
    onnx: OnnxOptions,

    /// What is measured: the language model (gguf, on `--backend`), the model that embeds texts (onnx)
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "BACKENDS",
        default_value = "gguf"
    )]
    backends: Vec<Kind>,

    /// The time for all backends and suites together; caches are filled before they are measured, whatever it is
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "120")]
    duration: Duration,

    /// A JSON file with targets; those that it leaves out are at their defaults
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,

    /// The folder of the baseline
    #[arg(long, value_name = "FOLDER", default_value = "performance_baseline")]
    output: PathBuf,
}

/// A kind of model, by the format of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A language model.
    Gguf,
    /// A model that embeds texts.
    Onnx,
}

/// Measures; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    if arguments.measuring.is_worker() {
        return worker::run(arguments.measuring.model());
    }
    let targets = targets::read(arguments.targets.as_deref())?;
    let circumstances = arguments.circumstances()?;
    let runner = Runner::new()?;
    results::make_folder(&arguments.output)?;
    let timestamp = results::now();
    let partial = arguments.output.join(PARTIAL);
    let measured = arguments
        .measure(&circumstances, &timestamp, &runner)
        .inspect_err(|_| eprintln!("note: what was measured is in {}", partial.display()))?;
    let outcomes = outcomes(&targets, &measured);
    targets::write(&arguments.output.join(TARGETS), &targets, &outcomes)?;
    let report = benchmark_markdown(&measured, &outcomes);
    write_atomically(&arguments.output.join(REPORT), report.as_bytes())?;
    let summary = benchmark_terminal(&measured, &outcomes, width(), style());
    PerformanceBaseline::new(timestamp, outcomes, measured, true).write(&partial)?;
    rename(&partial, &arguments.output.join(RESULTS))?;
    print(&format!(
        "{summary}\nbaseline: {}\n",
        arguments.output.display()
    ))?;
    Ok(exit::ANSWERED)
}

impl Arguments {
    /// The backends that were asked for, each once.
    fn circumstances(&self) -> Result<Vec<Circumstance>, Failure> {
        let mut kinds: Vec<Kind> = Vec::new();
        for &kind in &self.backends {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let circumstance = |kind: &Kind| match kind {
            Kind::Gguf => self.measuring.generator(Course::Alone),
            Kind::Onnx => self.measuring.embedder(&self.onnx),
        };
        kinds.iter().map(circumstance).collect()
    }

    /// All suites of all backends, each with its share of the time.
    fn measure(
        &self,
        circumstances: &[Circumstance],
        timestamp: &str,
        runner: &Runner,
    ) -> Result<Vec<PerformanceResult>, Failure> {
        let all: Vec<(&Circumstance, Suite)> = circumstances
            .iter()
            .flat_map(|one| one.suites().iter().map(move |suite| (one, *suite)))
            .collect();
        let deadline = Instant::now() + self.duration;
        let mut left: f64 = all.iter().map(|(_, suite)| weight(*suite)).sum();
        let mut done: Vec<PerformanceResult> = Vec::new();
        for (circumstance, suite) in all {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let volume = Volume::Time(remaining.mul_f64((weight(suite) / left).min(1.0)));
            left -= weight(suite);
            let plan = Plan {
                suite,
                timestamp: results::now(),
                circumstances: circumstance.of(suite, Volume::Time(self.duration)),
                setup: circumstance.setup.clone(),
                volume,
                processes: circumstance.processes,
                save: self.save(timestamp, &done),
            };
            done.push(plan.run(runner)?);
        }
        Ok(done)
    }

    /// Keeps what is there so far: the results that are `done`, and the one on its way.
    fn save(&self, timestamp: &str, done: &[PerformanceResult]) -> Save {
        let path = self.output.join(PARTIAL);
        let (timestamp, done) = (timestamp.to_owned(), done.to_vec());
        Arc::new(move |result: &PerformanceResult| -> Result<(), Failure> {
            let results = [done.as_slice(), std::slice::from_ref(result)].concat();
            let baseline = PerformanceBaseline::new(timestamp.clone(), Vec::new(), results, false);
            Ok(baseline.write(&path)?)
        })
    }
}

/// Lets the file at `from` take the place of the one at `to`.
fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::rename(from, to).map_err(|source| {
        Failure::Measure(inferno_measure::Error::Io {
            action: "write",
            path: to.to_owned(),
            source,
        })
    })
}

/// The part of the time that a suite has, next to the others: more clients and more caches take longer.
fn weight(suite: Suite) -> f64 {
    match suite {
        Suite::Inference => 3.0,
        Suite::Memory => 1.0,
        Suite::Concurrent => 4.0,
        Suite::Cache => 2.0,
    }
}

/// The targets of each backend, in the order in which they were measured.
fn outcomes(targets: &Targets, measured: &[PerformanceResult]) -> Vec<TargetOutcome> {
    let backend = |result: &PerformanceResult| result.circumstances.model.backend.clone();
    let mut backends: Vec<String> = measured.iter().map(backend).collect();
    backends.dedup();
    backends
        .iter()
        .flat_map(|name| {
            let own: Vec<&PerformanceResult> = measured
                .iter()
                .filter(|result| backend(result) == *name)
                .collect();
            check(targets, &own)
        })
        .collect()
}
