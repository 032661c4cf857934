//! What can go wrong between a model file and the last token, and what to do then.
//!
//! Takes nothing, gives the crate's one error type. Each message names the file or the setting;
//! the next step is in [`Error::hint`], so that a program can print the two apart.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

/// Why a model could not be loaded or a request could not be served.
#[derive(Debug, thiserror::Error)]
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
        source: io::Error,
    },
    /// The file is not GGUF, or it is damaged.
    #[error("{} is not a usable GGUF file: {problem}", path.display())]
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
    ChatTemplate(#[source] minijinja::Error),
    /// The text could not be cut into tokens.
    #[error("the text cannot be cut into tokens")]
    Tokenize(#[source] Box<dyn StdError + Send + Sync>),
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
    #[error("the request queue is full ({capacity} requests)")]
    QueueFull {
        /// Requests that may wait.
        capacity: usize,
    },
    /// The request was lost because serving it panicked, or because the engine was dropped.
    #[error("the engine stopped before the request was served")]
    EngineStopped,
    /// The model computed something that is not a number.
    #[error("the model gives logits that are not finite")]
    NotFinite,
    /// The backend failed in the middle of a computation.
    #[error("the backend failed")]
    Backend(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// The next step for the person who sees the message, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { .. } => {
                "check the path, or fetch a model with `cargo xtask model fetch smollm2-135m`"
            }
            Self::CorruptModel { .. } => {
                "fetch the model again; `cargo xtask model fetch smollm2-135m` checks its SHA-256"
            }
            Self::UnsupportedModel { .. } => {
                "use a GGUF model of the llama architecture with a byte-level BPE tokenizer, such \
                 as the one of `cargo xtask model fetch smollm2-135m`"
            }
            Self::EmptyPrompt => "give at least one character of prompt",
            Self::PromptTooLong { .. } | Self::ContextFull { .. } => {
                "shorten the prompt or ask for fewer tokens"
            }
            Self::NoChatTemplate | Self::ChatTemplate(_) => {
                "send the prompt as it is, without a chat template (`--raw`)"
            }
            Self::ThreadsFixed { .. } => "start one process per number of threads",
            Self::QueueFull { .. } => "send fewer requests at once, or raise the queue's capacity",
            Self::NotFinite => "the model file is probably damaged: fetch it again",
            Self::UnknownToken { .. }
            | Self::Tokenize(_)
            | Self::InvalidSetting { .. }
            | Self::EngineStopped
            | Self::Backend(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// The exit code for the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::InvalidSetting { .. } | Self::ThreadsFixed { .. } => 2,
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
