//! Who waits for an answer, and when there are enough for a batch.
//!
//! Takes jobs up to a limit; gives them in order of arrival, a batch at a time. A full queue
//! refuses at once instead of making the caller wait, so that waiting happens in one place and can
//! be measured. Jobs that nobody wants any more are given out beyond a batch's size: whoever takes
//! them tells their askers, and they take no room from others.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Answer;
use crate::engine::CancelHandle;
use crate::error::Error;

/// Gets what became of an input.
type Sink<O> = Box<dyn FnOnce(Result<Answer<O>, Error>) + Send>;

/// One who wants an answer.
pub(super) struct Asker<O> {
    sink: Sink<O>,
    pub(super) submitted: Instant,
    deadline: Option<Instant>,
    handle: CancelHandle,
}

impl<O> Asker<O> {
    /// With the handle that withdraws it.
    pub(super) fn new(
        sink: Sink<O>,
        submitted: Instant,
        deadline: Option<Duration>,
    ) -> (Self, CancelHandle) {
        let handle = CancelHandle::default();
        let asker = Self {
            sink,
            submitted,
            // A deadline beyond what the clock can say is none.
            deadline: deadline.and_then(|after| submitted.checked_add(after)),
            handle: handle.clone(),
        };
        (asker, handle)
    }

    /// Until when it waits for company: not at all when that would use up its time.
    pub(super) fn company_until(&self, max_wait: Duration) -> Instant {
        let until = self.submitted + max_wait;
        match self.deadline {
            Some(deadline) if deadline <= until => self.submitted,
            _ => until,
        }
    }

    /// Why it is to be let go at `now`.
    pub(super) fn lost(&self, now: Instant) -> Option<Error> {
        if self.handle.is_cancelled() {
            Some(Error::Cancelled)
        } else if self.deadline.is_some_and(|deadline| now >= deadline) {
            Some(Error::DeadlineExceeded {
                after: now.saturating_duration_since(self.submitted),
            })
        } else {
            None
        }
    }

    /// Says what became of its input. A sink that panics harms nobody else.
    pub(super) fn tell(self, result: Result<Answer<O>, Error>) {
        let sink = self.sink;
        let _ = catch_unwind(AssertUnwindSafe(move || sink(result)));
    }
}

/// An input that waits.
pub(super) struct Job<I, O> {
    pub(super) input: I,
    /// What the model counts in it.
    pub(super) length: usize,
    /// When it has waited long enough for company.
    pub(super) company_until: Instant,
    pub(super) asker: Asker<O>,
}

/// The queue; shared by reference.
pub(super) struct Queue<I, O> {
    state: Mutex<State<I, O>>,
    changed: Condvar,
    capacity: NonZeroUsize,
    batch: NonZeroUsize,
}

struct State<I, O> {
    waiting: VecDeque<Job<I, O>>,
    is_closed: bool,
}

impl<I, O> State<I, O> {
    /// Nothing when there are enough jobs for a batch, or when one has waited long enough; else the
    /// time until then.
    fn company_wait(&self, batch: usize) -> Option<Duration> {
        if self.is_closed || self.waiting.len() >= batch {
            return None;
        }
        let until = self.waiting.iter().map(|job| job.company_until).min()?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// The jobs that nobody wants any more, and up to `batch` others, in order of arrival.
    fn take(&mut self, batch: usize) -> Vec<Job<I, O>> {
        let now = Instant::now();
        let mut taken = Vec::new();
        let mut wanted = 0;
        for job in std::mem::take(&mut self.waiting) {
            if job.asker.lost(now).is_some() {
                taken.push(job);
            } else if wanted < batch {
                wanted += 1;
                taken.push(job);
            } else {
                self.waiting.push_back(job);
            }
        }
        taken
    }
}

impl<I, O> Queue<I, O> {
    /// An empty queue for at most `capacity` jobs that wait; `batch` of them fill a batch.
    pub(super) fn new(capacity: NonZeroUsize, batch: NonZeroUsize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
            capacity,
            batch,
        }
    }

    /// Puts `job` behind the others.
    ///
    /// # Errors
    /// [`Error::Overloaded`] and [`Error::EngineStopped`].
    pub(super) fn push(&self, job: Job<I, O>) -> Result<(), Error> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::EngineStopped);
        }
        if state.waiting.len() >= self.capacity.get() {
            return Err(Error::Overloaded {
                capacity: self.capacity.get(),
            });
        }
        state.waiting.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next batch, waiting for a job and then for its company; with it come the jobs that
    /// nobody wants any more. Nothing once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Job<I, O>>> {
        let batch = self.batch.get();
        let mut state = self.lock();
        loop {
            if state.waiting.is_empty() {
                if state.is_closed {
                    return None;
                }
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            } else if let Some(left) = state.company_wait(batch) {
                (state, _) = self
                    .changed
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner);
            } else {
                return Some(state.take(batch));
            }
        }
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Lets no more jobs in; those inside are still given out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Lets no more jobs in, and gives those inside to the caller.
    pub(super) fn close_and_clear(&self) -> Vec<Job<I, O>> {
        let mut state = self.lock();
        state.is_closed = true;
        let jobs = std::mem::take(&mut state.waiting).into();
        drop(state);
        self.changed.notify_all();
        jobs
    }

    /// No code of others runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State<I, O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
