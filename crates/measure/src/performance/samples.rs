//! Raw samples of a benchmark, in the order in which they were taken.
//!
//! Pure data; nothing here is summed up. Times are whole nanoseconds.

use serde::{Deserialize, Serialize};

use crate::host::MemoryUse;
use crate::samples::{HostBlock, Phase};

/// One process that ran the engine. Memory layout is drawn once per process, so the process is what
/// intervals count.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Process {
    /// Its number, from 0, in the order in which they ran.
    pub number: u32,
    /// From opening the model until the engine took requests; `None` until it did.
    pub load_ns: Option<u64>,
    /// Memory before the model was loaded.
    pub before_load: MemoryUse,
    /// Memory when all requests were answered, the model still loaded.
    pub at_rest: MemoryUse,
    /// Largest resident memory up to its end.
    pub peak_resident_bytes: Option<u64>,
    /// Times of a fixed computation that is the same in every version of the program: how fast the
    /// machine was meanwhile. Empty where it was not done.
    pub references_ns: Vec<u64>,
    /// State of the machine meanwhile.
    pub host: Option<HostBlock>,
    /// What it was asked for, in this order.
    pub runs: Vec<Run>,
}

/// Requests that were sent in the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What is done, for people.
    pub name: String,
    /// Whether it is measured, or only prepares for it.
    pub phase: Phase,
    /// Whether the fields at the top of the result are about it.
    pub headline: bool,
    /// Clients, of which each sends a request when its last one has been answered.
    pub clients: u32,
    /// Answers that the cache has room for; `None` where there is no cache.
    pub cache_capacity: Option<u64>,
    /// Time from the first request to the last answer.
    pub wall_ns: u64,
    /// CPU time of all threads meanwhile, user and system.
    pub cpu_ns: Option<u64>,
    /// What the cache did meanwhile.
    pub cache: Option<CacheCounts>,
    /// The requests in the order in which they ended.
    pub requests: Vec<Request>,
    /// Memory over time, where it was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<MemoryReading>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When it was sent, from the start of the run on.
    pub start_ns: u64,
    /// From sending it to its end, whatever the end was.
    pub latency_ns: u64,
    /// From sending it to its first token, where there are tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ns: Option<u64>,
    /// Tokens of the prompt, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u32>,
    /// Tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Which prompt was asked for, where that was drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// Whether the answer had been kept, where answers are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_cached: Option<bool>,
    /// How it ended.
    pub ending: Ending,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Request {
    /// When it ended, from the start of the run on.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.latency_ns)
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Answered in full.
    Served,
    /// Refused, because too many were waiting.
    Refused,
    /// Not answered in time.
    TimedOut,
    /// Anything else that went wrong.
    Failed,
}

/// What a cache of answers did during a run, and what it held at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheCounts {
    /// Requests that were answered with a kept answer.
    pub hits: u64,
    /// Requests that had to be computed.
    pub misses: u64,
    /// Requests that waited for the answer to another one.
    pub coalesced: u64,
    /// Answers that were dropped for want of room.
    pub evicted: u64,
    /// Answers at the end.
    pub entries: u64,
    /// Their memory, in bytes.
    pub size_bytes: u64,
}

/// Memory at a moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReading {
    /// From the start of the run on.
    pub at_ns: u64,
    /// Requests that had ended by then.
    pub requests: u64,
    /// All that is resident, mapped files included.
    pub resident_bytes: Option<u64>,
    /// What is resident and no mapped file.
    pub anonymous_bytes: Option<u64>,
}

impl Run {
    /// Whether it is measured.
    pub fn is_measured(&self) -> bool {
        self.phase == Phase::Measured
    }

    /// The requests that were answered.
    pub fn served(&self) -> impl Iterator<Item = &Request> {
        self.requests
            .iter()
            .filter(|request| request.ending == Ending::Served)
    }
}
