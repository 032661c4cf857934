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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_must_hold_exactly_one_model() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let locate = || locate(Some(directory.path()));
        assert!(matches!(
            locate(),
            Err(Failure::ModelDirectory { count: 0, .. })
        ));
        let model = directory.path().join("a.gguf");
        std::fs::write(&model, "").expect("writing");
        std::fs::write(directory.path().join("readme.txt"), "").expect("writing");
        assert_eq!(locate().ok(), Some(model));
        std::fs::write(directory.path().join("b.gguf"), "").expect("writing");
        assert!(matches!(
            locate(),
            Err(Failure::ModelDirectory { count: 2, .. })
        ));
    }

    #[test]
    fn a_missing_model_says_how_to_get_one() {
        for path in [
            None,
            Some(Path::new("")),
            Some(Path::new("/nonexistent/x.gguf")),
        ] {
            let failure = locate(path).expect_err("no model");
            assert!(
                failure
                    .hint()
                    .is_some_and(|hint| hint.contains("model fetch"))
            );
            assert_eq!(failure.exit_code(), 2);
        }
    }
}
