//! Keys and values of the tokens that a sequence has taken in.
//!
//! Takes rows of key and value heads, one per token; gives them back by position and head. Memory
//! is taken in chunks of tokens; of an emptied cache a few chunks are kept for the next sequence.

use super::hyper_parameters::HyperParameters;

/// Tokens for which memory is taken at once.
const CHUNK_TOKENS: usize = 256;

/// Tokens for which an emptied cache keeps its memory.
const KEPT_TOKENS: usize = 2 * CHUNK_TOKENS;

/// What a model remembers of one sequence.
#[derive(Debug)]
pub(super) struct SequenceCache {
    /// One per layer of the model.
    pub(super) layers: Vec<LayerCache>,
    /// Tokens taken in.
    pub(super) position: usize,
}

impl SequenceCache {
    /// An empty one.
    pub(super) fn new(shape: &HyperParameters) -> Self {
        Self {
            layers: (0..shape.blocks).map(|_| LayerCache::new(shape)).collect(),
            position: 0,
        }
    }

    /// Forgets what was taken in from `position` on.
    pub(super) fn truncate(&mut self, position: usize) {
        for layer in &mut self.layers {
            layer.truncate(position);
        }
        self.position = self.position.min(position);
    }

    /// Takes over the first `position` tokens of `other`; this one is empty.
    pub(super) fn begin_like(&mut self, other: &Self, position: usize) {
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

    /// Appends rows of keys and values.
    pub(super) fn push(&mut self, keys: &[f32], values: &[f32]) {
        append(&mut self.keys, keys, self.row_length);
        append(&mut self.values, values, self.row_length);
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
            if rows.is_empty() {
                rows.shrink_to(KEPT_TOKENS * self.row_length);
            }
        }
    }

    fn of_head<'a>(&self, rows: &'a [f32], head: usize) -> impl Iterator<Item = &'a [f32]> {
        let range = head * self.head_length..(head + 1) * self.head_length;
        rows.chunks_exact(self.row_length)
            .map(move |row| &row[range.clone()])
    }
}

fn append(rows: &mut Vec<f32>, new: &[f32], row_length: usize) {
    let needed = rows.len() + new.len();
    if needed > rows.capacity() {
        let chunk = CHUNK_TOKENS * row_length;
        rows.reserve_exact(needed.next_multiple_of(chunk) - rows.len());
    }
    rows.extend_from_slice(new);
}
