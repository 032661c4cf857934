//! Archives that depend on nothing but their content: sorted entries, one time stamp, no owner.
//!
//! Takes entries; gives the bytes of a `.tar.gz`, and the entries of such bytes. It must not read or
//! write a file.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::error::{Error, Result};

/// How the name of an archive ends.
pub(super) const SUFFIX: &str = ".tar.gz";

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) content: Vec<u8>,
    pub(super) mode: Mode,
}

/// Who may do what with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everybody may read it.
    Read,
    /// And run it.
    Run,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Read => 0o644,
            Self::Run => 0o755,
        }
    }
}

/// The archive of `entries` by name, all in the directory `top`, with the time stamp `mtime_s`
/// (seconds since 1970).
///
/// # Errors
/// [`Error::Internal`] for a name that an archive cannot hold.
pub(super) fn packed(
    top: &str,
    entries: &BTreeMap<String, Entry>,
    mtime_s: u64,
) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::Internal(format!("packing {top}: {error}"));
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (name, entry) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(entry.content.len() as u64);
        header.set_mode(entry.mode.bits());
        header.set_mtime(mtime_s);
        header.set_uid(0);
        header.set_gid(0);
        builder
            .append_data(
                &mut header,
                format!("{top}/{name}"),
                entry.content.as_slice(),
            )
            .map_err(failed)?;
    }
    let compressed = builder.into_inner().map_err(failed)?;
    compressed.finish().map_err(failed)
}

/// The files of an archive by name, without the directory that they are all in. `path` names it in
/// errors.
///
/// # Errors
/// [`Error::Verification`] when it is no such archive.
pub(super) fn unpacked(path: &Path, archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let failed = |error: std::io::Error| Error::Verification {
        check: "archive",
        message: format!("`{}` is no archive of a release: {error}", path.display()),
        hint: "take the archive as `cargo xtask dist` wrote it".into(),
    };
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let mut files = BTreeMap::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let inside: PathBuf = entry.path().map_err(failed)?.components().skip(1).collect();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(failed)?;
        files.insert(inside.display().to_string(), content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> BTreeMap<String, Entry> {
        let entry = |name: &str, content: &[u8], mode| {
            let content = content.to_vec();
            (name.to_owned(), Entry { content, mode })
        };
        BTreeMap::from([
            entry("tool", "7".repeat(100_000).as_bytes(), Mode::Run),
            entry("LICENSE", b"do what you want", Mode::Read),
            entry(&"long".repeat(40), b"x", Mode::Read),
        ])
    }

    #[test]
    fn the_same_content_gives_the_same_bytes_and_comes_out_again() {
        let once = packed("tool-1.0.0", &entries(), 1_700_000_000).expect("an archive");
        let again = packed("tool-1.0.0", &entries(), 1_700_000_000).expect("an archive");
        assert_eq!(once, again);
        assert_ne!(
            once,
            packed("tool-1.0.0", &entries(), 1_700_000_001).expect("an archive")
        );
        let files = unpacked(Path::new("a.tar.gz"), &once).expect("it is one");
        let expected = entries().into_iter();
        let expected: BTreeMap<_, _> = expected.map(|(name, one)| (name, one.content)).collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn entries_have_fixed_owners_times_and_modes() {
        let bytes = packed("top", &entries(), 1_700_000_000).expect("an archive");
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let mut names = Vec::new();
        for entry in archive.entries().expect("entries") {
            let entry = entry.expect("an entry");
            let header = entry.header();
            let name = entry.path().expect("a name").display().to_string();
            let expected = if name == "top/tool" { 0o755 } else { 0o644 };
            assert_eq!(header.mode().expect("a mode"), expected, "{name}");
            assert_eq!(header.mtime().expect("a time"), 1_700_000_000);
            let owner = [header.uid(), header.gid()].map(|id| id.expect("an owner"));
            assert_eq!(owner, [0, 0]);
            names.push(name);
        }
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
    }

    #[test]
    fn what_is_no_archive_is_refused_by_name() {
        let whole = packed("top", &entries(), 0).expect("an archive");
        for broken in [&b"text"[..], &whole[..whole.len() / 2], &[]] {
            let error = unpacked(Path::new("a.tar.gz"), broken).expect_err("broken");
            assert!(error.to_string().contains("a.tar.gz"), "{error}");
            assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
        }
    }
}
