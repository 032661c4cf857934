//! Serves requests over sessions: one queue, as many sessions as there are slots.
//!
//! Takes requests at any time from any thread; gives each one's completion or its error, with the
//! time it waited, computed and took in all kept apart. Requests are served in the order of
//! arrival. The engine knows only the traits of [`crate::backend`].

mod generate;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::backend::{Model, Session};
use crate::chat::Message;
use crate::error::Error;
use crate::sampling::Sampling;
use crate::schedule::Queue;
pub use generate::{Generation, generate};

/// How an engine is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineConfig {
    /// Requests served at the same time. One forward pass uses all threads of the backend
    /// already: more slots share the processor fairly, they do not add to it.
    pub slots: NonZeroUsize,
    /// Requests that may wait; more are refused with [`Error::QueueFull`].
    pub queue_capacity: NonZeroUsize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            slots: NonZeroUsize::MIN,
            queue_capacity: NonZeroUsize::MIN.saturating_add(4095),
        }
    }
}

/// What the model is asked to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// The text as it is.
    Raw(String),
    /// A conversation, put into the model's chat template.
    Chat(Vec<Message>),
}

/// What happens at a token that ends an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// The answer ends.
    Stop,
    /// The token is never chosen: the answer has as many tokens as were asked for.
    Continue,
}

/// How much is generated, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Most tokens of the answer.
    pub max_tokens: NonZeroUsize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What happens at a token that ends an answer.
    pub at_end: AtEnd,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What to continue.
    pub prompt: Prompt,
    /// How much, and how.
    pub limits: Limits,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It has as many tokens as were asked for.
    MaxTokens,
    /// The model ended it.
    EndOfSequence,
    /// The model's context is full.
    ContextFull,
}

/// Where the time of a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// From submission until a slot took the request.
    pub queue_wait: Duration,
    /// Chat template and tokenizer.
    pub tokenize: Duration,
    /// Inside the model, taking in the prompt.
    pub prefill: Duration,
    /// Inside the model, one token after the other; without the choice of tokens.
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

    /// From the moment a slot took the request to the last token: all but the queue.
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
    /// Tokens of the prompt, the template's included.
    pub prompt_tokens: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Where the time went.
    pub timings: Timings,
}

/// A request on its way.
#[derive(Debug)]
pub struct Ticket {
    answer: mpsc::Receiver<Result<Completion, Error>>,
}

impl Ticket {
    /// Waits until the request is served.
    ///
    /// # Errors
    /// What went wrong with this request, or [`Error::EngineStopped`].
    pub fn wait(self) -> Result<Completion, Error> {
        self.answer.recv().unwrap_or(Err(Error::EngineStopped))
    }
}

struct Job {
    request: Request,
    submitted: Instant,
    answer: mpsc::Sender<Result<Completion, Error>>,
}

/// Serves requests over the sessions of one model.
///
/// Dropping it serves what is still in the queue and then ends its threads.
#[derive(Debug)]
pub struct Engine<M: Model> {
    model: Arc<M>,
    queue: Arc<Queue<Job>>,
    slots: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Job")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl<M: Model> Engine<M> {
    /// Starts one thread with one session per slot.
    ///
    /// # Errors
    /// When a session or a thread cannot be had.
    pub fn new(model: Arc<M>, config: EngineConfig) -> Result<Self, Error> {
        let mut engine = Self {
            model,
            queue: Arc::new(Queue::new(config.queue_capacity)),
            slots: Vec::with_capacity(config.slots.get()),
        };
        for number in 0..config.slots.get() {
            let session = engine.model.session()?;
            let (model, queue) = (Arc::clone(&engine.model), Arc::clone(&engine.queue));
            let slot = std::thread::Builder::new()
                .name(format!("engine-slot-{number}"))
                .spawn(move || serve(model.as_ref(), session, &queue))
                .map_err(|error| Error::Backend(Box::new(error)))?;
            engine.slots.push(slot);
        }
        Ok(engine)
    }

    /// The model that answers.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Puts a request into the queue.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; the request is then lost.
    pub fn submit(&self, request: Request) -> Result<Ticket, Error> {
        let (sender, answer) = mpsc::channel();
        let job = Job {
            request,
            submitted: Instant::now(),
            answer: sender,
        };
        self.queue.push(job).map_err(|_| Error::QueueFull {
            capacity: self.queue.capacity(),
        })?;
        Ok(Ticket { answer })
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
}

impl<M: Model> Drop for Engine<M> {
    fn drop(&mut self) {
        self.queue.close();
        for slot in self.slots.drain(..) {
            // A slot catches the panics of requests; if it died all the same, the tickets say so.
            let _ = slot.join();
        }
    }
}

/// One slot's life: requests one after the other, until the queue is closed and empty.
fn serve<M: Model>(model: &M, mut session: M::Session, queue: &Queue<Job>) {
    while let Some(job) = queue.pop() {
        let queue_wait = job.submitted.elapsed();
        // The session is emptied before the next request, whatever state a panic left it in.
        let result = catch_unwind(AssertUnwindSafe(|| {
            session.reset();
            answer(model, &mut session, &job, queue_wait)
        }));
        let result = result.unwrap_or(Err(Error::EngineStopped));
        // The asker may have gone; its answer is then nobody's.
        let _ = job.answer.send(result);
    }
}

fn answer<M: Model>(
    model: &M,
    session: &mut M::Session,
    job: &Job,
    queue_wait: Duration,
) -> Result<Completion, Error> {
    let started = Instant::now();
    let prompt = prompt_tokens(model, &job.request.prompt)?;
    let tokenize = started.elapsed();
    let generation = generate(
        session,
        &prompt,
        job.request.limits,
        model.tokenizer().end_tokens(),
        model.context_tokens(),
    )?;
    let text = model.tokenizer().decode(&generation.tokens);
    let before_generation = queue_wait + tokenize;
    Ok(Completion {
        text,
        prompt_tokens: prompt.len(),
        stop: generation.stop,
        timings: Timings {
            queue_wait,
            tokenize,
            prefill: generation.prefill,
            decode: generation.decode,
            first_token: before_generation + generation.first_token,
            total: job.submitted.elapsed(),
        },
        tokens: generation.tokens,
    })
}

fn prompt_tokens<M: Model>(model: &M, prompt: &Prompt) -> Result<Vec<u32>, Error> {
    let tokenizer = model.tokenizer();
    match prompt {
        Prompt::Raw(text) if text.is_empty() => Err(Error::EmptyPrompt),
        Prompt::Raw(text) => tokenizer.encode(text),
        Prompt::Chat(messages) if messages.iter().all(|message| message.content.is_empty()) => {
            Err(Error::EmptyPrompt)
        }
        Prompt::Chat(messages) => {
            let template = model.chat_template().ok_or(Error::NoChatTemplate)?;
            tokenizer.encode(&template.render(messages)?)
        }
    }
}
