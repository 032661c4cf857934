//! Stages that are run once per set of inputs, and how long each took.
//!
//! Takes a stage's name, the key of its inputs and the work; gives the work's output, from the
//! disk where the key is the same and the output is still whole. It must not guess: what is not in
//! the key is not noticed.

use std::time::Instant;

use inferno_measure::record::{Stage, StageKind, StageState};
use inferno_measure::write_atomically;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};
use crate::output::Layout;

/// What may be taken from an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Finished stages with the same inputs.
    Unchanged,
    /// Nothing.
    Nothing,
}

impl Reuse {
    /// What an option that makes everything `anew` means.
    pub fn unless(anew: bool) -> Self {
        if anew { Self::Nothing } else { Self::Unchanged }
    }
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
    layout: Layout,
    reuse: Reuse,
    timings: Vec<Stage>,
}

impl Stages {
    /// Stages that are kept in an output directory.
    pub fn new(layout: Layout, reuse: Reuse) -> Self {
        Self {
            layout,
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
        let kept = self.kept(name).filter(|kept: &Kept<T>| kept.key == key);
        if let Some(kept) = kept.filter(|_| self.reuse == Reuse::Unchanged) {
            self.note(name, kind, started, StageState::Reused);
            return Ok(kept.output);
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
        self.kept(name).map(|kept| kept.output)
    }

    fn kept<T: DeserializeOwned + Whole>(&self, name: &str) -> Option<Kept<T>> {
        let text = std::fs::read_to_string(self.layout.stage(name)).ok()?;
        let kept: Kept<T> = serde_json::from_str(&text).ok()?;
        kept.output.is_whole().then_some(kept)
    }

    /// The output of the last run of `name`, even where its files have changed since; `None` where
    /// there is none that can be read.
    pub(crate) fn last_unchecked<T: DeserializeOwned>(layout: &Layout, name: &str) -> Option<T> {
        let text = std::fs::read_to_string(layout.stage(name)).ok()?;
        let kept: Kept<T> = serde_json::from_str(&text).ok()?;
        Some(kept.output)
    }

    fn keep<T: Serialize>(&self, name: &str, kept: &Kept<T>) -> Result<()> {
        let text = serde_json::to_string_pretty(kept)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(write_atomically(&self.layout.stage(name), text.as_bytes())?)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Answer(u32);

    impl Whole for Answer {
        fn is_whole(&self) -> bool {
            self.0 != 13
        }
    }

    fn answer(directory: &Path, reuse: Reuse, key: &str, value: u32) -> (u32, StageState) {
        std::fs::create_dir_all(Layout::new(directory).stages()).expect("a directory");
        let mut stages = Stages::new(Layout::new(directory), reuse);
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
        std::fs::write(Layout::new(directory.path()).stage("ask"), "{\"key\":").expect("a file");
        assert_eq!(ask(15), (15, StageState::Ran));
    }
}
