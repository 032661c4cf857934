//! The sequences of a context: which are free, and which are kept because others may begin alike.
//!
//! Takes prompts and gives each a sequence, which begins with what another one has taken in
//! already where the two agree. Kept sequences are evicted from the one that was used longest ago
//! on. Who may run, and when, is the scheduler's business.

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

/// All sequences of one context that are not in use.
#[derive(Debug)]
pub(super) struct Sequences {
    free: Vec<Sequence>,
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
            self.counts.misses += u64::from(self.max_kept > 0);
            return Ok(Place {
                sequence: self.free.pop().ok_or(Error::EngineStopped)?,
                reused_tokens: 0,
            });
        };
        let kept = self.kept.remove(index);
        let sequence = if shared == kept.tokens.len() {
            kept.sequence
        } else {
            let sequence = self.free.pop().ok_or(Error::EngineStopped)?;
            let shared = context.share(kept.sequence, sequence, shared);
            self.kept.push(kept);
            if let Err(error) = shared {
                self.free.push(sequence);
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

    /// Takes back a sequence that has taken in `tokens`, and keeps it if there is room.
    ///
    /// # Errors
    /// Those of the context.
    pub(super) fn give_back(
        &mut self,
        context: &mut impl Context,
        sequence: Sequence,
        tokens: Vec<u32>,
    ) -> Result<(), Error> {
        if self.max_kept == 0 || tokens.len() < MIN_SHARED_TOKENS {
            return self.release(context, sequence);
        }
        if self.kept.len() == self.max_kept {
            self.evict(context)?;
        }
        self.kept.push(Kept { sequence, tokens });
        Ok(())
    }

    /// Takes back a sequence of which nothing is kept.
    ///
    /// # Errors
    /// Those of the context.
    pub(super) fn release(
        &mut self,
        context: &mut impl Context,
        sequence: Sequence,
    ) -> Result<(), Error> {
        context.truncate(sequence, 0)?;
        self.free.push(sequence);
        Ok(())
    }

    /// Drops the kept sequence that was used longest ago; says whether there was one.
    ///
    /// # Errors
    /// Those of the context.
    pub(super) fn evict(&mut self, context: &mut impl Context) -> Result<bool, Error> {
        if self.kept.is_empty() {
            return Ok(false);
        }
        let kept = self.kept.remove(0);
        self.counts.evicted += 1;
        self.release(context, kept.sequence)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Step;

    /// Remembers tokens and computes nothing.
    struct Memory(Vec<Vec<u32>>);

    impl Context for Memory {
        fn position(&self, sequence: Sequence) -> usize {
            self.0[sequence.0].len()
        }

        fn forward(&mut self, steps: &[Step<'_>]) -> Result<(), Error> {
            for step in steps {
                self.0[step.sequence.0].extend(step.tokens);
            }
            Ok(())
        }

        fn logits(&self, _: usize) -> Option<&[f32]> {
            None
        }

        fn truncate(&mut self, sequence: Sequence, position: usize) -> Result<(), Error> {
            self.0[sequence.0].truncate(position);
            Ok(())
        }

        fn share(&mut self, from: Sequence, to: Sequence, position: usize) -> Result<(), Error> {
            assert!(self.0[to.0].is_empty(), "a sequence in use is overwritten");
            self.0[to.0] = self.0[from.0][..position].to_vec();
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
                memory: Memory(vec![Vec::new(); running + kept]),
                sequences: Sequences::new(running, kept),
            }
        }

        /// Serves `prompt` and gives how many of its tokens were there.
        fn serve(&mut self, prompt: &[u32]) -> usize {
            let place = self.sequences.take(&mut self.memory, prompt).unwrap();
            let there = &self.memory.0[place.sequence.0];
            assert_eq!(there, &prompt[..place.reused_tokens]);
            self.memory.0[place.sequence.0] = prompt.to_vec();
            self.sequences
                .give_back(&mut self.memory, place.sequence, prompt.to_vec())
                .unwrap();
            place.reused_tokens
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
        assert_eq!(fixture.memory.0, [Vec::<u32>::new()]);
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
    fn every_sequence_comes_back() {
        let mut fixture = Fixture::new(2, 1);
        for round in 0..20 {
            let first = round % 3 * 100;
            fixture.serve(&prompt(first, &[round]));
        }
        while fixture.sequences.evict(&mut fixture.memory).unwrap() {}
        assert_eq!(fixture.sequences.free.len(), 3);
        assert!(fixture.memory.0.iter().all(Vec::is_empty));
    }
}
