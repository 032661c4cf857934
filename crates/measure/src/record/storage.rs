//! Reading and writing a record file: laid out for people, a pair of samples per line.

use std::path::Path;

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
        let text = crate::storage::to_json(self, SPREAD_DEPTH)?;
        crate::storage::write_atomically(path, &text)
    }
}

/// Depth of the list of pairs in a record: record, scenarios, scenario, samples, restarts,
/// restart, pairs. What lies deeper stands on one line.
const SPREAD_DEPTH: u32 = 7;
