//! Sends requests and keeps what became of each.
//!
//! Takes a target, prompts and a schedule; gives one [`Outcome`] per request, with the moments of all
//! its tokens, from the start of the load on. Nothing is summed up here, and a request that was not
//! answered is an outcome like another.
//!
//! - [`schedule`]: when requests are due: at moments fixed in advance, or when one before is answered
//! - [`prompts`]: what is asked
//! - [`target`]: an engine in this process, or a server that speaks `OpenAI`'s interface
//! - [`generator`]: keeps to the schedule, and says how well it did
//! - [`outcome_log`]: outcomes in a file, as they happen
//! - `nanoseconds`: how times are written there

pub(crate) mod generator;
mod nanoseconds;
pub(crate) mod outcome_log;
pub(crate) mod prompts;
pub(crate) mod schedule;
pub(crate) mod target;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    /// Answered in full.
    Served,
    /// Refused, because too many were waiting.
    Refused,
    /// Not answered in time.
    TimedOut,
    /// Anything else that went wrong.
    Failed,
    /// Never sent: too many were on their way already.
    Dropped,
    /// Cut off at the end of the load.
    Unfinished,
}

/// What became of one request. All moments are from the start of the load on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Number of the request, from 0.
    pub(crate) number: u64,
    /// Number of the client that sent it, from 0.
    pub(crate) client: u32,
    /// When it was due by the schedule; in a closed loop, when the client was free.
    #[serde(rename = "due_ns", with = "nanoseconds")]
    pub(crate) due: Duration,
    /// When it was sent; nothing for a dropped one.
    #[serde(rename = "sent_ns", with = "nanoseconds")]
    pub(crate) sent: Option<Duration>,
    /// When its first token came.
    #[serde(rename = "first_token_ns", with = "nanoseconds")]
    pub(crate) first_token: Option<Duration>,
    /// When it ended; nothing for one that was never sent or was cut off.
    #[serde(rename = "ended_ns", with = "nanoseconds")]
    pub(crate) ended: Option<Duration>,
    /// When each token came, where the target says so: text events of a stream.
    #[serde(rename = "token_times_ns", with = "nanoseconds")]
    pub(crate) token_times: Vec<Duration>,
    /// Tokens of the prompt, where the target says so.
    pub(crate) prompt_tokens: Option<u32>,
    /// Tokens of the answer, where the target says so.
    pub(crate) answer_tokens: Option<u32>,
    /// Whether the answer had been kept, where the target says so.
    pub(crate) was_cached: Option<bool>,
    /// How it ended.
    pub(crate) ending: Ending,
    /// What went wrong, in the target's words.
    pub(crate) error: Option<String>,
}

impl Outcome {
    /// From the moment it was due to its end: what a user waits, the generator's lag included.
    pub(crate) fn latency(&self) -> Option<Duration> {
        Some(self.ended?.saturating_sub(self.due))
    }

    /// From the moment it was sent to its end.
    pub(crate) fn service_time(&self) -> Option<Duration> {
        Some(self.ended?.saturating_sub(self.sent?))
    }

    /// How late it was sent.
    pub(crate) fn lag(&self) -> Option<Duration> {
        Some(self.sent?.saturating_sub(self.due))
    }
}
