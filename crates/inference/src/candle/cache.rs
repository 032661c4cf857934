//! Keys and values of the tokens that sequences have taken in.
//!
//! Takes rows of key and value heads, one per token; gives them back by position and head. Memory is
//! taken in chunks of tokens before a pass, and never for more tokens in all than was said: when it
//! runs short, what emptied sequences have kept and what others have ahead of their tokens goes to
//! those who need it.

use std::sync::Arc;

use super::hyper_parameters::HyperParameters;
use crate::backend::ContextSize;
use crate::error::Error;

/// Tokens for which memory is taken at once.
const CHUNK_TOKENS: usize = 256;

/// Tokens for which an emptied sequence keeps its memory.
const KEPT_TOKENS: usize = 2 * CHUNK_TOKENS;

/// What a model remembers of all sequences of a context.
#[derive(Debug)]
pub(super) struct Caches {
    pub(super) sequences: Vec<SequenceCache>,
    /// Tokens for which there may be memory, of all sequences together.
    max_tokens: usize,
}

impl Caches {
    /// Empty ones.
    pub(super) fn new(shape: &HyperParameters, size: ContextSize) -> Self {
        let sequences = 0..size.sequences.get();
        Self {
            sequences: sequences.map(|_| SequenceCache::new(shape)).collect(),
            max_tokens: size.tokens.get(),
        }
    }

    /// Makes room for a pass, in which sequences take in so many tokens more.
    ///
    /// # Errors
    /// [`Error::ContextFull`] when that is more than there may be memory for; nothing is changed then.
    pub(super) fn reserve(
        &mut self,
        taking_in: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<(), Error> {
        let positions = self.sequences.iter().map(|sequence| sequence.position);
        let mut needed: Vec<usize> = positions.collect();
        for (sequence, tokens) in taking_in {
            needed[sequence] += tokens;
        }
        if needed.iter().sum::<usize>() > self.max_tokens {
            return Err(Error::ContextFull {
                context_tokens: self.max_tokens,
            });
        }
        for (sequence, &least) in needed.iter().enumerate() {
            if self.sequences[sequence].capacity < least {
                self.grow(sequence, &needed);
            }
        }
        Ok(())
    }

    /// Takes memory for what `sequence` needs, and for more of its tokens where there is some. `needed` are
    /// the tokens of each sequence, for all of which together there is memory.
    fn grow(&mut self, sequence: usize, needed: &[usize]) {
        let least = needed[sequence];
        let wanted = least.next_multiple_of(CHUNK_TOKENS);
        if self.free_for(sequence) < wanted {
            self.shrink_others(sequence, needed, |needed| needed == 0);
        }
        if self.free_for(sequence) < least {
            self.shrink_others(sequence, needed, |_| true);
        }
        let free = self.free_for(sequence);
        // What is scarce is shared out: were it all for the first to come, memory would be moved for
        // each token of the others.
        let ahead = (free - least) / self.sequences.len();
        let capacity = if free < wanted { least + ahead } else { wanted };
        self.sequences[sequence].set_capacity(capacity);
    }

    /// Tokens for which `sequence` may have memory beside what the others have.
    fn free_for(&self, sequence: usize) -> usize {
        let all: usize = self.sequences.iter().map(|cache| cache.capacity).sum();
        self.max_tokens - (all - self.sequences[sequence].capacity)
    }

    /// Takes from the others, those whose need `is_one_of_them`, what they have beyond it.
    fn shrink_others(
        &mut self,
        sequence: usize,
        needed: &[usize],
        is_one_of_them: impl Fn(usize) -> bool,
    ) {
        for (other, (cache, &needed)) in self.sequences.iter_mut().zip(needed).enumerate() {
            if other != sequence && is_one_of_them(needed) && cache.capacity > needed {
                cache.set_capacity(needed);
            }
        }
    }

    /// Lets the empty sequence `to` begin with the first `position` tokens of `from`.
    ///
    /// # Errors
    /// [`Error::ContextFull`], and [`Error::Backend`] when the two are one.
    pub(super) fn share(&mut self, from: usize, to: usize, position: usize) -> Result<(), Error> {
        self.reserve([(to, position)])?;
        let [from, to] = self
            .sequences
            .get_disjoint_mut([from, to])
            .map_err(|error| Error::Backend(Arc::new(error)))?;
        to.begin_like(from, position);
        Ok(())
    }
}

/// What a model remembers of one sequence.
#[derive(Debug)]
pub(super) struct SequenceCache {
    /// One per layer of the model.
    pub(super) layers: Vec<LayerCache>,
    /// Tokens taken in.
    pub(super) position: usize,
    /// Tokens for which it has memory.
    capacity: usize,
}

impl SequenceCache {
    fn new(shape: &HyperParameters) -> Self {
        Self {
            layers: (0..shape.blocks).map(|_| LayerCache::new(shape)).collect(),
            position: 0,
            capacity: 0,
        }
    }

    /// Forgets what was taken in from `position` on.
    pub(super) fn truncate(&mut self, position: usize) {
        for layer in &mut self.layers {
            layer.truncate(position);
        }
        self.position = self.position.min(position);
        if self.position == 0 && self.capacity > KEPT_TOKENS {
            self.set_capacity(KEPT_TOKENS);
        }
    }

    /// Has memory for `tokens` from now on, no fewer than it holds.
    fn set_capacity(&mut self, tokens: usize) {
        for layer in &mut self.layers {
            layer.set_capacity(tokens);
        }
        self.capacity = tokens;
    }

    /// Takes over the first `position` tokens of `other`; this one is empty and has room.
    fn begin_like(&mut self, other: &Self, position: usize) {
        for (layer, other) in self.layers.iter_mut().zip(&other.layers) {
            let values = position * layer.row_length;
            layer.push(&other.keys[..values], &other.values[..values]);
        }
        self.position = position;
    }
}

/// The keys and values of one layer: a row per token, head beside head.
#[derive(Debug)]
pub(super) struct LayerCache {
    keys: Vec<f32>,
    values: Vec<f32>,
    head_length: usize,
    row_length: usize,
}

impl LayerCache {
    fn new(shape: &HyperParameters) -> Self {
        Self {
            keys: Vec::new(),
            values: Vec::new(),
            head_length: shape.head_length,
            row_length: shape.kv_length(),
        }
    }

    /// Appends rows of keys and values, for which there is room: [`Caches::reserve`].
    pub(super) fn push(&mut self, keys: &[f32], values: &[f32]) {
        debug_assert!(self.keys.len() + keys.len() <= self.keys.capacity());
        self.keys.extend_from_slice(keys);
        self.values.extend_from_slice(values);
    }

    /// The keys of head `head`, one per position.
    pub(super) fn keys(&self, head: usize) -> impl Iterator<Item = &[f32]> {
        self.of_head(&self.keys, head)
    }

    /// The values of head `head`, one per position.
    pub(super) fn values(&self, head: usize) -> impl Iterator<Item = &[f32]> {
        self.of_head(&self.values, head)
    }

    fn truncate(&mut self, position: usize) {
        for rows in [&mut self.keys, &mut self.values] {
            rows.truncate(position * self.row_length);
        }
    }

    fn set_capacity(&mut self, tokens: usize) {
        let length = tokens * self.row_length;
        for rows in [&mut self.keys, &mut self.values] {
            rows.shrink_to(length);
            rows.reserve_exact(length.saturating_sub(rows.len()));
        }
    }

    fn of_head<'a>(&self, rows: &'a [f32], head: usize) -> impl Iterator<Item = &'a [f32]> {
        let range = head * self.head_length..(head + 1) * self.head_length;
        rows.chunks_exact(self.row_length)
            .map(move |row| &row[range.clone()])
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const ROW_LENGTH: usize = 2;

    fn caches(sequences: usize, max_tokens: usize) -> Caches {
        let shape = HyperParameters {
            blocks: 2,
            context_tokens: 4096,
            embedding_length: 4,
            feed_forward_length: 8,
            heads: 2,
            kv_heads: 1,
            head_length: ROW_LENGTH,
            vocabulary_size: 16,
            rope_base: 10_000.0,
            norm_epsilon: 1e-5,
        };
        let count = |number| NonZeroUsize::new(number).expect("not zero");
        let size = ContextSize {
            sequences: count(sequences),
            tokens: count(max_tokens),
            pass_tokens: count(256),
        };
        Caches::new(&shape, size)
    }

    /// Takes in `tokens` more, as a pass does; each row says its position.
    fn take_in(caches: &mut Caches, sequence: usize, tokens: usize) -> Result<(), Error> {
        caches.reserve([(sequence, tokens)])?;
        let cache = &mut caches.sequences[sequence];
        for position in cache.position..cache.position + tokens {
            let row = [position as f32; ROW_LENGTH];
            for layer in &mut cache.layers {
                layer.push(&row, &row);
            }
        }
        cache.position += tokens;
        Ok(())
    }

    /// Tokens for which there is memory; no vector may have more than its sequence counts.
    fn held_tokens(caches: &Caches) -> usize {
        let held = |cache: &SequenceCache| {
            for layer in &cache.layers {
                for rows in [&layer.keys, &layer.values] {
                    assert_eq!(rows.capacity(), cache.capacity * ROW_LENGTH);
                }
            }
            cache.capacity
        };
        caches.sequences.iter().map(held).sum()
    }

    #[test]
    fn memory_is_never_for_more_tokens_than_was_said() {
        let (sequences, max_tokens) = (6, 1000);
        let mut caches = caches(sequences, max_tokens);
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..4000 {
            let sequence = random.random_range(0..sequences);
            let position = caches.sequences[sequence].position;
            let there: usize = caches.sequences.iter().map(|cache| cache.position).sum();
            match random.random_range(0..12) {
                0 => caches.sequences[sequence].truncate(0),
                1 => caches.sequences[sequence].truncate(random.random_range(0..=position)),
                2 if position == 0 => {
                    let other = (sequence + 1) % sequences;
                    let shared = caches.sequences[other].position;
                    let result = caches.share(other, sequence, shared);
                    assert_eq!(result.is_ok(), there + shared <= max_tokens);
                }
                _ => {
                    let tokens = random.random_range(1..=80);
                    let result = take_in(&mut caches, sequence, tokens);
                    assert_eq!(result.is_ok(), there + tokens <= max_tokens);
                    *(if result.is_ok() {
                        &mut taken
                    } else {
                        &mut refused
                    }) += 1;
                }
            }
            assert!(held_tokens(&caches) <= max_tokens);
            for layer in &caches.sequences[sequence].layers {
                let positions: Vec<f32> = layer.keys(0).map(|row| row[0]).collect();
                let expected = 0..caches.sequences[sequence].position;
                assert_eq!(
                    positions,
                    expected.map(|token| token as f32).collect::<Vec<_>>()
                );
            }
        }
        assert!(
            taken > 200 && refused > 200,
            "{taken} taken, {refused} refused"
        );
    }

    #[test]
    fn all_sequences_of_a_pass_have_room_and_a_pass_too_large_changes_nothing() {
        let mut caches = caches(3, 300);
        take_in(&mut caches, 0, 100).expect("room");
        take_in(&mut caches, 1, 100).expect("room");
        let held = |caches: &Caches| [0, 1, 2].map(|index: usize| caches.sequences[index].capacity);
        let before = held(&caches);
        let too_large = caches.reserve([(0, 30), (1, 31), (2, 40)]);
        let is_full = matches!(
            too_large,
            Err(Error::ContextFull {
                context_tokens: 300
            })
        );
        assert!(is_full, "{too_large:?}");
        assert_eq!(held(&caches), before);
        caches.reserve([(0, 30), (1, 30), (2, 40)]).expect("room");
        assert_eq!(held(&caches), [130, 130, 40]);
    }

    #[test]
    fn an_emptied_sequence_keeps_a_little_until_another_needs_it() {
        let mut caches = caches(2, 2000);
        take_in(&mut caches, 0, 1500).expect("room");
        caches.sequences[0].truncate(0);
        assert_eq!(held_tokens(&caches), KEPT_TOKENS);
        take_in(&mut caches, 1, 1600).expect("room");
        assert_eq!(caches.sequences[0].capacity, 0);
        assert_eq!(held_tokens(&caches), 1792);
    }
}
