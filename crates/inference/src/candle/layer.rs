//! One transformer layer: attention, then the feed-forward network, each added to what came in.
//!
//! Takes the rows of a pass and the layer's caches; changes both.

use super::attention::{Part, attend};
use super::cache::SequenceCache;
use super::hyper_parameters::HyperParameters;
use super::pool::for_each_piece;
use super::product::Multiplier;
use super::rotary::Angles;
use super::vector::{add, rms_norm, swiglu};
use super::weights::LayerWeights;
use crate::error::Error;

/// Memory that is used anew by each layer and each pass.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Angles of the positions that are being computed; the same for all layers.
    pub(super) angles: Angles,
    pub(super) normed: Vec<f32>,
    pub(super) multiplier: Multiplier,
    attended: Vec<f32>,
}

/// Takes `rows`, one per token, through layer number `number`.
///
/// # Errors
/// What candle says, and [`Error::Panicked`].
pub(super) fn forward(
    shape: &HyperParameters,
    (number, layer): (usize, &LayerWeights),
    caches: &mut [SequenceCache],
    parts: &[Part],
    rows: &mut [f32],
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let Scratch {
        angles,
        normed,
        multiplier,
        attended,
    } = scratch;
    rms_norm(rows, &layer.attention_norm, shape.norm_epsilon, normed);
    let matrices = [&layer.query, &layer.key, &layer.value];
    let [mut queries, mut keys, values] = multiplier.multiply(matrices, normed)?;
    angles.turn(&mut queries);
    angles.turn(&mut keys);
    let kv_length = shape.kv_length();
    for part in parts {
        let range = part.rows.start * kv_length..part.rows.end * kv_length;
        let cache = &mut caches[part.sequence].layers[number];
        cache.push(&keys[range.clone()], &values[range]);
    }
    let caches = &*caches;
    let cache_of = |sequence: usize| &caches[sequence].layers[number];
    attend(shape, parts, cache_of, &queries, attended)?;
    let [output] = multiplier.multiply([&layer.attention_output], attended)?;
    add(rows, &output);

    rms_norm(rows, &layer.feed_forward_norm, shape.norm_epsilon, normed);
    let [mut gate, up] = multiplier.multiply([&layer.gate, &layer.up], normed)?;
    let length = shape.feed_forward_length;
    for_each_piece(
        &mut gate,
        length,
        || (),
        |row, gate, ()| {
            swiglu(gate, &up[row * length..(row + 1) * length]);
        },
    )?;
    let [down] = multiplier.multiply([&layer.down], &gate)?;
    add(rows, &down);
    Ok(())
}
