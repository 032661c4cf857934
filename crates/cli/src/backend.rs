//! Which model runs on which backend: the options for it, and the engine that they lead to.
//!
//! A backend that was asked for and is not in this binary is an error, never another backend.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use inferno_inference::Error;
use inferno_inference::backend::{Backend, Model};
use inferno_inference::candle::{CandleBackend, threads};
use inferno_inference::engine::{Engine, EngineConfig};

use crate::failure::Failure;
use crate::generate::Generate;
use crate::model_file;

/// A backend by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// GGUF models of the llama architecture, on candle's kernels.
    Candle,
    /// GGUF models, on llama.cpp.
    Llama,
}

/// Options that say what answers.
#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// The GGUF file, a folder that holds exactly one, or a file's name in the folder of models
    #[arg(short, long, value_name = "PATH")]
    model: Option<PathBuf>,

    /// The folder of models; without --model it must hold exactly one
    #[arg(long, value_name = "FOLDER", env = "INFERNO_MODELS_DIR")]
    models_dir: Option<PathBuf>,

    /// What computes
    #[arg(long, value_enum, default_value = "candle")]
    backend: BackendName,

    /// Threads that compute [default: all processors]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

impl ModelOptions {
    /// The model file.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        model_file::locate(self.model.as_deref(), self.models_dir.as_deref())
    }

    /// The name of what computes.
    pub(crate) fn backend_name(&self) -> &'static str {
        match self.backend {
            BackendName::Candle => CandleBackend::NAME,
            BackendName::Llama => "llama",
        }
    }

    /// The folder of models, if one was named.
    pub(crate) fn models_folder(&self) -> Option<&Path> {
        let folder = self.models_dir.as_deref();
        folder.filter(|folder| !folder.as_os_str().is_empty())
    }

    /// Threads that compute.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.threads.unwrap_or_else(threads::available)
    }

    /// Makes candle's pool with as many threads as were asked for. It is called from the main thread,
    /// before any other thread is started.
    pub(crate) fn start_pool(&self) -> Result<(), Failure> {
        Ok(start_pool(self.threads())?)
    }

    /// Loads the model at `path` and starts its engine. It is called from the main thread, before
    /// any other thread is started but those of candle's pool.
    pub(crate) fn start(
        &self,
        path: &Path,
        config: EngineConfig,
    ) -> Result<Arc<dyn Generate>, Failure> {
        match self.backend {
            BackendName::Candle => {
                self.start_pool()?;
                start(CandleBackend.load(path)?, config)
            }
            #[cfg(feature = "llama")]
            BackendName::Llama => {
                let backend = inferno_inference::llama::LlamaBackend {
                    threads: self.threads(),
                };
                start(backend.load(path)?, config)
            }
            #[cfg(not(feature = "llama"))]
            BackendName::Llama => Err(Failure::BackendNotBuilt("llama")),
        }
    }
}

fn start<M: Model>(model: M, config: EngineConfig) -> Result<Arc<dyn Generate>, Failure> {
    Ok(Arc::new(Engine::new(Arc::new(model), config)?))
}

/// Makes candle's thread pool.
#[expect(
    unsafe_code,
    reason = "the number of threads passes through the environment"
)]
fn start_pool(threads: NonZeroUsize) -> Result<(), Error> {
    // SAFETY: called from the main thread, before any other thread is started; those of the pool, where
    // it is there already, do not look at the environment.
    unsafe { threads::start_pool(threads) }
}
