//! A bounded first-in, first-out queue between those who ask and those who serve.
//!
//! Takes items up to a limit; gives them in order to whoever waits. A full queue refuses at once
//! instead of making the caller wait, so that waiting happens in one place and can be measured.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The queue; shared by reference.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    capacity: NonZeroUsize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    is_closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue for at most `capacity` waiting items.
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                is_closed: false,
            }),
            arrived: Condvar::new(),
            capacity,
        }
    }

    /// Puts `item` at the end; gives it back when the queue is full or closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.is_closed || state.items.len() >= self.capacity.get() {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes the first item, waiting for one; nothing once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Some(item);
            }
            if state.is_closed {
                return None;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets no more items in; those inside are still given out.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }

    /// Most items that may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity.get()
    }

    /// No code of a caller runs under the lock, so a poisoned lock still guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(capacity: usize) -> Queue<u32> {
        Queue::new(NonZeroUsize::new(capacity).expect("not zero"))
    }

    #[test]
    fn items_come_out_in_order() {
        let queue = queue(3);
        for item in 1..=3 {
            queue.push(item).expect("room");
        }
        queue.close();
        let items: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(items, [1, 2, 3]);
    }

    #[test]
    fn a_full_or_closed_queue_gives_the_item_back() {
        let queue = queue(1);
        queue.push(1).expect("room");
        assert_eq!(queue.push(2), Err(2));
        assert_eq!(queue.pop(), Some(1));
        queue.close();
        assert_eq!(queue.push(3), Err(3));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn one_who_waits_is_woken_by_an_item_and_by_closing() {
        let queue = queue(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (queue.pop(), queue.pop()));
            queue.push(7).expect("room");
            queue.close();
            assert_eq!(waiting.join().expect("no panic"), (Some(7), None));
        });
    }
}
