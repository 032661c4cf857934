//! A model that is several files in one folder.
//!
//! Takes the path of its main file, or of the folder; gives the paths and the contents of the
//! files beside it, and errors that name the file. What the files mean is for the backends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde::de::DeserializeOwned;

use crate::error::Error;

/// The files of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelFolder {
    main: PathBuf,
}

impl ModelFolder {
    /// `path` is the main file, or the folder in which that file is called `main_name`.
    pub(crate) fn new(path: &Path, main_name: &str) -> Self {
        let main = if path.is_dir() {
            path.join(main_name)
        } else {
            path.to_owned()
        };
        Self { main }
    }

    /// The main file.
    pub(crate) fn main(&self) -> &Path {
        &self.main
    }

    /// The file called `name` beside the main one.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.main.with_file_name(name)
    }
}

/// Says why `path` is no file that could be read, if so.
pub(crate) fn check_file(path: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(|source| cannot_read(path, source))?;
    if metadata.is_file() {
        Ok(())
    } else {
        Err(corrupt(path, "it is not a regular file"))
    }
}

/// The content of the file at `path`.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    check_file(path)?;
    fs::read(path).map_err(|source| cannot_read(path, source))
}

/// What the JSON file at `path` says.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_slice(&read_file(path)?).map_err(|error| corrupt(path, error.to_string()))
}

/// The file at `path` contradicts itself or its format.
pub(crate) fn corrupt(path: &Path, problem: impl Into<String>) -> Error {
    Error::CorruptModel {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

/// The file at `path` is in order and holds what the engine cannot run.
pub(crate) fn unsupported(path: &Path, problem: impl Into<String>) -> Error {
    Error::UnsupportedModel {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

fn cannot_read(path: &Path, source: io::Error) -> Error {
    Error::Io {
        action: "read",
        path: path.to_owned(),
        source: Arc::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_its_file_or_its_folder() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let main = directory.path().join("model.onnx");
        let beside = directory.path().join("tokenizer.json");
        fs::write(&main, "").expect("writing");
        for path in [directory.path(), &main] {
            let folder = ModelFolder::new(path, "model.onnx");
            assert_eq!(folder.main(), main);
            assert_eq!(folder.beside("tokenizer.json"), beside);
        }
        let bare = ModelFolder::new(Path::new("some.onnx"), "model.onnx");
        assert_eq!(bare.beside("tokenizer.json"), Path::new("tokenizer.json"));
    }

    #[test]
    fn errors_name_the_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("config.json");
        let missing = read_json::<u32>(&path).expect_err("missing");
        assert!(matches!(missing, Error::Io { .. }), "{missing:?}");
        fs::write(&path, "{").expect("writing");
        let damaged = read_json::<u32>(&path).expect_err("damaged");
        assert!(matches!(damaged, Error::CorruptModel { .. }), "{damaged:?}");
        let folder = read_file(directory.path()).expect_err("a folder");
        for error in [&missing, &damaged] {
            assert!(error.to_string().contains("config.json"), "{error}");
        }
        assert!(folder.to_string().contains("regular file"), "{folder}");
        fs::write(&path, "7").expect("writing");
        assert_eq!(read_json::<u32>(&path).expect("a number"), 7);
    }
}
