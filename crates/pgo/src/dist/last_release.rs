//! The program of the last release, which the guards compare with.
//!
//! Takes a directory with archives and `SHA256SUMS`, as `dist` leaves it; gives the one program of a
//! spec and target, every hash checked. It must not change the directory.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::manifest::{self, Told};
use super::{archive, sums};
use crate::digest;
use crate::error::{Error, Result};

/// What the guards compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastRelease {
    /// There is none: this is the first, and nothing is compared. Said in so many words (`none`).
    None,
    /// The directory of its archives.
    Directory(PathBuf),
}

/// A program of the last release, unpacked; removed with this value.
#[derive(Debug)]
pub(super) struct Released {
    _directory: TempDir,
    pub(super) program: PathBuf,
    pub(super) version: String,
}

impl Released {
    /// The program that the release in `directory` has for the spec `name` and `target`. Archives of
    /// other programs are looked at as well: their names alone do not tell whose they are.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none, or more than one; [`Error::Verification`]
    /// when an archive or the program in it is not what the release says.
    pub(super) fn open(directory: &Path, name: &str, target: &str) -> Result<Self> {
        let ending = format!("-{target}{}", archive::SUFFIX);
        let mut found: Option<Self> = None;
        for (file, sha256) in sums::read(directory)? {
            if !file.ends_with(&ending) {
                continue;
            }
            let path = directory.join(&file);
            let content = sums::checked(directory, &file, &sha256)?;
            let files = archive::unpacked(&path, &content)?;
            let absent = |file: &str| Error::Verification {
                check: "archive",
                message: format!("`{}` holds no {file}", path.display()),
                hint: "take the archive as `cargo xtask dist` wrote it".into(),
            };
            let told = files.get(manifest::FILE);
            let told = told.ok_or_else(|| absent(manifest::FILE))?;
            let told = Told::parse(told, &path)?;
            if told.name != name || told.target != target {
                continue;
            }
            let program = &told.program;
            let content = files
                .get(&program.file)
                .ok_or_else(|| absent(&program.file))?;
            let released = Self::unpack(&told, content, &path)?;
            if let Some(other) = found.replace(released) {
                return Err(Error::Usage {
                    message: format!(
                        "`{}` has two archives of `{name}` for {target}, of versions {} and {}",
                        directory.display(),
                        other.version,
                        told.version
                    ),
                    hint: format!(
                        "name a directory with the archives and {} of one release",
                        sums::SUMS
                    ),
                });
            }
        }
        found.ok_or_else(|| Error::Usage {
            message: format!(
                "the last release in `{}` has no archive of `{name}` for {target}",
                directory.display()
            ),
            hint: "name the directory of its archives; where it had no such program, there is nothing to compare with: `--last-release none`".into(),
        })
    }

    fn unpack(told: &Told, content: &[u8], archive: &Path) -> Result<Self> {
        let program = &told.program;
        if digest::bytes(content) != program.sha256 || program.file.contains('/') {
            return Err(Error::Verification {
                check: "archive",
                message: format!(
                    "`{}` in `{}` is not the program that its manifest names",
                    program.file,
                    archive.display()
                ),
                hint: "take the archive as `cargo xtask dist` wrote it".into(),
            });
        }
        let directory = TempDir::with_prefix("last-release-")
            .map_err(Error::io("create", &std::env::temp_dir()))?;
        let path = directory.path().join(&program.file);
        std::fs::write(&path, content).map_err(Error::io("write", &path))?;
        make_executable(&path)?;
        Ok(Self {
            _directory: directory,
            program: path,
            version: told.version.clone(),
        })
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, permissions).map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dist::archive::{Entry, Mode, packed};

    const TARGET: &str = "x86_64-unknown-linux-gnu";

    /// An archive of the program `name` whose manifest tells the hash of `told`.
    fn release(directory: &Path, name: &str, program: &[u8], told: &[u8]) {
        let manifest = serde_json::json!({
            "schema": manifest::SCHEMA,
            "name": name,
            "version": "1.2.3",
            "target": TARGET,
            "program": {
                "file": "tool",
                "sha256": digest::bytes(told),
                "text_sha256": "",
                "size_bytes": told.len(),
            },
            "build": { "of another form": true },
        });
        let entry = |content: &[u8], mode| Entry {
            content: content.to_vec(),
            mode,
        };
        let text = manifest.to_string();
        let entries = BTreeMap::from([
            (
                manifest::FILE.to_owned(),
                entry(text.as_bytes(), Mode::Read),
            ),
            ("tool".to_owned(), entry(program, Mode::Run)),
        ]);
        let file = format!("{name}-1.2.3-{TARGET}.tar.gz");
        let content = packed("top", &entries, 0).expect("an archive");
        std::fs::write(directory.join(&file), &content).expect("a file");
        let path = directory.join(sums::SUMS);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let line = sums::text(&BTreeMap::from([(file, content)]));
        std::fs::write(path, before + &line).expect("a file");
    }

    #[test]
    fn the_program_of_the_spec_is_unpacked_and_can_be_run() {
        let scratch = tempfile::tempdir().expect("a directory");
        let script = b"#!/bin/sh\nexit 7\n";
        release(scratch.path(), "tool-extra", b"another", b"another");
        release(scratch.path(), "tool", script, script);
        let released = Released::open(scratch.path(), "tool", TARGET).expect("it is there");
        assert_eq!(released.version, "1.2.3");
        let status = std::process::Command::new(&released.program).status();
        assert_eq!(status.expect("it runs").code(), Some(7));

        for (name, target) in [("other", TARGET), ("tool", "aarch64-unknown-linux-gnu")] {
            let error = Released::open(scratch.path(), name, target).expect_err("absent");
            assert_eq!(error.exit_code(), crate::exit::USAGE);
            assert!(error.hint().is_some_and(|hint| hint.contains("none")));
        }
    }

    #[test]
    fn two_releases_in_one_directory_are_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        release(scratch.path(), "tool", b"same", b"same");
        let path = |file: &str| scratch.path().join(file);
        let archive = std::fs::read(path(&format!("tool-1.2.3-{TARGET}.tar.gz"))).expect("a file");
        let other = format!("tool-1.2.4-{TARGET}.tar.gz");
        std::fs::write(path(&other), &archive).expect("a file");
        let before = std::fs::read_to_string(path(sums::SUMS)).expect("a file");
        let line = sums::text(&BTreeMap::from([(other, archive)]));
        std::fs::write(path(sums::SUMS), before + &line).expect("a file");
        let error = Released::open(scratch.path(), "tool", TARGET).expect_err("which of them?");
        assert!(
            error.to_string().contains("two archives of `tool`"),
            "{error}"
        );
        assert_eq!(error.exit_code(), crate::exit::USAGE);
    }

    #[test]
    fn a_tampered_release_is_refused() {
        // The program in the archive, with sums that fit.
        let scratch = tempfile::tempdir().expect("a directory");
        release(scratch.path(), "tool", b"changed", b"original");
        let error = Released::open(scratch.path(), "tool", TARGET).expect_err("changed");
        assert!(error.to_string().contains("is not the program"), "{error}");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);

        // The archive itself.
        let scratch = tempfile::tempdir().expect("a directory");
        release(scratch.path(), "tool", b"same", b"same");
        let path = scratch.path().join(format!("tool-1.2.3-{TARGET}.tar.gz"));
        let mut content = std::fs::read(&path).expect("a file");
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(&path, content).expect("a file");
        let error = Released::open(scratch.path(), "tool", TARGET).expect_err("changed");
        assert!(error.to_string().contains(sums::SUMS), "{error}");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
    }
}
