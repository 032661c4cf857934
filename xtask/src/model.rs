//! `cargo xtask model list|fetch`: the files that specs name in `[assets]`.

use clap::{Args, Subcommand};
use inferno_pgo::assets;
use inferno_provision::{LocalModel, State};

use crate::error::Result;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print name, state, size, licence and path of every model
    List,
    /// Get a model, and print its path
    Fetch {
        /// The model's name
        name: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    match &arguments.action {
        Action::List => {
            for model in inferno_provision::models()? {
                println!("{}", line(&model));
            }
        }
        Action::Fetch { name } => {
            let path = assets::fetch(|progress| inferno_provision::fetch_model(name, progress))?;
            println!("{}", path.display());
        }
    }
    Ok(inferno_pgo::exit::ANSWERED)
}

fn line(local: &LocalModel) -> String {
    let LocalModel { model, path, state } = local;
    let size = model.size_bytes as f64 / 1e6;
    format!(
        "{:<16} {:<8} {size:>7.1} MB  {:<12} {}\n  {}",
        model.name,
        word(state),
        model.licence,
        path.display(),
        model.description
    )
}

/// One word for a state.
pub(crate) fn word(state: &State) -> &'static str {
    match state {
        State::Present => "present",
        State::Missing => "missing",
        State::Damaged { .. } => "damaged",
    }
}
