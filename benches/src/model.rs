//! The model that benchmarks run on.

use std::path::{Path, PathBuf};

use inferno_inference::Error;
use inferno_inference::backend::Backend;
use inferno_inference::candle::{CandleBackend, CandleModel};
use tempfile::TempDir;

/// A model's file, which is there for as long as this lives.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    name: String,
    _directory: Option<TempDir>,
}

impl ModelFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, because a figure without the model's name says nothing.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The model of `BENCH_MODEL_PATH`, or the synthetic one, which is written for it.
///
/// # Panics
/// When the synthetic model cannot be written to the directory for temporary files.
pub fn file() -> ModelFile {
    if let Some(path) = std::env::var_os("BENCH_MODEL_PATH").map(PathBuf::from) {
        let name = path.file_name().unwrap_or(path.as_os_str());
        return ModelFile {
            name: name.to_string_lossy().into_owned(),
            path,
            _directory: None,
        };
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("synthetic-tiny.gguf");
    inferno_provision::synthetic::write(&path).expect("writing the synthetic model");
    ModelFile {
        path,
        name: "synthetic-tiny (set BENCH_MODEL_PATH for a real model)".to_owned(),
        _directory: Some(directory),
    }
}

/// Loads [`file`] by candle; gives its name too.
///
/// # Errors
/// When the model cannot be loaded.
pub fn load() -> Result<(String, CandleModel), Error> {
    let file = file();
    let model = CandleBackend.load(file.path())?;
    Ok((file.name, model))
}
