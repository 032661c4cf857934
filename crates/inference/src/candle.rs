//! GGUF models of the llama architecture, computed on the CPU by candle's quantised kernels.
//!
//! Takes a model file; gives a model whose contexts share its weights. The matrix products are
//! candle's, but for the formats that `kernels` is written for; everything between them is written
//! here, on slices. The file is checked as a whole before anything is computed: each tensor is the
//! one that the hyper-parameters call for, and none is left over.

mod activations;
mod attention;
pub mod bert;
mod cache;
mod context;
mod hyper_parameters;
mod kernels;
mod layer;
mod packed;
mod pool;
mod product;
mod rotary;
pub mod threads;
mod vector;
mod weights;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::backend::{Backend, ContextSize, Model};
use crate::chat::ChatTemplate;
use crate::error::Error;
use crate::gguf::{Header, Problem};
use crate::tokenizer::Tokenizer;
pub use context::CandleContext;
use hyper_parameters::HyperParameters;
use weights::{TensorFile, Weights};

/// Loads GGUF models onto the CPU.
#[derive(Debug, Clone, Copy, Default)]
pub struct CandleBackend;

impl Backend for CandleBackend {
    type Model = CandleModel;

    const NAME: &'static str = "candle";

    fn load(&self, path: &Path) -> Result<CandleModel, Error> {
        CandleModel::load(path)
    }
}

/// A loaded model.
#[derive(Debug)]
pub struct CandleModel {
    weights: Weights,
    tokenizer: Tokenizer,
    chat_template: Option<ChatTemplate>,
}

impl CandleModel {
    fn load(path: &Path) -> Result<Self, Error> {
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
        let header = Header::read(&mut file).map_err(|problem| problem.in_file(path))?;
        let (hyper_parameters, tokenizer, chat_template) =
            describe(&header).map_err(|problem| problem.in_file(path))?;
        let tensors = TensorFile::new(file, header.tensors);
        let weights =
            Weights::load(tensors, hyper_parameters).map_err(|problem| problem.in_file(path))?;
        Ok(Self {
            weights,
            tokenizer,
            chat_template,
        })
    }
}

fn describe(
    header: &Header,
) -> Result<(HyperParameters, Tokenizer, Option<ChatTemplate>), Problem> {
    let metadata = &header.metadata;
    let hyper_parameters = HyperParameters::from_metadata(metadata)?;
    let tokenizer = Tokenizer::from_metadata(metadata)?;
    if tokenizer.vocabulary_size() != hyper_parameters.vocabulary_size {
        return Err(Problem::corrupt(format!(
            "its vocabulary has {} tokens, its model {}",
            tokenizer.vocabulary_size(),
            hyper_parameters.vocabulary_size
        )));
    }
    let chat_template = ChatTemplate::from_metadata(metadata)?;
    Ok((hyper_parameters, tokenizer, chat_template))
}

impl Model for CandleModel {
    type Context<'model> = CandleContext<'model>;

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        self.chat_template.as_ref()
    }

    fn context_tokens(&self) -> usize {
        self.weights.hyper_parameters.context_tokens
    }

    fn context(&self, size: ContextSize) -> Result<CandleContext<'_>, Error> {
        Ok(CandleContext::new(&self.weights, size))
    }
}
