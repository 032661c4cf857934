//! `cargo xtask dist`: the optimised programs in archives, after proof and guards.

use std::path::PathBuf;
use std::time::Duration;

use cargo_inferno_pgo::{print, reports};
use clap::Args;
use inferno_measure::comparison;
use inferno_pgo::compare::programs::Finished;
use inferno_pgo::dist::{self, LastRelease, Options, Standing, Undecided};
use inferno_pgo::exit;
use inferno_pgo::spec::{Spec, duration};

use crate::error::Result;
use crate::project;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the last release's archives, which the guards compare with; `none` for a
    /// first release
    #[arg(long, value_name = "DIR|none")]
    last_release: PathBuf,
    /// A spec with a stored profile (repeatable); without it, the inference engine's
    #[arg(long, value_name = "FILE")]
    spec: Vec<PathBuf>,
    /// The output directory; without it, target/dist
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Time for sampling the guards of each spec, as in `10m`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    budget: Duration,
    /// Pack nothing when a guard is inconclusive
    #[arg(long)]
    strict: bool,
}

impl Arguments {
    fn options(&self) -> Result<Options> {
        let paths = if self.spec.is_empty() {
            vec![project::default_spec()]
        } else {
            self.spec.clone()
        };
        let specs = paths.iter().map(|path| Spec::load(path));
        Ok(Options {
            specs: specs.collect::<inferno_pgo::Result<_>>()?,
            out: self.out.clone().unwrap_or_else(project::default_dist),
            last_release: if self.last_release.as_os_str() == "none" {
                LastRelease::None
            } else {
                LastRelease::Directory(self.last_release.clone())
            },
            budget: self.budget,
            undecided: if self.strict {
                Undecided::Refuse
            } else {
                Undecided::Accept
            },
        })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    let dist = dist::run(&arguments.options()?)?;
    for guard in &dist.guards {
        tell(guard)?;
    }
    for file in &dist.files {
        println!("{}", file.display());
    }
    Ok(match dist.standing {
        Standing::Held => exit::ANSWERED,
        Standing::Slower => {
            eprintln!("a guard got slower than in the last release: nothing was packed");
            exit::SLOWER
        }
        Standing::Undecided => {
            eprintln!(
                "a guard gave no answer: nothing was packed; a larger --budget may give one (docs/releasing.md)"
            );
            exit::INCONCLUSIVE
        }
    })
}

/// The guards of one spec, on standard error: standard output has the files.
fn tell(guard: &Finished) -> Result<()> {
    let (record, output) = (&guard.record, &guard.output);
    reports::write(record, output)?;
    let mut compared = comparison::of_record(record, ["the last release", "this release"]);
    compared.notes.extend(guard.notes.iter().cloned());
    eprintln!(
        "guards of {}\n{}",
        record.name,
        inferno_report::comparison_terminal(
            &compared,
            print::width(),
            inferno_report::Style::Plain
        )
    );
    reports::tell(output);
    Ok(())
}
