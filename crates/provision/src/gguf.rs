//! Writes GGUF version 3, the file format of llama.cpp's models.
//!
//! Takes metadata and tensors whose bytes are already in their final format; gives the file's
//! bytes. Reading is the inference engine's, and nothing is checked here that a reader must
//! check: a test may well want a file that is wrong. Source: `docs/gguf.md` of ggml.

use std::io::{self, Write};

use crate::quantize;

/// The first four bytes of each file.
const MAGIC: &[u8; 4] = b"GGUF";

/// The only version that is written.
const VERSION: u32 = 3;

/// Where each tensor's data begins, as a multiple from the start of the data, in bytes: GGUF's
/// default when the file has no `general.alignment`.
const ALIGNMENT_BYTES: u64 = 32;

/// A metadata value, of the types that language models use.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `UINT32`
    U32(u32),
    /// `FLOAT32`
    F32(f32),
    /// `BOOL`
    Bool(bool),
    /// `STRING`
    String(String),
    /// `ARRAY` of `STRING`
    Strings(Vec<String>),
    /// `ARRAY` of `INT32`
    I32s(Vec<i32>),
}

/// Numbers that stand for the types in the file: `gguf_metadata_value_type`.
mod type_id {
    pub(super) const U32: u32 = 4;
    pub(super) const I32: u32 = 5;
    pub(super) const F32: u32 = 6;
    pub(super) const BOOL: u32 = 7;
    pub(super) const STRING: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl Value {
    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::U32(number) => {
                write_u32(out, type_id::U32)?;
                write_u32(out, *number)
            }
            Self::F32(number) => {
                write_u32(out, type_id::F32)?;
                out.write_all(&number.to_le_bytes())
            }
            Self::Bool(flag) => {
                write_u32(out, type_id::BOOL)?;
                out.write_all(&[u8::from(*flag)])
            }
            Self::String(text) => {
                write_u32(out, type_id::STRING)?;
                write_string(out, text)
            }
            Self::Strings(texts) => {
                write_array_head(out, type_id::STRING, texts.len())?;
                texts.iter().try_for_each(|text| write_string(out, text))
            }
            Self::I32s(numbers) => {
                write_array_head(out, type_id::I32, numbers.len())?;
                numbers
                    .iter()
                    .try_for_each(|number| out.write_all(&number.to_le_bytes()))
            }
        }
    }
}

/// How a tensor's values are stored: the numbers of `ggml_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum TensorType {
    /// IEEE single precision
    F32 = 0,
    /// Blocks of [`quantize::q4_1`]
    Q4_1 = 3,
    /// Blocks of [`quantize::q8_0`]
    Q8_0 = 8,
}

/// One tensor with its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The name, as llama.cpp names it: `blk.0.attn_q.weight`.
    pub name: String,
    /// Values per dimension, the fastest first: a matrix is `[columns, rows]`.
    pub shape: Vec<u64>,
    /// How `data` is stored.
    pub tensor_type: TensorType,
    /// The bytes of the values.
    pub data: Vec<u8>,
}

impl Tensor {
    /// Stores `values` as `tensor_type`; `shape` is given as in [`Tensor::shape`].
    ///
    /// # Panics
    /// When `tensor_type` is a block format and the values are not whole blocks.
    pub fn new(
        name: impl Into<String>,
        shape: &[u64],
        tensor_type: TensorType,
        values: &[f32],
    ) -> Self {
        let data = match tensor_type {
            TensorType::F32 => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            TensorType::Q4_1 => quantize::q4_1(values),
            TensorType::Q8_0 => quantize::q8_0(values),
        };
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            tensor_type,
            data,
        }
    }
}

/// A whole file before it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    /// Keys and values, in the order of the file.
    pub metadata: Vec<(String, Value)>,
    /// Tensors, in the order of the file.
    pub tensors: Vec<Tensor>,
}

impl File {
    /// Writes header, metadata, tensor descriptions and the aligned tensor data to `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut head = Vec::new();
        head.write_all(MAGIC)?;
        write_u32(&mut head, VERSION)?;
        write_u64(&mut head, self.tensors.len() as u64)?;
        write_u64(&mut head, self.metadata.len() as u64)?;
        for (key, value) in &self.metadata {
            write_string(&mut head, key)?;
            value.write_to(&mut head)?;
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            write_string(&mut head, &tensor.name)?;
            write_u32(&mut head, tensor.shape.len() as u32)?;
            tensor
                .shape
                .iter()
                .try_for_each(|&len| write_u64(&mut head, len))?;
            write_u32(&mut head, tensor.tensor_type as u32)?;
            write_u64(&mut head, offset)?;
            offset = (offset + tensor.data.len() as u64).next_multiple_of(ALIGNMENT_BYTES);
        }
        write_aligned(out, &head)?;
        self.tensors
            .iter()
            .try_for_each(|tensor| write_aligned(out, &tensor.data))
    }
}

fn write_aligned(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    let len = bytes.len() as u64;
    let padding = len.next_multiple_of(ALIGNMENT_BYTES) - len;
    out.write_all(&[0; ALIGNMENT_BYTES as usize][..padding as usize])
}

fn write_u32(out: &mut impl Write, number: u32) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

fn write_u64(out: &mut impl Write, number: u64) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

fn write_string(out: &mut impl Write, text: &str) -> io::Result<()> {
    write_u64(out, text.len() as u64)?;
    out.write_all(text.as_bytes())
}

fn write_array_head(out: &mut impl Write, item_type: u32, len: usize) -> io::Result<()> {
    write_u32(out, type_id::ARRAY)?;
    write_u32(out, item_type)?;
    write_u64(out, len as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(file: &File) -> Vec<u8> {
        let mut bytes = Vec::new();
        file.write_to(&mut bytes).expect("writing to memory");
        bytes
    }

    #[test]
    fn an_empty_file_is_a_padded_header() {
        let bytes = written(&File::default());
        assert_eq!(&bytes[..8], b"GGUF\x03\0\0\0");
        assert_eq!(bytes.len(), 32, "24 bytes of header, padded");
    }

    #[test]
    fn metadata_is_key_type_value() {
        let file = File {
            metadata: vec![("k".into(), Value::U32(7))],
            tensors: Vec::new(),
        };
        assert_eq!(
            written(&file)[24..41],
            [1, 0, 0, 0, 0, 0, 0, 0, b'k', 4, 0, 0, 0, 7, 0, 0, 0]
        );
    }

    #[test]
    fn arrays_carry_item_type_and_length() {
        let value = Value::Strings(vec!["ab".into()]);
        let mut bytes = Vec::new();
        value.write_to(&mut bytes).expect("writing to memory");
        assert_eq!(
            bytes,
            [
                9, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b'
            ]
        );
    }

    #[test]
    fn each_tensor_begins_at_the_alignment() {
        let tensor = |name: &str| Tensor::new(name, &[3], TensorType::F32, &[1.0, 2.0, 3.0]);
        let file = File {
            metadata: Vec::new(),
            tensors: vec![tensor("a"), tensor("b")],
        };
        let bytes = written(&file);
        // 24 bytes of header; per tensor 9 of name, 4 + 8 of shape, 4 of type, 8 of offset.
        let data_start = (24_usize + 2 * 33).next_multiple_of(32);
        assert_eq!(bytes.len(), data_start + 2 * 32);
        assert_eq!(bytes[24 + 33 + 25..24 + 2 * 33], 32_u64.to_le_bytes());
        assert_eq!(bytes[data_start..data_start + 4], 1.0_f32.to_le_bytes());
        assert_eq!(
            bytes[data_start + 32..data_start + 36],
            1.0_f32.to_le_bytes()
        );
    }
}
