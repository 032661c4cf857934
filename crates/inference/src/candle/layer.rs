//! One transformer layer: attention, then the feed-forward network, each added to what came in.
//!
//! Takes the rows of some tokens and the layer's cache; changes both.

use super::attention::attend;
use super::cache::LayerCache;
use super::hyper_parameters::HyperParameters;
use super::rotary::Angles;
use super::vector::{add, rms_norm, swiglu};
use super::weights::LayerWeights;
use crate::error::Error;

/// Memory that is used anew by each layer and each step.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Angles of the positions that are being computed; the same for all layers.
    pub(super) angles: Angles,
    pub(super) normed: Vec<f32>,
    attended: Vec<f32>,
    scores: Vec<f32>,
}

/// Takes `rows`, one per token, the first of which is at position `first`, through the layer.
pub(super) fn forward(
    shape: &HyperParameters,
    layer: &LayerWeights,
    cache: &mut LayerCache,
    first: usize,
    rows: &mut [f32],
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let normed = &mut scratch.normed;
    rms_norm(rows, &layer.attention_norm, shape.norm_epsilon, normed);
    let mut queries = layer.query.apply(normed)?;
    let mut keys = layer.key.apply(normed)?;
    let values = layer.value.apply(normed)?;
    scratch.angles.turn(&mut queries);
    scratch.angles.turn(&mut keys);
    cache.push(&keys, &values);
    let (scores, attended) = (&mut scratch.scores, &mut scratch.attended);
    attend(shape, cache, &queries, first, scores, attended);
    add(rows, &layer.attention_output.apply(attended)?);

    rms_norm(rows, &layer.feed_forward_norm, shape.norm_epsilon, normed);
    let mut gate = layer.gate.apply(normed)?;
    let up = layer.up.apply(normed)?;
    swiglu(&mut gate, &up);
    add(rows, &layer.down.apply(&mut gate)?);
    Ok(())
}
