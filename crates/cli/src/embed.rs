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
use inferno_inference::batching::{Batcher, BatcherConfig, Request};
use inferno_inference::candle::bert::{CandleEmbeddingBackend, DeviceName};
use inferno_inference::engine::CancelHandle;

use crate::failure::Failure;
use crate::model_file;

/// Texts of one request that may be in the queue or a pass at the same time: those of two passes, so
/// that some wait while others are computed, and no request keeps the others waiting for all it has.
pub(crate) const TEXTS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Gets what became of a text, on the thread that computes: it must not wait.
pub(crate) type EmbeddingSink = Box<dyn FnOnce(Result<Embedding, Error>) + Send>;

/// Embeds texts.
pub(crate) trait Embed: Send + Sync {
    /// What the model is called in requests and answers.
    fn name(&self) -> &str;

    /// Puts `text` into the queue; `sink` gets its direction or its error.
    ///
    /// # Errors
    /// Those of [`Batcher::submit_to`]; `sink` is then not called.
    fn submit(&self, text: String, sink: EmbeddingSink) -> Result<CancelHandle, Error>;

    /// Lets no more texts in, and refuses those that wait.
    fn stop(&self);
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

    /// What the embedding model is called in requests [default: its folder's name]
    #[arg(long, value_name = "NAME", requires = "embedding_model")]
    embedding_model_name: Option<String>,

    /// What computes embeddings
    #[arg(
        long,
        value_enum,
        default_value = "candle",
        requires = "embedding_model"
    )]
    embedding_backend: EmbeddingBackendName,

    /// Where the backend candle computes embeddings
    #[arg(long, value_enum, default_value = "cpu", requires = "embedding_model")]
    embedding_device: EmbeddingDevice,

    /// ONNX Runtime's shared library; needed for `--embedding-backend onnx`
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    onnx_library: Option<PathBuf>,
}

impl EmbeddingOptions {
    /// Whether texts are embedded by the threads of candle's pool, which has to be made first.
    pub(crate) fn needs_pool(&self) -> bool {
        self.embedding_model.is_some() && self.embedding_backend == EmbeddingBackendName::Candle
    }

    /// Loads the model, if one was named, for `threads` threads and `requests` requests at a time.
    pub(crate) fn start(
        &self,
        threads: NonZeroUsize,
        requests: NonZeroUsize,
    ) -> Result<Option<Arc<dyn Embed>>, Failure> {
        let Some(path) = self.embedding_model.as_deref() else {
            return Ok(None);
        };
        let embedder = match self.embedding_backend {
            EmbeddingBackendName::Candle => {
                let device = self.embedding_device.into();
                self.serve(&CandleEmbeddingBackend { device }, path, requests)?
            }
            EmbeddingBackendName::Onnx if self.embedding_device == EmbeddingDevice::Cuda => {
                return Err(Failure::OnnxOnGpu);
            }
            EmbeddingBackendName::Onnx => self.start_onnx(path, threads, requests)?,
        };
        Ok(Some(embedder))
    }

    #[cfg(feature = "onnx")]
    fn start_onnx(
        &self,
        path: &Path,
        threads: NonZeroUsize,
        requests: NonZeroUsize,
    ) -> Result<Arc<dyn Embed>, Failure> {
        use inferno_inference::onnx::{OnnxEmbeddingBackend, OnnxSettings};
        let library = self.onnx_library.clone().unwrap_or_default();
        let settings = OnnxSettings {
            threads,
            ..OnnxSettings::new(library)
        };
        self.serve(&OnnxEmbeddingBackend::new(settings), path, requests)
    }

    #[cfg(not(feature = "onnx"))]
    #[expect(clippy::unused_self, reason = "where the feature is there, it is used")]
    fn start_onnx(
        &self,
        _: &Path,
        _: NonZeroUsize,
        _: NonZeroUsize,
    ) -> Result<Arc<dyn Embed>, Failure> {
        Err(Failure::BackendNotBuilt("onnx"))
    }

    fn serve<B>(
        &self,
        backend: &B,
        path: &Path,
        requests: NonZeroUsize,
    ) -> Result<Arc<dyn Embed>, Failure>
    where
        B: Backend<Model: BatchModel<Input = String, Output = Embedding>>,
    {
        let model = Arc::new(backend.load(path)?);
        let name = self
            .embedding_model_name
            .clone()
            .unwrap_or_else(|| model_file::folder_name(path));
        tracing::info!("{} is loaded, as {name:?}", path.display());
        Ok(Arc::new(Embedder::new(model, name, requests)?))
    }
}

/// A model that embeds, behind a queue.
pub(crate) struct Embedder<M: BatchModel> {
    batcher: Batcher<M>,
    name: String,
}

impl<M: BatchModel> Embedder<M> {
    /// Starts the thread on which `model` computes. Its queue has room for the texts of `requests`
    /// requests.
    pub(crate) fn new(model: Arc<M>, name: String, requests: NonZeroUsize) -> Result<Self, Error> {
        let config = BatcherConfig {
            queue_capacity: TEXTS_AT_ONCE.saturating_mul(requests),
            ..BatcherConfig::default()
        };
        let batcher = Batcher::new(model, &config)?;
        Ok(Self { batcher, name })
    }
}

impl<M: BatchModel<Input = String, Output = Embedding>> Embed for Embedder<M> {
    fn name(&self) -> &str {
        &self.name
    }

    fn submit(&self, text: String, sink: EmbeddingSink) -> Result<CancelHandle, Error> {
        self.batcher.submit_to(Request::new(text), move |answer| {
            sink(answer.map(|answer| answer.output));
        })
    }

    fn stop(&self) {
        self.batcher.stop();
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        embedding: EmbeddingOptions,
    }

    fn options(line: &[&str]) -> EmbeddingOptions {
        let line = std::iter::once("inferno").chain(line.iter().copied());
        Line::try_parse_from(line).expect("an order").embedding
    }

    #[test]
    fn the_pool_is_made_for_embeddings_on_candle_whatever_generates() {
        for (line, needs_pool) in [
            (&["--embedding-model", "m"][..], true),
            (
                &["--embedding-model", "m", "--embedding-backend", "candle"],
                true,
            ),
            (
                &["--embedding-model", "m", "--embedding-backend", "onnx"],
                false,
            ),
            (&[], false),
        ] {
            assert_eq!(options(line).needs_pool(), needs_pool, "{line:?}");
        }
    }

    #[test]
    fn options_of_a_model_that_was_not_named_are_refused() {
        for option in [
            ["--embedding-model-name", "m"],
            ["--embedding-backend", "candle"],
            ["--embedding-device", "cpu"],
        ] {
            let line = ["inferno"].into_iter().chain(option);
            let refused = Line::try_parse_from(line)
                .expect_err("no model")
                .to_string();
            assert!(refused.contains("--embedding-model <PATH>"), "{refused}");
        }
    }

    #[test]
    fn a_device_that_the_backend_does_not_know_is_an_error() {
        let options = options(&[
            "--embedding-model",
            "m",
            "--embedding-backend",
            "onnx",
            "--embedding-device",
            "cuda",
        ]);
        let started = options.start(NonZeroUsize::MIN, NonZeroUsize::MIN);
        assert!(matches!(started, Err(Failure::OnnxOnGpu)));
    }
}
