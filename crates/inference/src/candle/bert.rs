//! BERT models that embed texts, in the safetensors format, computed by candle.
//!
//! Takes a folder with `model.safetensors`, `config.json` and `tokenizer.json`; gives a model that
//! turns texts into directions: the mean of the last hidden states, brought to length 1, as
//! all-MiniLM-L6-v2 was trained to be read. Each tensor is the one that the configuration calls
//! for, and none is left over; a configuration that asks for other arithmetic is an error.

mod config;
mod device;
mod encoder;
mod tensors;

use std::path::Path;

use super::product::backend_error;
use crate::backend::{Backend, BatchModel, Embedding};
use crate::embedding::{MAX_TOKENS, TOKENIZER_FILE, TextEncoder, embed};
use crate::error::Error;
use crate::model_folder::{ModelFolder, corrupt};
use candle_core::Device;
use config::Config;
pub use device::DeviceName;
use encoder::Encoder;
use tensors::Tensors;

/// The main file of a model.
const MODEL_FILE: &str = "model.safetensors";

/// The file beside it that describes it.
const CONFIG_FILE: &str = "config.json";

/// Loads BERT models that embed texts.
#[derive(Debug, Clone, Copy, Default)]
pub struct CandleEmbeddingBackend {
    /// Where they are computed. Models for generation know the CPU alone: their kernels are ours.
    pub device: DeviceName,
}

impl Backend for CandleEmbeddingBackend {
    type Model = CandleEmbedder;

    const NAME: &'static str = "candle";

    /// Loads the model whose `model.safetensors`, or its folder, is at `path`.
    fn load(&self, path: &Path) -> Result<CandleEmbedder, Error> {
        CandleEmbedder::load(&ModelFolder::new(path, MODEL_FILE), &self.device.open()?)
    }
}

/// A loaded model that embeds texts. How many threads it uses is said in
/// [`threads`](super::threads).
#[derive(Debug)]
pub struct CandleEmbedder {
    text: TextEncoder,
    encoder: Encoder,
}

impl CandleEmbedder {
    fn load(folder: &ModelFolder, device: &Device) -> Result<Self, Error> {
        let config = Config::load(&folder.beside(CONFIG_FILE))?;
        let tokenizer = folder.beside(TOKENIZER_FILE);
        let text = TextEncoder::load(&tokenizer, MAX_TOKENS.min(config.positions))?;
        let largest = text.largest_token();
        if largest as usize >= config.vocabulary_size {
            let problem = format!(
                "it has token {largest}, the model has {} tokens",
                config.vocabulary_size
            );
            return Err(corrupt(&tokenizer, problem));
        }
        let tensors = Tensors::load(folder.main(), device)?;
        let encoder =
            Encoder::load(tensors, config).map_err(|problem| problem.in_file(folder.main()))?;
        Ok(Self { text, encoder })
    }
}

impl BatchModel for CandleEmbedder {
    type Input = String;
    type Output = Embedding;

    fn run(&self, inputs: &[String]) -> Result<Vec<Result<Embedding, Error>>, Error> {
        embed(&self.text, inputs, |batch| {
            batch.pool(&self.encoder.forward(batch).map_err(backend_error)?)
        })
    }

    /// Bytes: the tokens are not known before the text is cut, and there are about as many.
    fn length(&self, input: &String) -> usize {
        input.len()
    }
}
