//! The sampling log: a JSON object per line, written as samples are taken.
//!
//! The first line holds the key of what the samples belong to, each further line one
//! restart of one scenario. A line that a kill has cut is dropped, so that the restart
//! is taken again.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::samples::Restart;

/// One restart of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) scenario: String,
    pub(super) restart: Restart,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    key: String,
}

/// The open log.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Starts an empty log for `key`.
    pub(super) fn create(path: &Path, key: &str) -> Result<Self> {
        let mut header = encode(&Header {
            key: key.to_owned(),
        })?;
        header.push(b'\n');
        crate::storage::write_atomically(path, &header)?;
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(|source| Error::io("open", path, source))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Continues the log at `path`, if there is one that belongs to `key`.
    pub(super) fn resume(path: &Path, key: &str) -> Result<Option<(Self, Vec<Entry>)>> {
        let failed = |source| Error::io("read", path, source);
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |last| last + 1);
        let mut lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n');
        let header = lines
            .next()
            .and_then(|line| serde_json::from_slice::<Header>(line).ok());
        if header.is_none_or(|header| header.key != key) {
            return Ok(None);
        }
        let parse = |(number, line): (usize, &[u8])| {
            serde_json::from_slice(line).map_err(|error| Error::MalformedLog {
                path: path.to_owned(),
                line: number,
                problem: error.to_string(),
            })
        };
        let entries = (2..)
            .zip(lines)
            .map(parse)
            .collect::<Result<Vec<Entry>>>()?;
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Some((
            Self {
                path: path.to_owned(),
                file,
            },
            entries,
        )))
    }

    /// Adds a line.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<()> {
        let mut line = encode(entry)?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .map_err(|source| Error::io("write", &self.path, source))
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| Error::Encode { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u32) -> Entry {
        let restart = Restart {
            index,
            layout: None,
            start_order: Vec::new(),
            startup_ns: None,
            idle_cpu_ns: None,
            surroundings: None,
            host: None,
            pairs: Vec::new(),
        };
        Entry {
            scenario: "warm/short".to_owned(),
            restart,
        }
    }

    #[test]
    fn a_log_is_continued_by_its_key_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("samples.jsonl");
        assert!(Log::resume(&path, "a").unwrap().is_none());
        Log::create(&path, "a").unwrap().append(&entry(0)).unwrap();
        assert!(Log::resume(&path, "b").unwrap().is_none());
        let (mut log, entries) = Log::resume(&path, "a").unwrap().unwrap();
        assert_eq!(entries, [entry(0)]);
        log.append(&entry(1)).unwrap();
        assert_eq!(
            Log::resume(&path, "a").unwrap().unwrap().1,
            [entry(0), entry(1)]
        );
    }

    #[test]
    fn a_cut_line_is_dropped_and_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("samples.jsonl");
        let mut log = Log::create(&path, "a").unwrap();
        log.append(&entry(0)).unwrap();
        log.file.write_all(b"{\"scenario\": \"wa").unwrap();
        let (mut log, entries) = Log::resume(&path, "a").unwrap().unwrap();
        assert_eq!(entries, [entry(0)]);
        log.append(&entry(1)).unwrap();
        assert_eq!(
            Log::resume(&path, "a").unwrap().unwrap().1,
            [entry(0), entry(1)]
        );
    }

    #[test]
    fn a_malformed_line_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("samples.jsonl");
        let mut log = Log::create(&path, "a").unwrap();
        log.file.write_all(b"nonsense\n").unwrap();
        log.append(&entry(0)).unwrap();
        let error = Log::resume(&path, "a").unwrap_err();
        assert!(
            error.to_string().contains("samples.jsonl, line 2"),
            "{error}"
        );
    }
}
