//! An engine that does as a test tells it, and a server before it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inferno_inference::Error;
use inferno_inference::engine::counts::Counts;
use inferno_inference::engine::{
    AtEnd, CancelHandle, Completion, Event, Limits, Prompt, Request, Source, StopReason, Timings,
};
use inferno_inference::sampling::Sampling;
use tokio::runtime::{Builder, Runtime};

use super::{Allowance, Server, TOKENIZER_THREADS};
use crate::embed::Embed;
use crate::generate::{Generate, Sink};

/// Time for the answer to [`request`].
pub(super) const DEADLINE: Duration = Duration::from_secs(9);

/// Answers each request at once, with a letter.
#[derive(Debug, Default)]
pub(super) struct FakeEngine {
    /// A test holds it while no request is to be taken.
    pub(super) gate: Mutex<()>,
    /// Requests that were taken.
    pub(super) taken: Mutex<Vec<Request>>,
    /// How answers end after that letter; nothing: as they should.
    pub(super) failure: Option<Error>,
    /// What it says about itself.
    pub(super) counts: Counts,
}

impl Generate for FakeEngine {
    fn submit(&self, request: Request, mut sink: Sink) -> Result<CancelHandle, Error> {
        drop(self.gate.lock());
        self.taken.lock().expect("requests").push(request);
        sink(Event::Text("a".to_owned()));
        let completion = Completion {
            text: "a".to_owned(),
            tokens: vec![1],
            token_times: vec![Duration::ZERO],
            prompt_tokens: 1,
            reused_tokens: 0,
            stop: StopReason::MaxTokens,
            source: Source::Computed,
            timings: Timings::default(),
        };
        sink(Event::Done(
            self.failure.clone().map_or(Ok(completion), Err),
        ));
        Ok(CancelHandle::default())
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn context_tokens(&self) -> usize {
        8
    }

    fn is_alive(&self) -> bool {
        true
    }

    fn drain(&self) {}

    fn stop(&self) {}
}

/// A request for one token.
pub(super) fn request() -> Request {
    let limits = Limits {
        max_tokens: NonZeroUsize::MIN,
        sampling: Sampling::Greedy,
        at_end: AtEnd::Stop,
        stop_texts: Vec::new(),
    };
    Request {
        deadline: Some(DEADLINE),
        ..Request::new(Prompt::Raw("a prompt".to_owned()), limits)
    }
}

/// Enough of everything.
pub(super) fn allowance() -> Allowance {
    let time = Duration::from_secs(30);
    Allowance {
        connections: 1,
        queue: 4,
        body_bytes: 100_000,
        answer_tokens: NonZeroUsize::MIN,
        head: time,
        body: time,
        answer: time,
        reading: time,
        drain: time,
    }
}

/// A server before `engine` and `embedder`.
pub(super) fn server(
    engine: Arc<FakeEngine>,
    embedder: Option<Arc<dyn Embed>>,
    allowance: Allowance,
) -> Arc<Server> {
    let name = "fake".to_owned();
    Arc::new(Server::new(engine, name, embedder, None, allowance))
}

/// A runtime with the threads of a server's.
pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread()
        .max_blocking_threads(TOKENIZER_THREADS)
        .enable_time()
        .build()
        .expect("a runtime")
}

/// The value of the sample that begins with `sample`, name and labels.
pub(super) fn metric(server: &Server, sample: &str) -> f64 {
    let text = server.instruments.render(&Counts::default());
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {sample} in {text}"))
}
