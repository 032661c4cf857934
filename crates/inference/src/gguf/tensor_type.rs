//! How a tensor's values are stored: names, numbers and block sizes of `ggml_type`.

/// The storage formats that the candle backend can multiply with. Files with others are refused on
/// every backend.
///
/// `Q8_1` and `Q8K` exist only as intermediate formats and are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of ggml")]
pub enum TensorType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

impl TensorType {
    /// The type with the number `id` of `ggml_type`, if it is supported.
    pub(super) fn from_id(id: u32) -> Option<Self> {
        Some(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::BF16,
            _ => return None,
        })
    }

    /// Values and bytes of one block: `ggml_blck_size` and `ggml_type_size`.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2K => (256, 84),
            Self::Q3K => (256, 110),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }

    /// Bytes of a tensor of `shape` (the slowest dimension first); nothing when that overflows
    /// or when a row is not made of whole blocks.
    pub(super) fn size_bytes(self, shape: &[usize]) -> Option<usize> {
        let (block_values, block_bytes) = self.block();
        if !shape.last()?.is_multiple_of(block_values) {
            return None;
        }
        let values = shape
            .iter()
            .try_fold(1_usize, |product, &length| product.checked_mul(length))?;
        (values / block_values).checked_mul(block_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_blocks() {
        assert_eq!(TensorType::F32.size_bytes(&[3, 5]), Some(60));
        assert_eq!(TensorType::Q4_1.size_bytes(&[2, 64]), Some(80));
        assert_eq!(TensorType::Q8_0.size_bytes(&[1, 32]), Some(34));
        assert_eq!(TensorType::Q6K.size_bytes(&[256]), Some(210));
    }

    #[test]
    fn rows_that_split_a_block_and_overflows_are_refused() {
        assert_eq!(TensorType::Q4_1.size_bytes(&[32, 33]), None);
        assert_eq!(TensorType::F32.size_bytes(&[usize::MAX, 2]), None);
        assert_eq!(TensorType::F32.size_bytes(&[usize::MAX]), None);
        assert_eq!(TensorType::F32.size_bytes(&[]), None);
    }
}
