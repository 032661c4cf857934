//! Files that appear whole or not at all.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::Error;

/// Writes `path` by way of a temporary file in the same directory, which is renamed once `fill`
/// has succeeded and is removed otherwise. `mode` holds the Unix permissions.
pub(crate) fn write<E: From<Error>>(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut partial = tempfile::Builder::new()
        .prefix(".partial-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
        .map_err(Error::io("create a file in", directory))?;
    fill(partial.as_file_mut())?;
    partial
        .persist(path)
        .map_err(|failed| Error::io("write", path)(failed.error))?;
    Ok(())
}

/// `write` for a file whose content only fails as the file itself does.
pub(crate) fn write_bytes(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), Error> {
    write(path, 0o644, |file| {
        fill(file).map_err(Error::io("write", path))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).expect("the directory");
        entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect()
    }

    #[test]
    fn success_replaces_what_was_there() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        std::fs::write(&path, "before").expect("writing");
        write_bytes(&path, |file| file.write_all(b"after")).expect("writing");
        assert_eq!(std::fs::read(&path).expect("reading"), b"after");
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn failure_leaves_what_was_there_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        std::fs::write(&path, "before").expect("writing");
        let failed = write_bytes(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no space"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).expect("reading"), b"before");
        assert_eq!(names(directory.path()), ["file"]);
    }
}
