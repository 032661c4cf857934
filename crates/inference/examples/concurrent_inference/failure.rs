//! What ends the program with an error, and what to do then.

use std::io;
use std::path::PathBuf;

use inferno_inference::Error;

/// The next step when there is no model.
const FETCH: &str = "run `cargo xtask model fetch smollm2-135m` and pass the path that it prints";

/// Why the program cannot go on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Neither `--model-path` nor `BENCH_MODEL_PATH`.
    NoModelPath,
    /// The model path leads nowhere.
    NoSuchModel(PathBuf),
    /// The model path is a directory with none or several models.
    ModelDirectory { path: PathBuf, count: usize },
    /// A file could not be read.
    Read { path: PathBuf, source: io::Error },
    /// A file of prompts without prompts.
    NoPrompts(PathBuf),
    /// The model or the engine.
    Engine(Error),
    /// A request line that is not even JSON with a `seq`: nobody could match an answer to it.
    Protocol(String),
    /// stdout or stderr is gone.
    Output(io::Error),
    /// stdin failed.
    Input(io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoModelPath => write!(
                formatter,
                "no model: neither --model-path nor BENCH_MODEL_PATH is set"
            ),
            Self::NoSuchModel(path) => write!(formatter, "there is no model at {}", path.display()),
            Self::ModelDirectory { path, count } => write!(
                formatter,
                "{} holds {count} .gguf files; exactly one was expected",
                path.display()
            ),
            Self::Read { path, source } => {
                write!(formatter, "cannot read {}: {source}", path.display())
            }
            Self::NoPrompts(path) => write!(formatter, "{} holds no prompts", path.display()),
            Self::Engine(error) => formatter.write_str(&describe(error)),
            Self::Protocol(line) => write!(formatter, "not a request with a seq: {line}"),
            Self::Output(source) => write!(formatter, "cannot write: {source}"),
            Self::Input(source) => write!(formatter, "cannot read stdin: {source}"),
        }
    }
}

impl Failure {
    /// The next step, where there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NoModelPath | Self::NoSuchModel(_) => Some(FETCH.to_owned()),
            Self::ModelDirectory { .. } => Some("name the file itself".to_owned()),
            Self::NoPrompts(_) => Some("write one prompt per line".to_owned()),
            Self::Engine(error) => error.hint(),
            Self::Read { .. } | Self::Protocol(_) | Self::Output(_) | Self::Input(_) => None,
        }
    }

    /// The exit code: 2 for what was asked wrongly, 1 for what went wrong.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoModelPath
            | Self::NoSuchModel(_)
            | Self::ModelDirectory { .. }
            | Self::Read { .. }
            | Self::NoPrompts(_)
            | Self::Protocol(_) => 2,
            Self::Engine(error) => error.exit_code(),
            Self::Output(_) | Self::Input(_) => 1,
        }
    }

    /// Prints message and next step to stderr.
    pub(crate) fn print(&self) {
        eprintln!("error: {self}");
        if let Some(hint) = self.hint() {
            eprintln!("  next: {hint}");
        }
    }
}

/// The message of `error` and of what caused it, in one line.
pub(crate) fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
