//! `compare --merge RECORD…`: one pair on several hosts.

use inferno_measure::comparison::hosts::HostComparison;
use inferno_pgo::Result;
use inferno_pgo::compare::hosts;

use super::{Arguments, Format, exit_code, json, refuse};
use crate::print;

pub(super) fn run(arguments: &Arguments) -> Result<u8> {
    arguments.refuse_what_runs()?;
    let exchange = [
        ("--drift", arguments.drift.is_some()),
        ("--format bmf", arguments.format == Format::Bmf),
        ("--format github", arguments.format == Format::Github),
        ("--format benchstat", arguments.format == Format::Benchstat),
    ];
    refuse(
        &exchange,
        "two sides; --merge takes one pair on several hosts",
    )?;
    let comparison = hosts::merge(&arguments.merge, arguments.threshold, arguments.obstacles())?;
    print::write(&text(&comparison, arguments.format)?);
    Ok(exit_code(
        |verdict| comparison.has(verdict),
        arguments.strict,
    ))
}

fn text(comparison: &HostComparison, format: Format) -> Result<String> {
    Ok(match format {
        Format::Markdown => inferno_report::hosts_markdown(comparison),
        Format::Json => json(serde_json::to_string_pretty(comparison))?,
        Format::Table | Format::Bmf | Format::Github | Format::Benchstat => {
            inferno_report::hosts_terminal(comparison, print::width(), print::style())
        }
    })
}
