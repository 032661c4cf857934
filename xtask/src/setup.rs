//! `cargo xtask setup`: gets what is missing, after saying so.

use cargo_inferno_pgo::setup;
use clap::Args;
use inferno_pgo::assets;

use crate::error::Result;
use crate::project;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Get the tools alone, no model
    #[arg(long)]
    tools_only: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    let code = setup::run(&project::front())?;
    if !arguments.tools_only {
        let name = project::DEFAULT_MODEL;
        let path = assets::fetch(|progress| inferno_provision::fetch_model(name, progress))?;
        println!("{name}\t{}", path.display());
    }
    Ok(code)
}
