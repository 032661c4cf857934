//! What an engine has done so far, in numbers that only grow, and what it is doing now.

use std::sync::{Mutex, PoisonError};

pub use super::prefix::PrefixCounts;
pub use super::response::ResponseCounts;
use crate::backend::{Logits, Step};

/// A reading of an engine's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Passes over the model.
    pub passes: u64,
    /// Sequences in those passes: divided by `passes`, the mean size of a batch.
    pub pass_sequences: u64,
    /// Prompt tokens that were computed.
    pub prompt_tokens: u64,
    /// Answer tokens that were computed.
    pub answer_tokens: u64,
    /// Kept sequences.
    pub prefixes: PrefixCounts,
    /// Kept answers; nothing for an engine that keeps none.
    pub responses: Option<ResponseCounts>,
    /// Requests that wait now.
    pub waiting: usize,
    /// Sequences in the batch now.
    pub running: usize,
}

/// The scheduler's part of the numbers; shared by reference.
#[derive(Debug, Default)]
pub(super) struct SharedCounts(Mutex<Counts>);

impl SharedCounts {
    pub(super) fn get(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts a pass. A step of one token that is followed by a choice may be the last of a prompt
    /// or one of an answer: the scheduler says which, by `answers`.
    pub(super) fn count_pass(&self, steps: &[Step<'_>], answers: usize) {
        debug_assert!(
            steps
                .iter()
                .filter(|step| step.logits == Logits::Wanted)
                .count()
                >= answers
        );
        let tokens: usize = steps.iter().map(|step| step.tokens.len()).sum();
        self.update(|counts| {
            counts.passes += 1;
            counts.pass_sequences += steps.len() as u64;
            counts.answer_tokens += answers as u64;
            counts.prompt_tokens += (tokens - answers) as u64;
        });
    }
}
