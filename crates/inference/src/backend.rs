//! What a backend must offer: a backend loads a model; what the model does is one of three tasks.
//!
//! - generate: a [`Model`] makes a [`Context`], in which many sequences are computed together
//! - embed and classify: a [`BatchModel`] answers a batch of independent inputs
//!
//! The engine is written against these traits alone, and one conformance suite runs over every
//! backend and task (`tests/conformance`). A backend that was asked for and cannot be had is an
//! error; nothing here chooses another one instead.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use crate::chat::ChatTemplate;
use crate::error::Error;
use crate::tokenizer::Tokenizer;

/// A way to run models of one task.
pub trait Backend {
    /// What it loads.
    type Model: Send + Sync + 'static;

    /// Its name in logs and records, in lower case.
    const NAME: &'static str;

    /// Loads the model at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds what this backend cannot run.
    fn load(&self, path: &Path) -> Result<Self::Model, Error>;
}

/// How much a context holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextSize {
    /// Sequences that may be there at the same time.
    pub sequences: NonZeroUsize,
    /// Tokens of all sequences together.
    pub tokens: NonZeroUsize,
    /// Tokens that one pass may take in, of all sequences together.
    pub pass_tokens: NonZeroUsize,
}

/// Loaded weights of a language model, with its tokenizer; contexts share them.
pub trait Model: Send + Sync + 'static {
    /// What it makes. It lives on one thread.
    type Context<'model>: Context
    where
        Self: 'model;

    /// How text becomes tokens, and back.
    fn tokenizer(&self) -> &Tokenizer;

    /// How a conversation becomes a prompt, if the model came with a template.
    fn chat_template(&self) -> Option<&ChatTemplate>;

    /// Tokens that fit into one sequence, prompt and answer together.
    fn context_tokens(&self) -> usize;

    /// Begins a context whose sequences are empty. It copies no weights.
    ///
    /// # Errors
    /// When the backend cannot make one.
    fn context(&self, size: ContextSize) -> Result<Self::Context<'_>, Error>;
}

/// The place of a sequence in its context, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub usize);

/// Whether the logits after a step's last token are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logits {
    /// They are computed.
    Wanted,
    /// They are not: more of the prompt follows.
    Skipped,
}

/// What one sequence takes in during a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// The sequence; no two steps of a pass have the same.
    pub sequence: Sequence,
    /// At least one token.
    pub tokens: &'a [u32],
    /// What is wanted.
    pub logits: Logits,
}

/// Sequences of tokens and what the model remembers of them.
pub trait Context {
    /// Tokens that `sequence` has taken in.
    fn position(&self, sequence: Sequence) -> usize;

    /// Takes in the tokens of all `steps` in one pass.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`] for a step without tokens, [`Error::ContextFull`] when they do not
    /// fit, [`Error::UnknownToken`]; the sequences are then as they were before.
    fn forward(&mut self, steps: &[Step<'_>]) -> Result<(), Error>;

    /// The logits after the last token of step number `step` of the last pass; nothing when they
    /// were not wanted. One value per token of the vocabulary.
    fn logits(&self, step: usize) -> Option<&[f32]>;

    /// Forgets what `sequence` took in from `position` on. The memory is kept.
    ///
    /// # Errors
    /// When the backend cannot.
    fn truncate(&mut self, sequence: Sequence, position: usize) -> Result<(), Error>;

    /// Lets the empty sequence `to` begin with the first `position` tokens of `from`.
    ///
    /// # Errors
    /// When the backend cannot.
    fn share(&mut self, from: Sequence, to: Sequence, position: usize) -> Result<(), Error>;
}

/// A model that answers each input on its own; a batch of them costs less than one by one.
pub trait BatchModel: Send + Sync + 'static {
    /// One input.
    type Input: Send + 'static;
    /// Its answer.
    type Output: Send + 'static;

    /// Answers `inputs`: one result per input, in their order.
    ///
    /// # Errors
    /// When the whole batch failed. What is wrong with one input is its own result.
    fn run(&self, inputs: &[Self::Input]) -> Result<Vec<Result<Self::Output, Error>>, Error>;

    /// Tokens, bytes or whatever the model counts in one input: batches of like lengths waste
    /// less.
    fn length(&self, input: &Self::Input) -> usize;
}

/// The direction of a text in the space of a model, of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// One value per dimension.
    pub values: Vec<f32>,
    /// Tokens of the text, the model's own included.
    pub tokens: usize,
}

/// What a model takes an input for.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The best label.
    pub label: Arc<str>,
    /// Its probability.
    pub score: f32,
}
