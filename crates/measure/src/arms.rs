//! The files that are run: copies of the binaries, made anew for every restart.
//!
//! Takes two binaries and a directory that is the sampler's own; gives [`Arms`]. The binaries that
//! were given are never run and never written to.
//!
//! **Why anew.** All processes of a file share the memory that its content lies in, and where that
//! is decides which of its lines displace each other in the caches. Restarts do not draw it anew, so
//! two copies of one file differ for as long as they exist: 0.2 to 0.4 % were seen, which narrow
//! intervals take for an effect. A new copy lies elsewhere; and as the copies are made in random
//! order, chance decides which arm gets which memory.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::order;
use crate::samples::Arm;

/// The binaries that are compared, in one code layout: copies that belong to the sampler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arms {
    baseline: PathBuf,
    control: Option<PathBuf>,
    candidate: PathBuf,
}

impl Arms {
    /// Copies the binaries into `directory` as `arm-a`, `arm-b`, `arm-c`:
    /// baseline, its byte copy for the A/A control, and the candidate. Paths have equal length,
    /// because the length of `argv[0]` moves the stack.
    ///
    /// # Errors
    /// When a binary cannot be read or a copy cannot be written.
    pub fn with_control(baseline: &Path, candidate: &Path, directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)
            .map_err(|source| Error::io("create the directory", directory, source))?;
        let arms = Self {
            baseline: directory.join("arm-a"),
            control: Some(directory.join("arm-b")),
            candidate: directory.join("arm-c"),
        };
        for (arm, binary) in [
            (Arm::Baseline, baseline),
            (Arm::Control, baseline),
            (Arm::Candidate, candidate),
        ] {
            copy(binary, arms.path(arm))?;
        }
        Ok(arms)
    }

    /// The same without the control.
    #[must_use]
    pub fn without_control(self) -> Self {
        Self {
            control: None,
            ..self
        }
    }

    /// The arms that there are.
    pub fn present(&self) -> Vec<Arm> {
        let mut arms = vec![Arm::Baseline];
        arms.extend(self.control.is_some().then_some(Arm::Control));
        arms.push(Arm::Candidate);
        arms
    }

    /// The file of `arm`.
    ///
    /// # Panics
    /// When it is the control and there is none.
    pub fn path(&self, arm: Arm) -> &Path {
        match arm {
            Arm::Baseline => &self.baseline,
            Arm::Control => self
                .control
                .as_deref()
                .expect("only present arms are asked for"),
            Arm::Candidate => &self.candidate,
        }
    }

    /// Replaces every file by a new copy of itself, in random order.
    pub(crate) fn renew(&self, random: &mut ChaCha8Rng) -> Result<()> {
        for arm in order::shuffled(self.present(), random) {
            let path = self.path(arm);
            copy(path, path)?;
        }
        Ok(())
    }
}

/// Makes `to` a new file with the content and the permissions of `from`, which it may replace.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let unreadable = |source| Error::io("copy the binary", from, source);
    let unwritable = |source| Error::io("copy the binary to", to, source);
    // Read and written: a file system that shares content between copies would share its memory's
    // fate as well.
    let content = std::fs::read(from).map_err(unreadable)?;
    let permissions = std::fs::metadata(from).map_err(unreadable)?.permissions();
    let directory = to.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(directory).map_err(unwritable)?;
    temporary.write_all(&content).map_err(unwritable)?;
    temporary
        .as_file()
        .set_permissions(permissions)
        .map_err(unwritable)?;
    // A file that is renamed over another is written to the disk at once by some file systems, which
    // would disturb the next sample. Whoever is interrupted in between copies anew.
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(unwritable(error));
        }
        _ => {}
    }
    temporary
        .persist(to)
        .map_err(|error| unwritable(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    fn made(directory: &Path) -> (PathBuf, Arms) {
        let binary = directory.join("binary");
        std::fs::write(&binary, "old").unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
        let candidate = directory.join("candidate");
        std::fs::write(&candidate, "new").unwrap();
        let arms = Arms::with_control(&binary, &candidate, &directory.join("arms")).unwrap();
        (binary, arms)
    }

    #[test]
    fn renewed_arms_are_other_files_of_the_same_content() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, arms) = made(directory.path());
        let read = |arm| std::fs::read_to_string(arms.path(arm)).unwrap();
        // Held open, so that no new file can get an old one's number.
        let held: Vec<std::fs::File> = arms
            .present()
            .iter()
            .map(|&arm| std::fs::File::open(arms.path(arm)).unwrap())
            .collect();
        let given = std::fs::metadata(&binary).unwrap().ino();
        arms.renew(&mut order::generator(1, "renew", 0)).unwrap();
        for (arm, old) in arms.present().into_iter().zip(held) {
            let renewed = std::fs::metadata(arms.path(arm)).unwrap();
            assert_ne!(renewed.ino(), old.metadata().unwrap().ino(), "{arm}");
        }
        assert_eq!(
            [Arm::Baseline, Arm::Control, Arm::Candidate].map(read),
            ["old", "old", "new"]
        );
        let mode = std::fs::metadata(arms.path(Arm::Baseline)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(std::fs::metadata(&binary).unwrap().ino(), given);
        // Nothing else is left in the directory.
        let files = std::fs::read_dir(directory.path().join("arms")).unwrap();
        assert_eq!(files.count(), 3);
    }

    #[test]
    fn a_binary_that_is_gone_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (_, arms) = made(directory.path());
        std::fs::remove_file(arms.path(Arm::Control)).unwrap();
        let error = arms
            .renew(&mut order::generator(1, "renew", 0))
            .unwrap_err();
        assert!(error.to_string().contains("arm-b"), "{error}");
    }
}
