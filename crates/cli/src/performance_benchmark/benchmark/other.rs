//! Another build of this program, which is measured in turns with this one.
//!
//! Takes the program's path; gives plans for it that are those of this program, but for who carries them
//! out, under which mark, and where the result goes.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use inferno_measure::performance::{Build, PerformanceResult};
use inferno_measure::record::Tool;
use serde::{Deserialize, Serialize};

use super::runner::Runner;
use super::suite_run::Plan;
use crate::exit;
use crate::failure::Failure;
use crate::performance_benchmark::results::{self, fingerprint};

/// The command by which a program says what it is.
pub(in crate::performance_benchmark) const COMMAND: &str = "describe-build";

/// Where its results go, in the folder of this program's.
const FOLDER: &str = "against";

/// What a program is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Described {
    tool: Tool,
    build: Build,
}

/// Says what this program is; gives the exit code.
pub(crate) fn describe() -> Result<u8, Failure> {
    let program = std::env::current_exe().unwrap_or_default();
    let described = Described {
        tool: fingerprint::tool(),
        build: fingerprint::build(&program),
    };
    let text = serde_json::to_string(&described)
        .map_err(|source| inferno_measure::Error::Encode { source })?;
    super::print(&format!("{text}\n"))?;
    Ok(exit::ANSWERED)
}

/// The other program.
pub(super) struct Other {
    runner: Runner,
    described: Described,
    folder: PathBuf,
    /// What results that were measured in turns are marked with; it decides their order.
    turns: u64,
}

impl Other {
    /// Asks `program` what it is; makes the folder of its results in `output`.
    ///
    /// # Errors
    /// When it is no such program.
    pub(super) fn find(program: &Path, output: &Path) -> Result<Self, Failure> {
        let foreign = |problem: String| Failure::Against {
            program: program.to_owned(),
            problem,
        };
        // Its processes are started from here, whatever folder they come to work in.
        let path = std::path::absolute(program).unwrap_or_else(|_| program.to_owned());
        let answer = Command::new(&path)
            .args(["performance-benchmark", COMMAND])
            .output()
            .map_err(|error| foreign(error.to_string()))?;
        if !answer.status.success() {
            return Err(foreign(
                String::from_utf8_lossy(&answer.stderr).trim().to_owned(),
            ));
        }
        let described = serde_json::from_slice(&answer.stdout)
            .map_err(|_| foreign("it does not say how it was built".to_owned()))?;
        let folder = output.join(FOLDER);
        results::make_folder(&folder)?;
        Ok(Self {
            runner: Runner::of(path)?,
            described,
            folder,
            // The standard library's own seed: another one each time.
            turns: RandomState::new().build_hasher().finish(),
        })
    }

    /// The folder of its results.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Carries out `plan` in turns with this program, which `runner` starts; gives the result of this
    /// program. That of the other is kept in its folder.
    ///
    /// # Errors
    /// Those of [`Plan::run`].
    pub(super) fn run(&self, plan: &Plan, runner: &Runner) -> Result<PerformanceResult, Failure> {
        let mut mine = plan.clone();
        mine.circumstances.settings.turns = Some(format!("{:016x}", self.turns));
        let mut others = mine.clone();
        others.circumstances.tool = self.described.tool.clone();
        others.circumstances.environment.build = self.described.build.clone();
        let path = results::path(&self.folder, plan.suite);
        others.save = Arc::new(move |result: &PerformanceResult| -> Result<(), Failure> {
            Ok(result.write(&path)?)
        });
        Plan::run_in_turns([&others, &mine], [&self.runner, runner], self.turns)
    }
}
