//! Causal attention with grouped queries.
//!
//! Takes queries and the cache that already holds the keys and values of the same tokens; gives
//! one row of attended values per query. Sources: Vaswani et al., "Attention Is All You Need",
//! 2017; Ainslie et al., "GQA", 2023.

use super::cache::LayerCache;
use super::hyper_parameters::HyperParameters;
use super::vector::{add_scaled, dot, softmax};

/// Attends with `queries`, one row per token, the first of which is at position `first`; writes
/// to `attended`, of the same size. `scores` is scratch memory.
pub(super) fn attend(
    shape: &HyperParameters,
    cache: &LayerCache,
    queries: &[f32],
    first: usize,
    scores: &mut Vec<f32>,
    attended: &mut Vec<f32>,
) {
    let scale = 1.0 / (shape.head_length as f32).sqrt();
    let group = shape.heads / shape.kv_heads;
    attended.clear();
    attended.resize(queries.len(), 0.0);
    let heads = queries
        .chunks_exact(shape.head_length)
        .zip(attended.chunks_exact_mut(shape.head_length));
    for (index, (query, output)) in heads.enumerate() {
        let (row, head) = (index / shape.heads, index % shape.heads);
        let visible = first + row + 1;
        let kv_head = head / group;
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
    }
}
