//! Serves requests on one model: a queue in front, a batch of sequences that grows and shrinks
//! from pass to pass behind it.
//!
//! Takes requests at any time from any thread; gives each one's completion or its error, token by
//! token or at the end, with the time it waited, computed and took in all kept apart. The engine
//! knows only the traits of [`crate::backend`].
//!
//! - [`request`]: what is asked, what is answered, where the time went
//! - `queue`: who waits, and who is next
//! - `scheduler`: which sequences take in which tokens in the next pass
//! - `flight`: one computation and all who want its answer
//! - `prefix`: sequences that are kept because others may begin alike
//! - [`response`]: answers that are kept because they may be asked for again
//! - [`counts`]: what the engine has done so far

pub mod counts;
mod flight;
mod prefix;
mod queue;
pub mod request;
pub mod response;
mod running;
mod scheduler;
#[cfg(feature = "slowdown")]
pub mod slowdown;
mod ticket;

use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::backend::{ContextSize, Model};
use crate::error::Error;
use counts::{Counts, SharedCounts};
use flight::{Flight, Subscriber};
use queue::Queue;
pub use request::{AtEnd, Completion, Event, Limits, Prompt, Request, Source, StopReason, Timings};
use response::{Looked, ResponseCache, ResponseCacheConfig};
pub use ticket::{CancelHandle, Ticket};

/// Tokens that a sequence is expected to need: those of a long conversation, of which few run at
/// the same time.
pub const TOKENS_PER_SEQUENCE: usize = 1024;

/// How an engine is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineConfig {
    /// Requests whose tokens are computed together. More share each pass over the weights; each
    /// of them waits for the pass of all.
    pub slots: NonZeroUsize,
    /// Requests that may wait; more are refused with [`Error::Overloaded`].
    pub queue_capacity: NonZeroUsize,
    /// Tokens of one pass, of all requests together: a longer prompt is taken in over several
    /// passes, between which the others get on. At least as many as there are slots.
    pub pass_tokens: NonZeroUsize,
    /// Tokens that all sequences together may remember, which bounds the memory: a request waits
    /// until its prompt and its longest answer fit. Nothing: [`TOKENS_PER_SEQUENCE`] for each slot
    /// and kept prefix, and at least as many as fit into the model's context.
    pub cache_tokens: Option<NonZeroUsize>,
    /// Sequences kept after their answers, for requests that begin alike; 0 keeps none.
    pub kept_prefixes: usize,
    /// Answers that are kept; nothing keeps none.
    pub responses: Option<ResponseCacheConfig>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            slots: NonZeroUsize::MIN,
            queue_capacity: NonZeroUsize::MIN.saturating_add(4095),
            pass_tokens: NonZeroUsize::MIN.saturating_add(255),
            cache_tokens: None,
            kept_prefixes: 0,
            responses: None,
        }
    }
}

impl EngineConfig {
    fn check(&self) -> Result<(), Error> {
        if self.pass_tokens < self.slots {
            return Err(Error::InvalidSetting {
                setting: "pass_tokens",
                value: self.pass_tokens.to_string(),
                expected: "at least as many as there are slots: each takes in a token per pass",
            });
        }
        Ok(())
    }

    /// Tokens of the longest sequence.
    fn context_tokens(&self, model: &impl Model) -> usize {
        let most = self.cache_tokens.map_or(usize::MAX, NonZeroUsize::get);
        model.context_tokens().min(most)
    }

    fn size(&self, model: &impl Model) -> ContextSize {
        let sequences = self.slots.saturating_add(self.kept_prefixes);
        let expected = sequences.get().saturating_mul(TOKENS_PER_SEQUENCE);
        let tokens = NonZeroUsize::new(expected.max(model.context_tokens()));
        ContextSize {
            sequences,
            tokens: self.cache_tokens.or(tokens).unwrap_or(NonZeroUsize::MIN),
            pass_tokens: self.pass_tokens,
        }
    }
}

/// Serves requests on one model.
///
/// Dropping it serves what is still in the queue and then ends its thread; [`Engine::stop`]
/// refuses it instead.
#[derive(Debug)]
pub struct Engine<M: Model> {
    model: Arc<M>,
    queue: Arc<Queue>,
    responses: Option<Arc<ResponseCache>>,
    counts: Arc<SharedCounts>,
    context_tokens: usize,
    scheduler: Option<JoinHandle<()>>,
}

impl<M: Model> Engine<M> {
    /// Starts the thread that computes.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`], and when a context or a thread cannot be had.
    pub fn new(model: Arc<M>, config: EngineConfig) -> Result<Self, Error> {
        config.check()?;
        let queue = Arc::new(Queue::new(config.queue_capacity));
        let responses = config
            .responses
            .as_ref()
            .map(|responses| Arc::new(ResponseCache::new(responses)));
        let context_tokens = config.context_tokens(model.as_ref());
        let counts = Arc::new(SharedCounts::default());
        let (ready, started) = mpsc::channel();
        let thread = Thread {
            model: Arc::clone(&model),
            queue: Arc::clone(&queue),
            responses: responses.clone(),
            counts: Arc::clone(&counts),
            settings: scheduler::Settings {
                slots: config.slots,
                size: config.size(model.as_ref()),
                context_tokens,
            },
        };
        let scheduler = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || thread.run(&ready))
            .map_err(|error| Error::Backend(Arc::new(error)))?;
        started.recv().unwrap_or(Err(Error::Panicked))?;
        Ok(Self {
            model,
            queue,
            responses,
            counts,
            context_tokens,
            scheduler: Some(scheduler),
        })
    }

    /// The model that answers.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// What the engine has done so far, and what it is doing now.
    pub fn counts(&self) -> Counts {
        let (waiting, running) = self.queue.load();
        Counts {
            responses: self.responses.as_ref().map(|responses| responses.counts()),
            waiting,
            running,
            ..self.counts.get()
        }
    }

    /// Tokens that fit into one sequence, prompt and answer together.
    pub fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    /// Whether the thread that computes lives. It ends when all is served after [`Self::drain`] or
    /// [`Self::stop`]; before that only by a panic outside of a pass, and then all requests fail with
    /// [`Error::Panicked`].
    pub fn is_alive(&self) -> bool {
        let scheduler = self.scheduler.as_ref();
        scheduler.is_some_and(|thread| !thread.is_finished())
    }

    /// Puts a request into the queue.
    ///
    /// # Errors
    /// Those of [`Self::submit_to`].
    pub fn submit(&self, request: Request) -> Result<Ticket, Error> {
        let (sender, events) = mpsc::channel();
        let handle = self.submit_to(request, move |event| {
            // The asker may have gone; its answer is then nobody's.
            let _ = sender.send(event);
        })?;
        Ok(Ticket::new(events, handle))
    }

    /// Puts a request into the queue; `sink` gets the answer's text as it grows and then the end.
    /// It runs on the thread that computes, so it must not wait. One that panics is not called again.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::PromptTooLong`], and what the tokenizer and the template
    /// say of the prompt; [`Error::InvalidSetting`]; [`Error::Overloaded`] when the queue is full,
    /// [`Error::EngineStopped`] when it is closed and [`Error::Panicked`] when nobody computes any more.
    /// The request is then lost and `sink` is not called.
    pub fn submit_to(
        &self,
        request: Request,
        sink: impl FnMut(Event) + Send + 'static,
    ) -> Result<CancelHandle, Error> {
        let submitted = Instant::now();
        let prompt = self.prompt_tokens(&request.prompt)?;
        request.limits.sampling.check()?;
        let tokenize = submitted.elapsed();
        let (subscriber, handle) =
            Subscriber::new(Box::new(sink), submitted, request.deadline, tokenize);
        let flight = Arc::new(Flight::new(prompt, request.limits, request.client));
        match &self.responses {
            None => flight.join(subscriber),
            Some(responses) => match responses.look(&flight, subscriber) {
                Looked::Answered | Looked::Joined => return Ok(handle),
                Looked::Missing => {}
            },
        }
        if let Err(error) = self.queue.push(Arc::clone(&flight)) {
            // Others may have joined meanwhile: all of them are told.
            self.forget(&flight);
            flight.refuse(&error);
            return Err(error);
        }
        Ok(handle)
    }

    /// Submits all requests at once and waits for them: one result per request, in their order.
    pub fn run(&self, requests: Vec<Request>) -> Vec<Result<Completion, Error>> {
        let tickets: Vec<_> = requests
            .into_iter()
            .map(|request| self.submit(request))
            .collect();
        tickets
            .into_iter()
            .map(|ticket| ticket.and_then(Ticket::wait))
            .collect()
    }

    /// Lets no more requests in and serves those that are there.
    pub fn drain(&self) {
        self.queue.close();
    }

    /// Lets no more requests in, and refuses those that wait. What is being computed is finished.
    pub fn stop(&self) {
        for flight in self.queue.close_and_clear(Error::EngineStopped) {
            self.forget(&flight);
            flight.finish(&Err(Error::EngineStopped));
        }
    }

    fn forget(&self, flight: &Arc<Flight>) {
        if let Some(responses) = &self.responses {
            responses.forget(flight);
        }
    }

    fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<u32>, Error> {
        let tokenizer = self.model.tokenizer();
        let tokens = match prompt {
            Prompt::Raw(text) if text.is_empty() => return Err(Error::EmptyPrompt),
            Prompt::Raw(text) => tokenizer.encode(text)?,
            Prompt::Chat(messages) if messages.iter().all(|message| message.content.is_empty()) => {
                return Err(Error::EmptyPrompt);
            }
            Prompt::Chat(messages) => {
                let template = self.model.chat_template().ok_or(Error::NoChatTemplate)?;
                tokenizer.encode(&template.render(messages)?)?
            }
        };
        if tokens.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if tokens.len() >= self.context_tokens {
            return Err(Error::PromptTooLong {
                prompt_tokens: tokens.len(),
                context_tokens: self.context_tokens,
            });
        }
        Ok(tokens)
    }
}

impl<M: Model> Drop for Engine<M> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(scheduler) = self.scheduler.take() {
            // The scheduler catches the panics of passes and sinks; if it died all the same, it refused
            // what was left.
            let _ = scheduler.join();
        }
    }
}

/// What the thread that computes takes with it.
struct Thread<M> {
    model: Arc<M>,
    queue: Arc<Queue>,
    responses: Option<Arc<ResponseCache>>,
    counts: Arc<SharedCounts>,
    settings: scheduler::Settings,
}

impl<M: Model> Thread<M> {
    fn run(&self, ready: &mpsc::Sender<Result<(), Error>>) {
        // A context lives on one thread, so it is made there.
        let context = match self.model.context(self.settings.size) {
            Ok(context) => context,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        let shared = scheduler::Shared {
            queue: &self.queue,
            responses: self.responses.as_deref(),
            counts: &self.counts,
        };
        scheduler::serve(self.model.as_ref(), context, self.settings, &shared);
    }
}
