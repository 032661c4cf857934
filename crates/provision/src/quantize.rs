//! The two quantised block formats of the synthetic model, as ggml defines them.
//!
//! Takes rows of `f32`, gives the bytes of whole blocks. Both formats cut a row into blocks of
//! [`BLOCK_LEN`] neighbouring values; a row must be a multiple of that. All numbers are little
//! endian, scales are IEEE half precision.
//!
//! | format | bytes | layout | value |
//! |---|---|---|---|
//! | `Q4_1` | 20 | `d: f16`, `m: f16`, 16 bytes of two 4-bit numbers | `d · q + m`, `q` in 0…15 |
//! | `Q8_0` | 34 | `d: f16`, 32 × `i8` | `d · q`, `q` in −127…127 |
//!
//! In `Q4_1` the low half of byte *j* is value *j* and the high half is value *j* + 16. Source:
//! `block_q4_1` and `block_q8_0` in ggml's `ggml-common.h`.

use half::f16;

/// Values per block, in both formats.
pub const BLOCK_LEN: usize = 32;

/// Bytes of one `Q4_1` block.
pub const Q4_1_BLOCK_BYTES: usize = 2 + 2 + BLOCK_LEN / 2;

/// Bytes of one `Q8_0` block.
pub const Q8_0_BLOCK_BYTES: usize = 2 + BLOCK_LEN;

/// Quantises `values` to `Q4_1` blocks: the block's minimum is 0, its maximum 15.
///
/// # Panics
/// When the number of values is no multiple of [`BLOCK_LEN`].
pub fn q4_1(values: &[f32]) -> Vec<u8> {
    let blocks = whole_blocks(values);
    let mut bytes = Vec::with_capacity(blocks.len() * Q4_1_BLOCK_BYTES);
    for block in blocks {
        let min = block.iter().copied().fold(f32::INFINITY, f32::min);
        let max = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let step = (max - min) / 15.0;
        let level = |value: f32| scaled(value - min, step).min(15.0) as u8;
        bytes.extend(f16::from_f32(step).to_le_bytes());
        bytes.extend(f16::from_f32(min).to_le_bytes());
        let (low, high) = block.split_at(BLOCK_LEN / 2);
        bytes.extend(
            low.iter()
                .zip(high)
                .map(|(&low, &high)| level(low) | level(high) << 4),
        );
    }
    bytes
}

/// Quantises `values` to `Q8_0` blocks: the block's largest magnitude is ±127.
///
/// # Panics
/// When the number of values is no multiple of [`BLOCK_LEN`].
pub fn q8_0(values: &[f32]) -> Vec<u8> {
    let blocks = whole_blocks(values);
    let mut bytes = Vec::with_capacity(blocks.len() * Q8_0_BLOCK_BYTES);
    for block in blocks {
        let largest = block
            .iter()
            .fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let step = largest / 127.0;
        bytes.extend(f16::from_f32(step).to_le_bytes());
        bytes.extend(
            block
                .iter()
                .flat_map(|&value| (scaled(value, step) as i8).to_le_bytes()),
        );
    }
    bytes
}

fn whole_blocks(values: &[f32]) -> &[[f32; BLOCK_LEN]] {
    let (blocks, rest) = values.as_chunks();
    assert!(
        rest.is_empty(),
        "{} values are not whole blocks of {BLOCK_LEN}",
        values.len()
    );
    blocks
}

/// `value ÷ step`, rounded; a block of equal values has the step 0 and all levels 0.
fn scaled(value: f32, step: f32) -> f32 {
    if step == 0.0 {
        0.0
    } else {
        (value / step).round()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_at(bytes: &[u8], at: usize) -> f32 {
        f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
    }

    fn q4_1_restored(block: &[u8]) -> Vec<f32> {
        let (step, min) = (half_at(block, 0), half_at(block, 2));
        let low = block[4..].iter().map(|byte| byte & 15);
        let high = block[4..].iter().map(|byte| byte >> 4);
        low.chain(high)
            .map(|level| step * f32::from(level) + min)
            .collect()
    }

    fn q8_0_restored(block: &[u8]) -> Vec<f32> {
        let step = half_at(block, 0);
        block[2..]
            .iter()
            .map(|&level| step * f32::from(level.cast_signed()))
            .collect()
    }

    fn wave() -> Vec<f32> {
        (0_u8..32)
            .map(|at| (f32::from(at) * 0.7).sin() * 2.0 - 0.3)
            .collect()
    }

    #[test]
    fn q4_1_restores_each_value_to_half_a_step() {
        let restored = q4_1_restored(&q4_1(&wave()));
        for (value, restored) in wave().iter().zip(restored) {
            // Half a step of 4/15, and the rounding of both scales to half precision.
            assert!(
                (value - restored).abs() <= 2.0 / 15.0 + 0.01,
                "{value} became {restored}"
            );
        }
    }

    #[test]
    fn q8_0_restores_each_value_to_half_a_step() {
        let restored = q8_0_restored(&q8_0(&wave()));
        for (value, restored) in wave().iter().zip(restored) {
            assert!(
                (value - restored).abs() <= 2.3 / 254.0 + 0.002,
                "{value} became {restored}"
            );
        }
    }

    #[test]
    fn equal_values_are_kept_and_divide_by_nothing() {
        assert_eq!(q4_1_restored(&q4_1(&[0.5; 32])), vec![0.5; 32]);
        assert_eq!(q8_0_restored(&q8_0(&[0.0; 32])), vec![0.0; 32]);
    }

    #[test]
    fn sizes_follow_the_block_formats() {
        assert_eq!(q4_1(&[1.0; 96]).len(), 3 * Q4_1_BLOCK_BYTES);
        assert_eq!(q8_0(&[1.0; 96]).len(), 3 * Q8_0_BLOCK_BYTES);
    }

    #[test]
    #[should_panic(expected = "not whole blocks")]
    fn a_partial_block_is_refused() {
        q4_1(&[1.0; 33]);
    }
}
