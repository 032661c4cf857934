//! `inferno performance-benchmark`: how fast the engine is, and whether it stays so.
//!
//! Each command takes its options and gives files and a summary. Requests are sent by
//! [`crate::load`]; statistics and verdicts are those of `inferno-measure`, pages those of
//! `inferno-report`.
//!
//! - [`baseline`]: what is fast enough, and how fast it is now
//! - [`benchmark`]: one suite or all of them
//! - [`compare`]: two results, with an interval
//! - [`monitor`]: a running process over time
//! - [`stress`]: more requests than are comfortable
//! - [`memory_profile`]: whether memory grows with use
//! - [`results`]: the files that they write and read; [`targets`]: what is fast enough

mod baseline;
mod benchmark;
mod compare;
mod memory_profile;
mod monitor;
mod results;
mod stress;
mod targets;

use clap::Subcommand;

use self::benchmark::{other, reference};
use crate::failure::Failure;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Establish a baseline and check the targets
    Baseline(Box<baseline::Arguments>),
    /// Run a suite, or all of them
    Benchmark(Box<benchmark::Arguments>),
    /// Compare results with a baseline; exits with 10 when they are slower
    Compare(Box<compare::Arguments>),
    /// Watch a process, a server, or an engine of its own
    Monitor(Box<monitor::Arguments>),
    /// Send requests at a rate, whatever the engine makes of it
    Stress(Box<stress::Arguments>),
    /// See whether memory grows with use
    MemoryProfile(Box<memory_profile::Arguments>),
    /// Do nothing but a fixed computation: for processes of this program
    #[command(hide = true, name = reference::COMMAND)]
    FixedComputation(reference::Arguments),
    /// Say what this program is: for other builds of it
    #[command(hide = true, name = other::COMMAND)]
    DescribeBuild,
}

pub(crate) fn run(command: &Command) -> Result<u8, Failure> {
    match command {
        Command::Baseline(arguments) => baseline::run(arguments),
        Command::Benchmark(arguments) => benchmark::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Monitor(arguments) => monitor::run(arguments),
        Command::Stress(arguments) => stress::run(arguments),
        Command::MemoryProfile(arguments) => memory_profile::run(arguments),
        Command::FixedComputation(arguments) => reference::run(arguments),
        Command::DescribeBuild => other::describe(),
    }
}
