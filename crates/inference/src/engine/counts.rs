//! What an engine has done so far, in numbers that only grow, and what it is doing now.

use std::sync::{Mutex, PoisonError};

pub use super::prefix::PrefixCounts;
pub use super::response::ResponseCounts;

/// A reading of an engine's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Passes over the model; one that failed is not counted, nor is what was in it.
    pub passes: u64,
    /// Sequences in those passes: divided by `passes`, the mean size of a batch.
    pub pass_sequences: u64,
    /// Prompt tokens that were computed.
    pub prompt_tokens: u64,
    /// Answer tokens that were chosen: those of completions, and of answers that were given up.
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
}
