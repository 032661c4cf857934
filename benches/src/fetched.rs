//! Files of the catalogue that were fetched before.
//!
//! Takes a name of the catalogue; gives the path of a file whose content was checked. Nothing is
//! fetched here. What is missing or damaged ends the program with the next step: no part of a
//! benchmark is left out for want of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::exit;

use inferno_provision::{Error, LocalModel, State};

/// What the catalogue calls ONNX Runtime.
const ONNX_RUNTIME: &str = "onnxruntime";

/// Names another library than the one that was fetched.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Exit code for what has to be got first.
const MISSING: u8 = 20;

/// Why a file cannot be used.
#[derive(Debug)]
struct Refusal {
    problem: String,
    hint: Option<String>,
    exit_code: u8,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            problem: error.to_string(),
            hint: error.hint(),
            exit_code: error.exit_code(),
        }
    }
}

/// The main file of the model `name`, with what belongs to it beside it. Ends the program when it
/// has not been fetched, or is not what it should be.
pub fn path(name: &str) -> PathBuf {
    or_exit(find(name))
}

/// ONNX Runtime's shared library: the one that `ORT_DYLIB_PATH` names, else the one that was
/// fetched. Ends the program when there is neither.
pub fn onnx_library() -> PathBuf {
    or_exit(library(std::env::var_os(LIBRARY_VARIABLE)))
}

fn library(chosen: Option<OsString>) -> Result<PathBuf, Refusal> {
    // Empty means unset, as in the engine.
    if let Some(path) = chosen.filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    // The catalogue has a build for some machines only, and `model fetch` would not help elsewhere.
    if inferno_provision::entry(ONNX_RUNTIME).is_err() {
        return Err(Refusal {
            problem: "no ONNX Runtime can be fetched for this machine".to_owned(),
            hint: Some(format!(
                "set {LIBRARY_VARIABLE} to its shared library, version 1.24 or later"
            )),
            exit_code: MISSING,
        });
    }
    find(ONNX_RUNTIME)
}

fn find(name: &str) -> Result<PathBuf, Refusal> {
    usable(inferno_provision::model(name)?)
}

fn usable(found: LocalModel) -> Result<PathBuf, Refusal> {
    let LocalModel { model, path, state } = found;
    let name = model.name;
    match state {
        State::Present => Ok(path),
        State::Missing => Err(Refusal {
            problem: format!(
                "{} or what belongs to it has not been fetched",
                path.display()
            ),
            hint: Some(format!("get it by `cargo xtask model fetch {name}`")),
            exit_code: MISSING,
        }),
        State::Damaged {
            path,
            expected,
            sha256,
        } => Err(Refusal::from(Error::WrongContent {
            path,
            expected,
            found: sha256,
        })),
    }
}

fn or_exit(found: Result<PathBuf, Refusal>) -> PathBuf {
    found.unwrap_or_else(|refusal| {
        eprintln!("error: {}", refusal.problem);
        if let Some(hint) = refusal.hint {
            eprintln!("hint: {hint}");
        }
        exit(i32::from(refusal.exit_code));
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn local(state: State) -> LocalModel {
        LocalModel {
            model: inferno_provision::entry("magika").expect("an entry"),
            path: PathBuf::from("models/magika/model.onnx"),
            state,
        }
    }

    #[test]
    fn what_is_there_and_whole_is_used() {
        let path = usable(local(State::Present)).expect("a path");
        assert_eq!(path, Path::new("models/magika/model.onnx"));
    }

    #[test]
    fn what_cannot_be_used_is_an_error_with_the_next_step() {
        let damaged = State::Damaged {
            path: PathBuf::from("models/magika/model.onnx"),
            expected: "00",
            sha256: "ff".to_owned(),
        };
        for (state, next_step) in [(State::Missing, "model fetch magika"), (damaged, "move")] {
            let refusal = usable(local(state)).expect_err("not usable");
            assert!(refusal.problem.contains("model.onnx"), "{refusal:?}");
            let hint = refusal.hint.as_deref().unwrap_or_default();
            assert!(hint.contains(next_step), "{refusal:?}");
            assert_eq!(refusal.exit_code, 20);
        }
    }

    #[test]
    fn a_library_that_was_named_is_not_looked_for() {
        let path = library(Some(OsString::from("/a/lib.so"))).expect("a path");
        assert_eq!(path, Path::new("/a/lib.so"));
    }
}
