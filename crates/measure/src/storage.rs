//! Writing files whole or not at all.

mod layout;

use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};

pub(crate) use layout::to_json;

/// Writes `content` to a temporary file beside `path` and renames it.
///
/// The file has the permissions of any new file: a temporary file alone would be private.
///
/// # Errors
/// When the directory does not exist or cannot be written to.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
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
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    Ok(())
}
