//! The arithmetic of a BERT encoder (Devlin et al., "BERT: Pre-training of Deep Bidirectional
//! Transformers for Language Understanding", 2018).
//!
//! Takes a batch of tokens; gives the last hidden state of each of them. Each token attends to the
//! tokens of its own text alone; what fills up a row attends too, and nobody reads it.

use candle_core::{D, Device, Tensor};

use super::config::Config;
use super::tensors::{Linear, Norm, Tensors, failed};
use crate::embedding::PaddedBatch;
use crate::gguf::Problem;

/// All weights of a model.
#[derive(Debug)]
pub(super) struct Encoder {
    /// One row per token of the vocabulary.
    words: Tensor,
    /// One row per place in a text; the kind of token, which is always the first, is added already.
    places: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    hidden_size: usize,
}

impl Encoder {
    /// Takes the tensors that `config` calls for, and fails if there are others.
    pub(super) fn load(mut tensors: Tensors, config: Config) -> Result<Self, Problem> {
        let hidden = config.hidden_size;
        let mut table = |name: &str, rows| {
            let name = format!("embeddings.{name}_embeddings.weight");
            tensors.take(&name, &[rows, hidden])
        };
        let words = table("word", config.vocabulary_size)?;
        let positions = table("position", config.positions)?;
        let token_types = table("token_type", config.token_types)?;
        let places = token_types
            .narrow(0, 0, 1)
            .and_then(|first| positions.broadcast_add(&first))
            .map_err(|error| failed(&error))?;
        let norm = tensors.norm("embeddings.LayerNorm", hidden, config.norm_epsilon)?;
        let layers = (0..config.layers)
            .map(|layer| Layer::load(&mut tensors, layer, &config))
            .collect::<Result<_, _>>()?;
        tensors.check_all_taken()?;
        Ok(Self {
            words,
            places,
            norm,
            layers,
            hidden_size: hidden,
        })
    }

    /// The hidden states of all tokens, one after the other.
    pub(super) fn forward(&self, batch: &PaddedBatch) -> candle_core::Result<Vec<f32>> {
        let (rows, columns) = (batch.rows(), batch.columns());
        let tokens = Tensor::from_slice(batch.tokens(), rows * columns, self.words.device())?;
        let words = self.words.embedding(&tokens)?;
        let states = words
            .reshape((rows, columns, self.hidden_size))?
            .broadcast_add(&self.places.narrow(0, 0, columns)?)?
            .reshape((rows * columns, self.hidden_size))?;
        let mask = mask(batch, self.words.device())?;
        let mut states = self.norm.forward(&states)?;
        for layer in &self.layers {
            states = layer.forward(&states, &mask)?;
        }
        states.flatten_all()?.to_vec1()
    }
}

/// What is added to the scores of each text's tokens: nothing, or minus infinity for what fills up.
fn mask(batch: &PaddedBatch, device: &Device) -> candle_core::Result<Tensor> {
    let added = batch
        .mask()
        .map(|is_text| if is_text { 0.0 } else { f32::NEG_INFINITY });
    let shape = (batch.rows(), 1, 1, batch.columns());
    Tensor::from_vec(added.collect::<Vec<f32>>(), shape, device)
}

/// The weights of one layer.
#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
    heads: usize,
    head_length: usize,
}

impl Layer {
    fn load(tensors: &mut Tensors, layer: usize, config: &Config) -> Result<Self, Problem> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let epsilon = config.norm_epsilon;
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        Ok(Self {
            query: tensors.linear(&name("attention.self.query"), hidden, hidden)?,
            key: tensors.linear(&name("attention.self.key"), hidden, hidden)?,
            value: tensors.linear(&name("attention.self.value"), hidden, hidden)?,
            attention_output: tensors.linear(&name("attention.output.dense"), hidden, hidden)?,
            attention_norm: tensors.norm(&name("attention.output.LayerNorm"), hidden, epsilon)?,
            intermediate: tensors.linear(&name("intermediate.dense"), hidden, inner)?,
            output: tensors.linear(&name("output.dense"), inner, hidden)?,
            output_norm: tensors.norm(&name("output.LayerNorm"), hidden, epsilon)?,
            heads: config.heads,
            head_length: config.head_length,
        })
    }

    /// The states after this layer; `states` has one row per token.
    fn forward(&self, states: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let attended = self.attention_output.forward(&self.attend(states, mask)?)?;
        let states = self.attention_norm.forward(&attended.add(states)?)?;
        let inner = self.intermediate.forward(&states)?.gelu_erf()?;
        self.output_norm
            .forward(&self.output.forward(&inner)?.add(&states)?)
    }

    /// What each token reads from the tokens of its text.
    fn attend(&self, states: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let (rows, _, _, columns) = mask.dims4()?;
        let split = |projection: &Linear| {
            projection
                .forward(states)?
                .reshape((rows, columns, self.heads, self.head_length))?
                .transpose(1, 2)?
                .contiguous()
        };
        let (query, key, value) = (split(&self.query)?, split(&self.key)?, split(&self.value)?);
        let scale = 1.0 / (self.head_length as f64).sqrt();
        let scores = query.matmul(&key.t()?)?.affine(scale, 0.0)?;
        let shares = softmax(&scores.broadcast_add(mask)?)?;
        shares
            .matmul(&value)?
            .transpose(1, 2)?
            .reshape((rows * columns, self.heads * self.head_length))
    }
}

/// Turns the scores of each row into shares that sum to 1.
fn softmax(scores: &Tensor) -> candle_core::Result<Tensor> {
    let shares = scores
        .broadcast_sub(&scores.max_keepdim(D::Minus1)?)?
        .exp()?;
    shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)
}
