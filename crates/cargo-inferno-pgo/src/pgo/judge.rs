//! `judge RECORD`, and how every command prints a record.

use std::path::Path;

use inferno_measure::record::Record;
use inferno_measure::verdict;
use inferno_pgo::{Error, Result};

use crate::print;

/// A form of a record on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// The answer, for a terminal
    Table,
    /// The whole report
    Markdown,
    /// The whole report as a page for browsers
    Html,
    /// The record itself
    Json,
}

pub(super) fn run(path: &Path, format: Format) -> Result<u8> {
    if !path.is_file() {
        return Err(Error::Usage {
            message: format!("there is no record `{}`", path.display()),
            hint: "name the record.json that the main job wrote".into(),
        });
    }
    let stored = Record::read(path)?;
    if stored.statistics != verdict::STATISTICS {
        eprintln!(
            "note: this record was judged by version {} of the statistics; here its samples are judged by version {}",
            stored.statistics,
            verdict::STATISTICS
        );
    }
    let record = verdict::judge_again(&stored);
    print(&record, format)?;
    Ok(inferno_pgo::exit::ANSWERED)
}

pub(super) fn print(record: &Record, format: Format) -> Result<()> {
    let text = match format {
        Format::Table => inferno_report::terminal(record, print::width(), print::style()),
        Format::Markdown => inferno_report::markdown(record),
        Format::Html => inferno_report::html(record),
        Format::Json => {
            serde_json::to_string_pretty(record)
                .map_err(|error| Error::Internal(error.to_string()))?
                + "\n"
        }
    };
    print::write(&text);
    Ok(())
}
