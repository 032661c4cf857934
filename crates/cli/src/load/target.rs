//! What requests are sent to.
//!
//! Takes one request at a time and does not wait for its answer; tells a sink when the answer grows
//! and how it ended. Who keeps the time is the sink: a target tells at once, and tells moments of its
//! own only where it knows them better.
//!
//! - [`engine`]: an engine in this process
//! - [`open_ai`]: a server that speaks `OpenAI`'s interface; `event_stream` reads its answers
//! - [`http`]: requests over plain HTTP

pub(crate) mod engine;
mod event_stream;
pub(crate) mod http;
pub(crate) mod open_ai;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::Ending;

/// One request of a load.
#[derive(Debug, Clone)]
pub(crate) struct LoadRequest {
    /// Number of the client that sends it: targets that let clients take turns are told.
    pub(crate) client: u32,
    /// What is asked.
    pub(crate) prompt: Arc<str>,
}

impl LoadRequest {
    /// What the client is called.
    fn client_name(&self) -> String {
        format!("client-{}", self.client)
    }
}

/// What is wanted of every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answering {
    /// Most tokens.
    pub(crate) max_tokens: NonZeroUsize,
    /// Whether prompts are continued as they are, instead of as messages of a conversation.
    pub(crate) raw: bool,
    /// Whether an answer goes on beyond its end, up to its most tokens: all are then equally long.
    pub(crate) ignore_end: bool,
    /// Time from sending after which an answer is not wanted any more.
    pub(crate) timeout: Duration,
}

/// What happens to a request that is on its way.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The answer grew.
    Text,
    /// It ended; nothing comes after it.
    Ended(Ended),
}

/// How a request ended. What the target does not say is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    /// What went wrong.
    pub(crate) error: Option<String>,
    /// When each token came, from sending on, where the target knows it better than the sink.
    pub(crate) token_times: Option<Vec<Duration>>,
    pub(crate) prompt_tokens: Option<u32>,
    pub(crate) answer_tokens: Option<u32>,
    /// Whether the answer had been kept.
    pub(crate) was_cached: Option<bool>,
}

impl Ended {
    /// Answered in full, and nothing more is known.
    pub(crate) fn served() -> Self {
        Self {
            ending: Ending::Served,
            error: None,
            token_times: None,
            prompt_tokens: None,
            answer_tokens: None,
            was_cached: None,
        }
    }

    /// Not answered.
    pub(crate) fn unserved(ending: Ending, error: impl Into<String>) -> Self {
        Self {
            ending,
            error: Some(error.into()),
            ..Self::served()
        }
    }
}

/// Hears what happens to a request, on the thread on which it happens: it must not wait.
pub(crate) type Sink = Box<dyn FnMut(Progress) + Send>;

/// Withdraws a request: its answer is not wanted any more. What the sink hears then does not matter.
pub(crate) type Withdraw = Box<dyn FnOnce() + Send>;

/// Answers requests.
pub(crate) trait Target: Send + Sync {
    /// Begins with `request`; gives what withdraws it.
    ///
    /// # Errors
    /// How it ended, when it ended at once; `sink` is then not called.
    fn send(&self, request: &LoadRequest, sink: Sink) -> Result<Withdraw, Ended>;

    /// CPU time so far of threads of the target's own that send and receive for the generator.
    fn sending_cpu_time(&self) -> Option<Duration>;
}
