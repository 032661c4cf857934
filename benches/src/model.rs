//! The model that benchmarks run on.

use std::path::{Path, PathBuf};

use inferno_inference::Error;
use inferno_inference::backend::Backend;
use inferno_inference::candle::{CandleBackend, CandleModel};

/// Loads the model of `BENCH_MODEL_PATH`, or writes and loads the synthetic one; gives its name
/// too, because a figure without the model's name says nothing.
///
/// # Errors
/// When the model cannot be loaded.
///
/// # Panics
/// When the synthetic model cannot be written to the directory for temporary files.
pub fn load() -> Result<(String, CandleModel), Error> {
    if let Some(path) = std::env::var_os("BENCH_MODEL_PATH").map(PathBuf::from) {
        let name = file_name(&path);
        return CandleBackend.load(&path).map(|model| (name, model));
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("synthetic-tiny.gguf");
    inferno_provision::synthetic::write(&path).expect("writing the synthetic model");
    let model = CandleBackend.load(&path)?;
    let name = "synthetic-tiny (set BENCH_MODEL_PATH for a real model)".to_owned();
    Ok((name, model))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
