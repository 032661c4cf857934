//! An engine for language models, whatever its backend.
//!
//! The server and `run` are written against this trait alone, so that a backend changes neither.

use inferno_inference::Error;
use inferno_inference::backend::Model;
use inferno_inference::engine::counts::Counts;
use inferno_inference::engine::{CancelHandle, Engine, Event, Request};

/// More bytes than a control token has: its text is not told. The longest of common models have 30.
const MARKUP_BYTES: usize = 64;

/// Gets what happens to a request, on the thread that computes: it must not wait.
pub(crate) type Sink = Box<dyn FnMut(Event) + Send>;

/// Answers prompts.
pub(crate) trait Generate: Send + Sync {
    /// Puts a request into the queue; `sink` gets its answer as it grows and then the end.
    ///
    /// # Errors
    /// Those of [`Engine::submit_to`]; `sink` is then not called.
    fn submit(&self, request: Request, sink: Sink) -> Result<CancelHandle, Error>;

    /// What the engine has done so far, and what it is doing now.
    fn counts(&self) -> Counts;

    /// Tokens that fit into one sequence, prompt and answer together.
    fn context_tokens(&self) -> usize;

    /// Whether the thread that computes lives: [`Engine::is_alive`].
    fn is_alive(&self) -> bool;

    /// Bytes of the longest prompt that fits into a sequence: a longer one need not be cut into
    /// tokens. [`usize::MAX`] where that is not known.
    fn prompt_bytes(&self) -> usize {
        usize::MAX
    }

    /// Lets no more requests in and serves those that are there.
    fn drain(&self);

    /// Lets no more requests in, and refuses those that wait.
    fn stop(&self);
}

impl<M: Model> Generate for Engine<M> {
    fn submit(&self, request: Request, sink: Sink) -> Result<CancelHandle, Error> {
        self.submit_to(request, sink)
    }

    fn counts(&self) -> Counts {
        Self::counts(self)
    }

    fn context_tokens(&self) -> usize {
        Self::context_tokens(self)
    }

    fn is_alive(&self) -> bool {
        Self::is_alive(self)
    }

    fn prompt_bytes(&self) -> usize {
        let tokenizer = self.model().tokenizer();
        let bytes = |token| tokenizer.decode(&[token]).len();
        let longest = (0..tokenizer.vocabulary_size() as u32).map(bytes).max();
        let longest = longest.unwrap_or_default().max(MARKUP_BYTES);
        longest.saturating_mul(Self::context_tokens(self))
    }

    fn drain(&self) {
        Self::drain(self);
    }

    fn stop(&self) {
        Self::stop(self);
    }
}
