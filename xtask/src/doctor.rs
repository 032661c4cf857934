//! `cargo xtask doctor`: what the pipeline needs, the models that specs name, and what the project's
//! own commands can use.

use std::path::Path;

use cargo_inferno_pgo::doctor::{self, Item, Optional, Standing};
use inferno_provision::{LocalModel, State};

use crate::error::Result;
use crate::model;
use crate::project;

pub(crate) fn run() -> Result<u8> {
    let mut items = doctor::items(&project::front())?;
    items.extend(inferno_provision::models()?.into_iter().map(of_model));
    items.extend(OPTIONAL.iter().map(Optional::look));
    Ok(doctor::tell(&items))
}

fn of_model(local: LocalModel) -> Item {
    let LocalModel { model, path, state } = local;
    let detail = format!("{}, {}", model::word(&state), path.display());
    let (standing, next) = match state {
        State::Present => return Item::there(model.name, detail),
        // The command that needs it fetches it.
        State::Missing => (Standing::Absent, fetch(model.name)),
        // It may be a file beside the main one.
        State::Damaged { path, .. } => (Standing::Missing, move_away(&path, model.name)),
    };
    Item {
        standing,
        name: model.name,
        detail,
        next: Some(next),
    }
}

fn fetch(model: &str) -> String {
    format!("cargo xtask model fetch {model}")
}

fn move_away(path: &Path, model: &str) -> String {
    format!("move `{}` away, then {}", path.display(), fetch(model))
}

/// What only this project's commands can use.
const OPTIONAL: [Optional; 3] = [
    Optional {
        name: "hyperfine",
        programs: &["hyperfine"],
        variable: None,
        purpose: "for `inferno-methods`, which puts our method beside it",
        next: "install your system's package hyperfine",
    },
    Optional {
        name: "Chromium",
        programs: &["chromium", "chromium-browser", "google-chrome"],
        variable: Some("INFERNO_CHROMIUM"),
        purpose: "for the test that loads report.html, which is skipped without it",
        next: "install your system's package chromium, or name one with INFERNO_CHROMIUM",
    },
    Optional {
        name: "shellcheck",
        programs: &["shellcheck"],
        variable: None,
        purpose: "for `cargo xtask lint`, which leaves scripts unchecked without it",
        next: "install your system's package shellcheck",
    },
];
