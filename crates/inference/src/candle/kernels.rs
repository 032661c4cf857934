//! Products of packed matrices with rounded rows, for processors with AVX2 or VNNI.
//!
//! Takes one group of eight matrix rows and some rounded rows; gives eight sums per row. Each row's
//! sums are formed in the same order however many rows there are and whichever instructions the
//! processor has, so a token's numbers depend neither on what else is in the batch nor on the
//! processor. Which groups are computed where is the caller's business.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod vnni;

use super::activations::Row;
use super::packed::{LANES, Q4Block, Q8Block};

/// Rows that share the loads of one group of weights: their sums and the block's unpacked weights
/// fill the 16 registers of AVX2.
pub(super) const TILE_ROWS: usize = 4;

/// Sums of one row with the eight rows of a group.
pub(super) type Sums = [f32; LANES];

/// Proof that the processor has what some kernels need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Available(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "there are no kernels")
)]
enum Instructions {
    Avx2,
    Vnni,
}

/// Asks the processor; nothing where there are no kernels for it.
#[cfg(target_arch = "x86_64")]
pub(super) fn available() -> Option<Available> {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    let vnni = is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl");
    avx2.then_some(Available(if vnni {
        Instructions::Vnni
    } else {
        Instructions::Avx2
    }))
}

/// There are no kernels for this processor.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn available() -> Option<Available> {
    None
}

impl Available {
    /// The sums of up to [`TILE_ROWS`] `rows` with a group of `Q4_1`.
    pub(super) fn q4(self, group: &[Q4Block], rows: &[Row<'_>], sums: &mut [Sums]) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::q4(self, group, rows, sums),
            #[cfg(target_arch = "x86_64")]
            Instructions::Vnni => vnni::q4(self, group, rows, sums),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("nobody can have made it: {group:?} {rows:?} {sums:?}"),
        }
    }

    /// The sums of up to [`TILE_ROWS`] `rows` with a group of `Q8_0`.
    pub(super) fn q8(self, group: &[Q8Block], rows: &[Row<'_>], sums: &mut [Sums]) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::q8(self, group, rows, sums),
            #[cfg(target_arch = "x86_64")]
            Instructions::Vnni => vnni::q8(self, group, rows, sums),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("nobody can have made it: {group:?} {rows:?} {sums:?}"),
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::super::activations::Activations;
    use super::super::packed::tests::tensor;
    use super::super::packed::{Blocks, Packed};
    use super::*;
    use crate::gguf::TensorType;

    #[test]
    fn all_instructions_give_the_same_sums() {
        let Some(best) = available() else {
            return eprintln!("SKIPPED: this processor has no kernels");
        };
        if best.0 == Instructions::Avx2 {
            return eprintln!("SKIPPED: this processor has only one kind of kernels");
        }
        let inputs = 160;
        let input: Vec<f32> = (0..TILE_ROWS * inputs)
            .map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 300.0)
            .collect();
        let mut activations = Activations::default();
        activations.round(&input, inputs);
        let rows: Vec<_> = (0..TILE_ROWS).map(|row| activations.row(row)).collect();
        for tensor_type in [TensorType::Q4_1, TensorType::Q8_0] {
            let data = tensor(tensor_type, LANES, inputs);
            let packed = Packed::new(&data, tensor_type, LANES, inputs).expect("packed");
            let sums = [Instructions::Avx2, best.0].map(|instructions| {
                let available = Available(instructions);
                let mut sums = [[0.0; LANES]; TILE_ROWS];
                match &packed.blocks {
                    Blocks::Q4(group) => available.q4(group, &rows, &mut sums),
                    Blocks::Q8(group) => available.q8(group, &rows, &mut sums),
                }
                sums
            });
            assert_eq!(sums[0], sums[1], "{tensor_type:?}");
        }
    }
}
