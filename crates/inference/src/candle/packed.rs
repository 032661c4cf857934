//! Quantised matrices in the order in which the kernels read them.
//!
//! Takes the blocks of a GGUF tensor, row by row; gives the same numbers with eight rows
//! interleaved, so that one register holds the same columns of eight rows. No value is changed: a
//! block of eight rows has the bytes that its rows had. What is computed with them is in
//! [`super::kernels`].
//!
//! Formats, per block of 32 values (`ggml-common.h` of ggml): `Q4_1` is a scale and a minimum as f16
//! and 16 bytes, of which byte i holds value i in its low half and value i + 16 in its high half;
//! `Q8_0` is a scale as f16 and 32 signed bytes.

use half::f16;

use crate::gguf::TensorType;

/// Rows that are interleaved.
pub(super) const LANES: usize = 8;

/// Values per block and row.
pub(super) const BLOCK: usize = 32;

/// Columns of one row that lie side by side: a 32-bit lane of a register.
const WORD: usize = 4;

/// A scale per row.
pub(super) type Scales = [f16; LANES];

/// 32 columns of eight rows of `Q4_1`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(super) struct Q4Block {
    pub(super) scales: Scales,
    pub(super) minima: Scales,
    /// Word `w` of row `r` is at `w * 32 + r * 4`: columns `4w…` in the low halves, `16 + 4w…` in
    /// the high ones.
    pub(super) values: [[u8; 32]; BLOCK / WORD / 2],
}

/// 32 columns of eight rows of `Q8_0`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(super) struct Q8Block {
    pub(super) scales: Scales,
    /// Word `w` of row `r` is at `w * 32 + r * 4`: columns `4w…`.
    pub(super) values: [[i8; 32]; BLOCK / WORD],
}

/// The blocks of a packed matrix: those of eight rows, column by column, then those of the next.
#[derive(Debug)]
pub(super) enum Blocks {
    Q4(Vec<Q4Block>),
    Q8(Vec<Q8Block>),
}

/// A matrix of whole groups of eight rows.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) blocks: Blocks,
    /// Blocks of one row.
    pub(super) columns: usize,
    /// Groups of eight rows.
    pub(super) groups: usize,
}

/// Bytes of one row's block in the file.
const Q4_FILE_BYTES: usize = 20;
const Q8_FILE_BYTES: usize = 34;

impl Packed {
    /// Packs the tensor `data` of `rows` times `inputs` values; nothing when its type or shape has
    /// no kernel.
    pub(super) fn new(
        data: &[u8],
        tensor_type: TensorType,
        rows: usize,
        inputs: usize,
    ) -> Option<Self> {
        if !rows.is_multiple_of(LANES) || !inputs.is_multiple_of(BLOCK) {
            return None;
        }
        let columns = inputs / BLOCK;
        let blocks = match tensor_type {
            TensorType::Q4_1 => Blocks::Q4(pack(data, columns, q4_block)),
            TensorType::Q8_0 => Blocks::Q8(pack(data, columns, q8_block)),
            _ => return None,
        };
        Some(Self {
            blocks,
            columns,
            groups: rows / LANES,
        })
    }

    /// The values of row `row`, appended to `values`.
    pub(super) fn dequantize_row(&self, row: usize, values: &mut Vec<f32>) {
        let (group, lane) = (row / LANES, row % LANES);
        let range = group * self.columns..(group + 1) * self.columns;
        match &self.blocks {
            Blocks::Q4(blocks) => {
                for block in &blocks[range] {
                    let scale = block.scales[lane].to_f32();
                    let minimum = block.minima[lane].to_f32();
                    let bytes = lane_bytes(&block.values, lane);
                    let low = bytes.clone().map(|byte| byte & 0x0f);
                    let high = bytes.map(|byte| byte >> 4);
                    values.extend(low.chain(high).map(|q| f32::from(q) * scale + minimum));
                }
            }
            Blocks::Q8(blocks) => {
                for block in &blocks[range] {
                    let scale = block.scales[lane].to_f32();
                    let bytes = lane_bytes(&block.values, lane);
                    values.extend(bytes.map(|q| f32::from(q) * scale));
                }
            }
        }
    }
}

/// The bytes of one row, in the order of the words.
fn lane_bytes<T: Copy>(words: &[[T; 32]], lane: usize) -> impl Iterator<Item = T> + Clone {
    let range = lane * WORD..(lane + 1) * WORD;
    words
        .iter()
        .flat_map(move |word| word[range.clone()].iter().copied())
}

/// Interleaves rows of `columns` blocks each, which `block` makes of the bytes of eight.
fn pack<const BYTES: usize, B>(
    data: &[u8],
    columns: usize,
    block: impl Fn([&[u8; BYTES]; LANES]) -> B,
) -> Vec<B> {
    let (file_blocks, _) = data.as_chunks::<BYTES>();
    let mut packed = Vec::with_capacity(file_blocks.len() / LANES);
    for group in file_blocks.chunks_exact(LANES * columns) {
        for column in 0..columns {
            packed.push(block(std::array::from_fn(|lane| {
                &group[lane * columns + column]
            })));
        }
    }
    packed
}

fn q4_block(rows: [&[u8; Q4_FILE_BYTES]; LANES]) -> Q4Block {
    Q4Block {
        scales: rows.map(|row| scale_at(row, 0)),
        minima: rows.map(|row| scale_at(row, 2)),
        values: interleave(rows.map(|row| &row[4..])),
    }
}

fn q8_block(rows: [&[u8; Q8_FILE_BYTES]; LANES]) -> Q8Block {
    let words: [[u8; 32]; BLOCK / WORD] = interleave(rows.map(|row| &row[2..]));
    Q8Block {
        scales: rows.map(|row| scale_at(row, 0)),
        values: words.map(|word| word.map(u8::cast_signed)),
    }
}

fn scale_at(row: &[u8], start: usize) -> f16 {
    f16::from_le_bytes([row[start], row[start + 1]])
}

fn interleave<const WORDS: usize>(rows: [&[u8]; LANES]) -> [[u8; 32]; WORDS] {
    std::array::from_fn(|word| {
        std::array::from_fn(|place| rows[place / WORD][word * WORD + place % WORD])
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes of `rows` rows of blocks, without a pattern; their scales are finite.
    pub(in super::super) fn tensor(tensor_type: TensorType, rows: usize, inputs: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut scale = |spread: f32| {
            let share = (next() % 1000) as f32 / 1000.0 - 0.5;
            f16::from_f32(share * spread).to_le_bytes()
        };
        let (scales, bytes) = match tensor_type {
            TensorType::Q4_1 => (2, 16),
            TensorType::Q8_0 => (1, 32),
            other => panic!("{other:?} is not packed"),
        };
        let mut data = Vec::new();
        for _ in 0..rows * inputs / BLOCK {
            for _ in 0..scales {
                data.extend(scale(0.2));
            }
            let salt = data.len() * 11;
            data.extend((0..bytes).map(|index| (index * 37 + salt) as u8));
        }
        data
    }

    /// The values of row `row` by the definition of the format.
    pub(in super::super) fn row_values(
        tensor_type: TensorType,
        data: &[u8],
        inputs: usize,
        row: usize,
    ) -> Vec<f32> {
        let bytes = match tensor_type {
            TensorType::Q4_1 => Q4_FILE_BYTES,
            _ => Q8_FILE_BYTES,
        };
        let row_bytes = inputs / BLOCK * bytes;
        let mut values = Vec::new();
        for block in data[row * row_bytes..(row + 1) * row_bytes].chunks_exact(bytes) {
            let scale = scale_at(block, 0).to_f32();
            if tensor_type == TensorType::Q4_1 {
                let minimum = scale_at(block, 2).to_f32();
                let low = block[4..].iter().map(|byte| byte & 0x0f);
                let high = block[4..].iter().map(|byte| byte >> 4);
                values.extend(low.chain(high).map(|q| f32::from(q) * scale + minimum));
            } else {
                values.extend(
                    block[2..]
                        .iter()
                        .map(|&q| f32::from(q.cast_signed()) * scale),
                );
            }
        }
        values
    }

    #[test]
    fn a_packed_row_has_the_values_of_the_file() {
        let (rows, inputs) = (24, 96);
        for tensor_type in [TensorType::Q4_1, TensorType::Q8_0] {
            let data = tensor(tensor_type, rows, inputs);
            let packed = Packed::new(&data, tensor_type, rows, inputs).expect("packed");
            for row in 0..rows {
                let mut values = Vec::new();
                packed.dequantize_row(row, &mut values);
                assert_eq!(values, row_values(tensor_type, &data, inputs, row));
            }
        }
    }

    #[test]
    fn what_has_no_kernel_is_left_alone() {
        let data = tensor(TensorType::Q8_0, 12, 32);
        assert!(Packed::new(&data, TensorType::Q8_0, 12, 32).is_none());
        assert!(Packed::new(&data, TensorType::Q4_0, 8, 32).is_none());
        assert!(Packed::new(&data, TensorType::Q8_0, 8, 48).is_none());
    }

    #[test]
    fn packing_takes_no_more_memory_than_the_file() {
        assert_eq!(size_of::<Q4Block>(), LANES * Q4_FILE_BYTES);
        assert_eq!(size_of::<Q8Block>(), LANES * Q8_FILE_BYTES);
    }
}
