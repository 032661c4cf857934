//! A model that gives texts their directions, whatever its backend.
//!
//! The server is written against this trait alone. It may have no such model: then it says so, and
//! the language model is not bent to the task.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use inferno_inference::Error;
use inferno_inference::backend::{Backend, BatchModel, Embedding};
use inferno_inference::batching::{Batcher, BatcherConfig};
use inferno_inference::candle::bert::{CandleEmbeddingBackend, DeviceName};

use crate::failure::Failure;
use crate::model_file;

/// Embeds texts.
pub(crate) trait Embed: Send + Sync {
    /// What the model is called in requests and answers.
    fn name(&self) -> &str;

    /// The direction of each of `texts`, in their order. It computes, so it takes its time.
    ///
    /// # Errors
    /// When the whole batch failed. What is wrong with one text is its own result.
    fn embed(&self, texts: &[String]) -> Result<Vec<Result<Embedding, Error>>, Error>;
}

/// A backend that embeds texts, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmbeddingBackendName {
    /// BERT models in the safetensors format, on candle.
    Candle,
    /// BERT models in the ONNX format, on ONNX Runtime.
    Onnx,
}

/// A device that computes, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EmbeddingDevice {
    /// The processor.
    Cpu,
    /// The first GPU, by CUDA: for the backend candle, built with the feature `cuda`.
    Cuda,
}

impl From<EmbeddingDevice> for DeviceName {
    fn from(device: EmbeddingDevice) -> Self {
        match device {
            EmbeddingDevice::Cpu => Self::Cpu,
            EmbeddingDevice::Cuda => Self::Cuda,
        }
    }
}

/// Options that say what embeds texts.
#[derive(Debug, Args)]
pub(crate) struct EmbeddingOptions {
    /// The model that embeds texts: its file, or the folder of its files [default: none]
    #[arg(long, value_name = "PATH")]
    embedding_model: Option<PathBuf>,

    /// What computes embeddings
    #[arg(long, value_enum, default_value = "candle")]
    embedding_backend: EmbeddingBackendName,

    /// Where the backend candle computes embeddings
    #[arg(long, value_enum, default_value = "cpu")]
    embedding_device: EmbeddingDevice,

    /// ONNX Runtime's shared library; needed for `--embedding-backend onnx`
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    onnx_library: Option<PathBuf>,
}

impl EmbeddingOptions {
    /// Loads the model, if one was named, for `threads` threads.
    pub(crate) fn start(&self, threads: NonZeroUsize) -> Result<Option<Arc<dyn Embed>>, Failure> {
        let Some(path) = self.embedding_model.as_deref() else {
            return Ok(None);
        };
        let embedder = match self.embedding_backend {
            EmbeddingBackendName::Candle => {
                let device = self.embedding_device.into();
                start(&CandleEmbeddingBackend { device }, path)?
            }
            EmbeddingBackendName::Onnx => self.start_onnx(path, threads)?,
        };
        Ok(Some(embedder))
    }

    #[cfg(feature = "onnx")]
    fn start_onnx(&self, path: &Path, threads: NonZeroUsize) -> Result<Arc<dyn Embed>, Failure> {
        use inferno_inference::onnx::{OnnxEmbeddingBackend, OnnxSettings};
        let library = self.onnx_library.clone().unwrap_or_default();
        let settings = OnnxSettings {
            threads,
            ..OnnxSettings::new(library)
        };
        start(&OnnxEmbeddingBackend::new(settings), path)
    }

    #[cfg(not(feature = "onnx"))]
    #[expect(clippy::unused_self, reason = "where the feature is there, it is used")]
    fn start_onnx(&self, _: &Path, _: NonZeroUsize) -> Result<Arc<dyn Embed>, Failure> {
        Err(Failure::BackendNotBuilt("onnx"))
    }
}

fn start<B>(backend: &B, path: &Path) -> Result<Arc<dyn Embed>, Failure>
where
    B: Backend<Model: BatchModel<Input = String, Output = Embedding>>,
{
    let model = Arc::new(backend.load(path)?);
    Ok(Arc::new(Embedder {
        batcher: Batcher::new(model, &BatcherConfig::default())?,
        name: model_file::name(path),
    }))
}

/// A model that embeds, behind a queue.
struct Embedder<M: BatchModel> {
    batcher: Batcher<M>,
    name: String,
}

impl<M: BatchModel<Input = String, Output = Embedding>> Embed for Embedder<M> {
    fn name(&self) -> &str {
        &self.name
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Result<Embedding, Error>>, Error> {
        let answers = self.batcher.run(texts.to_vec());
        let embeddings = answers
            .into_iter()
            .map(|answer| answer.map(|answer| answer.output));
        Ok(embeddings.collect())
    }
}
