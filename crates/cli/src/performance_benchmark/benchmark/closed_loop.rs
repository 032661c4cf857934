//! Clients that each send a request when their last one has been answered.
//!
//! Takes a step of a job; tells each request as it ends. This load adapts to the engine: nobody arrives
//! while all are waiting, so it says how long an answer takes and what the engine can do, not what users
//! who arrive at any time would see (that is `stress`).

mod settling;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inferno_measure::host::memory_of_this_program;
use inferno_measure::performance::samples::{MemoryReading, Request};

use super::job::{Amount, Line, Step};
use super::reference::Reference;
use super::target::Target;
use super::wire::Wire;
use settling::is_settled;

/// Time without the fixed computation, in times of it: it may take up a twentieth.
const WITHOUT_REFERENCE: u32 = 20;

/// What the clients of a step share.
struct Clients<'a> {
    target: &'a Target,
    step: &'a Step,
    prompts: &'a [String],
    wire: &'a Wire,
    started: Instant,
    pauses: Mutex<Pauses>,
    /// The next request's number.
    next: AtomicU64,
    /// Times of the requests that have ended.
    latencies: Mutex<Vec<f64>>,
}

/// Time that went to the fixed computation between requests: it belongs to none of them.
#[derive(Debug, Clone, Copy, Default)]
struct Pauses {
    wall: Duration,
    /// When the last of them ended, and how long it took.
    last: Option<(Instant, Duration)>,
}

/// Carries out `step`, with the fixed computation `between` requests where there is one: then the step
/// has one client. Gives the time from the first request to the last answer, without the computation.
pub(super) fn run(
    target: &Target,
    step: &Step,
    prompts: &[String],
    between: Option<&Reference>,
    wire: &Wire,
) -> Duration {
    let clients = Clients {
        target,
        step,
        prompts,
        wire,
        started: Instant::now(),
        pauses: Mutex::default(),
        next: AtomicU64::new(0),
        latencies: Mutex::new(Vec::new()),
    };
    std::thread::scope(|scope| {
        for _ in 1..step.clients.get() {
            scope.spawn(|| clients.serve(None));
        }
        clients.serve(between);
    });
    clients.elapsed()
}

impl Clients<'_> {
    /// One client, to the end of the step.
    fn serve(&self, between: Option<&Reference>) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            // Nobody to tell is the end as well: the program that measures has gone.
            if self.is_over(number) || self.wire.is_broken() {
                return;
            }
            if let Some(reference) = between {
                self.pause(reference);
            }
            self.request(number);
        }
    }

    /// Does the fixed computation, unless it was done a moment ago.
    fn pause(&self, reference: &Reference) {
        let mut pauses = self.pauses();
        let is_due = |(at, took): (Instant, Duration)| at.elapsed() >= took * WITHOUT_REFERENCE;
        if !pauses.last.is_none_or(is_due) {
            return;
        }
        let begun = Instant::now();
        say_time(reference, self.wire);
        let took = begun.elapsed();
        pauses.wall += took;
        pauses.last = Some((Instant::now(), took));
        *lock(&self.pauses) = pauses;
    }

    fn pauses(&self) -> Pauses {
        *lock(&self.pauses)
    }

    /// Time since the first request, without pauses.
    fn elapsed(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.pauses().wall)
    }

    fn is_over(&self, number: u64) -> bool {
        let elapsed = self.elapsed();
        match self.step.amount {
            Amount::Requests(requests) => number >= requests,
            Amount::Seconds(seconds) => {
                number >= self.step.clients.get() as u64 && elapsed.as_secs_f64() >= seconds
            }
            Amount::Settled { seconds } => {
                number > 0 && (elapsed.as_secs_f64() >= seconds || is_settled(&self.latencies()))
            }
        }
    }

    fn request(&self, number: u64) {
        let key = self.key(number);
        let prompt = key.map_or(number, u64::from) % self.prompts.len() as u64;
        let start = self.elapsed();
        let answer = self.target.ask(&self.prompts[prompt as usize]);
        let end = self.elapsed();
        let latency = end.saturating_sub(start);
        let ended = {
            let mut latencies = lock(&self.latencies);
            latencies.push(latency.as_secs_f64());
            latencies.len() as u64
        };
        let is_kept = self.step.cache_capacity.is_some();
        self.wire.say(&Line::Request {
            request: Request {
                start_ns: nanoseconds(start),
                latency_ns: nanoseconds(latency),
                first_token_ns: answer.first_token.map(nanoseconds),
                prompt_tokens: answer.prompt_tokens,
                tokens: answer.tokens,
                key,
                was_cached: is_kept.then_some(answer.was_cached),
                ending: answer.ending,
                error: answer.error,
            },
        });
        if self.step.watches_memory {
            self.say_memory(end, ended);
        }
    }

    fn say_memory(&self, at: Duration, requests: u64) {
        let memory = memory_of_this_program();
        self.wire.say(&Line::Memory {
            reading: MemoryReading {
                at_ns: nanoseconds(at),
                requests,
                resident_bytes: memory.resident_bytes,
                anonymous_bytes: memory.anonymous_bytes,
            },
        });
    }

    /// Which prompt the request has, where that was drawn. Drawn keys are gone through again when there
    /// are more requests than keys.
    fn key(&self, number: u64) -> Option<u32> {
        let keys = self.step.keys.as_ref().filter(|keys| !keys.is_empty())?;
        Some(keys[(number % keys.len() as u64) as usize])
    }

    fn latencies(&self) -> Vec<f64> {
        lock(&self.latencies).clone()
    }
}

/// Has the fixed computation done and tells its time.
pub(super) fn say_time(reference: &Reference, wire: &Wire) {
    if let Some(time) = reference.time() {
        wire.say(&Line::Reference {
            time_ns: nanoseconds(time),
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A time in whole nanoseconds.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
