//! What a command can end with; exit codes and hints are the crates' own.

use inferno_measure::process::ExitKind;
use inferno_pgo::exit;

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
    /// A benchmark suite failed, and has said why.
    #[error("the suite `{suite}` ended with {status}")]
    Suite {
        /// Its name.
        suite: &'static str,
        /// How cargo ended, which passes the suite's own exit code on.
        status: ExitKind,
    },
    /// A command of the project itself could not be run.
    #[error(transparent)]
    Shell(#[from] xshell::Error),
}

impl Error {
    /// Says on standard error what is wrong, and the next step.
    pub(crate) fn tell(&self) {
        cargo_inferno_pgo::tell(self, self.hint().as_deref());
    }

    /// The next step.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Pgo(error) => error.hint(),
            Self::Suite { .. } => {
                Some("its own words stand above; docs/benches.md says what each suite needs".into())
            }
            Self::Check(_) | Self::Shell(_) => None,
        }
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Pgo(error) => error.exit_code(),
            Self::Suite { status, .. } => suite_exit_code(*status),
            Self::Check(_) | Self::Shell(_) => exit::INTERNAL,
        }
    }
}

/// The suite's own exit code where it is one that is documented; other programs' codes, as of a
/// benchmark that panics, mean that it failed.
fn suite_exit_code(status: ExitKind) -> u8 {
    const DOCUMENTED: [u8; 6] = [
        exit::INTERNAL,
        exit::USAGE,
        exit::TOOL_MISSING,
        exit::BUILD_FAILED,
        exit::VERIFICATION_FAILED,
        exit::WORKLOAD_FAILED,
    ];
    match status {
        ExitKind::Code(code) => DOCUMENTED
            .into_iter()
            .find(|documented| i32::from(*documented) == code)
            .unwrap_or(exit::WORKLOAD_FAILED),
        ExitKind::Signal(_) | ExitKind::TimedOut => exit::WORKLOAD_FAILED,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_keeps_a_documented_exit_code() {
        for (status, expected) in [
            (ExitKind::Code(22), 22),
            (ExitKind::Code(2), 2),
            (ExitKind::Code(20), 20),
            (ExitKind::Code(101), 23),
            (ExitKind::Code(10), 23),
            (ExitKind::Signal(9), 23),
        ] {
            let error = Error::Suite {
                suite: "pgo",
                status,
            };
            assert_eq!(error.exit_code(), expected, "{status}");
            assert!(error.hint().is_some());
        }
    }
}
