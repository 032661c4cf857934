//! Sequences of tokens: the forward pass over a model's layers, with a cache per sequence.
//!
//! Takes the tokens of a pass; gives the logits after the last token of each step that wants
//! them. Weights are shared with all contexts of the model. Where all matrices have kernels of ours,
//! a token's numbers do not depend on which other sequences are in the pass; some of candle's kernels
//! round differently for one row and for many.

use std::ops::Range;

use super::attention::Part;
use super::cache::Caches;
use super::layer::{self, Scratch};
use super::vector::rms_norm;
use super::weights::Weights;
use crate::backend::{Context, ContextSize, Logits, Sequence, Step};
use crate::error::Error;

/// Sequences and what the model remembers of them.
#[derive(Debug)]
pub struct CandleContext<'model> {
    weights: &'model Weights,
    caches: Caches,
    pass_tokens: usize,
    /// The logits of the last pass, one row after the other.
    logits: Vec<f32>,
    /// Per step of the last pass, which of those rows is its own.
    logits_rows: Vec<Option<usize>>,
    scratch: Scratch,
}

impl<'model> CandleContext<'model> {
    pub(super) fn new(weights: &'model Weights, size: ContextSize) -> Self {
        Self {
            weights,
            caches: Caches::new(&weights.hyper_parameters, size),
            pass_tokens: size.pass_tokens.get(),
            logits: Vec::new(),
            logits_rows: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    fn check(&self, step: &Step<'_>) -> Result<(), Error> {
        let shape = &self.weights.hyper_parameters;
        let (context_tokens, vocabulary_size) = (shape.context_tokens, shape.vocabulary_size);
        if step.tokens.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if step.tokens.len() > context_tokens - self.position(step.sequence) {
            return Err(Error::ContextFull { context_tokens });
        }
        let unknown = |token: &&u32| **token as usize >= vocabulary_size;
        match step.tokens.iter().find(unknown) {
            None => Ok(()),
            Some(&token) => Err(Error::UnknownToken {
                token,
                vocabulary_size,
            }),
        }
    }

    /// Takes the rows of `parts` through all layers; gives their rows.
    fn rows(&mut self, tokens: &[u32], parts: &[Part]) -> Result<Vec<f32>, Error> {
        let weights = self.weights;
        let mut rows = weights.embed(tokens)?;
        let positions = parts
            .iter()
            .flat_map(|part| part.first..part.first + part.rows.len());
        weights.rotary.angles(positions, &mut self.scratch.angles);
        for layer in weights.layers.iter().enumerate() {
            layer::forward(
                &weights.hyper_parameters,
                layer,
                &mut self.caches.sequences,
                parts,
                &mut rows,
                &mut self.scratch,
            )?;
        }
        for part in parts {
            self.caches.sequences[part.sequence].position += part.rows.len();
        }
        Ok(rows)
    }

    /// Computes the logits after the rows `wanted`.
    fn compute_logits(&mut self, rows: &[f32], wanted: &[usize]) -> Result<(), Error> {
        let weights = self.weights;
        let shape = &weights.hyper_parameters;
        let length = shape.embedding_length;
        let last: Vec<f32> = wanted
            .iter()
            .flat_map(|&row| rows[row * length..(row + 1) * length].iter().copied())
            .collect();
        let Scratch {
            normed, multiplier, ..
        } = &mut self.scratch;
        rms_norm(&last, &weights.output_norm, shape.norm_epsilon, normed);
        [self.logits] = multiplier.multiply([weights.output()], normed)?;
        Ok(())
    }

    /// Takes in as much as fits into one pass.
    fn pass(&mut self, steps: &[Step<'_>]) -> Result<(), Error> {
        let mut tokens = Vec::new();
        let mut parts = Vec::with_capacity(steps.len());
        let mut wanted = Vec::new();
        self.logits_rows.clear();
        for step in steps {
            let start = tokens.len();
            tokens.extend_from_slice(step.tokens);
            parts.push(Part {
                sequence: step.sequence.0,
                rows: start..tokens.len(),
                first: self.position(step.sequence),
            });
            self.logits_rows.push(match step.logits {
                Logits::Skipped => None,
                Logits::Wanted => {
                    wanted.push(tokens.len() - 1);
                    Some(wanted.len() - 1)
                }
            });
        }
        let rows = self.rows(&tokens, &parts)?;
        if wanted.is_empty() {
            return Ok(());
        }
        self.compute_logits(&rows, &wanted)
    }

    /// Undoes a pass that failed after some layers had taken in its tokens.
    fn undo(&mut self, positions: &[(Sequence, usize)]) {
        for &(sequence, position) in positions {
            self.caches.sequences[sequence.0].truncate(position);
        }
    }
}

impl Context for CandleContext<'_> {
    fn position(&self, sequence: Sequence) -> usize {
        self.caches.sequences[sequence.0].position
    }

    fn forward(&mut self, steps: &[Step<'_>]) -> Result<(), Error> {
        for step in steps {
            self.check(step)?;
        }
        let before: Vec<_> = steps
            .iter()
            .map(|step| (step.sequence, self.position(step.sequence)))
            .collect();
        let tokens: usize = steps.iter().map(|step| step.tokens.len()).sum();
        debug_assert!(tokens <= self.pass_tokens, "a pass is larger than was said");
        let taking_in = steps
            .iter()
            .map(|step| (step.sequence.0, step.tokens.len()));
        self.caches.reserve(taking_in)?;
        let result = self.pass(steps);
        if result.is_err() {
            self.undo(&before);
        }
        result
    }

    fn logits(&self, step: usize) -> Option<&[f32]> {
        let length = self.weights.hyper_parameters.vocabulary_size;
        let row = (*self.logits_rows.get(step)?)?;
        let range: Range<usize> = row * length..(row + 1) * length;
        self.logits.get(range)
    }

    fn truncate(&mut self, sequence: Sequence, position: usize) -> Result<(), Error> {
        self.caches.sequences[sequence.0].truncate(position);
        Ok(())
    }

    fn share(&mut self, from: Sequence, to: Sequence, position: usize) -> Result<(), Error> {
        self.caches.share(from.0, to.0, position)
    }
}
