//! What can go wrong when something is provided, and what to do then.
//!
//! Takes nothing, gives the crate's one error type. Each message names the file or the command;
//! the next step is in [`Error::hint`], so that a program can print the two apart.

use std::io;
use std::path::PathBuf;

/// Why a file could not be provided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be written or read.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: `write`, `read`, `create`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// An [`Error::Io`] for `action` on `path`, to be used with `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// The next step for the person who sees the message, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => None,
        }
    }

    /// The exit code for the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io { .. } => 1,
        }
    }
}
