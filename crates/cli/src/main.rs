//! The `inferno` binary. What it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    inferno_cli::run_command_line()
}
