//! One cycle: a few requests at once, until the engine has nothing left to do.
//!
//! Takes an engine and requests; gives nothing but its end. It keeps nothing from one cycle to the
//! next: what grows is the engine's.

use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use inferno_inference::Error;
use inferno_inference::engine::{AtEnd, Event, Limits, Prompt, Request};
use inferno_inference::sampling::Sampling;

use crate::generate::Generate;

/// Time for the engine to rest after its last answer: far more than it takes.
const REST_S: u64 = 10;

/// How often it is asked whether it rests.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Prompts of different lengths, so that requests join and leave the batch at different times.
const PROMPTS: [&str; 4] = [
    "The capital of France is",
    "Write a short note to a neighbour who has lent you a ladder, and say when you will bring it back.",
    "Once upon a time",
    "Explain to a child why the moon is sometimes round and sometimes a thin sickle, in two sentences \
     and without any technical word.",
];

/// Why a cycle did not come to rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// A request was not answered.
    #[error(transparent)]
    Request(#[from] Error),
    /// The engine goes on.
    #[error(
        "{REST_S} s after its last answer the engine still has {waiting} requests waiting and \
         {running} running"
    )]
    Busy {
        /// Requests that wait.
        waiting: usize,
        /// Sequences in the batch.
        running: usize,
    },
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Request(error) => error,
            Failed::Busy { .. } => Self::Backend(Arc::new(failed)),
        }
    }
}

/// The requests of a cycle: answers of exactly `max_tokens` tokens, the best one each time.
pub(crate) fn requests(count: NonZeroUsize, max_tokens: NonZeroUsize) -> Vec<Request> {
    let limits = Limits {
        max_tokens,
        sampling: Sampling::Greedy,
        at_end: AtEnd::Continue,
        stop_texts: Vec::new(),
    };
    PROMPTS
        .iter()
        .cycle()
        .take(count.get())
        .map(|&prompt| Request::new(Prompt::Raw(prompt.to_owned()), limits.clone()))
        .collect()
}

/// Sends `requests` at once, waits for their answers and for the engine's rest.
pub(crate) fn run(engine: &dyn Generate, requests: &[Request]) -> Result<(), Failed> {
    let (sender, ends) = mpsc::channel();
    for request in requests {
        let sender = sender.clone();
        let sink = move |event| {
            if let Event::Done(result) = event {
                // After a failure nobody listens to the others any more.
                let _ = sender.send(result.map(drop));
            }
        };
        engine.submit(request.clone(), Box::new(sink))?;
    }
    drop(sender);
    for _ in requests {
        ends.recv().unwrap_or(Err(Error::EngineStopped))?;
    }
    rest(engine)
}

/// Waits until the engine has let go of the last request.
fn rest(engine: &dyn Generate) -> Result<(), Failed> {
    let started = Instant::now();
    loop {
        let counts = engine.counts();
        let (waiting, running) = (counts.waiting, counts.running);
        if waiting == 0 && running == 0 {
            return Ok(());
        }
        if started.elapsed().as_secs() >= REST_S {
            return Err(Failed::Busy { waiting, running });
        }
        thread::sleep(ASK_EVERY);
    }
}
