//! What the `inferno` binary does: answers prompts, serves them over HTTP, exports what it measured.
//!
//! Takes arguments; calls the engine of `inferno-inference` and prints. Standard output carries
//! results, standard error everything else. How a prompt becomes an answer is not decided here.
//! It is a library so that the fuzz targets reach [`check_request`]; nobody else is to build on it.
//!
//! - `run`: one prompt, answered token by token
//! - `serve`: the options of the server; `server` is the server itself
//! - `metrics_export`: the values of a running server; `exposition` reads their format
//! - `backend`, `generate`, `embed`: models behind traits that name no backend
//! - `instruments`: what is counted and timed while requests are served
//! - `performance_benchmark`: measurements of the engine; `load` sends their requests
//! - `logging`: what the program says about its own work
//! - `exit`: exit codes

mod api_key;
mod backend;
mod embed;
mod exit;
mod exposition;
mod failure;
mod generate;
mod instruments;
mod load;
mod logging;
mod metrics_export;
mod model_file;
mod performance_benchmark;
mod run;
mod seconds;
mod serve;
mod server;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

pub use crate::server::request_check::{Refusal, Route, check_request};

/// Language models on this machine's processors.
#[derive(Debug, Parser)]
#[command(name = "inferno", version, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer one prompt, token by token
    Run(Box<run::Arguments>),
    /// Serve an OpenAI-compatible HTTP interface
    Serve(Box<serve::Arguments>),
    /// Read what a running server has measured
    #[command(subcommand)]
    Metrics(metrics_export::Command),
    /// Measure the engine: baseline, suites, comparison, load, memory
    #[command(subcommand)]
    PerformanceBenchmark(performance_benchmark::Command),
}

/// Does what this process's command line says, and gives the code that it is to end with. Ends the
/// process itself where the command line is wrong or asks for help.
pub fn run_command_line() -> ExitCode {
    let arguments = Arguments::parse();
    match logging::start().and_then(|()| execute(&arguments.command)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.exit_code())
        }
    }
}

fn execute(command: &Command) -> Result<u8, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Metrics(command) => metrics_export::run(command),
        Command::PerformanceBenchmark(command) => performance_benchmark::run(command),
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
}
