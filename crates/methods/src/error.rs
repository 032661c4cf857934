//! What can go wrong, each with its exit code and the next step.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the methods could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that one of the methods is.
    #[error("{name} is not on PATH")]
    ToolMissing {
        /// Its name.
        name: &'static str,
        /// How to get it.
        hint: &'static str,
    },
    /// A method that the table does not hold.
    #[error("{method} is not in this table")]
    NotInTable {
        /// Its name.
        method: String,
    },
    /// Cargo did not build the fixture.
    #[error("cargo did not build {}:\n{output}", manifest.display())]
    Build {
        /// The fixture's manifest.
        manifest: PathBuf,
        /// The end of cargo's messages.
        output: String,
    },
    /// The constant cannot be patched in.
    #[error("{}: {problem}", binary.display())]
    Patch {
        /// The binary.
        binary: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A method's program failed.
    #[error("{command} ended with {status}:\n{output}")]
    Failed {
        /// Its command line.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// A method left something that cannot be read.
    #[error("{subject}: {problem}")]
    Unreadable {
        /// The file or output.
        subject: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The log is of other settings or of another binary.
    #[error("{} holds outcomes of other settings: {difference}", path.display())]
    OtherSettings {
        /// The log.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A line of the log is malformed.
    #[error("{}, line {line}: {problem}", path.display())]
    MalformedLog {
        /// The log.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Measuring failed, or a signal asks the program to end.
    #[error(transparent)]
    Measure(#[from] inferno_measure::Error),
}

impl Error {
    /// The next step, where there is one beyond the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ToolMissing { hint, .. } => Some((*hint).to_owned()),
            Self::NotInTable { .. } => Some(
                "--table cold has ours and hyperfine, --table warm ours and Criterion".to_owned(),
            ),
            Self::Patch { .. } => {
                Some("build the fixture anew: remove target/known-difference".to_owned())
            }
            Self::OtherSettings { .. } => {
                Some("choose another --out, or the settings of the log".to_owned())
            }
            Self::MalformedLog { .. } => {
                Some("remove the line: its run is then taken again".to_owned())
            }
            Self::Measure(error) => error.hint(),
            Self::Unreadable { .. } | Self::Failed { .. } => Some(
                "run again: it goes on where it stopped; where the time was too short, give more \
                 --seconds and another --out"
                    .to_owned(),
            ),
            Self::Build { .. } | Self::Io { .. } => None,
        }
    }

    /// Exit code of the program, as `cargo xtask` documents them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ToolMissing { .. } => 20,
            Self::Build { .. } => 21,
            Self::Failed { .. } | Self::Unreadable { .. } => 23,
            Self::NotInTable { .. } | Self::OtherSettings { .. } | Self::MalformedLog { .. } => 2,
            Self::Patch { .. } | Self::Io { .. } => 1,
            Self::Measure(error) => error.exit_code(),
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: std::io::Error,
    ) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source,
        }
    }

    pub(crate) fn unreadable(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Unreadable {
            subject: subject.into(),
            problem: problem.into(),
        }
    }
}
