//! `SHA256SUMS`, as `sha256sum` writes and reads it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest;
use crate::error::{Error, Result};

/// Name of the file.
pub(super) const SUMS: &str = "SHA256SUMS";

/// The text for `files`, sorted by name.
pub(super) fn text(files: &BTreeMap<String, Vec<u8>>) -> String {
    let lines: Vec<String> = files
        .iter()
        .map(|(name, content)| format!("{}  {name}\n", digest::bytes(content)))
        .collect();
    lines.concat()
}

/// SHA-256 by file name, of the release in `directory`.
///
/// # Errors
/// [`Error::Usage`] without the file, [`Error::Verification`] when a line of it is not understood.
pub(super) fn read(directory: &Path) -> Result<BTreeMap<String, String>> {
    let path = directory.join(SUMS);
    let text = std::fs::read_to_string(&path).map_err(|error| Error::Usage {
        message: format!("`{}`: {error}", path.display()),
        hint: format!("name a directory with {SUMS} and the archives of a release"),
    })?;
    let parsed = |line: &str| {
        let (sha256, name) = line.split_once(' ')?;
        // Before the name stands a space, or `*` for binary mode.
        let name = name.strip_prefix([' ', '*'])?;
        let is_hash = sha256.len() == 64 && sha256.chars().all(|c| c.is_ascii_hexdigit());
        let is_name = !name.is_empty() && !name.contains('/');
        (is_hash && is_name).then(|| (name.to_owned(), sha256.to_owned()))
    };
    text.lines()
        .map(|line| {
            parsed(line).ok_or_else(|| Error::Verification {
                check: "release-sums",
                message: format!("`{}`: `{line}` is no line of it", path.display()),
                hint: "take the file as `cargo xtask dist` wrote it".into(),
            })
        })
        .collect()
}

/// The content of the file `name` in `directory`, which must have this hash.
///
/// # Errors
/// [`Error::Verification`] when it has another or is not there.
pub(super) fn checked(directory: &Path, name: &str, sha256: &str) -> Result<Vec<u8>> {
    let path = directory.join(name);
    let content = std::fs::read(&path).ok();
    let content = content.filter(|content| digest::bytes(content) == sha256);
    content.ok_or_else(|| Error::Verification {
        check: "release-sums",
        message: format!(
            "`{}` is not the file that {SUMS} names, or is missing",
            path.display()
        ),
        hint: "download the release again".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_changed_file_is_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let directory = scratch.path();
        let files = BTreeMap::from([
            ("b.tar.gz".to_owned(), b"bee".to_vec()),
            ("a.tar.gz".to_owned(), b"ay".to_vec()),
        ]);
        let text = text(&files);
        assert!(text.ends_with("  b.tar.gz\n"), "{text}");
        std::fs::write(directory.join(SUMS), text).expect("a file");
        let sums = read(directory).expect("as it was written");
        for (name, content) in &files {
            std::fs::write(directory.join(name), content).expect("a file");
            let read = checked(directory, name, &sums[name]).expect("unchanged");
            assert_eq!(read, *content);
            std::fs::write(directory.join(name), "other").expect("a file");
            let error = checked(directory, name, &sums[name]).expect_err("changed");
            assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let error = read(scratch.path()).expect_err("there is none");
        assert_eq!(error.exit_code(), crate::exit::USAGE);
        let hash = "00".repeat(32);
        for line in ["", "abc  a", &format!("{hash}  ../a"), &format!("{hash} a")] {
            std::fs::write(scratch.path().join(SUMS), format!("{line}\n")).expect("a file");
            let error = read(scratch.path()).expect_err(line);
            assert!(error.to_string().contains("is no line of it"), "{error}");
        }
    }
}
