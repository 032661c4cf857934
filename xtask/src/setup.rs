//! `cargo xtask setup`: gets what is missing, after saying so.

use clap::Args;
use inferno_pgo::assets;
use inferno_pgo::toolchain::{Compiler, LlvmProfdata};

use crate::error::Result;
use crate::project;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Get the tools alone, no model
    #[arg(long)]
    tools_only: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    let tool = tool()?;
    println!("llvm-profdata\t{}\t{}", tool.version, tool.path.display());
    if !arguments.tools_only {
        let name = project::DEFAULT_MODEL;
        let path = assets::fetch(|progress| inferno_provision::fetch_model(name, progress))?;
        println!("{name}\t{}", path.display());
    }
    Ok(inferno_pgo::exit::ANSWERED)
}

/// The matching llvm-profdata, fetched if need be.
pub(crate) fn tool() -> Result<LlvmProfdata> {
    let compiler = Compiler::at(project::root())?;
    let mut say = |line: &str| eprintln!("{line}");
    Ok(LlvmProfdata::find_or_fetch(&compiler, &mut say)?)
}
