//! Requests that are on their way.
//!
//! Takes what a target says of each; gives an outcome exactly once: whoever takes a request out, its
//! end or the end of the load, decides what became of it, and the other is not heard any more. Only
//! here is the clock of a load read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::load::schedule::Arrival;
use crate::load::target::{Ended, Progress, Withdraw};
use crate::load::{Ending, Outcome};

/// A client whose request has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freed {
    pub(super) client: u32,
    pub(super) at: Duration,
    pub(super) was_served: bool,
}

/// One request.
struct Flight {
    /// As it is known so far.
    outcome: Outcome,
    withdraw: Option<Withdraw>,
    /// Whether its client waits for its end to send the next one.
    is_awaited: bool,
}

/// All requests on their way; shared by reference.
pub(super) struct Flights {
    started: Instant,
    by_number: Mutex<HashMap<u64, Flight>>,
    outcomes: Sender<Outcome>,
    freed: Sender<Freed>,
    is_closed: AtomicBool,
}

impl Flights {
    /// None, at the start of a load.
    pub(super) fn start(outcomes: Sender<Outcome>, freed: Sender<Freed>) -> Self {
        Self {
            by_number: Mutex::default(),
            outcomes,
            freed,
            is_closed: AtomicBool::new(false),
            started: Instant::now(),
        }
    }

    /// The time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Nothing more is wanted.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// A request that is not sent, because too many are on their way.
    pub(super) fn drop_one(&self, number: u64, arrival: Arrival) {
        self.tell(Outcome {
            ending: Ending::Dropped,
            ..unfinished(number, arrival, None)
        });
    }

    /// A request that is sent now.
    pub(super) fn begin(&self, number: u64, arrival: Arrival, is_awaited: bool) {
        let flight = Flight {
            outcome: unfinished(number, arrival, Some(self.now())),
            withdraw: None,
            is_awaited,
        };
        self.lock().insert(number, flight);
    }

    /// What withdraws it, unless it has ended already.
    pub(super) fn keep(&self, number: u64, withdraw: Withdraw) {
        if let Some(flight) = self.lock().get_mut(&number) {
            flight.withdraw = Some(withdraw);
        }
    }

    /// What happens to it.
    pub(super) fn hear(&self, number: u64, progress: Progress) {
        match progress {
            Progress::Text => {
                let now = self.now();
                if let Some(flight) = self.lock().get_mut(&number) {
                    flight.outcome.token_times.push(now);
                }
            }
            Progress::Ended(ended) => self.end(number, ended),
        }
    }

    /// How it ended, now.
    pub(super) fn end(&self, number: u64, ended: Ended) {
        let now = self.now();
        let mut flights = self.lock();
        let Some(flight) = flights.remove(&number) else {
            return;
        };
        // Still under the lock: who sees that nothing is on its way finds all outcomes.
        if flight.is_awaited {
            // The dispatcher has gone when the load is over.
            let _ = self.freed.send(Freed {
                client: flight.outcome.client,
                at: now,
                was_served: ended.ending == Ending::Served,
            });
        }
        self.tell(finished(flight.outcome, ended, now));
    }

    /// Withdraws all that are left.
    pub(super) fn cut_off(&self) {
        let withdraws: Vec<Withdraw> = {
            let mut flights = self.lock();
            let cut_off = flights.drain().filter_map(|(_, flight)| {
                self.tell(with_first_token(flight.outcome));
                flight.withdraw
            });
            cut_off.collect()
        };
        for withdraw in withdraws {
            withdraw();
        }
    }

    fn tell(&self, outcome: Outcome) {
        // The receiver has gone when writing outcomes has failed.
        let _ = self.outcomes.send(outcome);
    }

    /// A map of flights is whole at any time.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Flight>> {
        self.by_number
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of which nothing has been heard.
fn unfinished(number: u64, arrival: Arrival, sent: Option<Duration>) -> Outcome {
    Outcome {
        number,
        client: arrival.client,
        due: arrival.due,
        sent,
        first_token: None,
        ended: None,
        token_times: Vec::new(),
        prompt_tokens: None,
        answer_tokens: None,
        was_cached: None,
        ending: Ending::Unfinished,
        error: None,
    }
}

/// `outcome` with all that its end says.
fn finished(mut outcome: Outcome, ended: Ended, now: Duration) -> Outcome {
    if let (Some(times), Some(sent)) = (ended.token_times, outcome.sent) {
        outcome.token_times = times.into_iter().map(|time| sent + time).collect();
    }
    with_first_token(Outcome {
        ended: Some(now),
        prompt_tokens: ended.prompt_tokens,
        answer_tokens: ended.answer_tokens,
        was_cached: ended.was_cached,
        ending: ended.ending,
        error: ended.error,
        ..outcome
    })
}

fn with_first_token(outcome: Outcome) -> Outcome {
    Outcome {
        first_token: outcome.token_times.first().copied(),
        ..outcome
    }
}
