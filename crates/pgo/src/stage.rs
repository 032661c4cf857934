//! Stages that are run once per set of inputs, and how long each took.
//!
//! Takes a stage's name, the key of its inputs and the work; gives the work's output, from the
//! disk where the key is the same and the output is still whole. It must not guess: what is not in
//! the key is not noticed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use inferno_measure::record::{Stage, StageKind, StageState};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::digest;
use crate::error::{Error, Result};

/// What may be taken from an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Finished stages with the same inputs.
    Unchanged,
    /// Nothing.
    Nothing,
}

/// The output of a stage as it is kept on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Kept<T> {
    key: String,
    output: T,
}

/// An output whose files can be checked.
pub trait Whole {
    /// Whether every file that the output names is there and unchanged.
    fn is_whole(&self) -> bool;
}

/// The stages of one run.
#[derive(Debug)]
pub struct Stages {
    directory: PathBuf,
    reuse: Reuse,
    timings: Vec<Stage>,
}

impl Stages {
    /// Stages that are kept in `directory`.
    pub fn new(directory: PathBuf, reuse: Reuse) -> Self {
        Self {
            directory,
            reuse,
            timings: Vec::new(),
        }
    }

    /// The output of the stage `name` for these inputs; `work` makes it where there is none.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Io`] when its output cannot be kept.
    pub fn run<T: Serialize + DeserializeOwned + Whole>(
        &mut self,
        name: &str,
        kind: StageKind,
        key: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let started = Instant::now();
        let kept = if self.reuse == Reuse::Unchanged {
            self.kept(name, key)
        } else {
            None
        };
        if let Some(output) = kept {
            self.note(name, kind, started, StageState::Reused);
            return Ok(output);
        }
        let output = work()?;
        self.keep(
            name,
            &Kept {
                key: key.to_owned(),
                output: &output,
            },
        )?;
        self.note(name, kind, started, StageState::Ran);
        Ok(output)
    }

    /// Times work that has no output to keep.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn timed<T>(
        &mut self,
        name: &str,
        kind: StageKind,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let started = Instant::now();
        let output = work()?;
        self.note(name, kind, started, StageState::Ran);
        Ok(output)
    }

    /// Wall time per stage, in the order in which they ended.
    pub fn timings(&self) -> &[Stage] {
        &self.timings
    }

    /// The output of the last run of `name`, whatever its inputs were.
    pub fn last<T: DeserializeOwned + Whole>(&self, name: &str) -> Option<T> {
        let text = std::fs::read_to_string(self.file(name)).ok()?;
        let kept: Kept<T> = serde_json::from_str(&text).ok()?;
        kept.output.is_whole().then_some(kept.output)
    }

    fn kept<T: DeserializeOwned + Whole>(&self, name: &str, key: &str) -> Option<T> {
        let text = std::fs::read_to_string(self.file(name)).ok()?;
        let kept: Kept<T> = serde_json::from_str(&text).ok()?;
        (kept.key == key && kept.output.is_whole()).then_some(kept.output)
    }

    fn keep<T: Serialize>(&self, name: &str, kept: &Kept<T>) -> Result<()> {
        let text = serde_json::to_string_pretty(kept)
            .map_err(|error| Error::Internal(error.to_string()))?;
        write_atomically(&self.file(name), text.as_bytes())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(file_name(name))
    }

    /// Notes a stage that was timed elsewhere.
    pub fn note(&mut self, name: &str, kind: StageKind, started: Instant, state: StageState) {
        let wall_s = started.elapsed().as_secs_f64();
        self.timings.push(Stage {
            name: name.to_owned(),
            kind,
            state,
            wall_s,
        });
    }
}

/// A stage's name may hold a workload's, which is any text: what no file name should have is
/// replaced, and a digest keeps two such names apart.
fn file_name(stage: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if stage.chars().all(plain) {
        return format!("{stage}.json");
    }
    let readable: String = stage
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .take(40)
        .collect();
    format!("{readable}-{}.json", &digest::text(stage)[..8])
}

/// Writes to a temporary file beside `path` and renames it: readers see the old file or the new
/// one.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(Error::io("write", path))?;
    file.write_all(content).map_err(Error::io("write", path))?;
    file.persist(path)
        .map_err(|error| Error::io("write", path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Answer(u32);

    impl Whole for Answer {
        fn is_whole(&self) -> bool {
            self.0 != 13
        }
    }

    fn answer(directory: &Path, reuse: Reuse, key: &str, value: u32) -> (u32, StageState) {
        let mut stages = Stages::new(directory.to_owned(), reuse);
        let kept = stages.run("ask", StageKind::Other, key, || Ok(Answer(value)));
        (kept.expect("an answer").0, stages.timings()[0].state)
    }

    #[test]
    fn a_stage_runs_once_per_key() {
        let directory = tempfile::tempdir().expect("a directory");
        let ask = |reuse, key, value| answer(directory.path(), reuse, key, value);
        assert_eq!(ask(Reuse::Unchanged, "a", 1), (1, StageState::Ran));
        assert_eq!(ask(Reuse::Unchanged, "a", 2), (1, StageState::Reused));
        assert_eq!(ask(Reuse::Unchanged, "b", 3), (3, StageState::Ran));
        assert_eq!(ask(Reuse::Nothing, "b", 4), (4, StageState::Ran));
    }

    #[test]
    fn damaged_output_and_damaged_notes_are_made_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let ask = |value| answer(directory.path(), Reuse::Unchanged, "a", value);
        assert_eq!(ask(13), (13, StageState::Ran));
        assert_eq!(ask(14), (14, StageState::Ran));
        std::fs::write(directory.path().join("ask.json"), "{\"key\":").expect("a file");
        assert_eq!(ask(15), (15, StageState::Ran));
    }

    #[test]
    fn file_names_are_plain_and_distinct() {
        assert_eq!(file_name("merge"), "merge.json");
        let names = ["train a/b", "train a b", "train ../../x"].map(file_name);
        assert!(names.iter().all(|name| !name.contains(['/', ' '])));
        assert_ne!(names[0], names[1]);
    }
}
