//! `audit`: a build of another pipeline, judged from what it left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use inferno_pgo::audit::{self, Against, Options, Workload};
use inferno_pgo::compare::programs;
use inferno_pgo::spec::duration;
use inferno_pgo::{Error, Result};

use crate::{Front, compare, print, reports};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The merged profile that the build was given
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// What the optimised build printed, from `cargo build -vv` into an empty target directory
    #[arg(long, value_name = "FILE")]
    build_log: PathBuf,
    /// The executable or shared library that is shipped, with its symbol table
    #[arg(long, value_name = "FILE")]
    binary: PathBuf,
    /// The same program, built alike but without the profile: hot code is compared with its own
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Measure both, side by side, with these arguments, written as for a shell
    #[arg(
        long,
        value_name = "ARGS",
        requires = "baseline",
        allow_hyphen_values = true
    )]
    workload: Option<String>,
    /// Time for all sampling, as in `5m`; 60s without it
    #[arg(long, value_name = "TIME", requires = "workload", value_parser = duration::parse)]
    budget: Option<Duration>,
    /// The measurement's output directory; without it, one below target/compare
    #[arg(long, value_name = "DIR", requires = "workload")]
    out: Option<PathBuf>,
    /// Write the answers to this file as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the answers to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Arguments {
    fn options(&self, front: &Front) -> Result<Options> {
        let workload = match &self.workload {
            Some(arguments) => Some(Workload {
                arguments: arguments.clone(),
                budget: self.budget.unwrap_or(compare::DEFAULT_TIME),
                out: match &self.out {
                    Some(out) => out.clone(),
                    None => front.default_comparison(&programs::file_name(&self.binary))?,
                },
            }),
            None => None,
        };
        Ok(Options {
            profile: self.profile.clone(),
            build_log: self.build_log.clone(),
            binary: self.binary.clone(),
            against: self
                .baseline
                .clone()
                .map(|baseline| Against { baseline, workload }),
        })
    }
}

pub(super) fn run(arguments: &Arguments, front: &Front) -> Result<u8> {
    let audited = audit::run(&arguments.options(front)?)?;
    let findings = &audited.findings;
    let text = inferno_report::audit_terminal(findings, print::width(), print::style());
    print::write(&text);
    if let Some(finished) = &audited.measured {
        reports::write(&finished.record, &finished.output)?;
        reports::tell(&finished.output);
    }
    if let Some(path) = &arguments.markdown {
        write(path, &inferno_report::audit_markdown(findings))?;
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(findings)
            .map_err(|error| Error::Internal(error.to_string()))?;
        write(path, &(text + "\n"))?;
    }
    Ok(audit::exit_code(findings))
}

fn write(path: &Path, text: &str) -> Result<()> {
    Ok(inferno_measure::write_atomically(path, text.as_bytes())?)
}
