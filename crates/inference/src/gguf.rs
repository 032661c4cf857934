//! Reads the header of a GGUF file and trusts nothing in it.
//!
//! Takes any bytes that can be read and sought; gives metadata and tensor descriptions of which
//! each length has been checked against what the file really holds, or says what is wrong and
//! where. Memory stays within a small multiple of the file's size, whatever the file claims.
//! Tensor data are not read here, and what the values mean is not this module's business.
//! Source of the format: `docs/gguf.md` of ggml.

mod metadata;
mod reader;
mod tensor_type;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::Error;

pub use metadata::{Metadata, Value};
use reader::Reader;
pub use tensor_type::TensorType;

/// The first four bytes of each file.
const MAGIC: [u8; 4] = *b"GGUF";

/// Versions whose layout is the same: 3 only adds big-endian files, which are not supported.
const VERSIONS: [u32; 2] = [2, 3];

/// `GGML_MAX_DIMS`
const MAX_DIMENSIONS: u32 = 4;

/// `GGML_MAX_NAME` is 64 bytes; longer names are accepted up to this, in bytes.
const MAX_NAME_BYTES: u64 = 1024;

/// The default of `general.alignment`, in bytes.
const DEFAULT_ALIGNMENT_BYTES: u64 = 32;

/// Least bytes of a key-value pair: key length, type, one byte of value.
const MIN_PAIR_BYTES: u64 = 8 + 4 + 1;

/// Least bytes of a tensor description: name length, dimensions, type, offset.
const MIN_TENSOR_BYTES: u64 = 8 + 4 + 4 + 8;

/// Whether a file is damaged or merely of a kind that is not for this engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProblemKind {
    Corrupt,
    Unsupported,
}

/// What does not hold in a file, in words for a message; the reader does not know the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Problem {
    kind: ProblemKind,
    text: String,
}

impl Problem {
    /// The file contradicts itself or the format.
    pub(crate) fn corrupt(text: impl Into<String>) -> Self {
        Self {
            kind: ProblemKind::Corrupt,
            text: text.into(),
        }
    }

    /// The file is in order and holds what the engine cannot run.
    pub(crate) fn unsupported(text: impl Into<String>) -> Self {
        Self {
            kind: ProblemKind::Unsupported,
            text: text.into(),
        }
    }

    /// The error that names the file.
    #[cfg_attr(
        not(any(feature = "candle", feature = "llama")),
        expect(dead_code, reason = "only backends open files")
    )]
    pub(crate) fn in_file(self, path: &Path) -> Error {
        let (path, problem) = (path.to_owned(), self.text);
        match self.kind {
            ProblemKind::Corrupt => Error::CorruptModel { path, problem },
            ProblemKind::Unsupported => Error::UnsupportedModel { path, problem },
        }
    }
}

/// Where a tensor lies and what shape it has; its data are inside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Values per dimension, the slowest first: a matrix is `[rows, columns]`.
    pub shape: Vec<usize>,
    /// How the values are stored.
    pub tensor_type: TensorType,
    /// First byte of the data, from the start of the file.
    pub start: u64,
    /// Bytes of the data.
    pub size_bytes: usize,
}

/// The checked header of a GGUF file.
#[derive(Debug, Clone)]
pub struct Header {
    /// Keys and values.
    pub metadata: Metadata,
    /// Tensors by name.
    pub tensors: BTreeMap<String, TensorInfo>,
}

impl Header {
    /// Reads and checks the header of `source`.
    ///
    /// # Errors
    /// [`Problem`] says what does not hold. A failing read is told as a problem as well: a file
    /// that cannot be read to the end of its header is not usable, whatever the reason.
    pub fn read(source: &mut (impl Read + Seek)) -> Result<Self, Problem> {
        let file_bytes = source
            .seek(SeekFrom::End(0))
            .and_then(|end| source.rewind().map(|()| end))
            .map_err(|error| Problem::corrupt(format!("its size cannot be found: {error}")))?;
        let mut reader = Reader::new(source, file_bytes);
        let (tensor_count, pair_count) = read_counts(&mut reader)?;
        let metadata = Metadata::read(&mut reader, pair_count)?;
        let descriptions = read_tensors(&mut reader, tensor_count)?;
        let alignment = alignment_bytes(&metadata)?;
        let data_start = reader
            .position()
            .checked_next_multiple_of(alignment)
            .ok_or_else(|| Problem::corrupt("the alignment overflows"))?;
        let tensors = place(descriptions, data_start, alignment, file_bytes)?;
        Ok(Self { metadata, tensors })
    }
}

fn read_counts(reader: &mut Reader<'_, impl Read>) -> Result<(u64, u64), Problem> {
    let magic = reader.bytes::<4>("the magic number")?;
    if magic != MAGIC {
        return Err(Problem::corrupt(format!(
            "it begins with {magic:02x?}, not with \"GGUF\""
        )));
    }
    let version = reader.u32("the version")?;
    if !VERSIONS.contains(&version) {
        return Err(Problem::unsupported(format!(
            "it has version {version}; versions 2 and 3 (little-endian) are supported"
        )));
    }
    let tensor_count = reader.u64("the number of tensors")?;
    let pair_count = reader.u64("the number of metadata keys")?;
    let needed = tensor_count
        .checked_mul(MIN_TENSOR_BYTES)
        .zip(pair_count.checked_mul(MIN_PAIR_BYTES))
        .and_then(|(tensors, pairs)| tensors.checked_add(pairs));
    if needed.is_none_or(|needed| needed > reader.remaining()) {
        return Err(Problem::corrupt(format!(
            "it claims {tensor_count} tensors and {pair_count} metadata keys, which its {} bytes \
             cannot hold",
            reader.file_bytes()
        )));
    }
    Ok((tensor_count, pair_count))
}

/// A tensor as the file describes it, before its place is known.
struct Description {
    name: String,
    shape: Vec<usize>,
    tensor_type: TensorType,
    offset: u64,
    size_bytes: usize,
}

fn read_tensors(
    reader: &mut Reader<'_, impl Read>,
    count: u64,
) -> Result<Vec<Description>, Problem> {
    (0..count).map(|_| read_tensor(reader)).collect()
}

fn read_tensor(reader: &mut Reader<'_, impl Read>) -> Result<Description, Problem> {
    let name = reader.string("a tensor's name", MAX_NAME_BYTES)?;
    let dimensions = reader.u32("a tensor's number of dimensions")?;
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(Problem::corrupt(format!(
            "tensor {name:?} has {dimensions} dimensions; 1 to {MAX_DIMENSIONS} are possible"
        )));
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    for _ in 0..dimensions {
        let length = reader.u64("a tensor's shape")?;
        let length = usize::try_from(length).ok().filter(|&length| length > 0);
        shape.push(length.ok_or_else(|| Problem::corrupt(format!("tensor {name:?} is empty")))?);
    }
    shape.reverse();
    let type_id = reader.u32("a tensor's type")?;
    let tensor_type = TensorType::from_id(type_id).ok_or_else(|| {
        Problem::unsupported(format!(
            "tensor {name:?} has the type number {type_id}, which is unknown or not supported"
        ))
    })?;
    let size_bytes = tensor_type.size_bytes(&shape).ok_or_else(|| {
        Problem::corrupt(format!(
            "tensor {name:?} of shape {shape:?} is too large or not made of whole {tensor_type:?} \
             blocks"
        ))
    })?;
    let offset = reader.u64("a tensor's offset")?;
    Ok(Description {
        name,
        shape,
        tensor_type,
        offset,
        size_bytes,
    })
}

fn alignment_bytes(metadata: &Metadata) -> Result<u64, Problem> {
    let alignment = metadata
        .optional_unsigned("general.alignment")?
        .unwrap_or(DEFAULT_ALIGNMENT_BYTES);
    if alignment.is_power_of_two() && (8..=65_536).contains(&alignment) {
        Ok(alignment)
    } else {
        Err(Problem::corrupt(format!(
            "general.alignment is {alignment}; a power of two from 8 to 65536 was expected"
        )))
    }
}

/// Puts each tensor at its place in the file and checks that the file holds them all, one beside
/// the other: tensors that share bytes would let a small file ask for any amount of memory.
fn place(
    descriptions: Vec<Description>,
    data_start: u64,
    alignment: u64,
    file_bytes: u64,
) -> Result<BTreeMap<String, TensorInfo>, Problem> {
    let mut tensors = BTreeMap::new();
    let mut ranges = Vec::with_capacity(descriptions.len());
    for description in descriptions {
        let (start, end) = byte_range(&description, data_start, alignment, file_bytes)?;
        ranges.push((start, end));
        let info = TensorInfo {
            shape: description.shape,
            tensor_type: description.tensor_type,
            start,
            size_bytes: description.size_bytes,
        };
        let name = description.name;
        if tensors.insert(name.clone(), info).is_some() {
            return Err(Problem::corrupt(format!("tensor {name:?} is there twice")));
        }
    }
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        if pair[0].1 > pair[1].0 {
            return Err(Problem::corrupt(format!(
                "two of its tensors share the bytes from {} on",
                pair[1].0
            )));
        }
    }
    Ok(tensors)
}

/// First byte of a tensor and the first one behind it, from the start of the file.
fn byte_range(
    description: &Description,
    data_start: u64,
    alignment: u64,
    file_bytes: u64,
) -> Result<(u64, u64), Problem> {
    let Description { name, offset, .. } = description;
    let start = data_start.checked_add(*offset);
    let end = start.and_then(|start| start.checked_add(description.size_bytes as u64));
    let (Some(start), Some(end)) = (start, end) else {
        return Err(Problem::corrupt(format!(
            "tensor {name:?} has an absurd offset"
        )));
    };
    if end > file_bytes {
        return Err(Problem::corrupt(format!(
            "tensor {name:?} needs bytes {start} to {end}, the file has {file_bytes}: it is \
             truncated or damaged"
        )));
    }
    if !offset.is_multiple_of(alignment) {
        return Err(Problem::corrupt(format!(
            "tensor {name:?} is at offset {offset}, which is no multiple of {alignment}"
        )));
    }
    Ok((start, end))
}
