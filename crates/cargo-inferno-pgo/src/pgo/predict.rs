//! `predict`: the suitability score, before any instrumented build.

use clap::Args;
use inferno_pgo::exit::ANSWERED;
use inferno_pgo::pipeline;
use inferno_pgo::stage::Reuse;
use inferno_pgo::{Error, Result};

use super::Building;
use crate::{Front, print};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    building: Building,
    /// Measure all inputs again
    #[arg(long)]
    fresh: bool,
    /// How to print the score
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// A form of the score on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// The score with its inputs
    Json,
}

pub(super) fn run(arguments: &Arguments, front: &Front) -> Result<u8> {
    let (spec, out) = arguments.building.place.load(front)?;
    let reuse = Reuse::unless(arguments.fresh);
    let resolution = arguments.building.resolution();
    let suitability = pipeline::predict(spec, &out, reuse, resolution)?;
    let text = if arguments.json || arguments.format == Format::Json {
        serde_json::to_string_pretty(&suitability)
            .map_err(|error| Error::Internal(error.to_string()))?
            + "\n"
    } else {
        inferno_report::suitability(&suitability, print::width(), print::style())
    };
    print::write(&text);
    Ok(ANSWERED)
}
