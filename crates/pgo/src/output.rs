//! The output directory of a run: where everything in it is, and who may change it.
//!
//! [`Layout`] gives paths and takes no lock; [`OutputDir`] is a layout that this process alone may
//! change. Nothing else composes paths below the directory.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::process;

use crate::digest;
use crate::error::{Error, Result};

/// Marks a directory as ours, so that `clean` cannot remove anything else.
const MARKER: &str = "inferno-pgo-output";

/// How often a waiting run looks whether the directory is free.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// The paths of an output directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`, which need not exist.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// cargo's target directory of the arm named `arm`.
    pub fn target_dir(&self, arm: &str) -> PathBuf {
        self.root.join("build").join(arm)
    }

    /// What build scripts of the arm named `arm` call in place of a C compiler.
    pub fn c_compilers(&self, arm: &str) -> PathBuf {
        self.root.join("c").join(arm)
    }

    /// The arm's binary, outside cargo's reach.
    pub fn binary(&self, arm: &str, executable: &str) -> PathBuf {
        self.root.join("arms").join(arm).join(executable)
    }

    /// Where the arms are sampled from: under names of equal length.
    pub fn sampling_arms(&self) -> PathBuf {
        self.root.join("arms").join("sampled")
    }

    /// The arm's binary in the code layout `number`.
    pub fn layout_binary(&self, arm: &str, number: usize, executable: &str) -> PathBuf {
        self.layout_arms(number).join(arm).join(executable)
    }

    /// Where the arms of the code layout `number` are sampled from: paths of equal length for all.
    pub fn layout_arms(&self, number: usize) -> PathBuf {
        self.root
            .join("arms")
            .join("layouts")
            .join(format!("{number:03}"))
    }

    /// The whole output of an arm's build.
    pub fn build_log(&self, arm: &str) -> PathBuf {
        self.logs().join(format!("build-{arm}.log"))
    }

    /// The whole output of Criterion's benchmark.
    pub fn criterion_log(&self) -> PathBuf {
        self.logs().join("criterion.log")
    }

    /// The directory of the raw profiles of a run of the instrumented binary; `name` is any text.
    pub fn raw_profiles(&self, purpose: Purpose, name: &str) -> PathBuf {
        self.profiles()
            .join(format!("{}-{}", purpose.name(), plain(name)))
    }

    /// Merged profiles.
    pub fn profiles(&self) -> PathBuf {
        self.root.join("profiles")
    }

    /// Raw profiles of the instrumented binary where nobody says where they belong.
    pub fn untrained(&self) -> PathBuf {
        self.profiles().join("untrained")
    }

    /// Merged profiles of the holdout, apart: none of them is to be built with.
    pub fn holdout_profiles(&self) -> PathBuf {
        self.profiles().join("holdout")
    }

    /// What the tools behind the suitability score leave.
    pub fn evidence(&self) -> PathBuf {
        self.root.join("evidence")
    }

    /// What arms are linked from, while they are linked again.
    pub fn links(&self) -> PathBuf {
        self.root.join("links")
    }

    /// What llvm-bolt takes and leaves.
    pub fn rewriting(&self) -> PathBuf {
        self.root.join("bolt")
    }

    /// The whole output of a step of llvm-bolt.
    pub fn rewriting_log(&self, step: &str) -> PathBuf {
        self.logs().join(format!("bolt-{step}.log"))
    }

    /// The output directory of a ladder's rung.
    pub fn rung(&self, name: &str) -> PathBuf {
        self.root.join("rungs").join(name)
    }

    /// The output directory of a comparison of two rungs.
    pub fn comparison(&self, name: &str) -> PathBuf {
        self.root.join("comparisons").join(name)
    }

    /// What a ladder found.
    pub fn ladder(&self) -> PathBuf {
        self.root.join("ladder.json")
    }

    /// The same for people.
    pub fn ladder_report(&self) -> PathBuf {
        self.root.join("ladder.md")
    }

    /// What callgrind leaves when it counts both arms.
    pub fn instructions(&self) -> PathBuf {
        self.root.join("instructions")
    }

    /// What finished stages left.
    pub fn stages(&self) -> PathBuf {
        self.root.join("stages")
    }

    /// The file that a finished stage leaves; `stage` is any text.
    pub fn stage(&self, stage: &str) -> PathBuf {
        self.stages().join(format!("{}.json", plain(stage)))
    }

    /// Raw samples.
    pub fn samples(&self) -> PathBuf {
        self.root.join("samples")
    }

    /// There when all samples were taken and told in a record.
    pub fn finished_samples(&self) -> PathBuf {
        self.samples().join("finished")
    }

    /// The record of the last finished run.
    pub fn record(&self) -> PathBuf {
        self.root.join("record.json")
    }

    /// The record of the last run of the baseline against itself.
    pub fn noise_record(&self) -> PathBuf {
        self.root.join("noise.json")
    }

    /// The report of the last finished run.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.md")
    }

    /// The same as a page for browsers.
    pub fn page(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// The page of the last run of the baseline against itself.
    pub fn noise_page(&self) -> PathBuf {
        self.root.join("noise.html")
    }

    /// `path` as it stands in the record: without the machine's directories.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
}

/// Any text as a file name: what no file name should have is replaced, and a digest keeps apart
/// what then looks alike.
fn plain(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let readable: String = text
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .take(40)
        .collect();
    format!("{readable}-{}", &digest::text(text)[..8])
}

/// Why an instrumented binary runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Its profile goes into the candidate.
    Training,
    /// Its profile tells how well training stands for the holdout.
    Holdout,
    /// It ran elsewhere.
    Elsewhere,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Training => "train",
            Self::Holdout => "holdout",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// An output directory that this process alone may change.
#[derive(Debug)]
pub struct OutputDir {
    layout: Layout,
    _lock: File,
}

impl Deref for OutputDir {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
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
        let mut lock = locked(&marker, say)?;
        lock.set_len(0).map_err(Error::io("write", &marker))?;
        writeln!(lock, "process {}", std::process::id()).map_err(Error::io("write", &marker))?;
        let output = Self {
            layout: Layout { root },
            _lock: lock,
        };
        output.create_directories()?;
        Ok(output)
    }

    /// Removes everything that earlier runs made.
    ///
    /// # Errors
    /// [`Error::Io`] naming what could not be removed.
    pub fn empty(&self) -> Result<()> {
        self.remove_entries()?;
        self.create_directories()
    }

    /// Removes the directory with all that is in it.
    ///
    /// # Errors
    /// [`Error::Io`] naming what could not be removed.
    pub fn remove(self, say: &mut dyn FnMut(&str)) -> Result<()> {
        // The marker goes last: what is left of a removal that failed is still known to be ours.
        self.remove_entries()?;
        std::fs::remove_dir_all(&self.root).map_err(Error::io("remove", &self.root))?;
        say(&format!("removed `{}`", self.root.display()));
        Ok(())
    }

    /// Removes the samples of earlier runs.
    ///
    /// # Errors
    /// [`Error::Io`] naming what could not be removed.
    pub fn forget_samples(&self) -> Result<()> {
        let samples = self.samples();
        std::fs::remove_dir_all(&samples).map_err(Error::io("remove", &samples))?;
        self.create_directories()
    }

    fn remove_entries(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.root).map_err(Error::io("read", &self.root))? {
            let entry = entry.map_err(Error::io("read", &self.root))?;
            let path = entry.path();
            if entry.file_name() == MARKER {
                continue;
            }
            let kind = entry.file_type().map_err(Error::io("read", &path))?;
            let removed = if kind.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            removed.map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    fn create_directories(&self) -> Result<()> {
        for directory in [
            self.logs(),
            self.profiles(),
            self.holdout_profiles(),
            self.stages(),
            self.samples(),
        ] {
            std::fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        }
        Ok(())
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
    OutputDir::open(root, say)?.remove(say)
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

/// The marker, locked. The run that held it may have removed it: then the lock is on a file that
/// nobody else will find.
fn locked(marker: &Path, say: &mut dyn FnMut(&str)) -> Result<File> {
    loop {
        let file = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(marker);
        let file = file.map_err(Error::io("open", marker))?;
        wait_for(&file, marker, say)?;
        if is_still(&file, marker) {
            return Ok(file);
        }
        let directory = marker.parent().unwrap_or(marker);
        std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    }
}

#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let inode = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let (held, found) = (
        file.metadata().map(inode),
        std::fs::metadata(path).map(inode),
    );
    matches!((held, found), (Ok(held), Ok(found)) if held == found)
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
        std::thread::sleep(LOCK_POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_distinct() {
        assert_eq!(plain("merge"), "merge");
        let names = ["train a/b", "train a b", "train ../../x", ""].map(plain);
        assert!(names.iter().all(|name| !name.contains(['/', ' ', '.'])));
        assert_eq!(
            names
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len(),
            names.len()
        );
    }

    #[test]
    fn cleaning_leaves_nothing_and_a_later_run_starts_anew() {
        let parent = tempfile::tempdir().expect("a directory");
        let root = parent.path().join("out");
        drop(OutputDir::open(&root, &mut |_| {}).expect("a new directory"));
        clean(&root, &mut |_| {}).expect("ours");
        assert!(!root.exists());
        assert!(OutputDir::open(&root, &mut |_| {}).is_ok());
    }
}
