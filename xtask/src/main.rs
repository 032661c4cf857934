//! The project's commands, one file each. They parse arguments, call the crates and print; what a
//! command does is in the crates. Those that any project can use are `cargo-inferno-pgo`'s.
//!
//! Standard output carries results, standard error everything else. Exit codes are
//! [`inferno_pgo::exit`].

mod bench;
mod calibrate;
mod dist;
mod doctor;
mod error;
mod fuzz;
mod lint;
mod model;
mod project;
mod setup;
mod test;

use std::process::ExitCode;

use cargo_inferno_pgo::{compare, pgo};
use clap::{Parser, Subcommand};

use crate::error::Result;

/// Profile-guided optimisation with proof: does it pay for this binary?
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build, train, optimise, verify, measure and judge; or one of these steps
    Pgo(Box<pgo::Arguments>),
    /// Measure the programs behind the suitability score (for maintainers, on a quiet machine)
    Calibrate(calibrate::Arguments),
    /// Say which of two programs, records or Criterion baselines is faster
    Compare(Box<compare::Arguments>),
    /// Build, verify, guard and pack the optimised programs of a release
    Dist(dist::Arguments),
    /// Run the benchmarks: with the right features, model and budget, and a table at the end
    Bench(bench::Arguments),
    /// List or fetch the models that specs name
    Model(model::Arguments),
    /// Get what is missing: a matching llvm-profdata, the default model
    Setup(setup::Arguments),
    /// Say what is there, what is missing, and what each is for
    Doctor,
    /// Check format, clippy's lints and shell scripts
    Lint,
    /// Run the tests
    Test(test::Arguments),
    /// Fuzz whatever reads bytes from outside
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = inferno_measure::process::install_interrupt_handler()
        .map_err(inferno_pgo::Error::from)
        .map_err(Into::into)
        .and_then(|()| run(arguments.command));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error.tell();
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<u8> {
    match command {
        Command::Pgo(arguments) => Ok(pgo::run(*arguments, &project::front())?),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Compare(arguments) => Ok(compare::run(&arguments, &project::front())?),
        Command::Dist(arguments) => dist::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Model(arguments) => model::run(&arguments),
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Doctor => doctor::run(),
        Command::Lint => lint::run(),
        Command::Test(arguments) => test::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
    }
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
    fn the_document_on_the_steps_has_every_option_and_step() {
        let document = include_str!("../../docs/pgo-steps.md");
        let command = Arguments::command();
        let pgo = command.find_subcommand("pgo").expect("the main job");
        let options = pgo.get_arguments().filter_map(clap::Arg::get_long);
        let options: Vec<String> = options
            .filter(|name| *name != "help")
            .map(|name| format!("`--{name}"))
            .collect();
        assert!(options.len() > 10, "{options:?}");
        let steps = pgo.get_subcommands().map(clap::Command::get_name);
        let steps = steps
            .filter(|name| *name != "help")
            .map(|name| format!("| `{name}` |"));
        for part in options.into_iter().chain(steps) {
            assert!(
                document.contains(&part),
                "{part} is not in docs/pgo-steps.md"
            );
        }
    }
}
