//! Writing files whole or not at all.

mod layout;

use std::io::Write as _;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

pub(crate) use layout::to_json;

/// Writes `content` to a temporary file beside `path` and renames it.
///
/// The file has the permissions of any new file: a temporary file alone would be private.
///
/// # Errors
/// When the directory does not exist or cannot be written to.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    temporary(path, content)?
        .persist(path)
        .map_err(|error| Error::io("write", path, error.error))?;
    Ok(())
}

/// The same where there is no file yet: one that is there stays as it is.
///
/// # Errors
/// Also when there is a file at `path`.
pub fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    temporary(path, content)?
        .persist_noclobber(path)
        .map_err(|error| Error::io("create", path, error.error))?;
    Ok(())
}

/// A file beside `path` that holds `content`, and is removed unless it takes that place.
fn temporary(path: &Path, content: &[u8]) -> Result<NamedTempFile> {
    let failed = |source| Error::io("write", path, source);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(directory).map_err(failed)?;
    temporary.write_all(content).map_err(failed)?;
    Ok(temporary)
}
