//! What is asked of an engine, what it answers, and where the time of a request went.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::Message;
use crate::error::Error;
use crate::sampling::Sampling;

/// What the model is asked to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// The text as it is.
    Raw(String),
    /// A conversation, put into the model's chat template.
    Chat(Vec<Message>),
}

/// What happens at a token that ends an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AtEnd {
    /// The answer ends.
    Stop,
    /// The token is never chosen: the answer has as many tokens as were asked for.
    Continue,
}

/// How much is generated, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Most tokens of the answer.
    pub max_tokens: NonZeroUsize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What happens at a token that ends an answer.
    pub at_end: AtEnd,
    /// Texts that end an answer; they are not part of it.
    pub stop_texts: Vec<String>,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What to continue.
    pub prompt: Prompt,
    /// How much, and how.
    pub limits: Limits,
    /// Who asks: those who wait get their turns one after the other, however many requests each
    /// has in the queue.
    pub client: Arc<str>,
    /// Time from submission after which the answer is not wanted any more.
    pub deadline: Option<Duration>,
}

impl Request {
    /// A request of the one client that there is, without a deadline.
    pub fn new(prompt: Prompt, limits: Limits) -> Self {
        Self {
            prompt,
            limits,
            client: Arc::from(""),
            deadline: None,
        }
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It has as many tokens as were asked for.
    MaxTokens,
    /// The model ended it.
    EndOfSequence,
    /// It came to one of the request's stop texts.
    StopText,
    /// The model's context is full.
    ContextFull,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was computed for this request.
    Computed,
    /// It was being computed already, for an equal request.
    Coalesced,
    /// It had been kept.
    Cached,
}

/// Where the time of a request went. What was not computed for this request has no time inside
/// the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Chat template and tokenizer, before the request is put into the queue.
    pub tokenize: Duration,
    /// In the queue, until its sequence joined the batch: the time that the engine was kept by
    /// others.
    pub queue_wait: Duration,
    /// Passes that took in the prompt, each as a whole: others were in them as well.
    pub prefill: Duration,
    /// Passes that took in a token of the answer, each as a whole.
    pub decode: Duration,
    /// From submission until the first token was chosen.
    pub first_token: Duration,
    /// From submission to the last token.
    pub total: Duration,
}

impl Timings {
    /// Inside the model.
    pub fn inference(&self) -> Duration {
        self.prefill + self.decode
    }

    /// All but the queue: from the moment that the sequence joined the batch, and the tokenizer.
    pub fn service(&self) -> Duration {
        self.total.saturating_sub(self.queue_wait)
    }
}

/// A served request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The answer, without control tokens.
    pub text: String,
    /// The answer's tokens; one that ended it is not among them.
    pub tokens: Vec<u32>,
    /// When each of `tokens` was chosen, from submission on. Empty for an answer that was kept.
    pub token_times: Vec<Duration>,
    /// Tokens of the prompt, the template's included.
    pub prompt_tokens: usize,
    /// How many of them had been computed before, for another request.
    pub reused_tokens: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Where it came from.
    pub source: Source,
    /// Where the time went.
    pub timings: Timings,
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Event {
    /// The answer grew by this text.
    Text(String),
    /// It is served, or it failed; nothing comes after it.
    Done(Result<Completion, Error>),
}
