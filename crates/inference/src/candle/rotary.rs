//! Rotary position embedding: a token's place, written into its queries and keys.
//!
//! Takes vectors of heads and a position; turns neighbouring values `(2i, 2i+1)` by the position
//! times a frequency. Source: Su et al., arXiv 2104.09864, 2021; the pairs are those of GGUF's llama
//! tensors, whose rows are stored in that order (`LLAMA_ROPE_TYPE_NORM`).

/// The frequencies of one model.
#[derive(Debug, Clone)]
pub(super) struct Rotary {
    frequencies: Vec<f32>,
}

/// Cosine and sine per pair, for each position of a pass.
#[derive(Debug, Default)]
pub(super) struct Angles {
    pairs: usize,
    values: Vec<(f32, f32)>,
}

impl Rotary {
    /// Frequencies `base^(-2i / head_length)` for each pair `i`.
    pub(super) fn new(head_length: usize, base: f32) -> Self {
        let frequencies = (0..head_length / 2)
            .map(|pair| base.powf(-2.0 * pair as f32 / head_length as f32))
            .collect();
        Self { frequencies }
    }

    /// The angles of `positions`, written into `angles`.
    pub(super) fn angles(&self, positions: impl Iterator<Item = usize>, angles: &mut Angles) {
        angles.pairs = self.frequencies.len();
        angles.values.clear();
        for position in positions {
            let turned = self.frequencies.iter().map(|frequency| {
                let (sine, cosine) = (position as f32 * frequency).sin_cos();
                (cosine, sine)
            });
            angles.values.extend(turned);
        }
    }
}

impl Angles {
    /// Turns `rows`, which holds one row of whole heads per position of the pass.
    pub(super) fn turn(&self, rows: &mut [f32]) {
        let positions = self.values.len() / self.pairs;
        let row_length = rows.len() / positions;
        for (row, angles) in rows
            .chunks_exact_mut(row_length)
            .zip(self.values.chunks_exact(self.pairs))
        {
            for head in row.chunks_exact_mut(2 * self.pairs) {
                for (pair, (cosine, sine)) in head.chunks_exact_mut(2).zip(angles) {
                    let (x, y) = (pair[0], pair[1]);
                    pair[0] = x * cosine - y * sine;
                    pair[1] = x * sine + y * cosine;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(first: usize, row: &[f32], count: usize) -> Vec<f32> {
        let mut angles = Angles::default();
        Rotary::new(4, 10_000.0).angles(first..first + count, &mut angles);
        let mut rows = row.repeat(count);
        angles.turn(&mut rows);
        rows
    }

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn position_zero_changes_nothing() {
        assert_eq!(turned(0, &[1.0, 2.0, 3.0, 4.0], 1), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn neighbours_turn_by_position_times_frequency() {
        let row = turned(3, &[1.0, 0.0, 1.0, 0.0], 1);
        // Frequencies of a head of 4 with base 10000: 1 and 1/100.
        for (value, expected) in
            row.iter()
                .zip([3.0_f32.cos(), 3.0_f32.sin(), 0.03_f32.cos(), 0.03_f32.sin()])
        {
            assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        }
    }

    #[test]
    fn a_range_is_the_same_as_single_positions() {
        let row = [0.3, -1.2, 0.8, 2.0, 1.0, 0.5, -0.5, 0.1];
        let range = turned(5, &row, 3);
        for (offset, from_range) in range.chunks_exact(row.len()).enumerate() {
            assert_eq!(from_range, turned(5 + offset, &row, 1));
        }
    }

    #[test]
    fn products_depend_on_the_distance_alone() {
        let (query, key) = ([0.3, -1.2, 0.8, 2.0], [1.0, 0.5, -0.5, 0.1]);
        let near = dot(&turned(7, &query, 1), &turned(4, &key, 1));
        let far = dot(&turned(107, &query, 1), &turned(104, &key, 1));
        assert!((near - far).abs() < 1e-4, "{near} {far}");
    }
}
