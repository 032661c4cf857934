//! The loop from a prompt's tokens to an answer's tokens.
//!
//! Takes an empty session and tokens; gives tokens and the time spent inside the model. No text,
//! no queue: that is the engine's.

use std::time::{Duration, Instant};

use super::{AtEnd, Limits, StopReason};
use crate::backend::Session;
use crate::error::Error;
use crate::sampling::Sampler;

/// The answer's tokens and where the time went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The tokens; one that ended the answer is not among them.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub stop: StopReason,
    /// Inside the model, taking in the prompt.
    pub prefill: Duration,
    /// Inside the model, one token after the other.
    pub decode: Duration,
    /// From the start of the prefill until the first token was chosen.
    pub first_token: Duration,
}

/// Continues `prompt` in `session`.
///
/// # Errors
/// Those of the session and of the sampler; [`Error::PromptTooLong`] also when the prompt fits
/// but leaves no room for one token.
pub fn generate(
    session: &mut impl Session,
    prompt: &[u32],
    limits: Limits,
    end_tokens: &[u32],
    context_tokens: usize,
) -> Result<Generation, Error> {
    if session.position() + prompt.len() >= context_tokens {
        return Err(Error::PromptTooLong {
            prompt_tokens: prompt.len(),
            context_tokens,
        });
    }
    let excluded = match limits.at_end {
        AtEnd::Stop => &[],
        AtEnd::Continue => end_tokens,
    };
    let mut sampler = Sampler::new(limits.sampling)?;
    let mut tokens = Vec::new();
    let mut decode = Duration::ZERO;

    let started = Instant::now();
    let logits = session.prefill(prompt)?;
    let prefill = started.elapsed();
    let mut next = sampler.sample(logits, excluded)?;
    let first_token = started.elapsed();

    let stop = loop {
        if limits.at_end == AtEnd::Stop && end_tokens.contains(&next) {
            break StopReason::EndOfSequence;
        }
        tokens.push(next);
        if tokens.len() == limits.max_tokens.get() {
            break StopReason::MaxTokens;
        }
        if session.position() == context_tokens {
            break StopReason::ContextFull;
        }
        let step = Instant::now();
        let logits = session.decode(next)?;
        decode += step.elapsed();
        next = sampler.sample(logits, excluded)?;
    };
    Ok(Generation {
        tokens,
        stop,
        prefill,
        decode,
        first_token,
    })
}
