//! Numbers that look random and are the same on every machine: weights and inputs.
//!
//! The generator is SplitMix64 (G. Steele, D. Lea, C. Flood: *Fast Splittable Pseudorandom Number
//! Generators*, OOPSLA 2014).

use tract_core::prelude::{Tensor, TractResult};

/// A sequence of numbers, told by its seed.
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    /// The sequence `number` of `seed`: another one for each pair, as long as `number` is below 2³².
    pub(crate) fn new(seed: u32, number: u64) -> Self {
        Self((u64::from(seed) << 32) ^ number)
    }

    /// The next numbers as a tensor, uniform between `-limit` and `limit`.
    ///
    /// # Errors
    /// What tract says of the tensor.
    pub(crate) fn tensor(&mut self, shape: &[usize], limit: f32) -> TractResult<Tensor> {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| self.number() * limit).collect();
        Tensor::from_shape(shape, &values)
    }

    /// A number from −1 to 1, without 1: as many steps apart as an `f32` tells exactly.
    fn number(&mut self) -> f32 {
        const STEPS_TO_ONE: f32 = 8_388_608.0; // 2²³
        (self.bits() >> 40) as f32 / STEPS_TO_ONE - 1.0
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}
