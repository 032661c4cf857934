//! `compare A B`: which of two programs, records or Criterion baselines is faster; with `--merge`, the
//! same pair on several hosts.

mod merge;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use inferno_measure::comparison::{self, Comparison};
use inferno_measure::record::Verdict;
use inferno_measure::scenario::Pin;
use inferno_pgo::compare::operand::{self, Operand};
use inferno_pgo::compare::programs::{self, CommandLine, Workload};
use inferno_pgo::compare::results::{self, Obstacles, Rule};
use inferno_pgo::exit;
use inferno_pgo::spec::{Spec, duration};
use inferno_pgo::stage::Reuse;
use inferno_pgo::{Error, Result};

use inferno_report::exchange;

use crate::{Front, print, reports};

/// What is compared, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    sides: Sides,
    /// Put records of one pair from several hosts side by side, and pool them
    #[arg(
        long,
        value_name = "RECORD",
        num_args = 1..,
        conflicts_with_all = ["baseline", "candidate", "args"]
    )]
    merge: Vec<PathBuf>,
    #[command(flatten)]
    sampling: SamplingArguments,
    /// The smallest effect that matters, as a share; 0.01, or the spec's
    #[arg(long, value_name = "SHARE", value_parser = share)]
    threshold: Option<f64>,
    /// Records and baselines: how far absolute times of unchanged code wander between runs, as a
    /// share; 0.15 without it
    #[arg(long, value_name = "SHARE", value_parser = drift)]
    drift: Option<f64>,
    /// Records: compare though they contradict themselves or differ in machine (but with --merge),
    /// inputs, compilers, flags or declarations
    #[arg(long)]
    force: bool,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Exit with 11 when a row is inconclusive
    #[arg(long)]
    strict: bool,
    /// Arguments of both programs
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// The two sides of a comparison: both, or none with `--merge`.
#[derive(Debug, Args)]
struct Sides {
    /// What is there today: a program, a record, or a baseline such as target/criterion:main
    #[arg(value_name = "OLD", required_unless_present = "merge")]
    baseline: Option<PathBuf>,
    /// What may replace it: another of the same kind
    #[arg(value_name = "NEW", required_unless_present = "merge")]
    candidate: Option<PathBuf>,
}

/// How two programs are measured.
#[derive(Debug, Args)]
#[command(next_help_heading = "Two programs")]
struct SamplingArguments {
    /// Time for all sampling, as in `5m`; 60s without it
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    budget: Option<Duration>,
    /// Compare on the scenarios of this spec, instead of on ARGS
    #[arg(long, value_name = "FILE", conflicts_with_all = ["args", "stdin", "env", "exit", "timeout", "pin"])]
    spec: Option<PathBuf>,
    /// With --spec: this scenario alone (repeatable)
    #[arg(long, value_name = "SCENARIO", requires = "spec")]
    only: Vec<String>,
    /// File for standard input
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// A variable beside the environment (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// The exit code that both programs must end with; 0 without it
    #[arg(long, value_name = "CODE")]
    exit: Option<i32>,
    /// Keep every process on one core, the same for both programs: steadier where cores differ in
    /// speed and the program has one busy thread, another measurement where it has more
    #[arg(long)]
    pin: bool,
    /// Longest time of one process; 60s without it
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Name of the record; without it, NEW's file name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The output directory; without it, one below target/compare
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Sample again: keep nothing of an earlier run
    #[arg(long)]
    remeasure: bool,
}

/// A form of the answer on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// A short comment for a pull request
    Markdown,
    /// The whole comparison
    Json,
    /// Bencher Metric Format
    Bmf,
    /// Input of github-action-benchmark (customSmallerIsBetter)
    Github,
    /// Go's benchmark format, for benchstat
    Benchstat,
}

impl Arguments {
    fn rule(&self) -> Rule {
        Rule {
            threshold: self.threshold,
            drift: self.drift,
            obstacles: self.obstacles(),
        }
    }

    fn obstacles(&self) -> Obstacles {
        if self.force {
            Obstacles::Tell
        } else {
            Obstacles::Refuse
        }
    }

    /// Results were measured already: what would be run for them would be ignored.
    fn refuse_what_runs(&self) -> Result<()> {
        let sampling = &self.sampling;
        let given = [
            ("ARGS", !self.args.is_empty()),
            ("--spec", sampling.spec.is_some()),
            ("--stdin", sampling.stdin.is_some()),
            ("--budget", sampling.budget.is_some()),
            ("--env", !sampling.env.is_empty()),
            ("--exit", sampling.exit.is_some()),
            ("--timeout", sampling.timeout.is_some()),
            ("--pin", sampling.pin),
            ("--name", sampling.name.is_some()),
            ("--out", sampling.out.is_some()),
            ("--remeasure", sampling.remeasure),
        ];
        refuse(&given, "two programs; these are results")
    }

    /// Two programs are measured side by side: nothing drifts between them, and nothing differs.
    fn refuse_what_bridges(&self) -> Result<()> {
        let given = [("--drift", self.drift.is_some()), ("--force", self.force)];
        refuse(&given, "results of earlier runs; these are programs")
    }
}

/// What would be ignored is an error.
fn refuse(given: &[(&str, bool)], belong_to: &str) -> Result<()> {
    let given: Vec<&str> = given
        .iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| *name)
        .collect();
    if given.is_empty() {
        return Ok(());
    }
    let verb = if given.len() == 1 {
        "belongs"
    } else {
        "belong"
    };
    Err(Error::Usage {
        message: format!("{} {verb} to {belong_to}", given.join(", ")),
        hint: "leave out what does not apply, or compare two of the other kind".into(),
    })
}

/// Time for sampling, and for one process, without an option.
pub(crate) const DEFAULT_TIME: Duration = Duration::from_mins(1);

/// Compares, prints the answer, and gives its exit code.
///
/// # Errors
/// Every [`inferno_pgo::Error`].
pub fn run(arguments: &Arguments, front: &Front) -> Result<u8> {
    let (Some(baseline), Some(candidate)) = (&arguments.sides.baseline, &arguments.sides.candidate)
    else {
        return merge::run(arguments);
    };
    let operands = [Operand::of(baseline)?, Operand::of(candidate)?];
    operand::subject_of([&operands[0], &operands[1]])?;
    let comparison = match &operands {
        [Operand::Record(older), Operand::Record(newer)] => {
            arguments.refuse_what_runs()?;
            results::records(older, newer, &arguments.rule())?
        }
        [
            Operand::Baseline {
                directory: older,
                name: old_name,
            },
            Operand::Baseline {
                directory: newer,
                name: new_name,
            },
        ] => {
            arguments.refuse_what_runs()?;
            let rule = arguments.rule();
            results::baselines((older, old_name), (newer, new_name), &rule)?
        }
        _ => {
            arguments.refuse_what_bridges()?;
            programs(arguments, baseline, candidate, front)?
        }
    };
    print_as(&comparison, arguments.format)?;
    Ok(exit_code(
        |verdict| comparison.has(verdict),
        arguments.strict,
    ))
}

/// A loss weighs more than not knowing.
fn exit_code(has: impl Fn(Verdict) -> bool, strict: bool) -> u8 {
    if has(Verdict::Slower) {
        exit::SLOWER
    } else if strict && has(Verdict::Inconclusive) {
        exit::INCONCLUSIVE
    } else {
        exit::ANSWERED
    }
}

fn programs(
    arguments: &Arguments,
    baseline: &Path,
    candidate: &Path,
    front: &Front,
) -> Result<Comparison> {
    let sampling = &arguments.sampling;
    let name = sampling
        .name
        .clone()
        .unwrap_or_else(|| programs::file_name(candidate));
    let workload = match &sampling.spec {
        Some(spec) => Workload::Spec {
            spec: Box::new(Spec::load(spec)?),
            only: sampling.only.clone(),
        },
        None => Workload::Command(Box::new(CommandLine {
            args: arguments.args.clone(),
            env: sampling.env.iter().cloned().collect::<BTreeMap<_, _>>(),
            stdin: sampling.stdin.clone(),
            timeout: sampling.timeout.unwrap_or(DEFAULT_TIME),
            exit: sampling.exit.unwrap_or(0),
            pin: if sampling.pin {
                Pin::OneCore
            } else {
                Pin::None
            },
        })),
    };
    let out = match &sampling.out {
        Some(out) => out.clone(),
        None => front.default_comparison(&name)?,
    };
    let finished = programs::run(&programs::Options {
        baseline: baseline.to_owned(),
        candidate: candidate.to_owned(),
        workload,
        out,
        name,
        budget: sampling.budget.unwrap_or(DEFAULT_TIME),
        threshold: arguments.threshold,
        samples: Reuse::unless(sampling.remeasure),
    })?;
    let (record, output) = (&finished.record, &finished.output);
    reports::write(record, output)?;
    reports::tell(output);
    let names = [baseline, candidate].map(|path| path.display().to_string());
    let mut comparison = comparison::of_record(record, [&names[0], &names[1]]);
    comparison.notes.extend(finished.notes);
    Ok(comparison)
}

fn print_as(comparison: &Comparison, format: Format) -> Result<()> {
    let text = match format {
        Format::Table => {
            inferno_report::comparison_terminal(comparison, print::width(), print::style())
        }
        Format::Markdown => inferno_report::comparison_markdown(comparison),
        Format::Bmf => exchange::bencher(comparison),
        Format::Github => exchange::github(comparison),
        Format::Benchstat => exchange::benchstat(comparison),
        Format::Json => json(serde_json::to_string_pretty(comparison))?,
    };
    let is_exchange = matches!(format, Format::Bmf | Format::Github | Format::Benchstat);
    if is_exchange && exchange::is_empty(comparison) {
        eprintln!(
            "note: nothing was measured, so the output is empty, which the tool that reads it may refuse"
        );
    }
    print::write(&text);
    Ok(())
}

fn json(text: serde_json::Result<String>) -> Result<String> {
    Ok(text.map_err(|error| Error::Internal(error.to_string()))? + "\n")
}

fn share(text: &str) -> std::result::Result<f64, String> {
    let value = text.parse::<f64>().ok();
    value
        .filter(|value| *value > 0.0 && *value < 1.0)
        .ok_or_else(|| format!("`{text}` is not a share between 0 and 1: 1 % is 0.01"))
}

fn drift(text: &str) -> std::result::Result<f64, String> {
    let value = text.parse::<f64>().ok();
    value
        .filter(|value| (0.0..10.0).contains(value))
        .ok_or_else(|| format!("`{text}` is not a share from 0 on: 15 % is 0.15"))
}

fn variable(text: &str) -> std::result::Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not NAME=VALUE"))
}
