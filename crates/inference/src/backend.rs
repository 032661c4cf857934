//! What a backend must offer: a backend loads a model, a model makes sessions, a session computes.
//!
//! The engine is written against these traits alone, and one conformance suite runs over every
//! backend (`tests/conformance.rs`). A backend that was asked for and cannot be had is an error;
//! nothing here chooses another one instead.

use std::path::Path;

use crate::chat::ChatTemplate;
use crate::error::Error;
use crate::tokenizer::Tokenizer;

/// A way to run models.
pub trait Backend {
    /// What it loads.
    type Model: Model;

    /// Its name in logs and records, in lower case.
    const NAME: &'static str;

    /// Loads the model at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds what this backend cannot run.
    fn load(&self, path: &Path) -> Result<Self::Model, Error>;
}

/// Loaded weights with their tokenizer; many sessions share one model.
pub trait Model: Send + Sync + 'static {
    /// What it makes.
    type Session: Session;

    /// How text becomes tokens, and back.
    fn tokenizer(&self) -> &Tokenizer;

    /// How a conversation becomes a prompt, if the model came with a template.
    fn chat_template(&self) -> Option<&ChatTemplate>;

    /// Tokens that fit into one session, prompt and answer together.
    fn context_tokens(&self) -> usize;

    /// Begins an empty session. It copies no weights.
    ///
    /// # Errors
    /// When the backend cannot make one.
    fn session(&self) -> Result<Self::Session, Error>;
}

/// One sequence of tokens and what the model remembers of it.
pub trait Session: Send + 'static {
    /// Tokens taken in so far.
    fn position(&self) -> usize;

    /// Takes in `tokens` and gives the logits of what comes after the last one.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`] without tokens, [`Error::PromptTooLong`] when they do not fit into
    /// the context, [`Error::UnknownToken`]; the session is then as it was before.
    fn prefill(&mut self, tokens: &[u32]) -> Result<&[f32], Error>;

    /// Takes in one token and gives the logits of what comes after it.
    ///
    /// # Errors
    /// [`Error::ContextFull`] and [`Error::UnknownToken`]; the session is then as it was before.
    fn decode(&mut self, token: u32) -> Result<&[f32], Error>;

    /// Forgets all tokens and keeps the memory for the next sequence.
    fn reset(&mut self);
}
