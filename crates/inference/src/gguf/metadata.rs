//! Keys and values of a GGUF file, typed on access.
//!
//! Takes a reader at the first key; gives values that a caller asks for by key and type, where a
//! missing key and a wrong type are problems that name the key. Arrays of a kind that no llama
//! model needs are read over and not kept.

use std::collections::HashMap;
use std::io::Read;

use super::reader::Reader;
use super::{MAX_NAME_BYTES, Problem};

/// A value that the engine can use.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Any of the unsigned integer types.
    Unsigned(u64),
    /// Any of the signed integer types.
    Signed(i64),
    /// `FLOAT32` or `FLOAT64`.
    Float(f64),
    /// `BOOL`
    Bool(bool),
    /// `STRING`
    String(String),
    /// `ARRAY` of `STRING`
    Strings(Vec<String>),
    /// `ARRAY` of `INT32` or `UINT32`
    Integers(Vec<i64>),
    /// An array of another kind, read over.
    Skipped,
}

/// Numbers of `gguf_metadata_value_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl ValueType {
    fn read(reader: &mut Reader<'_, impl Read>) -> Result<Self, Problem> {
        Ok(match reader.u32("a value's type")? {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::String,
            9 => Self::Array,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            id => return Err(reader.problem(&format!("the value type {id} is unknown"))),
        })
    }

    /// Bytes of one value in the file, the least for strings and arrays.
    fn min_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::String => 8,
            Self::Array => 12,
        }
    }
}

/// All keys of a file.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    values: HashMap<String, Value>,
}

impl Metadata {
    pub(super) fn read(reader: &mut Reader<'_, impl Read>, count: u64) -> Result<Self, Problem> {
        let mut values = HashMap::new();
        for _ in 0..count {
            let key = reader.string("a metadata key", MAX_NAME_BYTES)?;
            let value_type = ValueType::read(reader)?;
            let value = read_value(reader, value_type, &key)?;
            if values.contains_key(&key) {
                return Err(reader.problem(&format!("the key {key:?} is there twice")));
            }
            values.insert(key, value);
        }
        Ok(Self { values })
    }

    /// The string of `key`.
    ///
    /// # Errors
    /// When the key is missing or is not a string.
    pub fn string(&self, key: &str) -> Result<&str, Problem> {
        self.optional_string(key)?.ok_or_else(|| missing(key))
    }

    /// The string of `key`, if the key is there.
    ///
    /// # Errors
    /// When the key is not a string.
    pub fn optional_string(&self, key: &str) -> Result<Option<&str>, Problem> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(key, other, "a string")),
        }
    }

    /// The number of `key`.
    ///
    /// # Errors
    /// When the key is missing or is not a whole number, at least 0.
    pub fn unsigned(&self, key: &str) -> Result<u64, Problem> {
        self.optional_unsigned(key)?.ok_or_else(|| missing(key))
    }

    /// The number of `key`, if the key is there.
    ///
    /// # Errors
    /// When the key is not a whole number, at least 0.
    pub fn optional_unsigned(&self, key: &str) -> Result<Option<u64>, Problem> {
        match self.values.get(key) {
            None => Ok(None),
            Some(&Value::Unsigned(number)) => Ok(Some(number)),
            Some(&Value::Signed(number)) if number >= 0 => Ok(Some(number.unsigned_abs())),
            Some(other) => Err(wrong_type(key, other, "a whole number, at least 0")),
        }
    }

    /// The number of `key`, if the key is there.
    ///
    /// # Errors
    /// When the key is not a floating point number.
    pub fn optional_float(&self, key: &str) -> Result<Option<f64>, Problem> {
        match self.values.get(key) {
            None => Ok(None),
            Some(&Value::Float(number)) => Ok(Some(number)),
            Some(other) => Err(wrong_type(key, other, "a floating point number")),
        }
    }

    /// The flag of `key`, if the key is there.
    ///
    /// # Errors
    /// When the key is not a flag.
    pub fn optional_bool(&self, key: &str) -> Result<Option<bool>, Problem> {
        match self.values.get(key) {
            None => Ok(None),
            Some(&Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong_type(key, other, "a flag")),
        }
    }

    /// The strings of `key`.
    ///
    /// # Errors
    /// When the key is missing or is not an array of strings.
    pub fn strings(&self, key: &str) -> Result<&[String], Problem> {
        match self.values.get(key) {
            None => Err(missing(key)),
            Some(Value::Strings(texts)) => Ok(texts),
            Some(other) => Err(wrong_type(key, other, "an array of strings")),
        }
    }

    /// The whole numbers of `key`, if the key is there.
    ///
    /// # Errors
    /// When the key is not an array of 32-bit integers.
    pub fn optional_integers(&self, key: &str) -> Result<Option<&[i64]>, Problem> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Integers(numbers)) => Ok(Some(numbers)),
            Some(other) => Err(wrong_type(key, other, "an array of 32-bit integers")),
        }
    }
}

fn missing(key: &str) -> Problem {
    Problem::corrupt(format!("the key {key:?} is missing"))
}

fn wrong_type(key: &str, found: &Value, expected: &str) -> Problem {
    let found = match found {
        Value::Unsigned(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Bool(flag) => flag.to_string(),
        Value::String(_) => "a string".to_owned(),
        Value::Strings(_) => "an array of strings".to_owned(),
        Value::Integers(_) => "an array of integers".to_owned(),
        Value::Skipped => "an array of another kind".to_owned(),
    };
    Problem::corrupt(format!(
        "the key {key:?} is {found}; {expected} was expected"
    ))
}

fn read_value(
    reader: &mut Reader<'_, impl Read>,
    value_type: ValueType,
    key: &str,
) -> Result<Value, Problem> {
    Ok(match value_type {
        ValueType::U8 => Value::Unsigned(u8::from_le_bytes(reader.bytes(key)?).into()),
        ValueType::U16 => Value::Unsigned(u16::from_le_bytes(reader.bytes(key)?).into()),
        ValueType::U32 => Value::Unsigned(reader.u32(key)?.into()),
        ValueType::U64 => Value::Unsigned(reader.u64(key)?),
        ValueType::I8 => Value::Signed(i8::from_le_bytes(reader.bytes(key)?).into()),
        ValueType::I16 => Value::Signed(i16::from_le_bytes(reader.bytes(key)?).into()),
        ValueType::I32 => Value::Signed(i32::from_le_bytes(reader.bytes(key)?).into()),
        ValueType::I64 => Value::Signed(i64::from_le_bytes(reader.bytes(key)?)),
        ValueType::F32 => Value::Float(f32::from_le_bytes(reader.bytes(key)?).into()),
        ValueType::F64 => Value::Float(f64::from_le_bytes(reader.bytes(key)?)),
        ValueType::Bool => match reader.bytes(key)? {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            [byte] => {
                return Err(reader.problem(&format!("the flag {key:?} is {byte}, not 0 or 1")));
            }
        },
        ValueType::String => Value::String(reader.string(key, u64::MAX)?),
        ValueType::Array => read_array(reader, key)?,
    })
}

fn read_array(reader: &mut Reader<'_, impl Read>, key: &str) -> Result<Value, Problem> {
    let item_type = ValueType::read(reader)?;
    let count = reader.u64(key)?;
    reader.check_room(count, item_type.min_bytes(), key)?;
    match item_type {
        ValueType::String => (0..count)
            .map(|_| reader.string(key, u64::MAX))
            .collect::<Result<_, _>>()
            .map(Value::Strings),
        ValueType::I32 => (0..count)
            .map(|_| {
                reader
                    .bytes(key)
                    .map(|bytes| i32::from_le_bytes(bytes).into())
            })
            .collect::<Result<_, _>>()
            .map(Value::Integers),
        ValueType::U32 => (0..count)
            .map(|_| reader.u32(key).map(i64::from))
            .collect::<Result<_, _>>()
            .map(Value::Integers),
        ValueType::Array => Err(reader.problem(&format!("{key:?} is an array of arrays"))),
        other => reader
            .skip(count, other.min_bytes(), key)
            .map(|()| Value::Skipped),
    }
}
