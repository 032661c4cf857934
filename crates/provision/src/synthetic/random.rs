//! Random numbers that are the same on each machine and with each compiler.
//!
//! Takes a seed, gives numbers made by integer arithmetic and one multiplication alone: no
//! logarithm, sine or library whose last digit or whose stream may change.

/// `SplitMix64` of Steele, Lea & Flood 2014: one 64-bit state, all of whose values occur.
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1), in steps of 2⁻²⁴ (what an `f32` holds exactly).
    pub(super) fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// Mean 0, standard deviation 1, nearly normal: the sum of four uniform numbers (Irwin–Hall),
    /// whose standard deviation is 2¹⁶·√(4/12) here.
    pub(super) fn normal(&mut self) -> f32 {
        const DEVIATION: f32 = 37_837.227;
        let bits = self.next();
        let sum: u32 = (0..4)
            .map(|lane| (bits >> (16 * lane)) as u32 & 0xFFFF)
            .sum();
        (sum as f32 - 2.0 * 65_535.0) / DEVIATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // First outputs for the seed 1234567, as the reference implementation gives them.
        let mut random = Random::new(1_234_567);
        let first: [u64; 3] = std::array::from_fn(|_| random.next());
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut random = Random::new(1);
        let drawn: Vec<f64> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let mean = drawn.iter().sum::<f64>() / 100_000.0;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 100_000.0;
        // Ten standard errors: the stream is fixed, so this either always or never holds.
        assert!(mean.abs() < 0.032, "{mean}");
        assert!((variance - 1.0).abs() < 0.045, "{variance}");
    }
}
