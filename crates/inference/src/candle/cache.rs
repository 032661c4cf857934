//! Keys and values of the tokens that a session has taken in.
//!
//! Takes rows of key and value heads, one per token; gives them back by position and head. Memory
//! is taken in chunks of tokens, and kept when the cache is emptied.

use super::hyper_parameters::HyperParameters;

/// Tokens for which memory is taken at once.
const CHUNK_TOKENS: usize = 256;

/// The keys and values of one layer: a row per token, head beside head.
#[derive(Debug)]
pub(super) struct LayerCache {
    keys: Vec<f32>,
    values: Vec<f32>,
    head_length: usize,
    row_length: usize,
}

impl LayerCache {
    /// An empty cache.
    pub(super) fn new(shape: &HyperParameters) -> Self {
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

    /// Forgets everything but keeps the memory.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
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
