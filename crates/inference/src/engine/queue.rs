//! A bounded queue between those who ask and the thread that computes.
//!
//! Takes flights up to a limit; gives them client by client, and those of one client in order of
//! arrival, so that one who asks for much does not make the others wait. The next one stays in the
//! queue until it is taken, so that one for which there is no room yet waits as the others do. A full
//! queue refuses at once instead of making the caller wait, so that waiting happens in one place and
//! can be measured.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::flight::Flight;
use crate::error::Error;

/// The queue; shared by reference.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: NonZeroUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Clients that wait, in the order of their next turns; each is there once.
    turns: VecDeque<Arc<str>>,
    /// What each of them waits for; never empty.
    waiting: HashMap<Arc<str>, VecDeque<Arc<Flight>>>,
    waiting_count: usize,
    running_count: usize,
    /// What those are told who come too late; nothing while it is open.
    closed: Option<Error>,
}

impl State {
    fn first(&self) -> Option<&Arc<Flight>> {
        self.waiting.get(self.turns.front()?)?.front()
    }

    fn pop(&mut self) -> Option<Arc<Flight>> {
        let client = self.turns.pop_front()?;
        let flights = self.waiting.get_mut(&client)?;
        let flight = flights.pop_front();
        if flights.is_empty() {
            self.waiting.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        self.waiting_count -= 1;
        flight
    }
}

impl Queue {
    /// An empty queue for at most `capacity` flights that wait.
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity,
        }
    }

    /// Puts `flight` behind the others of its client.
    ///
    /// # Errors
    /// [`Error::Overloaded`], and why it was closed.
    pub(super) fn push(&self, flight: Arc<Flight>) -> Result<(), Error> {
        let mut state = self.lock();
        if let Some(error) = &state.closed {
            return Err(error.clone());
        }
        if state.waiting_count >= self.capacity.get() {
            return Err(Error::Overloaded {
                capacity: self.capacity.get(),
            });
        }
        let client = Arc::clone(flight.client());
        state.waiting_count += 1;
        if let Some(flights) = state.waiting.get_mut(&client) {
            flights.push_back(flight);
        } else {
            state
                .waiting
                .insert(Arc::clone(&client), VecDeque::from([flight]));
            state.turns.push_back(client);
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next flight if there is one; it stays in the queue.
    pub(super) fn first(&self) -> Option<Arc<Flight>> {
        self.lock().first().cloned()
    }

    /// The same, waiting for one; nothing once the queue is closed and empty.
    pub(super) fn wait_for_first(&self) -> Option<Arc<Flight>> {
        let mut state = self.lock();
        loop {
            if let Some(flight) = state.first() {
                return Some(Arc::clone(flight));
            }
            if state.closed.is_some() {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes out `flight`, which was the first; `false` when the queue was cleared meanwhile, and others
    /// have ended it.
    pub(super) fn take(&self, flight: &Arc<Flight>) -> bool {
        let mut state = self.lock();
        let first = state.first();
        let is_there = first.is_some_and(|first| Arc::ptr_eq(first, flight));
        if is_there {
            state.pop();
        }
        is_there
    }

    /// Takes out the flights that nobody wants any more; those who wanted them are told.
    pub(super) fn take_unwanted(&self) -> Vec<Arc<Flight>> {
        let mut state = self.lock();
        let State {
            turns,
            waiting,
            waiting_count,
            ..
        } = &mut *state;
        let mut unwanted = Vec::new();
        for flights in waiting.values_mut() {
            flights.retain(|flight| {
                let is_wanted = flight.is_wanted();
                if !is_wanted {
                    unwanted.push(Arc::clone(flight));
                }
                is_wanted
            });
        }
        *waiting_count -= unwanted.len();
        waiting.retain(|_, flights| !flights.is_empty());
        turns.retain(|client| waiting.contains_key(client));
        unwanted
    }

    /// Notes how many flights are computed.
    pub(super) fn set_running(&self, count: usize) {
        self.lock().running_count = count;
    }

    /// Flights that wait, and flights that are computed.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting_count, state.running_count)
    }

    /// Lets no more flights in; those inside are still given out.
    pub(super) fn close(&self) {
        self.lock().closed.get_or_insert(Error::EngineStopped);
        self.changed.notify_all();
    }

    /// Lets no more flights in, because of `error` unless it was closed before, and gives those inside
    /// to the caller.
    pub(super) fn close_and_clear(&self, error: Error) -> Vec<Arc<Flight>> {
        let mut state = self.lock();
        state.closed.get_or_insert(error);
        let flights = std::iter::from_fn(|| state.pop()).collect();
        drop(state);
        self.changed.notify_all();
        flights
    }

    /// Sinks, which run under the lock while it is swept, are not called between two changes.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::flight::tests::{flight, subscriber};
    use super::*;

    fn queue(capacity: usize) -> Queue {
        Queue::new(NonZeroUsize::new(capacity).expect("not zero"))
    }

    /// First tokens of what comes out, by which the tests know the flights.
    fn drain(queue: &Queue) -> Vec<u32> {
        queue.close();
        let next = || {
            let flight = queue.wait_for_first()?;
            assert!(queue.take(&flight), "it was the first");
            Some(flight.prompt()[0])
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn flights_of_one_client_come_out_in_order() {
        let queue = queue(3);
        for number in 1..=3 {
            queue.push(flight(number, "")).expect("room");
        }
        assert_eq!(drain(&queue), [1, 2, 3]);
    }

    #[test]
    fn clients_take_turns() {
        let queue = queue(9);
        for (number, client) in [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "c"), (6, "b")] {
            queue.push(flight(number, client)).expect("room");
        }
        assert_eq!(drain(&queue), [1, 4, 5, 2, 6, 3]);
    }

    #[test]
    fn a_full_queue_and_a_closed_one_refuse() {
        let queue = queue(1);
        queue.push(flight(1, "a")).expect("room");
        let full = queue.push(flight(2, "b"));
        assert!(
            matches!(full, Err(Error::Overloaded { capacity: 1 })),
            "{full:?}"
        );
        assert_eq!(drain(&queue), [1]);
        let closed = queue.push(flight(3, "a"));
        assert!(matches!(closed, Err(Error::EngineStopped)), "{closed:?}");
    }

    #[test]
    fn what_nobody_wants_makes_room() {
        let queue = queue(3);
        let wanted = flight(1, "a");
        wanted.join(subscriber(None).0);
        for flight in [flight(2, "a"), wanted, flight(3, "b")] {
            queue.push(flight).expect("room");
        }
        assert_eq!(queue.take_unwanted().len(), 2);
        assert_eq!(queue.load(), (1, 0));
        queue.push(flight(4, "b")).expect("room");
        assert_eq!(drain(&queue), [1, 4]);
    }

    #[test]
    fn the_first_waits_and_takes_room_until_it_is_taken() {
        let queue = queue(1);
        assert!(queue.first().is_none());
        queue.push(flight(1, "a")).expect("room");
        let first = queue.first().expect("a flight");
        assert_eq!(queue.load(), (1, 0));
        assert!(queue.push(flight(2, "b")).is_err());
        assert!(queue.take(&first));
        assert_eq!(queue.load(), (0, 0));
        queue.push(flight(2, "b")).expect("room");
        assert!(!queue.take(&first), "another one is the first");
        assert_eq!(drain(&queue), [2]);
    }

    #[test]
    fn what_is_cleared_is_given_back() {
        let queue = queue(4);
        for number in 1..=3 {
            queue.push(flight(number, "a")).expect("room");
        }
        let first = queue.first().expect("a flight");
        assert_eq!(queue.close_and_clear(Error::Panicked).len(), 3);
        assert_eq!(queue.load(), (0, 0));
        assert!(!queue.take(&first), "it is not there any more");
        assert!(queue.wait_for_first().is_none());
        queue.close();
        let late = queue.push(flight(4, "a"));
        assert!(matches!(late, Err(Error::Panicked)), "{late:?}");
    }

    #[test]
    fn one_who_waits_is_woken_by_a_flight_and_by_closing() {
        let queue = queue(1);
        let take = || {
            let flight = queue.wait_for_first();
            flight.is_some_and(|flight| queue.take(&flight))
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (take(), take()));
            queue.push(flight(7, "")).expect("room");
            queue.close();
            assert_eq!(waiting.join().expect("no panic"), (true, false));
        });
    }
}
