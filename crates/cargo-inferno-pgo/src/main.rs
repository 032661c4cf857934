//! `cargo inferno-pgo`: the pipeline in anyone's project. What it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_inferno_pgo::subcommand::main()
}
