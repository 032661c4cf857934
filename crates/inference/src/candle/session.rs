//! A sequence of tokens: the forward pass over a model's layers, with a cache per layer.
//!
//! Takes tokens; gives the logits after the last one, and of no other. Weights are shared with
//! all sessions of the model.

use std::sync::Arc;

use super::cache::LayerCache;
use super::layer::{self, Scratch};
use super::vector::rms_norm;
use super::weights::Weights;
use crate::backend::Session;
use crate::error::Error;

/// Tokens of a prompt that are computed at once: bounds the memory of a long prompt, and is far
/// beyond the point where more would be faster.
const PREFILL_CHUNK_TOKENS: usize = 256;

/// One sequence and what the model remembers of it.
#[derive(Debug)]
pub struct CandleSession {
    weights: Arc<Weights>,
    caches: Vec<LayerCache>,
    position: usize,
    logits: Vec<f32>,
    scratch: Scratch,
}

impl CandleSession {
    pub(super) fn new(weights: Arc<Weights>) -> Self {
        let shape = &weights.hyper_parameters;
        let caches = weights.layers.iter().map(|_| LayerCache::new(shape));
        Self {
            caches: caches.collect(),
            position: 0,
            logits: Vec::new(),
            scratch: Scratch::default(),
            weights,
        }
    }

    fn check_tokens(&self, tokens: &[u32]) -> Result<(), Error> {
        let vocabulary_size = self.weights.hyper_parameters.vocabulary_size;
        match tokens
            .iter()
            .find(|&&token| token as usize >= vocabulary_size)
        {
            None => Ok(()),
            Some(&token) => Err(Error::UnknownToken {
                token,
                vocabulary_size,
            }),
        }
    }

    /// Takes `tokens` through all layers; gives their rows.
    fn forward(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        let weights = &self.weights;
        let shape = &weights.hyper_parameters;
        let mut rows = weights.embed(tokens)?;
        weights
            .rotary
            .angles(self.position, tokens.len(), &mut self.scratch.angles);
        for (layer, cache) in weights.layers.iter().zip(&mut self.caches) {
            layer::forward(
                shape,
                layer,
                cache,
                self.position,
                &mut rows,
                &mut self.scratch,
            )?;
        }
        self.position += tokens.len();
        Ok(rows)
    }

    /// The logits after the last of `rows`.
    fn logits(&mut self, rows: &[f32]) -> Result<&[f32], Error> {
        let weights = &self.weights;
        let shape = &weights.hyper_parameters;
        let last = &rows[rows.len() - shape.embedding_length..];
        let normed = &mut self.scratch.normed;
        rms_norm(last, &weights.output_norm, shape.norm_epsilon, normed);
        self.logits = weights.output().apply(normed)?;
        Ok(&self.logits)
    }
}

impl Session for CandleSession {
    fn position(&self) -> usize {
        self.position
    }

    fn prefill(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        let context_tokens = self.weights.hyper_parameters.context_tokens;
        if tokens.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if tokens.len() > context_tokens - self.position {
            return Err(Error::PromptTooLong {
                prompt_tokens: tokens.len(),
                context_tokens,
            });
        }
        self.check_tokens(tokens)?;
        let mut rows = Vec::new();
        for chunk in tokens.chunks(PREFILL_CHUNK_TOKENS) {
            rows = self.forward(chunk)?;
        }
        self.logits(&rows)
    }

    fn decode(&mut self, token: u32) -> Result<&[f32], Error> {
        let context_tokens = self.weights.hyper_parameters.context_tokens;
        if self.position == context_tokens {
            return Err(Error::ContextFull { context_tokens });
        }
        self.check_tokens(&[token])?;
        let rows = self.forward(&[token])?;
        self.logits(&rows)
    }

    fn reset(&mut self) {
        for cache in &mut self.caches {
            cache.clear();
        }
        self.position = 0;
    }
}
