//! `cargo inferno-pgo`: the main job without a word behind it, its single steps, and what a machine
//! needs for them.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use inferno_pgo::Result;

use crate::{Front, Project, compare, doctor, pgo, setup};

/// cargo's first argument for the subcommand is its own name.
const NAME: &str = "inferno-pgo";

/// Profile-guided optimisation with proof: does it pay for this program?
#[derive(Debug, Parser)]
#[command(
    name = "cargo-inferno-pgo",
    bin_name = "cargo inferno-pgo",
    version,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: pgo::RunArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Step(pgo::Step),
    /// Say which of two programs, records or Criterion baselines is faster
    Compare(Box<compare::Arguments>),
    /// Get what is missing: a matching llvm-profdata
    Setup,
    /// Say what is there, what is missing, and what each is for
    Doctor,
}

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse_from(own_arguments(std::env::args_os()));
    crate::exit_code_of(|| run(arguments))
}

fn run(arguments: Arguments) -> Result<u8> {
    let front = Front {
        call: "cargo inferno-pgo",
        project: Project::Current,
    };
    match arguments.command {
        None => pgo::whole(&arguments.run, &front),
        Some(Command::Step(step)) => pgo::step(step, &front),
        Some(Command::Compare(arguments)) => compare::run(&arguments, &front),
        Some(Command::Setup) => setup::run(&front),
        Some(Command::Doctor) => doctor::run(&front),
    }
}

/// The same whether cargo or a person has called the program.
fn own_arguments(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments
        .enumerate()
        .filter(|(index, argument)| *index != 1 || argument != NAME)
        .map(|(_, argument)| argument)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn options_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_name_that_cargo_adds_is_left_out_once() {
        for (given, expected) in [
            (&["p", "inferno-pgo", "doctor"][..], &["p", "doctor"][..]),
            (&["p", "doctor"], &["p", "doctor"]),
            (&["p", "init", "inferno-pgo"], &["p", "init", "inferno-pgo"]),
            (&["p"], &["p"]),
        ] {
            let found = own_arguments(given.iter().map(OsString::from));
            assert_eq!(found.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn it_has_every_step_of_the_main_job() {
        let command = Arguments::command();
        for step in [
            "init", "predict", "ladder", "refresh", "audit", "judge", "noise", "compare", "setup",
            "doctor",
        ] {
            assert!(command.find_subcommand(step).is_some(), "{step}");
        }
        let parsed = Arguments::try_parse_from(["p", "--budget", "1m", "init"]);
        assert!(
            parsed.is_err(),
            "an option of the main job belongs to no step"
        );
    }
}
