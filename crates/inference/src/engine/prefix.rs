//! The sequences of a context: which are free, and which are kept because others may begin alike.
//!
//! Takes prompts and gives each a sequence, which begins with what another one has taken in
//! already where the two agree. Kept sequences are evicted from the one that was used longest ago
//! on. A sequence that the context cannot empty is not lost: it is tried again when there is no other,
//! and what the context says then is the error of who needs it. Who may run, and when, is the
//! scheduler's business.

use std::collections::VecDeque;

use crate::backend::{Context, Sequence};
use crate::error::Error;

/// Tokens that two prompts must have in common before one begins with the other's: below this,
/// looking and copying cost more than a pass saves.
const MIN_SHARED_TOKENS: usize = 8;

/// What happened to prompts and kept sequences, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrefixCounts {
    /// Prompts that began with a kept sequence.
    pub hits: u64,
    /// Prompts that did not.
    pub misses: u64,
    /// Sequences dropped because others needed their place or memory.
    pub evicted: u64,
    /// Prompt tokens that did not have to be computed.
    pub reused_tokens: u64,
}

/// A sequence that a prompt may use, and the tokens of the prompt that are in it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: Sequence,
    pub(super) reused_tokens: usize,
}

#[derive(Debug)]
struct Kept {
    sequence: Sequence,
    tokens: Vec<u32>,
}

impl Kept {
    /// Whether one of the two begins with the other.
    fn is_like(&self, other: &Self) -> bool {
        self.tokens.starts_with(&other.tokens) || other.tokens.starts_with(&self.tokens)
    }
}

/// All sequences of one context that are not in use.
#[derive(Debug)]
pub(super) struct Sequences {
    free: Vec<Sequence>,
    /// Those that are to be emptied: the context could not. The next to be tried is the first.
    filled: VecDeque<Sequence>,
    /// The one that was used longest ago is the first.
    kept: Vec<Kept>,
    max_kept: usize,
    counts: PrefixCounts,
}

impl Sequences {
    /// For `running` sequences in use at the same time, beside which `max_kept` are kept.
    pub(super) fn new(running: usize, max_kept: usize) -> Self {
        Self {
            free: (0..running + max_kept).rev().map(Sequence).collect(),
            filled: VecDeque::new(),
            kept: Vec::with_capacity(max_kept),
            max_kept,
            counts: PrefixCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> PrefixCounts {
        self.counts
    }

    /// Tokens that kept sequences remember.
    pub(super) fn kept_tokens(&self) -> usize {
        self.kept.iter().map(|kept| kept.tokens.len()).sum()
    }

    /// A sequence for `prompt`. At least its last token is left to compute, for the logits.
    ///
    /// # Errors
    /// Those of the context; and [`Error::EngineStopped`] when more are in use than was said.
    pub(super) fn take(
        &mut self,
        context: &mut impl Context,
        prompt: &[u32],
    ) -> Result<Place, Error> {
        let Some((index, shared)) = self.best(prompt) else {
            let sequence = self.empty_one(context)?;
            self.counts.misses += u64::from(self.max_kept > 0);
            return Ok(Place {
                sequence,
                reused_tokens: 0,
            });
        };
        let sequence = if shared == self.kept[index].tokens.len() {
            self.kept.remove(index).sequence
        } else {
            let sequence = self.empty_one(context)?;
            let kept = self.kept.remove(index);
            let shared = context.share(kept.sequence, sequence, shared);
            self.kept.push(kept);
            if let Err(error) = shared {
                self.release(context, sequence);
                return Err(error);
            }
            sequence
        };
        self.counts.hits += 1;
        self.counts.reused_tokens += shared as u64;
        Ok(Place {
            sequence,
            reused_tokens: shared,
        })
    }

    /// A sequence that remembers nothing.
    fn empty_one(&mut self, context: &mut impl Context) -> Result<Sequence, Error> {
        if let Some(sequence) = self.free.pop() {
            return Ok(sequence);
        }
        let sequence = self.filled.pop_front().ok_or(Error::EngineStopped)?;
        let emptied = context.truncate(sequence, 0);
        if emptied.is_err() {
            self.filled.push_back(sequence);
        }
        emptied.map(|()| sequence)
    }

    /// The kept sequence that begins most like `prompt`, and for how many tokens.
    fn best(&self, prompt: &[u32]) -> Option<(usize, usize)> {
        let (_, usable) = prompt.split_last()?;
        let alike = |kept: &Kept| {
            let pairs = kept.tokens.iter().zip(usable);
            pairs.take_while(|(kept, token)| kept == token).count()
        };
        let lengths = self.kept.iter().map(alike).enumerate();
        lengths
            .max_by_key(|&(_, shared)| shared)
            .filter(|&(_, shared)| shared >= MIN_SHARED_TOKENS)
    }

    /// Takes back a sequence that has taken in `tokens`, and keeps it. Of two that are alike as far as the
    /// shorter one goes, the longer one is kept: whatever began with the other begins with it.
    pub(super) fn give_back(
        &mut self,
        context: &mut impl Context,
        sequence: Sequence,
        tokens: Vec<u32>,
    ) {
        if self.max_kept == 0 || tokens.len() < MIN_SHARED_TOKENS {
            return self.release(context, sequence);
        }
        let mut newest = Kept { sequence, tokens };
        while let Some(index) = self.kept.iter().position(|kept| kept.is_like(&newest)) {
            let mut other = self.kept.remove(index);
            if other.tokens.len() > newest.tokens.len() {
                std::mem::swap(&mut other, &mut newest);
            }
            self.release(context, other.sequence);
        }
        if self.kept.len() == self.max_kept {
            self.evict(context);
        }
        self.kept.push(newest);
    }

    /// Takes back a sequence of which nothing is kept.
    pub(super) fn release(&mut self, context: &mut impl Context, sequence: Sequence) {
        match context.truncate(sequence, 0) {
            Ok(()) => self.free.push(sequence),
            Err(_) => self.filled.push_back(sequence),
        }
    }

    /// Drops the kept sequence that was used longest ago; says whether there was one.
    pub(super) fn evict(&mut self, context: &mut impl Context) -> bool {
        if self.kept.is_empty() {
            return false;
        }
        let kept = self.kept.remove(0);
        self.counts.evicted += 1;
        self.release(context, kept.sequence);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Step;

    /// Remembers tokens and computes nothing.
    struct Memory {
        sequences: Vec<Vec<u32>>,
        /// Whether it can empty a sequence.
        is_stuck: bool,
    }

    impl Context for Memory {
        fn position(&self, sequence: Sequence) -> usize {
            self.sequences[sequence.0].len()
        }

        fn forward(&mut self, steps: &[Step<'_>]) -> Result<(), Error> {
            for step in steps {
                self.sequences[step.sequence.0].extend(step.tokens);
            }
            Ok(())
        }

        fn logits(&self, _: usize) -> Option<&[f32]> {
            None
        }

        fn truncate(&mut self, sequence: Sequence, position: usize) -> Result<(), Error> {
            if self.is_stuck {
                return Err(Error::backend("it is stuck"));
            }
            self.sequences[sequence.0].truncate(position);
            Ok(())
        }

        fn share(&mut self, from: Sequence, to: Sequence, position: usize) -> Result<(), Error> {
            let is_empty = self.sequences[to.0].is_empty();
            assert!(is_empty, "a sequence in use is overwritten");
            self.sequences[to.0] = self.sequences[from.0][..position].to_vec();
            Ok(())
        }
    }

    struct Fixture {
        memory: Memory,
        sequences: Sequences,
    }

    impl Fixture {
        fn new(running: usize, kept: usize) -> Self {
            Self {
                memory: Memory {
                    sequences: vec![Vec::new(); running + kept],
                    is_stuck: false,
                },
                sequences: Sequences::new(running, kept),
            }
        }

        /// Serves `prompt` and gives how many of its tokens were there.
        fn serve(&mut self, prompt: &[u32]) -> usize {
            self.try_to_serve(prompt).expect("a sequence")
        }

        fn try_to_serve(&mut self, prompt: &[u32]) -> Result<usize, Error> {
            let place = self.sequences.take(&mut self.memory, prompt)?;
            let there = &mut self.memory.sequences[place.sequence.0];
            assert_eq!(there, &prompt[..place.reused_tokens]);
            *there = prompt.to_vec();
            self.sequences
                .give_back(&mut self.memory, place.sequence, prompt.to_vec());
            Ok(place.reused_tokens)
        }
    }

    fn prompt(first: u32, rest: &[u32]) -> Vec<u32> {
        (first..first + 10).chain(rest.iter().copied()).collect()
    }

    #[test]
    fn nothing_is_kept_where_nothing_shall_be() {
        let mut fixture = Fixture::new(1, 0);
        assert_eq!(fixture.serve(&prompt(0, &[])), 0);
        assert_eq!(fixture.serve(&prompt(0, &[])), 0);
        assert_eq!(fixture.sequences.counts(), PrefixCounts::default());
        assert_eq!(fixture.memory.sequences, [Vec::<u32>::new()]);
    }

    #[test]
    fn a_prompt_goes_on_where_another_ended() {
        let mut fixture = Fixture::new(1, 1);
        assert_eq!(fixture.serve(&prompt(0, &[])), 0);
        assert_eq!(fixture.serve(&prompt(0, &[70, 71])), 10);
        // Of an equal prompt the last token is computed again, for its logits.
        assert_eq!(fixture.serve(&prompt(0, &[70, 71])), 11);
        let counts = fixture.sequences.counts();
        assert_eq!(
            (counts.hits, counts.misses, counts.reused_tokens),
            (2, 1, 21)
        );
    }

    #[test]
    fn a_prompt_that_parts_ways_leaves_the_other_where_it_is() {
        let mut fixture = Fixture::new(1, 2);
        assert_eq!(fixture.serve(&prompt(0, &[50, 51])), 0);
        assert_eq!(fixture.serve(&prompt(0, &[60, 61])), 10);
        assert_eq!(fixture.serve(&prompt(0, &[50, 51, 52])), 12);
        assert_eq!(fixture.serve(&prompt(0, &[60, 61, 62])), 12);
    }

    #[test]
    fn few_tokens_are_not_worth_it() {
        let mut fixture = Fixture::new(1, 2);
        let shared: Vec<u32> = (0..MIN_SHARED_TOKENS as u32 - 1).collect();
        let with = |last: u32| [&shared[..], &[last; 5]].concat();
        assert_eq!(fixture.serve(&with(80)), 0);
        assert_eq!(fixture.serve(&with(81)), 0);
        assert_eq!(fixture.sequences.counts().misses, 2);
    }

    #[test]
    fn the_one_used_longest_ago_is_evicted() {
        let mut fixture = Fixture::new(1, 2);
        fixture.serve(&prompt(0, &[]));
        fixture.serve(&prompt(100, &[]));
        fixture.serve(&prompt(0, &[7]));
        fixture.serve(&prompt(200, &[]));
        assert_eq!(fixture.sequences.counts().evicted, 1);
        assert_eq!(fixture.serve(&prompt(100, &[8])), 0);
        assert!(fixture.sequences.kept_tokens() <= 22);
    }

    #[test]
    fn equal_prompts_take_one_place() {
        let mut fixture = Fixture::new(1, 2);
        fixture.serve(&prompt(100, &[]));
        // Equal ones, one that goes on, one that ends sooner.
        for rest in [&[50, 51][..], &[50, 51], &[50, 51, 52], &[50]] {
            fixture.serve(&prompt(0, rest));
        }
        let counts = fixture.sequences.counts();
        assert_eq!((counts.hits, counts.evicted), (3, 0));
        assert_eq!(fixture.serve(&prompt(100, &[7])), 10);
        assert_eq!(fixture.serve(&prompt(0, &[50, 51, 52, 53])), 13);
        let kept = fixture.sequences.kept.len();
        assert_eq!(
            kept + fixture.sequences.free.len(),
            3,
            "every sequence is there"
        );
    }

    #[test]
    fn every_sequence_comes_back() {
        let mut fixture = Fixture::new(2, 1);
        for round in 0..20 {
            let first = round % 3 * 100;
            fixture.serve(&prompt(first, &[round]));
        }
        while fixture.sequences.evict(&mut fixture.memory) {}
        assert_eq!(fixture.sequences.free.len(), 3);
        assert!(fixture.memory.sequences.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_sequence_that_cannot_be_emptied_is_tried_again() {
        let mut fixture = Fixture::new(2, 1);
        fixture.memory.is_stuck = true;
        for first in [0, 100, 200] {
            assert_eq!(fixture.serve(&prompt(first, &[])), 0);
        }
        // Two of the three are filled, one is kept; nobody else can be served, and hears why.
        let refused = fixture.try_to_serve(&prompt(300, &[]));
        assert!(matches!(refused, Err(Error::Backend(_))), "{refused:?}");
        fixture.memory.is_stuck = false;
        for first in [300, 400, 500, 600] {
            assert_eq!(fixture.serve(&prompt(first, &[])), 0);
        }
        assert!(fixture.sequences.filled.len() <= 1);
    }
}
