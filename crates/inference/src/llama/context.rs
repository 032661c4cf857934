//! Sequences of tokens in one context of llama.cpp.
//!
//! Takes the tokens of a pass; gives the logits after the last token of each step that wants
//! them. llama.cpp computes one row and many rows by different kernels, so a token's numbers may
//! differ by rounding with what else is in the pass.

use std::sync::Arc;

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext as Computing;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::backend::{Context, ContextSize, Logits, Sequence, Step};
use crate::error::Error;

/// Sequences and what the model remembers of them.
#[derive(Debug)]
pub struct LlamaContext<'model> {
    context: Computing<'model>,
    batch: LlamaBatch<'static>,
    positions: Vec<usize>,
    context_tokens: usize,
    vocabulary_size: usize,
    /// Per step of the last pass, which token of the batch has its logits.
    logits_at: Vec<Option<i32>>,
}

/// The number by which llama.cpp knows a sequence or a position; both were checked when they were
/// made.
fn number(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Backend(Arc::new(error))
}

impl<'model> LlamaContext<'model> {
    pub(super) fn new(
        context: Computing<'model>,
        size: ContextSize,
        context_tokens: usize,
        vocabulary_size: usize,
    ) -> Self {
        Self {
            context,
            batch: LlamaBatch::new(size.pass_tokens.get(), 1),
            positions: vec![0; size.sequences.get()],
            context_tokens,
            vocabulary_size,
            logits_at: Vec::new(),
        }
    }

    fn check(&self, step: &Step<'_>) -> Result<(), Error> {
        if step.tokens.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if step.tokens.len() > self.context_tokens - self.position(step.sequence) {
            return Err(Error::ContextFull {
                context_tokens: self.context_tokens,
            });
        }
        let unknown = |token: &&u32| **token as usize >= self.vocabulary_size;
        match step.tokens.iter().find(unknown) {
            None => Ok(()),
            Some(&token) => Err(Error::UnknownToken {
                token,
                vocabulary_size: self.vocabulary_size,
            }),
        }
    }

    fn fill(&mut self, steps: &[Step<'_>]) -> Result<(), Error> {
        self.batch.clear();
        self.logits_at.clear();
        for step in steps {
            let first = self.positions[step.sequence.0];
            let last = step.tokens.len() - 1;
            for (index, &token) in step.tokens.iter().enumerate() {
                let wanted = index == last && step.logits == Logits::Wanted;
                self.batch
                    .add(
                        LlamaToken(number(token as usize)),
                        number(first + index),
                        &[number(step.sequence.0)],
                        wanted,
                    )
                    .map_err(failed)?;
            }
            let is_wanted = step.logits == Logits::Wanted;
            self.logits_at
                .push(is_wanted.then(|| self.batch.n_tokens() - 1));
        }
        Ok(())
    }

    /// Removes from the cells whatever a failed pass left of the tokens behind `position`.
    fn remove_from(&mut self, sequence: Sequence, position: usize) -> Result<(), Error> {
        let from = u32::try_from(position).unwrap_or(u32::MAX);
        self.context
            .kv_cache_seq_rm(number(sequence.0), Some(from), None)
            .map_err(failed)
    }
}

impl Context for LlamaContext<'_> {
    fn position(&self, sequence: Sequence) -> usize {
        self.positions[sequence.0]
    }

    fn forward(&mut self, steps: &[Step<'_>]) -> Result<(), Error> {
        for step in steps {
            self.check(step)?;
        }
        self.fill(steps)?;
        match self.context.decode(&mut self.batch) {
            Ok(()) => {
                for step in steps {
                    self.positions[step.sequence.0] += step.tokens.len();
                }
                Ok(())
            }
            Err(error) => {
                self.logits_at.clear();
                for step in steps {
                    self.remove_from(step.sequence, self.positions[step.sequence.0])?;
                }
                Err(match error {
                    DecodeError::NoKvCacheSlot => Error::ContextFull {
                        context_tokens: self.context_tokens,
                    },
                    other => failed(other),
                })
            }
        }
    }

    fn logits(&self, step: usize) -> Option<&[f32]> {
        let token = (*self.logits_at.get(step)?)?;
        Some(self.context.get_logits_ith(token))
    }

    fn truncate(&mut self, sequence: Sequence, position: usize) -> Result<(), Error> {
        if position >= self.positions[sequence.0] {
            return Ok(());
        }
        self.remove_from(sequence, position)?;
        self.positions[sequence.0] = position;
        Ok(())
    }

    fn share(&mut self, from: Sequence, to: Sequence, position: usize) -> Result<(), Error> {
        let end = u32::try_from(position).unwrap_or(u32::MAX);
        self.context
            .kv_cache_seq_cp(number(from.0), number(to.0), Some(0), Some(end))
            .map_err(failed)?;
        self.positions[to.0] = position;
        Ok(())
    }
}
