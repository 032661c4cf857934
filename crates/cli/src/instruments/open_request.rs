//! A request that is counted once, however it ends.
//!
//! Takes the outcome; one that is dropped without has lost its client, or was lost in a panic.

use std::sync::Arc;

use super::{Instruments, Outcome, Task};

/// A request that was not counted yet.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    instruments: Arc<Instruments>,
    task: Task,
    is_counted: bool,
}

impl OpenRequest {
    pub(super) fn new(instruments: Arc<Instruments>, task: Task) -> Self {
        Self {
            instruments,
            task,
            is_counted: false,
        }
    }

    /// What was asked for.
    pub(crate) fn task(&self) -> Task {
        self.task
    }

    /// It has ended.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.is_counted = true;
        self.instruments.count_request(self.task, outcome);
    }

    /// The engine has taken it: its answer is recorded by [`Instruments::record`].
    pub(crate) fn hand_over(mut self) {
        self.is_counted = true;
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if self.is_counted {
            return;
        }
        let outcome = if std::thread::panicking() {
            Outcome::Failed
        } else {
            Outcome::Cancelled
        };
        self.instruments.count_request(self.task, outcome);
    }
}
