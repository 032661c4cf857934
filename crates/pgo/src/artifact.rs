//! A built binary and what can be said about it without running it.
//!
//! Takes an ELF or Mach-O file; gives its hashes and whether it carries profile counters.

use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::error::{Error, Result};

/// A binary with its hashes; the file is checked against them before each use.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Artifact {
    /// The file, absolute.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of the machine code: the text section alone.
    pub text_sha256: String,
    /// The text section's size in bytes.
    pub text_size_bytes: u64,
    /// The file's size in bytes.
    pub size_bytes: u64,
    /// Whether the binary counts its own execution.
    pub counters: Counters,
    /// The flags it was built with.
    pub rustflags: Vec<String>,
}

/// Whether a binary has sections for profile counters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Counters {
    /// Counter sections are there.
    Present,
    /// There are none.
    Absent,
}

/// LLVM's counter section, by its ELF and its Mach-O name.
const COUNTER_SECTIONS: [&str; 2] = ["__llvm_prf_cnts", "__llvm_prf_cnt"];

impl Artifact {
    /// Reads the binary at `path`.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Verification`] when the file is no binary or has no code.
    pub fn read(path: &Path, rustflags: Vec<String>) -> Result<Self> {
        let content = std::fs::read(path).map_err(Error::io("read", path))?;
        let unreadable = |message: String| Error::Verification {
            check: "binary",
            message: format!("`{}`: {message}", path.display()),
            hint: "the pipeline reads ELF and Mach-O executables; run again with --fresh".into(),
        };
        let file = object::File::parse(&*content).map_err(|error| unreadable(error.to_string()))?;
        let text = [".text", "__text"]
            .iter()
            .find_map(|name| file.section_by_name(name))
            .ok_or_else(|| unreadable("there is no text section".into()))?;
        let code = text.data().map_err(|error| unreadable(error.to_string()))?;
        let counted = COUNTER_SECTIONS
            .iter()
            .any(|name| file.section_by_name(name).is_some());
        Ok(Self {
            path: path.to_owned(),
            sha256: digest::bytes(&content),
            text_sha256: digest::bytes(code),
            text_size_bytes: code.len() as u64,
            size_bytes: content.len() as u64,
            counters: if counted {
                Counters::Present
            } else {
                Counters::Absent
            },
            rustflags,
        })
    }

    /// Checks that the file still is what was read: a benchmark must not time something else.
    ///
    /// # Errors
    /// [`Error::Verification`] when it has changed.
    pub fn check(&self) -> Result<()> {
        if digest::file(&self.path)? == self.sha256 {
            return Ok(());
        }
        Err(self.changed())
    }

    /// The file's content, which still is what was read: what is shipped must be what was verified.
    ///
    /// # Errors
    /// [`Error::Verification`] when it has changed.
    pub fn content(&self) -> Result<Vec<u8>> {
        let content = std::fs::read(&self.path).map_err(Error::io("read", &self.path))?;
        if digest::bytes(&content) == self.sha256 {
            return Ok(content);
        }
        Err(self.changed())
    }

    fn changed(&self) -> Error {
        Error::Verification {
            check: "unchanged-binaries",
            message: format!(
                "`{}` is no longer the file that was verified",
                self.path.display()
            ),
            hint: "leave the output directory alone while it is in use; run again with --fresh"
                .into(),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_must_be_what_was_read() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path().join("program");
        std::fs::copy("/bin/sh", &path).expect("a program");
        let artifact = Artifact::read(&path, Vec::new()).expect("a binary");
        let mut content = artifact.content().expect("unchanged");
        assert_eq!(content.len() as u64, artifact.size_bytes);
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(&path, content).expect("a file");
        for error in [
            artifact.content().map(drop).expect_err("changed"),
            artifact.check().expect_err("changed"),
        ] {
            assert!(error.to_string().contains("no longer the file"), "{error}");
            assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
        }
    }
}
