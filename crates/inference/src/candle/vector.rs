//! Arithmetic on rows of numbers, written so that the compiler can use wide registers.
//!
//! Takes slices; changes them or gives a number. Sums are formed in a fixed order, so that the
//! result does not depend on how many threads there are.

/// Partial sums of a dot product: enough for two 256-bit registers.
const LANES: usize = 16;

/// The sum of products.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The largest magnitude; not a number when a value is none. Magnitudes have the order of their bits,
/// with what is not a number above all, and the largest of integers may be sought in any order.
#[inline]
pub(super) fn largest(values: &[f32]) -> f32 {
    let magnitudes = values.iter().map(|value| value.abs().to_bits());
    f32::from_bits(magnitudes.fold(0, u32::max))
}

/// Adds `factor · x` to `y`.
pub(super) fn add_scaled(y: &mut [f32], factor: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// Adds `x` to `y`.
pub(super) fn add(y: &mut [f32], x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += x;
    }
}

/// Turns scores into shares that sum to 1.
pub(super) fn softmax(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - max).exp();
        sum += *score;
    }
    let scale = 1.0 / sum;
    for score in scores {
        *score *= scale;
    }
}

/// Writes each row of `rows`, divided by its root mean square and scaled by `weights`, to
/// `normed` (Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019).
pub(super) fn rms_norm(rows: &[f32], weights: &[f32], epsilon: f32, normed: &mut Vec<f32>) {
    normed.clear();
    for row in rows.chunks_exact(weights.len()) {
        let mean_square = dot(row, row) / row.len() as f32;
        let scale = 1.0 / (mean_square + epsilon).sqrt();
        normed.extend(
            row.iter()
                .zip(weights)
                .map(|(value, weight)| value * scale * weight),
        );
    }
}

/// Multiplies `silu(gate)` by `up` into `gate` (Shazeer, "GLU Variants Improve Transformer",
/// 2020).
pub(super) fn swiglu(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + (-*gate).exp()) * up;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_product_counts_chunks_and_rest() {
        let a: Vec<f32> = (1..=37_u8).map(f32::from).collect();
        // Σ k² for k = 1…37
        assert!((dot(&a, &a) - 17_575.0).abs() < 1e-2);
        assert!(dot(&[], &[]).abs() < 1e-12);
    }

    #[test]
    fn the_largest_magnitude_is_that_of_the_numbers_if_all_are_some() {
        let largest = |values: &[f32]| largest(values).to_bits();
        assert_eq!(largest(&[]), 0.0_f32.to_bits());
        assert_eq!(largest(&[1.0, -3.0, -0.0, 2.5]), 3.0_f32.to_bits());
        assert_eq!(largest(&[1.0, f32::NEG_INFINITY]), f32::INFINITY.to_bits());
        for values in [[f32::NAN, f32::INFINITY], [1.0, -f32::NAN]] {
            assert!(f32::from_bits(largest(&values)).is_nan());
        }
    }

    #[test]
    fn softmax_sums_to_one_and_bears_large_scores() {
        let mut scores = [1000.0, 1001.0, 999.0];
        softmax(&mut scores);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((scores[1] / scores[0] - std::f32::consts::E).abs() < 1e-4);
    }

    #[test]
    fn a_normed_row_has_a_mean_square_of_one() {
        let mut normed = Vec::new();
        rms_norm(
            &[3.0, 4.0, 0.0, 0.0, 6.0, 8.0, 0.0, 0.0],
            &[1.0, 1.0, 1.0, 2.0],
            0.0,
            &mut normed,
        );
        for (value, expected) in normed.iter().zip([1.2, 1.6, 0.0, 0.0, 1.2, 1.6, 0.0, 0.0]) {
            assert!((value - expected).abs() < 1e-6, "{normed:?}");
        }
    }

    #[test]
    fn swiglu_is_silu_times_up() {
        let mut gate = [0.0, 2.0, -30.0];
        swiglu(&mut gate, &[5.0, 3.0, 1.0]);
        assert!(gate[0].abs() < 1e-12);
        assert!((gate[1] - 6.0 / (1.0 + (-2.0_f32).exp())).abs() < 1e-6);
        assert!(gate[2].abs() < 1e-6);
    }
}
