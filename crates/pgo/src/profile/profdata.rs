//! The one place that runs `llvm-profdata`.
//!
//! Takes raw or merged profiles; gives merged ones, their counts and their overlap. Merging is
//! strict: one unreadable file fails the merge, because a lenient one ships a fraction of the
//! counts without a word.

use std::path::{Path, PathBuf};

use inferno_measure::process::{Command, Finished, Output};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::profile::counts::{self, Counts};
use crate::toolchain::LlvmProfdata;

/// A profile and the whole number that its counts are multiplied with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighted {
    /// The profile.
    pub path: PathBuf,
    /// The factor, at least 1.
    pub weight: u64,
}

impl Weighted {
    /// Every profile as it is.
    pub fn equally(paths: &[PathBuf]) -> Vec<Self> {
        let weighted = |path: &PathBuf| Self {
            path: path.clone(),
            weight: 1,
        };
        paths.iter().map(weighted).collect()
    }
}

impl LlvmProfdata {
    /// Merges `inputs` into `target`.
    ///
    /// # Errors
    /// [`Error::Verification`] naming the file that cannot be merged.
    pub fn merge(&self, inputs: &[Weighted], target: &Path) -> Result<()> {
        for Weighted { path, .. } in inputs {
            refuse_empty(path)?;
        }
        // Not --sparse: a zero says that a path is cold, an absent count says nothing.
        let mut command = self
            .command("merge")
            .args(["--failure-mode=any", "--output"])
            .arg(target);
        for Weighted { path, weight } in inputs {
            command = command.arg(format!("--weighted-input={weight},{}", path.display()));
        }
        let finished = command.run()?;
        if finished.success() {
            return Ok(());
        }
        Err(unusable("profile-merges", &finished))
    }

    /// Merges `inputs` into a temporary file beside `target` and renames it.
    ///
    /// # Errors
    /// See [`Self::merge`].
    pub fn merge_into(&self, inputs: &[Weighted], target: &Path) -> Result<()> {
        let temporary = temporary_beside(target)?;
        self.merge(inputs, temporary.path())?;
        temporary
            .persist(target)
            .map_err(|error| Error::io("write", target)(error.error))?;
        Ok(())
    }

    /// The counts of a merged profile.
    ///
    /// # Errors
    /// [`Error::Verification`] when it is not readable or holds no counters of LLVM's IR level.
    pub fn counts(&self, profile: &Path) -> Result<Counts> {
        // Through a file: what is captured in memory is cut, and the profile of a large program
        // has more text than that. Not beside the profile, which may be somebody else's.
        let shown = NamedTempFile::new().map_err(Error::io("write in", &std::env::temp_dir()))?;
        let command = self
            .command("show")
            .args(["--all-functions", "--counts"])
            .arg(profile);
        let finished = command
            .stdout(Output::File(shown.path().to_owned()))
            .run()?;
        if !finished.success() {
            return Err(unusable("profile-readable", &finished));
        }
        let text = std::fs::read_to_string(shown.path()).map_err(Error::io("read", profile))?;
        if !text.contains("Instrumentation level: IR") {
            return Err(Error::Verification {
                check: "profile-readable",
                message: format!("`{}` was not written by -Cprofile-generate", profile.display()),
                hint: "coverage profiles (-Cinstrument-coverage) cannot guide optimisation: train the instrumented binary".into(),
            });
        }
        Ok(Counts::parse(&text))
    }

    /// How much of the distribution of counts two profiles share, 0 to 1; `None` where the tool
    /// does not say.
    ///
    /// # Errors
    /// [`Error::Measure`] when the tool cannot be run.
    pub fn overlap(&self, base: &Path, test: &Path) -> Result<Option<f64>> {
        let finished = self.command("overlap").arg(base).arg(test).run()?;
        Ok(counts::parse_overlap(&String::from_utf8_lossy(
            &finished.stdout,
        )))
    }

    fn command(&self, action: &str) -> Command {
        Command::new(&self.path).arg(action)
    }
}

fn temporary_beside(path: &Path) -> Result<NamedTempFile> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))
        .map_err(Error::io("write beside", path))
}

/// The tool passes over an empty file without a word: the run that should have filled it is lost.
fn refuse_empty(path: &Path) -> Result<()> {
    let metadata = std::fs::metadata(path).map_err(Error::io("read", path))?;
    if metadata.len() > 0 {
        return Ok(());
    }
    Err(Error::Verification {
        check: "profile-merges",
        message: format!("`{}` is an empty file", path.display()),
        hint: "a process was killed before it wrote its profile, or the disk was full: train again"
            .into(),
    })
}

/// The tool's own words, and the step that fits them.
fn unusable(check: &'static str, finished: &Finished) -> Error {
    let said = String::from_utf8_lossy(&finished.stderr);
    let said = said.trim();
    let hint = if said.contains("version mismatch") || said.contains("unsupported") {
        "the profile was written by another LLVM: train again with the compiler that builds the candidate"
    } else if said.contains("empty raw profile")
        || said.contains("truncated")
        || said.contains("corrupt")
    {
        "a process was killed while it wrote its profile, or the disk was full: train again"
    } else {
        "train again: see docs/troubleshooting.md#profile-unusable"
    };
    let message = if said.is_empty() {
        format!("llvm-profdata ended with {}", finished.status)
    } else {
        said.to_owned()
    };
    Error::Verification {
        check,
        message,
        hint: hint.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nothing_is_written_beside_a_profile_that_is_read() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path().join("llvm-profdata");
        let profile = scratch.path().join("audited/merged.profdata");
        std::fs::create_dir(scratch.path().join("audited")).expect("a directory");
        std::fs::write(&profile, "a profile").expect("a profile");
        // It reads a profile only where nothing else is.
        let script = "#!/bin/sh\n\
            for profile; do :; done\n\
            test \"$(ls -A \"$(dirname \"$profile\")\")\" = merged.profdata || exit 1\n\
            echo 'Instrumentation level: IR'\n";
        std::fs::write(&path, script).expect("a script");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("executable");
        let tool = LlvmProfdata {
            path,
            version: "22.1.8".to_owned(),
        };
        let counts = tool.counts(&profile).expect("it was alone");
        assert_eq!(counts.total(), 0);
        std::fs::write(profile.with_extension("tmp"), "").expect("a file");
        assert!(tool.counts(&profile).is_err(), "the script sees nothing");
    }
}
