//! `ladder`: what each step beyond a release build gains and costs.

use std::time::Duration;

use clap::Args;
use inferno_measure::ladder::Ladder;
use inferno_pgo::exit::ANSWERED;
use inferno_pgo::ladder::{self, Options, Step};
use inferno_pgo::spec::duration;
use inferno_pgo::stage::Reuse;
use inferno_pgo::{Error, Result};

use super::Building;
use crate::{Front, print};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    building: Building,
    /// Time for all comparisons together, as in `30m`
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration::parse)]
    budget: Duration,
    /// Take this step alone beside the first one (repeatable): lto, target-cpu, pgo, pgo-c, bolt
    #[arg(long, value_name = "RUNG")]
    rung: Vec<Step>,
    /// The processor of the rung target-cpu; without it the spec's, else native
    #[arg(long, value_name = "CPU")]
    target_cpu: Option<String>,
    /// Compare on this scenario alone (repeatable)
    #[arg(long, value_name = "SCENARIO")]
    only: Vec<String>,
    /// Start over: keep nothing of earlier runs
    #[arg(long)]
    fresh: bool,
    /// Compare again, with the binaries of earlier runs
    #[arg(long)]
    remeasure: bool,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// A form of the answer on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// The same for a document
    Markdown,
    /// With every answer and reason
    Json,
}

impl Arguments {
    fn options(&self, front: &Front) -> Result<Options> {
        let (spec, out) = self.building.place.load_for("ladder", front)?;
        Ok(Options {
            spec,
            out,
            budget: self.budget,
            steps: self.rung.clone(),
            target_cpu: self.target_cpu.clone(),
            only: self.only.clone(),
            reuse: Reuse::unless(self.fresh),
            samples: Reuse::unless(self.remeasure),
            resolution: self.building.resolution(),
        })
    }
}

pub(super) fn run(arguments: &Arguments, front: &Front) -> Result<u8> {
    let finished = ladder::run(&arguments.options(front)?)?;
    let (ladder, output) = (&finished.ladder, &finished.output);
    let report = inferno_report::ladder_markdown(ladder);
    inferno_measure::write_atomically(&output.ladder_report(), report.as_bytes())?;
    let format = if arguments.json {
        Format::Json
    } else {
        arguments.format
    };
    print::write(&text(ladder, format)?);
    eprintln!("ladder: {}", output.ladder().display());
    eprintln!("report: {}", output.ladder_report().display());
    Ok(ANSWERED)
}

fn text(ladder: &Ladder, format: Format) -> Result<String> {
    Ok(match format {
        Format::Table => inferno_report::ladder_terminal(ladder, print::width(), print::style()),
        Format::Markdown => inferno_report::ladder_markdown(ladder),
        Format::Json => {
            serde_json::to_string_pretty(ladder)
                .map_err(|error| Error::Internal(error.to_string()))?
                + "\n"
        }
    })
}
