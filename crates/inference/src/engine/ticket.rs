//! What an asker holds while a request is on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use super::request::{Completion, Event};
use crate::error::Error;

/// Withdraws a request. Dropping it withdraws nothing.
#[derive(Debug, Clone, Default)]
pub struct CancelHandle(Arc<AtomicBool>);

impl CancelHandle {
    /// The answer is not wanted any more: its sequence leaves the batch before the next pass,
    /// unless others want the same answer.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was withdrawn.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request on its way. Dropping it withdraws the request.
#[derive(Debug)]
pub struct Ticket {
    events: mpsc::Receiver<Event>,
    handle: CancelHandle,
}

impl Ticket {
    pub(super) fn new(events: mpsc::Receiver<Event>, handle: CancelHandle) -> Self {
        Self { events, handle }
    }

    /// Waits until the request is served.
    ///
    /// # Errors
    /// What went wrong with this request, or [`Error::EngineStopped`].
    pub fn wait(self) -> Result<Completion, Error> {
        loop {
            if let Event::Done(result) = self.next() {
                return result;
            }
        }
    }

    /// Waits for what happens next. After the end it is an end with [`Error::EngineStopped`].
    pub fn next(&self) -> Event {
        self.events
            .recv()
            .unwrap_or(Event::Done(Err(Error::EngineStopped)))
    }

    /// What withdraws the request, for another thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.handle.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.handle.cancel();
    }
}
