//! One sequence alone in a context: what a loop without an engine needs.
//!
//! Takes tokens; gives the logits after the last one. It adds nothing to the context but the
//! cutting of a long prompt into passes.

use std::num::NonZeroUsize;

use crate::backend::{Context, ContextSize, Logits, Model, Sequence, Step};
use crate::error::Error;

/// Tokens of one pass.
const PASS_TOKENS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The only sequence.
const ONLY: Sequence = Sequence(0);

/// A sequence and the context that it has for itself.
#[derive(Debug)]
pub struct Single<C> {
    context: C,
    context_tokens: usize,
}

/// Begins an empty sequence on `model`.
///
/// # Errors
/// When the backend cannot make a context.
pub fn single<M: Model>(model: &M) -> Result<Single<M::Context<'_>>, Error> {
    let context_tokens = model.context_tokens();
    let context = model.context(ContextSize {
        sequences: NonZeroUsize::MIN,
        tokens: NonZeroUsize::new(context_tokens).unwrap_or(NonZeroUsize::MIN),
        pass_tokens: PASS_TOKENS,
    })?;
    Ok(Single {
        context,
        context_tokens,
    })
}

impl<C: Context> Single<C> {
    /// Tokens taken in so far.
    pub fn position(&self) -> usize {
        self.context.position(ONLY)
    }

    /// Takes in `tokens` and gives the logits of what comes after the last one.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::PromptTooLong`] and [`Error::UnknownToken`]; the sequence is
    /// then as it was before.
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        let before = self.position();
        if tokens.len() > self.context_tokens - before {
            return Err(Error::PromptTooLong {
                prompt_tokens: tokens.len(),
                context_tokens: self.context_tokens,
            });
        }
        let chunks = tokens.chunks(PASS_TOKENS.get());
        let last = chunks.len().checked_sub(1).ok_or(Error::EmptyPrompt)?;
        for (index, chunk) in chunks.enumerate() {
            let logits = if index == last {
                Logits::Wanted
            } else {
                Logits::Skipped
            };
            if let Err(error) = self.forward(chunk, logits) {
                self.context.truncate(ONLY, before)?;
                return Err(error);
            }
        }
        Ok(self.logits())
    }

    /// Takes in one token and gives the logits of what comes after it.
    ///
    /// # Errors
    /// [`Error::ContextFull`] and [`Error::UnknownToken`]; the sequence is then as it was before.
    pub fn decode(&mut self, token: u32) -> Result<&[f32], Error> {
        self.forward(&[token], Logits::Wanted)?;
        Ok(self.logits())
    }

    /// Forgets all tokens and keeps the memory for the next sequence.
    ///
    /// # Errors
    /// When the backend cannot.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.context.truncate(ONLY, 0)
    }

    fn forward(&mut self, tokens: &[u32], logits: Logits) -> Result<(), Error> {
        self.context.forward(&[Step {
            sequence: ONLY,
            tokens,
            logits,
        }])
    }

    fn logits(&self) -> &[f32] {
        self.context.logits(0).unwrap_or_default()
    }
}
