//! Where fetched files live, and who may change them.
//!
//! Takes the environment, gives the two cache directories and an exclusive lock on each. Files
//! appear in them whole (by renaming) and are never changed or deleted by this crate, except for
//! its own partial downloads.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::progress::Progress;

/// Partial downloads begin with this, so that a later run knows what it may clear away.
const PARTIAL_PREFIX: &str = ".partial-";

/// One of the two kinds of files that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Models: `INFERNO_MODELS_DIR`, else `inferno/models` in the user's cache.
    Models,
    /// Programs: `INFERNO_TOOLS_DIR`, else `inferno/tools` in the user's cache.
    Tools,
}

impl Kind {
    /// The environment variable that overrides the directory.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Models => "INFERNO_MODELS_DIR",
            Self::Tools => "INFERNO_TOOLS_DIR",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Tools => "tools",
        }
    }

    /// The directory for this kind, which may not exist yet.
    ///
    /// # Errors
    /// When the environment names no directory at all.
    pub fn directory(self) -> Result<PathBuf, Error> {
        let directory = self.directory_from(|name| std::env::var_os(name))?;
        std::path::absolute(&directory).map_err(Error::io("find", directory))
    }

    /// The override, else `$XDG_CACHE_HOME`, else `$HOME/.cache`. Empty means unset, and a
    /// relative `XDG_CACHE_HOME` is ignored, as the XDG base directory specification says.
    fn directory_from(self, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
        let path = |name: &str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        if let Some(directory) = path(self.variable()) {
            return Ok(directory);
        }
        path("XDG_CACHE_HOME")
            .filter(|cache| cache.is_absolute())
            .or_else(|| path("HOME").map(|home| home.join(".cache")))
            .map(|cache| cache.join("inferno").join(self.folder()))
            .ok_or(Error::NoCacheDirectory {
                variable: self.variable(),
            })
    }
}

/// A cache directory that this process alone may add to, until it is dropped.
pub(crate) struct LockedDirectory {
    path: PathBuf,
    /// The system gives the lock up when the file is closed, however the process ends.
    _lock: File,
}

impl LockedDirectory {
    /// Makes the directory where it is missing and waits until no other process fetches into it.
    pub(crate) fn new(directory: &Path, progress: &dyn Progress) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
        let lock_path = directory.join(".lock");
        let lock = File::create(&lock_path).map_err(Error::io("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.say(&format!(
                    "waiting for another process that fetches into {}",
                    directory.display()
                ));
                lock.lock().map_err(Error::io("lock", &lock_path))?;
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &lock_path)(error)),
        }
        let locked = Self {
            path: directory.to_owned(),
            _lock: lock,
        };
        locked.clear_partial()?;
        Ok(locked)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A directory for a download on the same file system, removed when dropped.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir, Error> {
        tempfile::Builder::new()
            .prefix(PARTIAL_PREFIX)
            .tempdir_in(&self.path)
            .map_err(Error::io("create a directory in", &self.path))
    }

    /// Removes what a killed run left: nobody else is at work while the lock is held.
    fn clear_partial(&self) -> Result<(), Error> {
        let entries = fs::read_dir(&self.path).map_err(Error::io("read", &self.path))?;
        for entry in entries {
            let path = entry.map_err(Error::io("read", &self.path))?.path();
            let partial = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(PARTIAL_PREFIX));
            if partial && path.is_dir() {
                fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    type Environment = [(&'static str, &'static str)];

    fn resolved(kind: Kind, environment: &Environment) -> Result<PathBuf, Error> {
        kind.directory_from(|name| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_directory_follows_the_environment() {
        let cases: &[(Kind, &Environment, &str)] = &[
            (
                Kind::Models,
                &[("INFERNO_MODELS_DIR", "/m"), ("HOME", "/h")],
                "/m",
            ),
            (
                Kind::Tools,
                &[("INFERNO_MODELS_DIR", "/m"), ("HOME", "/h")],
                "/h/.cache/inferno/tools",
            ),
            (Kind::Tools, &[("INFERNO_TOOLS_DIR", "/t")], "/t"),
            (
                Kind::Models,
                &[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")],
                "/c/inferno/models",
            ),
            (
                Kind::Models,
                &[("XDG_CACHE_HOME", "c"), ("HOME", "/h")],
                "/h/.cache/inferno/models",
            ),
            (
                Kind::Models,
                &[("INFERNO_MODELS_DIR", ""), ("HOME", "/h")],
                "/h/.cache/inferno/models",
            ),
        ];
        for (kind, environment, expected) in cases {
            let directory = resolved(*kind, environment).expect("a directory");
            assert_eq!(directory, Path::new(expected), "{environment:?}");
        }
    }

    #[test]
    fn no_home_is_an_error_that_names_the_variable_to_set() {
        let empty: [&Environment; 2] = [&[], &[("HOME", "")]];
        for environment in empty {
            let error = resolved(Kind::Models, environment).expect_err("nowhere to go");
            assert!(
                error
                    .hint()
                    .expect("a next step")
                    .contains("INFERNO_MODELS_DIR")
            );
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_second_process_waits_and_partial_downloads_are_cleared() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let left_over = directory.path().join(".partial-abc");
        fs::create_dir(&left_over).expect("creating");
        let kept = directory.path().join("model.gguf");
        fs::write(&kept, "x").expect("writing");
        let locked = LockedDirectory::new(directory.path(), &Silent).expect("the lock");
        assert!(!left_over.exists() && kept.exists());
        let second = File::create(directory.path().join(".lock")).expect("the lock file");
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
        drop(locked);
        second.try_lock().expect("free again");
    }
}
