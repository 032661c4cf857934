//! `cargo xtask calibrate`: what the suitability score is calibrated on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use inferno_pgo::calibrate::{Calibration, tables};
use inferno_pgo::exit::ANSWERED;
use inferno_pgo::spec::duration;
use inferno_pgo::stage::Reuse;
use inferno_pgo::suitability::calibration::{self, Row};

use crate::error::{Error, Result};
use crate::project;

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// This program alone (repeatable)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Time for sampling each program, as in `60s`
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse)]
    budget: Duration,
    /// Build, verify and gather evidence, but measure nothing: needs no quiet machine
    #[arg(long)]
    build_only: bool,
    /// Sample programs again that have a row
    #[arg(long)]
    remeasure: bool,
    /// Take the effect of the one program in `--only` from a record of its spec
    #[arg(
        long,
        value_name = "FILE",
        requires = "only",
        conflicts_with_all = ["build_only", "budget", "remeasure"]
    )]
    record: Option<PathBuf>,
    /// Say which programs there are and which have a row
    #[arg(long, conflicts_with_all = ["budget", "build_only", "remeasure", "record", "document"])]
    list: bool,
    /// Write the tables of docs/suitability.md from the rows, and do nothing else
    #[arg(long, conflicts_with_all = ["only", "budget", "build_only", "remeasure", "record"])]
    document: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    let calibration = Calibration::load(project::root(), &arguments.only)?;
    if arguments.list {
        return list(&calibration);
    }
    let mut codes = Vec::new();
    if !arguments.document {
        refuse_many_of_a_record(arguments)?;
        for program in calibration.programs() {
            codes.push(one(&calibration, &program.name, arguments)?);
        }
    }
    let nothing_new = !arguments.document && !codes.contains(&ANSWERED);
    if !arguments.build_only && !nothing_new {
        let rows = calibration::read(&calibration.rows_file())?;
        tables::update(&calibration.document(), &rows)?;
        println!("{}", tables::markdown(&rows));
    }
    let failed = codes.into_iter().find(|code| *code != ANSWERED);
    Ok(failed.unwrap_or(ANSWERED))
}

/// A record is of one program.
fn refuse_many_of_a_record(arguments: &Arguments) -> Result<()> {
    if arguments.record.is_none() || arguments.only.len() == 1 {
        return Ok(());
    }
    Err(inferno_pgo::Error::Usage {
        message: "--record holds the effect of one program, and --only names several".into(),
        hint: "give one command per record".into(),
    }
    .into())
}

/// The exit code of what became of the program.
fn one(calibration: &Calibration, name: &str, arguments: &Arguments) -> Result<u8> {
    let Some(program) = calibration.programs().iter().find(|p| p.name == name) else {
        return Ok(ANSWERED);
    };
    let started = Instant::now();
    eprintln!("== {name} ({})", program.kind);
    let outcome = if arguments.build_only {
        calibration
            .prepare(program)
            .map(|_| "ready to be measured".to_owned())
    } else if let Some(record) = &arguments.record {
        calibration.adopt(program, record).map(|row| effect(&row))
    } else if !arguments.remeasure && calibration.is_measured(program)? {
        Ok("has a row already (`--remeasure` samples it again)".to_owned())
    } else {
        let samples = if arguments.remeasure {
            Reuse::Nothing
        } else {
            Reuse::Unchanged
        };
        calibration
            .measure(program, arguments.budget, samples)
            .map(|row| effect(&row))
    };
    // One program that fails must not keep the others from being measured.
    match outcome {
        Ok(outcome) => {
            eprintln!("== {name}: {outcome}, {} s", started.elapsed().as_secs());
            Ok(ANSWERED)
        }
        Err(error) => {
            inferno_measure::process::check_interrupted()?;
            eprintln!("== {name}: failed");
            let error = Error::from(error);
            error.tell();
            Ok(error.exit_code())
        }
    }
}

fn effect(row: &Row) -> String {
    format!(
        "effect {:.4} ({:.4} … {:.4})",
        row.effect, row.ci_low, row.ci_high
    )
}

fn list(calibration: &Calibration) -> Result<u8> {
    for program in calibration.programs() {
        let state = if calibration.is_measured(program)? {
            "measured"
        } else {
            "no row"
        };
        println!("{}\t{}\t{state}", program.name, program.kind);
    }
    Ok(ANSWERED)
}
