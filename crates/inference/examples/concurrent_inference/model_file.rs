//! Finds the model file: named itself, or the only one of a directory.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The GGUF file that `path` names.
pub(crate) fn locate(path: Option<&Path>) -> Result<PathBuf, Failure> {
    // An empty variable is a variable that somebody meant to unset.
    let path = path.filter(|path| !path.as_os_str().is_empty());
    let path = path.ok_or(Failure::NoModelPath)?;
    if path.is_dir() {
        only_model_in(path)
    } else if path.exists() {
        Ok(path.to_owned())
    } else {
        Err(Failure::NoSuchModel(path.to_owned()))
    }
}

fn only_model_in(directory: &Path) -> Result<PathBuf, Failure> {
    let unreadable = |source| Failure::Read {
        path: directory.to_owned(),
        source,
    };
    let mut models = Vec::new();
    for entry in directory.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "gguf")
        {
            models.push(path);
        }
    }
    let count = models.len();
    models
        .pop()
        .filter(|_| count == 1)
        .ok_or_else(|| Failure::ModelDirectory {
            path: directory.to_owned(),
            count,
        })
}
