//! Rows of numbers, rounded to 8 bits for the products with quantised matrices.
//!
//! Takes rows of f32; gives blocks of 32 signed bytes with a scale, and the sum that the minima of
//! `Q4_1` are multiplied with. Scale and sum are rounded to f16, as in ggml's `Q8_1` (`d` and `s`), so
//! that products agree with those of other implementations. A block with a value that is not finite
//! has a scale and a sum that are not finite either: 8 bits cannot say so.

use half::f16;

use super::packed::BLOCK;
use super::vector::largest;

/// Largest rounded value.
const MAX: f32 = 127.0;

/// Rounded rows; the memory is used anew.
#[derive(Debug, Default)]
pub(super) struct Activations {
    /// Row after row.
    values: Vec<i8>,
    /// One per block.
    scales: Vec<f32>,
    /// One per block: the scale times the sum of the block's values.
    sums: Vec<f32>,
    /// One per block: the sum of its values.
    value_sums: Vec<i32>,
    /// Blocks of one row.
    columns: usize,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) values: &'a [[i8; BLOCK]],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [f32],
    pub(super) value_sums: &'a [i32],
}

impl Activations {
    /// Rounds `rows` of `length` values each, a multiple of [`BLOCK`].
    pub(super) fn round(&mut self, rows: &[f32], length: usize) {
        self.columns = length / BLOCK;
        self.values.clear();
        self.scales.clear();
        self.sums.clear();
        self.value_sums.clear();
        let (blocks, _) = rows.as_chunks::<BLOCK>();
        for block in blocks {
            let scale = largest(block) / MAX;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let rounded = block.map(|value| (value * inverse).round_ties_even() as i8);
            let sum: i32 = rounded.iter().map(|&value| i32::from(value)).sum();
            let scale = f16::from_f32(scale).to_f32();
            self.values.extend_from_slice(&rounded);
            self.scales.push(scale);
            self.sums.push(f16::from_f32(scale * sum as f32).to_f32());
            self.value_sums.push(sum);
        }
    }

    /// Rows that were rounded.
    pub(super) fn rows(&self) -> usize {
        self.scales.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Row number `row`.
    pub(super) fn row(&self, row: usize) -> Row<'_> {
        let range = row * self.columns..(row + 1) * self.columns;
        let (blocks, _) = self.values.as_chunks::<BLOCK>();
        Row {
            values: &blocks[range.clone()],
            scales: &self.scales[range.clone()],
            sums: &self.sums[range.clone()],
            value_sums: &self.value_sums[range],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_values_are_within_half_a_step() {
        let rows: Vec<f32> = (0..4 * BLOCK)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) / 7.0)
            .collect();
        let mut activations = Activations::default();
        activations.round(&rows, 2 * BLOCK);
        assert_eq!(activations.rows(), 2);
        for (row, values) in rows.chunks_exact(2 * BLOCK).enumerate() {
            let rounded = activations.row(row);
            for (column, values) in values.chunks_exact(BLOCK).enumerate() {
                let scale = rounded.scales[column];
                for (&value, &q) in values.iter().zip(&rounded.values[column]) {
                    // The scale itself is rounded by one part in 2048.
                    assert!((value - f32::from(q) * scale).abs() <= scale * (0.5 + 127.0 / 2048.0));
                }
                let sum: f32 = rounded.values[column].iter().map(|&q| f32::from(q)).sum();
                let wanted = sum * scale;
                assert!((rounded.sums[column] - wanted).abs() <= wanted.abs() / 1024.0 + 1e-6);
            }
        }
    }

    #[test]
    fn a_block_that_is_not_finite_says_so_and_its_neighbours_do_not() {
        for wrong in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in BLOCK..2 * BLOCK {
                let mut values = [1.0; 3 * BLOCK];
                values[place] = wrong;
                let mut activations = Activations::default();
                activations.round(&values, values.len());
                let row = activations.row(0);
                let is_finite =
                    |block: usize| (row.scales[block].is_finite(), row.sums[block].is_finite());
                assert_eq!(
                    [0, 1, 2].map(is_finite),
                    [(true, true), (false, false), (true, true)]
                );
            }
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        let mut activations = Activations::default();
        activations.round(&[0.0; BLOCK], BLOCK);
        let row = activations.row(0);
        assert_eq!(
            (row.values[0], row.scales[0], row.sums[0]),
            ([0; BLOCK], 0.0, 0.0)
        );
    }
}
