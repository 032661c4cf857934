//! Every way a pipeline can end without an answer, with the next step for a person.
//!
//! Takes nothing; gives [`Error`] with its hint and its exit code. Printing is the caller's.

use std::path::{Path, PathBuf};

use crate::exit;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to which file or command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spec cannot be used as it is.
    #[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Spec {
        /// The spec's file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        message: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// The command line asks for something that cannot be done.
    #[error("{message}")]
    Usage {
        /// What was asked.
        message: String,
        /// What to ask instead.
        hint: String,
    },
    /// A tool is missing, or has the wrong version.
    #[error("{message}")]
    Tool {
        /// Which tool, and what was found.
        message: String,
        /// How to get the right one.
        hint: String,
    },
    /// cargo did not produce the binary.
    #[error("the {arm} build failed: {message}")]
    Build {
        /// `baseline`, `instrumented`, `candidate` or `audit`.
        arm: String,
        /// cargo's last words.
        message: String,
        /// Where the whole log is.
        hint: String,
    },
    /// A proof of the pipeline does not hold.
    #[error("verification failed ({check}): {message}")]
    Verification {
        /// The check's name, as in the record.
        check: &'static str,
        /// What was found.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// A training run did not end as the spec declares.
    #[error("training workload `{workload}` {message}")]
    Training {
        /// The workload's name.
        workload: String,
        /// How it ended, with the last lines of its output.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// A benchmark that the spec declares failed.
    #[error("the benchmark of [criterion] failed:\n{message}")]
    Bench {
        /// Its last words.
        message: String,
        /// What stands all the same, and where the whole output is.
        hint: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// `read`, `write`, `create`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Sampling, judging or a record failed.
    #[error(transparent)]
    Measure(#[from] inferno_measure::Error),
    /// A tool or a model could not be fetched.
    #[error(transparent)]
    Provision(#[from] inferno_provision::Error),
    /// A defect of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// An [`Error::Io`] for use with `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The next step for the person who reads the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Spec { hint, .. } => hint.clone(),
            Self::Usage { hint, .. }
            | Self::Tool { hint, .. }
            | Self::Build { hint, .. }
            | Self::Verification { hint, .. }
            | Self::Training { hint, .. }
            | Self::Bench { hint, .. } => Some(hint.clone()),
            Self::Measure(error) => error.hint(),
            Self::Provision(error) => error.hint(),
            Self::Io { .. } => Some("check that the path exists, may be read and written, and that the disk is not full".into()),
            Self::Internal(_) => None,
        }
    }

    /// The process's exit code for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Spec { .. } | Self::Usage { .. } => exit::USAGE,
            Self::Tool { .. } => exit::TOOL_MISSING,
            Self::Build { .. } => exit::BUILD_FAILED,
            Self::Verification { .. } => exit::VERIFICATION_FAILED,
            Self::Training { .. } | Self::Bench { .. } => exit::WORKLOAD_FAILED,
            Self::Io { .. } | Self::Internal(_) => exit::INTERNAL,
            Self::Measure(error) => error.exit_code(),
            Self::Provision(error) => error.exit_code(),
        }
    }
}
