//! SHA-256 of files, texts and stage inputs, in lower-case hexadecimal.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Digest of a text.
pub fn text(text: &str) -> String {
    bytes(text.as_bytes())
}

/// Digest of bytes.
pub fn bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Digest of a file, read in pieces: models are larger than one would want in memory.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub fn file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(Error::io("read", path))? {
            0 => return Ok(hexadecimal(&hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// Checks that `copy` has the content that was read of `original`: what is run must be what is told.
///
/// # Errors
/// [`Error::Verification`] when it has not, [`Error::Io`].
pub(crate) fn check_copy(copy: &Path, original: &Path, sha256: &str) -> Result<()> {
    if file(copy)? == sha256 {
        return Ok(());
    }
    Err(Error::Verification {
        check: "unchanged-binaries",
        message: format!(
            "`{}` is not a copy of `{}` as it was read",
            copy.display(),
            original.display()
        ),
        hint: "leave the programs and the output directory alone meanwhile; run again".into(),
    })
}

fn hexadecimal(digest: &[u8]) -> String {
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The key of a stage: a digest over everything that its output depends on.
///
/// Parts are separated by their lengths, so that no two lists of parts share a key.
#[derive(Debug, Clone)]
pub struct Key(Sha256);

impl Key {
    /// Starts the key of the stage `name`.
    pub fn new(name: &str) -> Self {
        Self(Sha256::new()).part(name)
    }

    /// Adds one input.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds the content of files.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn files<P: AsRef<Path>>(self, files: impl IntoIterator<Item = P>) -> Result<Self> {
        files
            .into_iter()
            .try_fold(self, |key, path| Ok(key.part(file(path.as_ref())?)))
    }

    /// The key's text.
    pub fn finish(self) -> String {
        hexadecimal(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digest() {
        assert_eq!(
            text("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_copy_of_something_else_is_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = |name: &str| scratch.path().join(name);
        for (name, content) in [("original", "one"), ("copy", "one"), ("other", "two")] {
            std::fs::write(path(name), content).expect("a file");
        }
        let sha256 = text("one");
        assert!(check_copy(&path("copy"), &path("original"), &sha256).is_ok());
        let error = check_copy(&path("other"), &path("original"), &sha256).expect_err("it differs");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
    }

    #[test]
    fn parts_do_not_run_together() {
        let split = Key::new("train").part("ab").part("c").finish();
        assert_ne!(split, Key::new("train").part("a").part("bc").finish());
        assert_ne!(split, Key::new("train").part("abc").finish());
        assert_eq!(split, Key::new("train").part("ab").part("c").finish());
    }
}
