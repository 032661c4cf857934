//! Where the files of a release are: a directory that is complete or not there.
//!
//! Takes the output directory; gives a [`Place`] that nothing is removed from, and of it, once all that
//! can be refused was looked at, a [`ReleaseDir`] in which nothing is yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::last_release::LastRelease;
use super::{guards, sums};
use crate::error::{Error, Result};
use crate::output::OutputDir;

/// Where a release goes, with what an earlier run has left there.
#[derive(Debug)]
pub(super) struct Place {
    out: PathBuf,
}

/// The directory of a release, in which nothing is yet.
#[derive(Debug)]
pub(super) struct ReleaseDir {
    path: PathBuf,
}

impl Place {
    /// The directory `release` in `out`. Nothing is removed yet.
    ///
    /// # Errors
    /// [`Error::Usage`] when it holds other files than a release's, or is what the guards are to compare
    /// with; [`Error::Io`].
    pub(super) fn open(out: &Path, last: &LastRelease) -> Result<Self> {
        std::fs::create_dir_all(out).map_err(Error::io("create", out))?;
        let out = out.canonicalize().map_err(Error::io("open", out))?;
        let place = Self { out };
        let release = place.release();
        if release.exists() {
            refuse_foreign(&release)?;
            refuse_as_last(&release, last)?;
        }
        Ok(place)
    }

    /// Removes the release of an earlier run, and the reports of its guards: what a run that fails
    /// leaves behind must not be taken for its own.
    ///
    /// # Errors
    /// [`Error::Usage`] when there are other files among the reports: then nothing is removed;
    /// [`Error::Io`].
    pub(super) fn cleared(self, say: &mut dyn FnMut(&str)) -> Result<ReleaseDir> {
        let reports = opened(&guards::directory(&self.out), say)?;
        for report in reports {
            report.remove(say)?;
        }
        let path = self.release();
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(ReleaseDir { path })
    }

    fn release(&self) -> PathBuf {
        self.out.join("release")
    }
}

impl ReleaseDir {
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

/// The output directories in `guards`, each of them ours.
fn opened(guards: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<OutputDir>> {
    if !guards.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(guards).map_err(Error::io("read", guards))?;
    let opened = entries.map(|entry| {
        let path = entry.map_err(Error::io("read", guards))?.path();
        OutputDir::open(&path, say)
    });
    opened.collect()
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

/// What the guards compare with would be gone before the next release is there.
fn refuse_as_last(release: &Path, last: &LastRelease) -> Result<()> {
    let LastRelease::Directory(directory) = last else {
        return Ok(());
    };
    let resolved = |path: &Path| path.canonicalize().ok();
    if resolved(directory) != resolved(release) {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!(
            "the last release `{}` is where this one goes, and would be removed",
            directory.display()
        ),
        hint: "move it elsewhere and name that, or name another directory for this one with `--out DIR`"
            .into(),
    })
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

    fn cleared(out: &Path) -> Result<ReleaseDir> {
        Place::open(out, &LastRelease::None)?.cleared(&mut |_| {})
    }

    fn archives() -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([("a.tar.gz".to_owned(), b"ay".to_vec())])
    }

    #[test]
    fn a_release_appears_whole_and_the_next_run_removes_it_once_nothing_is_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let out = scratch.path().join("dist");
        let files = cleared(&out)
            .and_then(|release| release.write(&archives()))
            .expect("an empty directory");
        assert_eq!(files.len(), 2);
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");
        assert_eq!(listed(&out), ["release"]);
        assert_eq!(listed(&out.join("release")), ["SHA256SUMS", "a.tar.gz"]);

        let reports = out.join("guards/tiny");
        drop(OutputDir::open(&reports, &mut |_| {}).expect("a new directory"));
        let place = Place::open(&out, &LastRelease::None).expect("ours");
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");
        place.cleared(&mut |_| {}).expect("ours");
        assert_eq!(listed(&out), ["guards"]);
        assert_eq!(listed(&out.join("guards")), [""; 0]);
    }

    #[test]
    fn what_the_guards_compare_with_is_not_removed() {
        let scratch = tempfile::tempdir().expect("a directory");
        let out = scratch.path();
        let files = cleared(out)
            .and_then(|release| release.write(&archives()))
            .expect("an empty directory");
        let again = LastRelease::Directory(out.join("release/../release"));
        let error = Place::open(out, &again).expect_err("it would be removed");
        assert_eq!(error.exit_code(), crate::exit::USAGE);
        assert!(error.hint().is_some_and(|hint| hint.contains("move it")));
        assert!(files.iter().all(|file| file.is_file()), "{files:?}");

        let elsewhere = LastRelease::Directory(out.to_owned());
        Place::open(out, &elsewhere).expect("another directory");
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = |name: &str| scratch.path().join(name);
        cleared(scratch.path())
            .and_then(|release| release.write(&archives()))
            .expect("an empty directory");
        // Before and behind what is not ours, whatever the order in which they are listed.
        for name in ["guards/a", "guards/z"] {
            drop(OutputDir::open(&path(name), &mut |_| {}).expect("a new directory"));
        }
        std::fs::create_dir_all(path("guards/mine")).expect("a directory");
        std::fs::write(path("guards/mine/essay.txt"), "precious").expect("a file");
        let error = cleared(scratch.path()).expect_err("not ours");
        assert!(error.to_string().contains("guards/mine"), "{error}");
        assert!(path("guards/mine/essay.txt").is_file());
        for kept in ["guards/a", "guards/z", "release/a.tar.gz"] {
            assert!(path(kept).exists(), "{kept} was removed all the same");
        }
        std::fs::remove_dir_all(path("release")).expect("it is there");

        std::fs::create_dir(path("release")).expect("a directory");
        std::fs::write(path("release/thesis.txt"), "precious").expect("a file");
        let error = cleared(scratch.path()).expect_err("not ours");
        assert!(error.to_string().contains("thesis.txt"), "{error}");
        assert_eq!(error.exit_code(), crate::exit::USAGE);
        assert!(path("release/thesis.txt").is_file());
    }
}
