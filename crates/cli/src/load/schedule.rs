//! When requests are due.
//!
//! Takes clients, a rate and a seed; gives moments. In an open loop all of them are fixed before the
//! first request is sent, so that a slow target does not slow down those who ask, as it would not in
//! life. In a closed loop a client asks when its last request has ended: it says nothing about what a
//! target could do, because the target sets the pace. Nothing here knows a clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::ValueEnum;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::Exp1;
use serde::Serialize;

/// Time after which a client of a closed loop asks again when it was not served: a target that
/// refuses at once would be asked without end.
const REST: Duration = Duration::from_millis(100);

/// A request to come. The earlier one is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    /// From the start of the load on.
    pub(crate) due: Duration,
    /// Number of the client that sends it.
    pub(crate) client: u32,
}

/// How the requests of one client follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ArrivalProcess {
    /// Independently of each other: the gaps are exponentially distributed.
    Poisson,
    /// In equal gaps, from a moment of the client's own on.
    Constant,
}

impl ArrivalProcess {
    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Poisson => "Poisson",
            Self::Constant => "constant",
        }
    }
}

/// Clients that send at a rate, whatever becomes of their requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OpenLoop {
    pub(crate) clients: NonZeroU32,
    /// Requests of each client per second, greater than 0.
    pub(crate) rate: f64,
    pub(crate) process: ArrivalProcess,
    pub(crate) seed: u64,
}

impl OpenLoop {
    /// Requests of all clients per second.
    pub(crate) fn total_rate(&self) -> f64 {
        f64::from(self.clients.get()) * self.rate
    }

    /// All arrivals before `length`, in order.
    pub(crate) fn arrivals(&self, length: Duration) -> Vec<Arrival> {
        let mut arrivals: Vec<_> = (0..self.clients.get())
            .flat_map(|client| self.of_client(client, length))
            .collect();
        arrivals.sort_unstable();
        arrivals
    }

    fn of_client(&self, client: u32, length: Duration) -> impl Iterator<Item = Arrival> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        // Streams of one seed have nothing to do with each other.
        random.set_stream(u64::from(client));
        let (rate, process) = (self.rate, self.process);
        // In mean gaps. Clients that begin together would send all their requests in bursts.
        let mut at: f64 = match process {
            ArrivalProcess::Poisson => 0.0,
            ArrivalProcess::Constant => random.random::<f64>() - 1.0,
        };
        let moments = std::iter::repeat_with(move || {
            let gap: f64 = match process {
                ArrivalProcess::Poisson => random.sample(Exp1),
                ArrivalProcess::Constant => 1.0,
            };
            at += gap;
            at / rate
        });
        let end = length.as_secs_f64();
        moments
            .take_while(move |seconds| *seconds < end)
            .map(move |seconds| Arrival {
                due: Duration::from_secs_f64(seconds),
                client,
            })
    }
}

/// Clients that send when their last request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosedLoop {
    pub(crate) clients: NonZeroU32,
    /// From the end of a request until its client sends the next one.
    pub(crate) think_time: Duration,
}

/// Who sends when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Schedule {
    /// By the clock.
    Open(OpenLoop),
    /// By the target's answers.
    Closed(ClosedLoop),
}

/// Requests to come, the next one first.
#[derive(Debug)]
pub(super) struct Upcoming {
    arrivals: BinaryHeap<Reverse<Arrival>>,
    /// Nothing in an open loop, where an end makes no arrival.
    think_time: Option<Duration>,
}

impl Upcoming {
    /// What is known before the first request is sent.
    pub(super) fn new(schedule: &Schedule, length: Duration) -> Self {
        let (arrivals, think_time) = match schedule {
            Schedule::Open(open) => (open.arrivals(length), None),
            Schedule::Closed(closed) => {
                let due = Duration::ZERO;
                let arrivals = (0..closed.clients.get()).map(|client| Arrival { due, client });
                (arrivals.collect(), Some(closed.think_time))
            }
        };
        Self {
            arrivals: arrivals.into_iter().map(Reverse).collect(),
            think_time,
        }
    }

    /// The next one.
    pub(super) fn peek(&self) -> Option<Arrival> {
        self.arrivals.peek().map(|Reverse(arrival)| *arrival)
    }

    /// Takes out the next one.
    pub(super) fn pop(&mut self) {
        self.arrivals.pop();
    }

    /// The request of `client` has ended at the moment `at`.
    pub(super) fn has_ended(&mut self, client: u32, at: Duration, was_served: bool) {
        let Some(think_time) = self.think_time else {
            return;
        };
        let pause = if was_served {
            think_time
        } else {
            think_time.max(REST)
        };
        let due = at.saturating_add(pause);
        self.arrivals.push(Reverse(Arrival { due, client }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(clients: u32, rate: f64, process: ArrivalProcess, seed: u64) -> OpenLoop {
        OpenLoop {
            clients: NonZeroU32::new(clients).expect("not zero"),
            rate,
            process,
            seed,
        }
    }

    fn gaps(arrivals: &[Arrival]) -> Vec<f64> {
        let between =
            |pair: &[Arrival]| pair[1].due.checked_sub(pair[0].due).unwrap().as_secs_f64();
        arrivals.windows(2).map(between).collect()
    }

    #[test]
    fn as_many_arrive_as_the_rate_says() {
        let length = Duration::from_secs(1000);
        for process in [ArrivalProcess::Poisson, ArrivalProcess::Constant] {
            let load = open(5, 2.0, process, 1);
            let count = load.arrivals(length).len() as f64;
            // Five standard deviations of a Poisson count: √10,000 = 100.
            assert!(
                (count - load.total_rate() * 1000.0).abs() < 500.0,
                "{count}"
            );
        }
    }

    #[test]
    fn gaps_of_a_poisson_process_are_exponential() {
        let arrivals = open(1, 4.0, ArrivalProcess::Poisson, 3).arrivals(Duration::from_secs(5000));
        let gaps = gaps(&arrivals);
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count).sqrt();
        // Both are 1 ÷ rate.
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
        assert!((deviation - 0.25).abs() < 0.01, "{deviation}");
        let longer = gaps.iter().filter(|gap| **gap > 0.25).count() as f64 / count;
        assert!((longer - (-1.0_f64).exp()).abs() < 0.02, "{longer}");
    }

    #[test]
    fn constant_gaps_are_equal_and_clients_do_not_begin_together() {
        let arrivals = open(4, 2.0, ArrivalProcess::Constant, 7).arrivals(Duration::from_secs(10));
        let begin: Vec<_> = (0..4)
            .map(|client| {
                let own: Vec<_> = arrivals
                    .iter()
                    .filter(|arrival| arrival.client == client)
                    .copied()
                    .collect();
                assert!(gaps(&own).iter().all(|gap| (gap - 0.5).abs() < 1e-6));
                assert!(own[0].due < Duration::from_millis(500));
                own[0].due
            })
            .collect();
        assert!((1..4).all(|client| begin[client] != begin[0]), "{begin:?}");
    }

    #[test]
    fn arrivals_are_in_order_and_those_of_their_seed() {
        let length = Duration::from_mins(1);
        let arrivals = |seed| open(3, 5.0, ArrivalProcess::Poisson, seed).arrivals(length);
        assert_eq!(arrivals(1), arrivals(1));
        assert_ne!(arrivals(1), arrivals(2));
        assert!(arrivals(1).is_sorted());
        assert!(arrivals(1).iter().all(|arrival| arrival.due < length));
    }

    #[test]
    fn a_client_s_arrivals_do_not_depend_on_how_many_others_there_are() {
        let length = Duration::from_mins(1);
        let of_first = |clients| {
            let mut arrivals = open(clients, 1.0, ArrivalProcess::Poisson, 9).arrivals(length);
            arrivals.retain(|arrival| arrival.client == 0);
            arrivals
        };
        assert_eq!(of_first(1), of_first(8));
    }

    #[test]
    fn a_rate_that_is_too_small_for_the_length_has_no_arrivals() {
        let load = open(2, 1e-300, ArrivalProcess::Poisson, 0);
        assert!(load.arrivals(Duration::from_secs(10)).is_empty());
    }

    #[test]
    fn in_an_open_loop_an_end_makes_no_arrival() {
        let length = Duration::from_secs(10);
        let schedule = Schedule::Open(open(1, 3.0, ArrivalProcess::Poisson, 5));
        let mut upcoming = Upcoming::new(&schedule, length);
        let mut count = 0;
        while let Some(arrival) = upcoming.peek() {
            upcoming.pop();
            upcoming.has_ended(0, arrival.due + Duration::from_secs(1), true);
            count += 1;
        }
        let Schedule::Open(load) = schedule else {
            unreachable!("it was made so");
        };
        assert_eq!(count, load.arrivals(length).len());
    }

    #[test]
    fn in_a_closed_loop_a_client_sends_when_it_is_free_and_has_thought() {
        let schedule = Schedule::Closed(ClosedLoop {
            clients: NonZeroU32::new(2).expect("not zero"),
            think_time: Duration::from_millis(10),
        });
        let mut upcoming = Upcoming::new(&schedule, Duration::from_secs(1));
        for client in [0, 1] {
            let expected = Arrival {
                due: Duration::ZERO,
                client,
            };
            assert_eq!(upcoming.peek(), Some(expected));
            upcoming.pop();
        }
        assert_eq!(upcoming.peek(), None);
        upcoming.has_ended(1, Duration::from_millis(30), true);
        upcoming.has_ended(0, Duration::from_millis(20), false);
        let next = |upcoming: &mut Upcoming| {
            let arrival = upcoming.peek().expect("a request");
            upcoming.pop();
            (arrival.client, arrival.due)
        };
        assert_eq!(next(&mut upcoming), (1, Duration::from_millis(40)));
        // One that was refused waits longer than it would have thought.
        assert_eq!(next(&mut upcoming), (0, Duration::from_millis(20) + REST));
    }
}
