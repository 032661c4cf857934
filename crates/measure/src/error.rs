//! Errors of measuring, each with the next step and its exit code.

use std::path::{Path, PathBuf};

use crate::performance::PERFORMANCE_SCHEMA;
use crate::process::Signal;
use crate::record::{Contradiction, SCHEMA_VERSION};
use crate::samples::Arm;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while measuring, or while reading and writing a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A running program could not be waited for or controlled.
    #[error("cannot {action} {}: {source}", program.display())]
    Control {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The user or the system asked the program to end.
    #[error("interrupted by {signal}")]
    Interrupted {
        /// The signal.
        signal: Signal,
    },
    /// A measured process, or a worker, did not do what its scenario declares.
    #[error("scenario {scenario:?}, {arm}: {problem}{}", tail_of(output_tail))]
    Workload {
        /// Name of the scenario.
        scenario: String,
        /// Which binary.
        arm: Arm,
        /// What went wrong.
        problem: String,
        /// The last lines that it printed.
        output_tail: String,
    },
    /// A metric's regex did not match exactly once.
    #[error(
        "scenario {scenario:?}, {arm}: metric {metric:?}: regex {regex:?} {problem}{}",
        tail_of(output_tail)
    )]
    Metric {
        /// Name of the scenario.
        scenario: String,
        /// Which binary.
        arm: Arm,
        /// Name of the metric.
        metric: String,
        /// Its regex.
        regex: String,
        /// What went wrong, such as "matches 2 times".
        problem: String,
        /// The last lines that were printed.
        output_tail: String,
    },
    /// A scenario or a threshold cannot be measured as it is declared.
    #[error("{subject}: {problem}")]
    Invalid {
        /// What is wrong, such as `scenario "warm/short"`.
        subject: String,
        /// Why.
        problem: String,
    },
    /// The page cache could not be brought into the declared state.
    #[error("scenario {scenario:?}: cache = \"disk\": {problem}: {}", path.display())]
    PageCache {
        /// Name of the scenario.
        scenario: String,
        /// The input file.
        path: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// The file is not a record.
    #[error("{} is not a record: {source}", path.display())]
    MalformedRecord {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The record has another schema version.
    #[error(
        "{} has schema {}, this program reads schema {SCHEMA_VERSION}",
        path.display(),
        found.map_or_else(|| "(none)".to_owned(), |version| version.to_string())
    )]
    RecordSchema {
        /// The file.
        path: PathBuf,
        /// The version that it states.
        found: Option<u64>,
    },
    /// The record does not say of its samples what its samples say.
    #[error(
        "{} contradicts its own samples: {} is {} there, the samples give {}",
        path.display(), contradiction.field, contradiction.stored, contradiction.judged
    )]
    RecordContradiction {
        /// The file.
        path: PathBuf,
        /// The first field that does not follow from the samples.
        contradiction: Contradiction,
    },
    /// The file is not the result of a benchmark.
    #[error("{} is not the result of a benchmark: {problem}", path.display())]
    MalformedResult {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The result has another schema version.
    #[error(
        "{} has schema {found} of benchmark results, this program reads schema {PERFORMANCE_SCHEMA}",
        path.display()
    )]
    ResultSchema {
        /// The file.
        path: PathBuf,
        /// The version that it states.
        found: u64,
    },
    /// The result does not say of its samples what its samples say.
    #[error(
        "{} contradicts its own samples: {} is {} there, the samples give {}",
        path.display(), contradiction.field, contradiction.stored, contradiction.judged
    )]
    ResultContradiction {
        /// The file.
        path: PathBuf,
        /// The first field that does not follow from the samples.
        contradiction: Contradiction,
    },
    /// The samples or the plan of an earlier run cannot be read.
    #[error("{}, line {line}: {problem}", path.display())]
    MalformedLog {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        problem: String,
    },
    /// Data could not be written as JSON.
    #[error("cannot encode as JSON: {source}")]
    Encode {
        /// Why.
        source: serde_json::Error,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The next step for the user, where there is one.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { .. } => "check that the path exists and may be read and written",
            Self::Spawn { .. } => "check that the program exists and may be executed",
            Self::Workload { .. } => {
                "run the binary by hand with the scenario's arguments; a scenario that needs \
                 longer takes a larger `timeout` in the spec"
            }
            Self::Metric { .. } => {
                "compare the regex with the output; it must match exactly once in stdout and \
                 stderr together, with the number in its first group"
            }
            Self::PageCache { .. } => {
                "put the file on a disk file system (not tmpfs), let no other program map it, \
                 or leave out `cache = \"disk\"`"
            }
            Self::MalformedRecord { .. } => {
                "give a whole record.json, as the main job and `compare` write it"
            }
            Self::RecordSchema { found, .. } => match found {
                Some(found) if *found > u64::from(SCHEMA_VERSION) => {
                    "a newer version of the program wrote it: read it with that version"
                }
                Some(_) => "an older version of the program wrote it: make the record again",
                None => "give the record.json that this program wrote",
            },
            Self::RecordContradiction { .. } => {
                "the record was edited, or made by another version of the program: take the \
                 original, or make it again; the step `judge` judges its samples anew"
            }
            Self::MalformedResult { .. } => {
                "give a file that `inferno performance-benchmark baseline` or `… benchmark` wrote, \
                 as a whole"
            }
            Self::ResultSchema { found, .. } if *found > u64::from(PERFORMANCE_SCHEMA) => {
                "a newer version of the program wrote it: read it with that version"
            }
            Self::ResultSchema { .. } => {
                "an older version of the program wrote it: measure again with this one"
            }
            Self::ResultContradiction { .. } => {
                "the file was edited: take the original, or measure again"
            }
            Self::MalformedLog { .. } => "run again with --fresh",
            Self::Invalid { .. } => "correct the spec",
            Self::Control { .. } | Self::Interrupted { .. } | Self::Encode { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// Exit code of the program: 2 for a bad spec, record or result, 23 for a scenario that fails, 130
    /// and 143 when interrupted, 1 for what the user cannot have caused.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid { .. }
            | Self::MalformedRecord { .. }
            | Self::RecordSchema { .. }
            | Self::RecordContradiction { .. }
            | Self::MalformedResult { .. }
            | Self::ResultSchema { .. }
            | Self::ResultContradiction { .. } => 2,
            Self::Workload { .. } | Self::Metric { .. } | Self::PageCache { .. } => 23,
            Self::Interrupted { signal } => signal.exit_code(),
            Self::Io { .. }
            | Self::Spawn { .. }
            | Self::Control { .. }
            | Self::MalformedLog { .. }
            | Self::Encode { .. } => 1,
        }
    }
}

fn tail_of(output: &str) -> String {
    if output.trim().is_empty() {
        String::new()
    } else {
        format!("\n--- last output ---\n{}", output.trim_end())
    }
}
