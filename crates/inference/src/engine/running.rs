//! One sequence of the batch, from its first prompt token to the end of its answer.
//!
//! Takes logits, one set per pass; gives the next token to take in, or why the answer ended. It
//! knows nothing of the others in the batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flight::{Computed, Flight, Kept};
use super::prefix::Place;
use super::request::{AtEnd, StopReason};
use crate::backend::{Logits, Sequence, Step};
use crate::error::Error;
use crate::sampling::Sampler;
use crate::tokenizer::{StopTexts, TextStream, Tokenizer};

/// A sequence in the batch.
#[derive(Debug)]
pub(super) struct Running<'m> {
    pub(super) flight: Arc<Flight>,
    pub(super) sequence: Sequence,
    reused_tokens: usize,
    /// Tokens that the sequence has taken in, of the prompt and then of the answer.
    position: usize,
    sampler: Sampler,
    end_tokens: &'m [u32],
    context_tokens: usize,
    stream: Option<TextStream<'m>>,
    stop_texts: StopTexts,
    text: String,
    tokens: Vec<u32>,
    chosen: Vec<Instant>,
    started: Instant,
    prefill: Duration,
    decode: Duration,
}

/// What a sequence takes in during the next pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// So many tokens of the prompt.
    Prompt(usize),
    /// The last token of the answer.
    Answer,
}

impl Part {
    /// Tokens of the prompt.
    pub(super) fn prompt_tokens(self) -> usize {
        match self {
            Self::Prompt(count) => count,
            Self::Answer => 0,
        }
    }
}

impl<'m> Running<'m> {
    /// Joins the batch at `place`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub(super) fn new(
        flight: Arc<Flight>,
        place: Place,
        tokenizer: &'m Tokenizer,
        context_tokens: usize,
    ) -> Result<Self, Error> {
        let limits = flight.limits();
        Ok(Self {
            sampler: Sampler::new(limits.sampling)?,
            stop_texts: StopTexts::new(&limits.stop_texts),
            flight,
            sequence: place.sequence,
            reused_tokens: place.reused_tokens,
            position: place.reused_tokens,
            end_tokens: tokenizer.end_tokens(),
            context_tokens,
            stream: Some(tokenizer.text_stream()),
            text: String::new(),
            tokens: Vec::new(),
            chosen: Vec::new(),
            started: Instant::now(),
            prefill: Duration::ZERO,
            decode: Duration::ZERO,
        })
    }

    /// Tokens that it may come to remember.
    pub(super) fn reserved_tokens(flight: &Flight, context_tokens: usize) -> usize {
        // The last token of an answer is not taken in. Who wants no limit names the largest number.
        let answer = flight.limits().max_tokens.get() - 1;
        let most = flight.prompt().len().saturating_add(answer);
        most.min(context_tokens)
    }

    /// Tokens of the prompt that are still to be taken in.
    pub(super) fn prompt_left(&self) -> usize {
        self.flight.prompt().len().saturating_sub(self.position)
    }

    /// Tokens of the answer so far.
    pub(super) fn answer_tokens(&self) -> usize {
        self.tokens.len()
    }

    /// What it takes in as its `part` of a pass.
    pub(super) fn step(&self, part: Part) -> Step<'_> {
        match part {
            Part::Prompt(count) => Step {
                sequence: self.sequence,
                tokens: &self.flight.prompt()[self.position..self.position + count],
                logits: if count == self.prompt_left() {
                    Logits::Wanted
                } else {
                    Logits::Skipped
                },
            },
            Part::Answer => Step {
                sequence: self.sequence,
                tokens: self.tokens.last().map_or(&[], std::slice::from_ref),
                logits: Logits::Wanted,
            },
        }
    }

    /// Notes a pass that took in its `part`.
    pub(super) fn passed(&mut self, part: Part, wall: Duration) {
        match part {
            Part::Prompt(count) => {
                self.position += count;
                self.prefill += wall;
            }
            Part::Answer => {
                self.position += 1;
                self.decode += wall;
            }
        }
    }

    /// Chooses the next token; gives why the answer ends, if it does.
    ///
    /// # Errors
    /// Those of the sampler.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Result<Option<StopReason>, Error> {
        let limits = self.flight.limits();
        let excluded = match limits.at_end {
            AtEnd::Stop => &[],
            AtEnd::Continue => self.end_tokens,
        };
        let token = self.sampler.sample(logits, excluded)?;
        if limits.at_end == AtEnd::Stop && self.end_tokens.contains(&token) {
            return Ok(Some(StopReason::EndOfSequence));
        }
        let max_tokens = limits.max_tokens.get();
        self.tokens.push(token);
        self.chosen.push(Instant::now());
        let piece = self.stream.as_mut().map(|stream| stream.push(token));
        if self.stop_texts.push(&piece.unwrap_or_default()) {
            self.say();
            return Ok(Some(StopReason::StopText));
        }
        self.say();
        Ok(if self.tokens.len() == max_tokens {
            Some(StopReason::MaxTokens)
        } else if self.position == self.context_tokens {
            Some(StopReason::ContextFull)
        } else {
            None
        })
    }

    /// Passes on the text that cannot become a stop text any more.
    fn say(&mut self) {
        let text = self.stop_texts.take_safe();
        self.text.push_str(&text);
        self.flight.grow(&text);
    }

    /// Its answer, which ended for the reason `stop`; and the tokens that its sequence holds.
    pub(super) fn end(mut self, stop: StopReason) -> (Arc<Flight>, Computed, Vec<u32>) {
        if stop != StopReason::StopText {
            let rest = self.stream.take().map(TextStream::finish);
            // The end of the text may still complete a stop text; what is before it counts.
            self.stop_texts.push(&rest.unwrap_or_default());
            let text = self.stop_texts.take_rest();
            self.text.push_str(&text);
            self.flight.grow(&text);
        }
        let prompt = self.flight.prompt();
        let held: Vec<u32> = prompt.iter().chain(&self.tokens).copied().collect();
        let computed = Computed {
            kept: Kept {
                text: self.text,
                tokens: self.tokens,
                prompt_tokens: prompt.len(),
                stop,
            },
            reused_tokens: self.reused_tokens,
            started: self.started,
            chosen: self.chosen,
            prefill: self.prefill,
            decode: self.decode,
        };
        let mut held = held;
        held.truncate(self.position);
        (self.flight, computed, held)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::request::Limits;
    use super::*;
    use crate::sampling::Sampling;

    #[test]
    fn a_flight_reserves_its_prompt_and_its_longest_answer_and_no_more_than_a_context() {
        for (max_tokens, reserved) in [(1, 3), (5, 7), (100, 64), (usize::MAX, 64)] {
            let limits = Limits {
                max_tokens: NonZeroUsize::new(max_tokens).expect("not zero"),
                sampling: Sampling::Greedy,
                at_end: AtEnd::Stop,
                stop_texts: Vec::new(),
            };
            let flight = Flight::new(vec![7; 3], limits, Arc::from(""));
            assert_eq!(Running::reserved_tokens(&flight, 64), reserved);
        }
    }
}
