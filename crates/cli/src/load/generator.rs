//! Keeps to a schedule: sends each request when it is due, whatever became of those before.
//!
//! Takes a target, prompts and a load; gives one outcome for every request that was due. One thread
//! sleeps to absolute moments and sends; it never waits for an answer, so that a slow target cannot
//! slow it down. The caller's thread takes outcomes as they happen and writes them to a file. Requests
//! that find too many on their way are dropped and counted; those that are on their way when the load
//! and its grace are over are withdrawn.
//!
//! - `flights`: requests that are on their way

mod flights;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use inferno_inference::Error;
use rustix::time::{ClockId, clock_gettime};

use self::flights::{Flights, Freed};
use super::Outcome;
use super::outcome_log::OutcomeLog;
use super::prompts::Prompts;
use super::schedule::{Arrival, Schedule, Upcoming};
use super::target::{LoadRequest, Progress, Target};
use crate::failure::Failure;

/// Longest time for which nobody looks whether the load is to be stopped.
const SLICE: Duration = Duration::from_millis(50);

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) schedule: Schedule,
    /// Requests are due for so long.
    pub(crate) length: Duration,
    /// Requests that may be on their way at the same time; in an open loop more are dropped. Clients
    /// of a closed loop have one each.
    pub(crate) max_in_flight: usize,
    /// Time for what is on its way after that.
    pub(crate) grace: Duration,
}

/// What became of a load.
#[derive(Debug)]
pub(crate) struct Finished {
    /// One per request that was due, by number.
    pub(crate) outcomes: Vec<Outcome>,
    /// For how long requests were due: shorter than was asked for when the load was stopped.
    pub(crate) length: Duration,
    /// CPU time of the threads that sent and received.
    pub(crate) cpu_time: Option<Duration>,
    /// Whether it was stopped before its end.
    pub(crate) is_stopped: bool,
}

/// Carries out `load`. Outcomes are written to `log` as they happen. As soon as `stop` says so,
/// nothing more is sent, and what is on its way is withdrawn.
pub(crate) fn run(
    target: &dyn Target,
    mut prompts: Prompts,
    load: &Load,
    log: Option<&mut OutcomeLog>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Finished, Failure> {
    let sending_before = target.sending_cpu_time();
    let collecting_before = thread_cpu_time();
    let (outcome_sender, outcomes) = mpsc::channel();
    let (freed_sender, freed) = mpsc::channel();
    let flights = Arc::new(Flights::start(outcome_sender, freed_sender));
    let (collected, dispatched) = thread::scope(|scope| {
        let dispatcher = Dispatcher {
            target,
            load,
            flights: &flights,
            stop,
        };
        let dispatching = scope.spawn(move || dispatcher.dispatch(&mut prompts, &freed));
        let collector = Collector {
            grace: load.grace,
            flights: &flights,
            dispatching: &dispatching,
            stop,
        };
        let collected = collector.collect(&outcomes, log);
        // When collecting failed, nobody wants what is still sent or on its way.
        flights.close();
        let dispatched = dispatching.join();
        flights.cut_off();
        (
            collected,
            dispatched.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    });
    let outcomes = checked(collected?, dispatched.arrivals)?;
    let sending = target.sending_cpu_time();
    let sending = sending
        .zip(sending_before)
        .map(|(after, before)| after.saturating_sub(before));
    let own = dispatched.cpu_time + thread_cpu_time().saturating_sub(collecting_before);
    Ok(Finished {
        outcomes,
        length: dispatched.length,
        cpu_time: sending.map(|sending| sending + own),
        is_stopped: dispatched.length < load.length,
    })
}

/// CPU time of the calling thread so far.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // The clock counts up from zero: neither part is ever negative.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

/// Sends requests.
struct Dispatcher<'a> {
    target: &'a dyn Target,
    load: &'a Load,
    flights: &'a Arc<Flights>,
    stop: &'a (dyn Fn() -> bool + Sync),
}

/// What the dispatcher did.
struct Dispatched {
    /// Requests that were due.
    arrivals: u64,
    length: Duration,
    cpu_time: Duration,
}

/// Why the dispatcher woke up.
enum Woken {
    /// It is time.
    InTime,
    /// A request ended.
    Freed(Freed),
    /// Nothing more is to be sent.
    Stopped,
}

impl Dispatcher<'_> {
    fn dispatch(&self, prompts: &mut Prompts, freed: &Receiver<Freed>) -> Dispatched {
        let length = self.load.length;
        let mut upcoming = Upcoming::new(&self.load.schedule, length);
        let mut arrivals = 0;
        let length = loop {
            let next = upcoming.peek().filter(|arrival| arrival.due < length);
            let until = next.map_or(length, |arrival| arrival.due);
            match (self.wait(until, freed), next) {
                (Woken::InTime, Some(arrival)) => {
                    upcoming.pop();
                    self.send(arrivals, arrival, prompts);
                    arrivals += 1;
                }
                (Woken::InTime, None) => break length,
                (Woken::Freed(freed), _) => {
                    upcoming.has_ended(freed.client, freed.at, freed.was_served);
                }
                (Woken::Stopped, _) => break self.flights.now().min(length),
            }
        };
        Dispatched {
            arrivals,
            length,
            cpu_time: thread_cpu_time(),
        }
    }

    /// Sleeps until the moment `until`, unless something happens before.
    fn wait(&self, until: Duration, freed: &Receiver<Freed>) -> Woken {
        loop {
            if (self.stop)() || self.flights.is_closed() {
                return Woken::Stopped;
            }
            let left = until.saturating_sub(self.flights.now());
            if left.is_zero() {
                return Woken::InTime;
            }
            match freed.recv_timeout(left.min(SLICE)) {
                Ok(freed) => return Woken::Freed(freed),
                // The flights hold the sender: it is never disconnected.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn send(&self, number: u64, arrival: Arrival, prompts: &mut Prompts) {
        let prompt = prompts.take();
        let is_open = matches!(self.load.schedule, Schedule::Open(_));
        if is_open && self.flights.count() >= self.load.max_in_flight {
            self.flights.drop_one(number, arrival);
            return;
        }
        self.flights.begin(number, arrival, !is_open);
        let flights = Arc::clone(self.flights);
        let sink = Box::new(move |progress: Progress| flights.hear(number, progress));
        let request = LoadRequest {
            client: arrival.client,
            prompt,
        };
        match self.target.send(&request, sink) {
            Ok(withdraw) => self.flights.keep(number, withdraw),
            Err(ended) => self.flights.end(number, ended),
        }
    }
}

/// Takes outcomes until there are no more.
struct Collector<'a, 'scope> {
    grace: Duration,
    flights: &'a Flights,
    dispatching: &'a ScopedJoinHandle<'scope, Dispatched>,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Collector<'_, '_> {
    fn collect(
        &self,
        outcomes: &Receiver<Outcome>,
        mut log: Option<&mut OutcomeLog>,
    ) -> Result<Vec<Outcome>, Failure> {
        let mut collected = Vec::new();
        let mut limit = None;
        loop {
            let is_dispatched = self.dispatching.is_finished();
            // An outcome is sent before its request stops being on its way, so none is missed.
            let is_over = is_dispatched && self.flights.count() == 0;
            let outcome = if is_over {
                outcomes.try_recv().ok()
            } else {
                outcomes.recv_timeout(SLICE).ok()
            };
            match outcome {
                Some(outcome) => {
                    if let Some(log) = log.as_deref_mut() {
                        log.write(&outcome)?;
                    }
                    collected.push(outcome);
                }
                None if is_over => return Ok(collected),
                None => {}
            }
            if is_dispatched {
                let now = self.flights.now();
                let limit = *limit.get_or_insert(now.saturating_add(self.grace));
                if now >= limit || (self.stop)() {
                    self.flights.cut_off();
                }
            }
        }
    }
}

/// `outcomes` by number, if there is one for each of `arrivals` requests.
fn checked(mut outcomes: Vec<Outcome>, arrivals: u64) -> Result<Vec<Outcome>, Failure> {
    outcomes.sort_unstable_by_key(|outcome| outcome.number);
    if outcomes
        .iter()
        .map(|outcome| outcome.number)
        .eq(0..arrivals)
    {
        return Ok(outcomes);
    }
    let problem = format!(
        "requests were lost or counted twice: {arrivals} were due, {} ended",
        outcomes.len()
    );
    let problem: Box<dyn StdError + Send + Sync> = problem.into();
    Err(Failure::Engine(Error::Backend(Arc::from(problem))))
}
