//! What can go wrong between a model file and the last token, and what to do then.
//!
//! Takes nothing, gives the crate's one error type. Each message names the file or the setting;
//! the next step is in [`Error::hint`], so that a program can print the two apart.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a model could not be loaded or a request could not be served. Cloned where several wait for
/// the same answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file could not be opened or read.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: `open`, `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The file is not of the format that it should have, or it is damaged.
    #[error("{} is not a usable model file: {problem}", path.display())]
    CorruptModel {
        /// The model file.
        path: PathBuf,
        /// What does not hold, with the place in the file where that is known.
        problem: String,
    },
    /// The file is in order, but this engine cannot run what is in it.
    #[error("{} cannot be run by this engine: {problem}", path.display())]
    UnsupportedModel {
        /// The model file.
        path: PathBuf,
        /// What is not supported.
        problem: String,
    },
    /// The prompt has no tokens.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// The prompt leaves no room for a single new token.
    #[error("the prompt has {prompt_tokens} tokens, the model's context holds {context_tokens}")]
    PromptTooLong {
        /// Tokens of the prompt, the template's included.
        prompt_tokens: usize,
        /// Tokens that fit into the context.
        context_tokens: usize,
    },
    /// A session was asked to go on beyond the model's context.
    #[error("the context of {context_tokens} tokens is full")]
    ContextFull {
        /// Tokens that fit into the context.
        context_tokens: usize,
    },
    /// A token that the vocabulary does not have.
    #[error("token {token} is outside the vocabulary of {vocabulary_size} tokens")]
    UnknownToken {
        /// The token.
        token: u32,
        /// Tokens in the vocabulary.
        vocabulary_size: usize,
    },
    /// A chat prompt for a model without a chat template.
    #[error("the model has no chat template")]
    NoChatTemplate,
    /// The model's chat template could not be parsed or rendered.
    #[error("the model's chat template cannot be rendered")]
    ChatTemplate(#[source] Arc<minijinja::Error>),
    /// The text could not be cut into tokens.
    #[error("the text cannot be cut into tokens")]
    Tokenize(#[source] Arc<dyn StdError + Send + Sync>),
    /// A setting that makes no sense.
    #[error("{setting} is {value}: {expected}")]
    InvalidSetting {
        /// The setting's name.
        setting: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The backend's thread pool is there already and has another size.
    #[error("the thread pool has {actual} threads and cannot be changed to {requested}")]
    ThreadsFixed {
        /// Threads that compute, the caller's included.
        actual: usize,
        /// What was asked for.
        requested: usize,
    },
    /// The queue is full: the request was not taken.
    #[error("the engine is overloaded: {capacity} requests are waiting already")]
    Overloaded {
        /// Requests that may wait.
        capacity: usize,
    },
    /// The request was withdrawn by who sent it.
    #[error("the request was cancelled")]
    Cancelled,
    /// The request's time was over before its answer was complete.
    #[error("the request was not answered in time: it was given up after {:.3} s", after.as_secs_f64())]
    DeadlineExceeded {
        /// From submission until it was given up.
        after: Duration,
    },
    /// A file of the backend's own, a shared library, say, could not be found or loaded.
    #[error("the {backend} backend needs {what}: {problem}")]
    MissingLibrary {
        /// The backend's name.
        backend: &'static str,
        /// What is missing.
        what: &'static str,
        /// What was tried and what happened.
        problem: String,
        /// The next step.
        hint: &'static str,
    },
    /// The device on which to compute is not there, or this build cannot use it.
    #[error("the {backend} backend cannot use {device}: {problem}")]
    NoDevice {
        /// The backend's name.
        backend: &'static str,
        /// The device that was asked for.
        device: &'static str,
        /// What was tried and what happened.
        problem: String,
    },
    /// The request was lost because the engine was stopped or dropped.
    #[error("the engine stopped before the request was served")]
    EngineStopped,
    /// The request was lost because something panicked that computes: a mistake in the program.
    #[error("the engine panicked")]
    Panicked,
    /// The model computed something that is not a number.
    #[error("the model gives values that are not finite")]
    NotFinite,
    /// The backend failed in the middle of a computation.
    #[error("the backend failed")]
    Backend(#[source] Arc<dyn StdError + Send + Sync>),
}

impl Error {
    /// What went wrong inside a backend: its own error, or what it did wrong in words.
    pub(crate) fn backend(problem: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Backend(Arc::from(problem.into()))
    }

    /// The next step for the person who sees the message, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { .. } => {
                "check the path, or fetch a model with `cargo xtask model fetch NAME`; `cargo xtask \
                 model list` has the names"
            }
            Self::CorruptModel { .. } => {
                "fetch the model again; `cargo xtask model fetch NAME` checks its SHA-256"
            }
            Self::UnsupportedModel { .. } => {
                "use a model of `cargo xtask model list`: for text a GGUF model of the llama \
                 architecture with a byte-level BPE tokenizer, such as smollm2-135m"
            }
            Self::EmptyPrompt => "give at least one character of prompt",
            Self::PromptTooLong { .. } | Self::ContextFull { .. } => {
                "shorten the prompt or ask for fewer tokens"
            }
            Self::NoChatTemplate | Self::ChatTemplate(_) => {
                "send the prompt as it is, without a chat template (`--raw`)"
            }
            Self::ThreadsFixed { .. } => "start one process per number of threads",
            Self::Overloaded { .. } => "send fewer requests at once, or try again later",
            Self::DeadlineExceeded { .. } => "allow more time, or ask for fewer tokens",
            Self::MissingLibrary { hint, .. } => hint,
            Self::NoDevice { .. } => {
                "build with `--features cuda` on a machine with CUDA's toolkit and a GPU, or compute on \
                 the device cpu"
            }
            Self::NotFinite => "the model file is probably damaged: fetch it again",
            Self::Panicked => {
                "this is a mistake in the program: please report it, with what it said on standard error"
            }
            Self::UnknownToken { .. }
            | Self::Tokenize(_)
            | Self::InvalidSetting { .. }
            | Self::EngineStopped
            | Self::Cancelled
            | Self::Backend(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// The exit code for the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::InvalidSetting { .. } | Self::ThreadsFixed { .. } => 2,
            Self::MissingLibrary { .. } | Self::NoDevice { .. } => 20,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_error_names_the_file_and_the_next_step() {
        let error = Error::CorruptModel {
            path: PathBuf::from("models/x.gguf"),
            problem: "it ends early".to_owned(),
        };
        assert!(error.to_string().contains("models/x.gguf"));
        assert!(error.hint().is_some_and(|hint| hint.contains("fetch")));
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_wrong_setting_is_a_usage_error() {
        let error = Error::InvalidSetting {
            setting: "temperature",
            value: "-1".to_owned(),
            expected: "a finite number, at least 0",
        };
        assert_eq!(error.exit_code(), 2);
    }
}
