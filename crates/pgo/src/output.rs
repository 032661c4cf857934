//! The output directory of a run: who may use it, and where everything in it is.
//!
//! Gives paths and the lock. Nothing else in the crate composes paths below the directory.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::process;

use crate::error::{Error, Result};
use crate::flags::Arm;

/// Marks a directory as ours, so that `clean` cannot remove anything else.
const MARKER: &str = "inferno-pgo-output";

/// An output directory that this process alone may change.
#[derive(Debug)]
pub struct OutputDir {
    root: PathBuf,
    _lock: File,
}

impl OutputDir {
    /// Creates the directory and waits until no other run holds it, saying who does.
    ///
    /// # Errors
    /// [`Error::Usage`] when the directory holds something else, [`Error::Io`], and
    /// [`Error::Measure`] when interrupted while waiting.
    pub fn open(root: &Path, say: &mut dyn FnMut(&str)) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(Error::io("create", root))?;
        let root = root.canonicalize().map_err(Error::io("open", root))?;
        refuse_foreign(&root)?;
        let marker = root.join(MARKER);
        let lock = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&marker);
        let mut lock = lock.map_err(Error::io("open", &marker))?;
        wait_for(&lock, &marker, say)?;
        lock.set_len(0).map_err(Error::io("write", &marker))?;
        writeln!(lock, "process {}", std::process::id()).map_err(Error::io("write", &marker))?;
        let output = Self { root, _lock: lock };
        output.create_directories()?;
        Ok(output)
    }

    /// Removes everything that earlier runs made.
    ///
    /// # Errors
    /// [`Error::Io`] naming what could not be removed.
    pub fn empty(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.root).map_err(Error::io("read", &self.root))? {
            let path = entry.map_err(Error::io("read", &self.root))?.path();
            if path.file_name().is_some_and(|name| name == MARKER) {
                continue;
            }
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            removed.map_err(Error::io("remove", &path))?;
        }
        self.create_directories()
    }

    fn create_directories(&self) -> Result<()> {
        for directory in [
            self.root.join("logs"),
            self.profiles(),
            self.stages(),
            self.samples(),
        ] {
            std::fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        }
        Ok(())
    }

    /// The directory itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// cargo's target directory of an arm. A candidate has one per profile: cargo keeps what other
    /// flags made, and a run per profile would fill the disk.
    pub fn target_dir(&self, arm: &Arm) -> PathBuf {
        self.root.join("build").join(arm.name())
    }

    /// The arm's binary, outside cargo's reach.
    pub fn binary(&self, arm: &Arm, executable: &str) -> PathBuf {
        self.root.join("arms").join(arm.name()).join(executable)
    }

    /// Where the arms are sampled from: under names of equal length.
    pub fn sampling_arms(&self) -> PathBuf {
        self.root.join("arms").join("sampled")
    }

    /// The whole output of an arm's build.
    pub fn build_log(&self, arm: &Arm) -> PathBuf {
        self.root
            .join("logs")
            .join(format!("build-{}.log", arm.name()))
    }

    /// The directory of the raw profiles of a run of the instrumented binary. The workload is
    /// numbered: its name is any text.
    pub fn raw_profiles(&self, purpose: Purpose, index: usize) -> PathBuf {
        self.root
            .join("profiles")
            .join(format!("{}-{index}", purpose.name()))
    }

    /// Merged profiles.
    pub fn profiles(&self) -> PathBuf {
        self.root.join("profiles")
    }

    /// Merged profiles of the holdout, apart: none of them is to be built with.
    ///
    /// # Errors
    /// [`Error::Io`] naming the directory.
    pub fn holdout_profiles(&self) -> Result<PathBuf> {
        let directory = self.root.join("profiles").join("holdout");
        std::fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        Ok(directory)
    }

    /// What finished stages left.
    pub fn stages(&self) -> PathBuf {
        self.root.join("stages")
    }

    /// Raw samples.
    pub fn samples(&self) -> PathBuf {
        self.root.join("samples")
    }

    /// The record of the last finished run.
    pub fn record(&self) -> PathBuf {
        self.root.join("record.json")
    }

    /// `path` as it stands in the record: without the machine's directories.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// Why an instrumented binary runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Its profile goes into the candidate.
    Training,
    /// Its profile tells how well training stands for the holdout.
    Holdout,
}

impl Purpose {
    /// The word in paths and stage names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "train",
            Self::Holdout => "holdout",
        }
    }
}

/// Removes an output directory that a run has made.
///
/// # Errors
/// [`Error::Usage`] when the directory is not ours, [`Error::Io`].
pub fn clean(root: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    if !root.exists() {
        say(&format!(
            "`{}` does not exist: nothing to remove",
            root.display()
        ));
        return Ok(());
    }
    let output = OutputDir::open(root, say)?;
    std::fs::remove_dir_all(&output.root).map_err(Error::io("remove", &output.root))?;
    say(&format!("removed `{}`", root.display()));
    Ok(())
}

fn refuse_foreign(root: &Path) -> Result<()> {
    let mut entries = std::fs::read_dir(root).map_err(Error::io("read", root))?;
    if root.join(MARKER).is_file() || entries.next().is_none() {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!(
            "`{}` holds files that no run of this tool has made",
            root.display()
        ),
        hint: "name an empty or new directory with `--out DIR`".into(),
    })
}

fn wait_for(lock: &File, marker: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
    let mut said = false;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", marker)(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if !said {
            said = true;
            let holder = std::fs::read_to_string(marker).unwrap_or_default();
            let directory = marker.parent().unwrap_or(marker);
            say(&format!(
                "{} holds `{}`; waiting for it to end",
                holder.trim(),
                directory.display()
            ));
        }
        process::check_interrupted()?;
        std::thread::sleep(Duration::from_millis(200));
    }
}
