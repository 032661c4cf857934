//! GGUF models of any architecture that llama.cpp runs, computed on the CPU by llama.cpp.
//!
//! Takes a model file; gives a model whose contexts share its weights. Text is cut by this crate's
//! own tokenizer, so that a prompt has the same tokens on every backend; a vocabulary that it does
//! not know is an error. The header is checked before llama.cpp, which trusts it, sees the file; a
//! tensor format that the reader does not know is an error too.

mod context;

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use llama_cpp_2::LlamaCppError;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend as Initialized;
use llama_cpp_2::model::LlamaModel as Weights;
use llama_cpp_2::model::params::LlamaModelParams;

use crate::backend::{Backend, ContextSize, Model};
use crate::chat::ChatTemplate;
use crate::error::Error;
use crate::gguf::{Header, Problem};
use crate::tokenizer::Tokenizer;
pub use context::LlamaContext;

/// `LLAMA_MAX_SEQ`
const MAX_SEQUENCES: usize = 256;

/// Loads GGUF models by llama.cpp.
#[derive(Debug, Clone, Copy)]
pub struct LlamaBackend {
    /// Threads that compute.
    pub threads: NonZeroUsize,
}

impl Backend for LlamaBackend {
    type Model = LlamaModel;

    const NAME: &'static str = "llama";

    fn load(&self, path: &Path) -> Result<LlamaModel, Error> {
        let header = read_header(path)?;
        let describe = || {
            let tokenizer = Tokenizer::from_metadata(&header.metadata)?;
            Ok((tokenizer, ChatTemplate::from_metadata(&header.metadata)?))
        };
        let (tokenizer, chat_template) =
            describe().map_err(|problem: Problem| problem.in_file(path))?;
        // Without a copy in memory of our own, as llama.cpp's own tools load it.
        let parameters = LlamaModelParams::default();
        let weights = Weights::load_from_file(initialized()?, path, &parameters)
            .map_err(|error| Problem::unsupported(format!("llama.cpp: {error}")).in_file(path))?;
        if usize::try_from(weights.n_vocab()).ok() != Some(tokenizer.vocabulary_size()) {
            return Err(Problem::corrupt(format!(
                "its vocabulary has {} tokens, its model {}",
                tokenizer.vocabulary_size(),
                weights.n_vocab()
            ))
            .in_file(path));
        }
        Ok(LlamaModel {
            weights,
            tokenizer,
            chat_template,
            threads: self.threads,
        })
    }
}

/// llama.cpp, initialised once per process and silent: what it says goes wrong is in its errors.
fn initialized() -> Result<&'static Initialized, Error> {
    static BACKEND: OnceLock<Result<Initialized, LlamaCppError>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        let mut backend = Initialized::init()?;
        backend.void_logs();
        Ok(backend)
    });
    backend.as_ref().map_err(|error| {
        Error::Backend(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(
            error.to_string(),
        )))
    })
}

fn read_header(path: &Path) -> Result<Header, Error> {
    let io = |action| {
        move |source| Error::Io {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    };
    let mut file = File::open(path).map_err(io("open"))?;
    if !file.metadata().map_err(io("read"))?.is_file() {
        return Err(Problem::corrupt("it is not a regular file").in_file(path));
    }
    Header::read(&mut file).map_err(|problem| problem.in_file(path))
}

/// A loaded model.
#[derive(Debug)]
pub struct LlamaModel {
    weights: Weights,
    tokenizer: Tokenizer,
    chat_template: Option<ChatTemplate>,
    threads: NonZeroUsize,
}

impl Model for LlamaModel {
    type Context<'model> = LlamaContext<'model>;

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        self.chat_template.as_ref()
    }

    fn context_tokens(&self) -> usize {
        self.weights.n_ctx_train() as usize
    }

    fn context(&self, size: ContextSize) -> Result<LlamaContext<'_>, Error> {
        // llama.cpp writes to the model while it makes a context.
        static MAKING: Mutex<()> = Mutex::new(());
        let parameters = self.parameters(size)?;
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let context = self
            .weights
            .new_context(initialized()?, parameters)
            .map_err(|error| Error::Backend(Arc::new(error)))?;
        Ok(LlamaContext::new(
            context,
            size,
            self.context_tokens(),
            self.tokenizer.vocabulary_size(),
        ))
    }
}

impl LlamaModel {
    fn parameters(&self, size: ContextSize) -> Result<LlamaContextParams, Error> {
        if size.sequences.get() > MAX_SEQUENCES {
            return Err(Error::InvalidSetting {
                setting: "slots and kept prefixes",
                value: size.sequences.to_string(),
                expected: "at most 256 together: llama.cpp has no more sequences",
            });
        }
        let too_large = |_| Error::InvalidSetting {
            setting: "cache_tokens or pass_tokens",
            value: format!("{} and {}", size.tokens, size.pass_tokens),
            expected: "numbers that fit into 31 bits",
        };
        let cells = u32::try_from(size.tokens.get()).map_err(too_large)?;
        let pass_tokens = u32::try_from(size.pass_tokens.get()).map_err(too_large)?;
        let threads = i32::try_from(self.threads.get()).map_err(too_large)?;
        Ok(LlamaContextParams::default()
            .with_n_ctx(std::num::NonZeroU32::new(cells))
            .with_n_seq_max(size.sequences.get() as u32)
            // One store of cells for all sequences: a long one may use what short ones do not.
            .with_kv_unified(true)
            .with_n_batch(pass_tokens)
            .with_n_ubatch(pass_tokens)
            .with_n_threads(threads)
            .with_n_threads_batch(threads))
    }
}
