//! What a command can end with; exit codes and hints are the crates' own.

/// A result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The pipeline, sampling, a record, a tool or a model.
    #[error(transparent)]
    Pgo(#[from] inferno_pgo::Error),
    /// A check of the project itself failed.
    #[error("{0}")]
    Check(String),
    /// A command of the project itself could not be run.
    #[error(transparent)]
    Shell(#[from] xshell::Error),
}

impl Error {
    /// The next step.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Pgo(error) => error.hint(),
            Self::Check(_) | Self::Shell(_) => None,
        }
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Pgo(error) => error.exit_code(),
            Self::Check(_) | Self::Shell(_) => inferno_pgo::exit::INTERNAL,
        }
    }
}

impl From<inferno_measure::Error> for Error {
    fn from(error: inferno_measure::Error) -> Self {
        Self::Pgo(error.into())
    }
}

impl From<inferno_provision::Error> for Error {
    fn from(error: inferno_provision::Error) -> Self {
        Self::Pgo(error.into())
    }
}
