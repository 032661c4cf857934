//! Causal attention with grouped queries.
//!
//! Takes queries of several sequences and the caches that already hold the keys and values of the
//! same tokens; gives one row of attended values per query. Sources: Vaswani et al., "Attention Is
//! All You Need", 2017; Ainslie et al., "GQA", 2023.

use std::ops::Range;

use super::cache::LayerCache;
use super::hyper_parameters::HyperParameters;
use super::pool::for_each_piece;
use super::vector::{add_scaled, dot, softmax};
use crate::error::Error;

/// The rows of a pass that belong to one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The sequence's place in the context.
    pub(super) sequence: usize,
    /// Its rows.
    pub(super) rows: Range<usize>,
    /// The position of the first of them.
    pub(super) first: usize,
}

/// Attends with `queries`, one row per token of the pass; writes to `attended`, of the same size.
/// `parts` are in the order of their rows, `cache_of` gives one layer of each sequence.
///
/// # Errors
/// [`Error::Panicked`].
pub(super) fn attend<'a>(
    shape: &HyperParameters,
    parts: &[Part],
    cache_of: impl Fn(usize) -> &'a LayerCache + Sync,
    queries: &[f32],
    attended: &mut Vec<f32>,
) -> Result<(), Error> {
    attended.clear();
    attended.resize(queries.len(), 0.0);
    let length = shape.head_length;
    let scale = 1.0 / (length as f32).sqrt();
    let group = shape.heads / shape.kv_heads;
    for_each_piece(attended, length, Vec::new, |index, output, scores| {
        let (row, head) = (index / shape.heads, index % shape.heads);
        let part = &parts[parts.partition_point(|part| part.rows.end <= row)];
        let cache = cache_of(part.sequence);
        let visible = part.first + (row - part.rows.start) + 1;
        let kv_head = head / group;
        let query = &queries[index * length..(index + 1) * length];
        scores.clear();
        scores.extend(
            cache
                .keys(kv_head)
                .take(visible)
                .map(|key| dot(query, key) * scale),
        );
        softmax(scores);
        for (&score, value) in scores.iter().zip(cache.values(kv_head)) {
            add_scaled(output, score, value);
        }
    })
}
