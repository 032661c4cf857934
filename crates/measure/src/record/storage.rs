//! Reading and writing a record file: laid out for people, a pair of samples per line.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize as _;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use super::{Record, SCHEMA_VERSION};
use crate::error::{Error, Result};

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// When the file cannot be read, is no record, or has another schema version.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read(path).map_err(|source| Error::io("read the record", path, source))?;
        let malformed = |source| Error::MalformedRecord {
            path: path.to_owned(),
            source,
        };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(malformed)?;
        let found = value.get("schema").and_then(serde_json::Value::as_u64);
        if found != Some(u64::from(SCHEMA_VERSION)) {
            return Err(Error::RecordSchema {
                path: path.to_owned(),
                found,
            });
        }
        serde_json::from_value(value).map_err(malformed)
    }

    /// Writes the record to `path`, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut text, Layout::default());
        self.serialize(&mut serializer)
            .map_err(|source| Error::Encode { source })?;
        text.push(b'\n');
        crate::storage::write_atomically(path, &text)
    }
}

/// Depth of the list of pairs in a record: record, scenarios, scenario, samples, restarts,
/// restart, pairs. What lies deeper stands on one line.
const SPREAD_DEPTH: u32 = 7;

/// Spreads the outer levels over lines and keeps the inner ones together.
#[derive(Default)]
struct Layout {
    depth: u32,
    spread: PrettyFormatter<'static>,
}

impl Layout {
    fn is_spread(&self) -> bool {
        self.depth <= SPREAD_DEPTH
    }
}

/// Passes a call on to the formatter of the current depth.
macro_rules! by_depth {
    ($layout:ident, $method:ident($($argument:expr),*)) => {
        if $layout.is_spread() {
            $layout.spread.$method($($argument),*)
        } else {
            CompactFormatter.$method($($argument),*)
        }
    };
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        by_depth!(self, begin_array(writer))
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let ended = by_depth!(self, end_array(writer));
        self.depth -= 1;
        ended
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        by_depth!(self, begin_array_value(writer, first))
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        by_depth!(self, end_array_value(writer))
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        by_depth!(self, begin_object(writer))
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let ended = by_depth!(self, end_object(writer));
        self.depth -= 1;
        ended
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        by_depth!(self, begin_object_key(writer, first))
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        by_depth!(self, begin_object_value(writer))
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        by_depth!(self, end_object_value(writer))
    }
}
