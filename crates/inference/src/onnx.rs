//! ONNX models, computed on the CPU by ONNX Runtime.
//!
//! Takes a model file with what belongs to it in the same folder, and the path of ONNX Runtime's
//! shared library, which is loaded when the first model needs it; gives models that answer in
//! batches. A library that is not there or cannot be loaded is an error: nothing else is looked
//! for. What a model takes and gives is checked when it is loaded.
//!
//! - [`OnnxEmbedder`]: BERT models that embed texts
//! - [`MagikaClassifier`]: what kind of file some bytes are
//! - `runtime`: the library, of which a process has one
//! - `model`: one loaded model

mod embedder;
mod magika;
mod model;
mod runtime;

use std::num::NonZeroUsize;
use std::path::PathBuf;

pub use embedder::{OnnxEmbedder, OnnxEmbeddingBackend};
pub use magika::{MagikaBackend, MagikaClassifier};

/// The backend's name in logs and records.
const NAME: &str = "onnx";

/// What a model's threads do while there is nothing to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdleThreads {
    /// They sleep, and disturb nobody.
    #[default]
    Sleep,
    /// They spin for a while, and are quicker back at work. It slows down whatever else runs.
    Spin,
}

/// How models are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxSettings {
    /// ONNX Runtime's shared library, of version 1.24 or later. The variable `ORT_DYLIB_PATH`
    /// names another one.
    pub library: PathBuf,
    /// Threads that compute for each model, the caller's included.
    pub threads: NonZeroUsize,
    /// What those threads do in between.
    pub idle_threads: IdleThreads,
}

impl OnnxSettings {
    /// One thread per model.
    pub fn new(library: impl Into<PathBuf>) -> Self {
        Self {
            library: library.into(),
            threads: NonZeroUsize::MIN,
            idle_threads: IdleThreads::default(),
        }
    }
}
