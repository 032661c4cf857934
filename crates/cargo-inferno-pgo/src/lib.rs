//! The pipeline's commands: what `cargo inferno-pgo` offers in anyone's project, and what a project's
//! own xtask takes from it (docs/library.md).
//!
//! Each module is a command. It parses arguments, calls the crates and prints; what a command does is
//! in the crates. A [`Front`] says what depends on the program that the commands stand in. Standard
//! output carries results, standard error everything else. Exit codes are [`inferno_pgo::exit`].

pub mod compare;
pub mod doctor;
mod front;
pub mod pgo;
pub mod print;
pub mod reports;
pub mod setup;
pub mod subcommand;

use std::fmt::Display;
use std::process::ExitCode;

use inferno_pgo::Result;

pub use front::{Front, Project};

/// The examples of the document on this library, which have to compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
struct Document;

/// Runs a command to its exit code. A signal ends what it has started; an error is told on standard
/// error.
pub fn exit_code_of(command: impl FnOnce() -> Result<u8>) -> ExitCode {
    let outcome = inferno_measure::process::install_interrupt_handler()
        .map_err(inferno_pgo::Error::from)
        .and_then(|()| command());
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(&error, error.hint().as_deref());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Says on standard error what is wrong, and the next step.
pub fn tell(error: &dyn Display, hint: Option<&str>) {
    eprintln!("error: {error}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}
