//! Outcomes in a file, one JSON document per line, as they happen.
//!
//! A line is handed to the system as a whole and at once: whatever ends the program, all lines
//! before are complete, and they are the result as far as it got.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use inferno_measure::Error;

use super::Outcome;
use crate::failure::Failure;

/// A file that outcomes are written to.
#[derive(Debug)]
pub(crate) struct OutcomeLog {
    path: PathBuf,
    file: File,
}

impl OutcomeLog {
    /// An empty file at `path`, whose folder is made when it is not there.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        Ok(Self {
            file: create(path)?,
            path: path.to_owned(),
        })
    }

    /// Appends a line.
    pub(crate) fn write(&mut self, outcome: &Outcome) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(outcome).expect("plain data");
        line.push(b'\n');
        self.file
            .write_all(&line)
            .map_err(|source| not_written(&self.path, source))
    }
}

/// An empty file at `path`, whose folder is made when it is not there.
pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| File::create(path))
        .map_err(|source| not_written(path, source))
}

/// What is said when `path` cannot be written.
pub(crate) fn not_written(path: &Path, source: io::Error) -> Failure {
    Failure::Measure(Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}
