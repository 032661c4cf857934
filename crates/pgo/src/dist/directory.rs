//! Where the files of a release are: a directory that is complete or not there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::sums;
use crate::error::{Error, Result};

/// The directory of a release, in which nothing is yet.
#[derive(Debug)]
pub(super) struct ReleaseDir {
    path: PathBuf,
}

impl ReleaseDir {
    /// The directory `release` in `out`. The release of an earlier run there is removed: what a run that
    /// fails leaves behind must not be taken for its own.
    ///
    /// # Errors
    /// [`Error::Usage`] when it holds other files than a release's, [`Error::Io`].
    pub(super) fn open(out: &Path) -> Result<Self> {
        std::fs::create_dir_all(out).map_err(Error::io("create", out))?;
        let out = out.canonicalize().map_err(Error::io("open", out))?;
        let path = out.join("release");
        if path.exists() {
            refuse_foreign(&path)?;
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(Self { path })
    }

    /// Writes `archives` by name and their sums, and reads both again. Gives the paths of all files.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Verification`] when a file is not what was written.
    pub(super) fn write(self, archives: &BTreeMap<String, Vec<u8>>) -> Result<Vec<PathBuf>> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let fresh = tempfile::Builder::new()
            .prefix("release-")
            .tempdir_in(parent)
            .map_err(Error::io("create", parent))?;
        let write = |name: &str, content: &[u8]| {
            inferno_measure::write_atomically(&fresh.path().join(name), content)
        };
        for (name, content) in archives {
            write(name, content)?;
        }
        write(sums::SUMS, sums::text(archives).as_bytes())?;
        for (name, sha256) in sums::read(fresh.path())? {
            sums::checked(fresh.path(), &name, &sha256)?;
        }
        // A temporary directory is private, a release is not.
        readable(fresh.path())?;
        let fresh = fresh.keep();
        std::fs::rename(&fresh, &self.path).map_err(Error::io("write", &self.path))?;
        let names = archives.keys().map(String::as_str);
        let names = names.chain([sums::SUMS]);
        Ok(names.map(|name| self.path.join(name)).collect())
    }
}

#[cfg(unix)]
fn readable(directory: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory, permissions).map_err(Error::io("write", directory))
}

/// Only what the sums there name, and the sums, may be removed.
fn refuse_foreign(path: &Path) -> Result<()> {
    let known = sums::read(path).unwrap_or_default();
    for entry in std::fs::read_dir(path).map_err(Error::io("read", path))? {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        let name = name.to_string_lossy();
        if name != sums::SUMS && !known.contains_key(name.as_ref()) {
            return Err(Error::Usage {
                message: format!(
                    "`{}` is no file of a release, and is in the way",
                    path.join(name.as_ref()).display()
                ),
                hint: "name another directory with `--out DIR`".into(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().display().to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_release_appears_whole_and_the_next_run_removes_it_first() {
        let scratch = tempfile::tempdir().expect("a directory");
        let out = scratch.path().join("dist");
        let archives = BTreeMap::from([("a.tar.gz".to_owned(), b"ay".to_vec())]);
        let files = ReleaseDir::open(&out)
            .and_then(|release| release.write(&archives))
            .expect("an empty directory");
        assert_eq!(files.len(), 2);
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");
        assert_eq!(listed(&out), ["release"]);
        assert_eq!(listed(&out.join("release")), ["SHA256SUMS", "a.tar.gz"]);

        let _opened = ReleaseDir::open(&out).expect("ours");
        assert_eq!(listed(&out), [""; 0]);
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let scratch = tempfile::tempdir().expect("a directory");
        let release = scratch.path().join("release");
        std::fs::create_dir(&release).expect("a directory");
        std::fs::write(release.join("thesis.txt"), "precious").expect("a file");
        let error = ReleaseDir::open(scratch.path()).expect_err("not ours");
        assert!(error.to_string().contains("thesis.txt"), "{error}");
        assert_eq!(error.exit_code(), crate::exit::USAGE);
        assert!(release.join("thesis.txt").is_file());
    }
}
