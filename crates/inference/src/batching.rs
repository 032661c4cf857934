//! Serves independent inputs on one [`BatchModel`], several of them in each pass.
//!
//! Takes inputs at any time from any thread; gives each one's answer or its error, with the time it
//! waited and the time of its pass. Who is in a batch is decided by the order of arrival alone.
//! Inside a batch, inputs of like length are computed together and the others in a pass of their
//! own, so that little is computed for padding; the pass with the oldest input comes first.
//!
//! What goes wrong with one input stays with it. When a pass of several inputs fails, each of them
//! is tried once more alone, so that one that the model cannot bear does not fail the others. When
//! a pass panics, all of its inputs fail at once: nothing is known of the state it left, so nothing
//! is tried again. Later passes run in either case.
//!
//! - `queue`: who waits, and when there are enough for a batch
//! - `pass`: one batch, from the waiting inputs to the answers

mod pass;
mod queue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::backend::BatchModel;
use crate::engine::CancelHandle;
use crate::error::Error;
use queue::{Asker, Job, Queue};

/// The longest time that an input may be made to wait for company.
const MAX_WAIT_LIMIT: Duration = Duration::from_mins(1);

/// How a batcher is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatcherConfig {
    /// Most inputs of one pass.
    pub max_batch: NonZeroUsize,
    /// Inputs that may wait; more are refused with [`Error::Overloaded`]. At least `max_batch`.
    pub queue_capacity: NonZeroUsize,
    /// How long the first input of a batch waits for company, from its submission on. Zero takes
    /// what is there. An input whose deadline comes sooner does not wait for company at all.
    pub max_wait: Duration,
}

impl Default for BatcherConfig {
    fn default() -> Self {
        Self {
            max_batch: NonZeroUsize::MIN.saturating_add(31),
            queue_capacity: NonZeroUsize::MIN.saturating_add(4095),
            max_wait: Duration::ZERO,
        }
    }
}

impl BatcherConfig {
    fn check(&self) -> Result<(), Error> {
        if self.queue_capacity < self.max_batch {
            return Err(Error::InvalidSetting {
                setting: "queue_capacity",
                value: self.queue_capacity.to_string(),
                expected: "at least as many as a batch holds, or no batch is ever full",
            });
        }
        if self.max_wait > MAX_WAIT_LIMIT {
            return Err(Error::InvalidSetting {
                setting: "max_wait",
                value: format!("{:?}", self.max_wait),
                expected: "at most 60 seconds",
            });
        }
        Ok(())
    }
}

/// One input, and how long its answer is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<I> {
    /// The input.
    pub input: I,
    /// Time from submission after which the answer is not wanted any more.
    pub deadline: Option<Duration>,
}

impl<I> Request<I> {
    /// A request without a deadline.
    pub fn new(input: I) -> Self {
        Self {
            input,
            deadline: None,
        }
    }
}

/// Where the time of an input went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// From submission until the pass began that answered it. Passes of the same batch that came
    /// before it, and one that failed, are part of it.
    pub queue_wait: Duration,
    /// The pass that answered it, as a whole: others were in it as well.
    pub inference: Duration,
    /// From submission to the answer.
    pub total: Duration,
    /// Inputs in the pass that answered it.
    pub batch_size: usize,
}

/// An answered input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<O> {
    /// What the model gave.
    pub output: O,
    /// Where the time went.
    pub timings: Timings,
}

/// What a batcher has done so far, and how many inputs wait now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Inputs that were let in.
    pub inputs: u64,
    /// Passes over the model.
    pub batches: u64,
    /// Inputs in those passes: divided by `batches`, the mean size of a batch. One that was tried
    /// again is counted again.
    pub batch_inputs: u64,
    /// Inputs that wait now.
    pub waiting: usize,
}

/// The numbers that grow; shared by reference.
#[derive(Debug, Default)]
struct SharedCounts(Mutex<Counts>);

impl SharedCounts {
    fn get(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// An input on its way. Dropping it withdraws the input.
#[derive(Debug)]
pub struct Ticket<O> {
    answer: mpsc::Receiver<Result<Answer<O>, Error>>,
    handle: CancelHandle,
}

impl<O> Ticket<O> {
    /// Waits until the input is answered.
    ///
    /// # Errors
    /// What went wrong with this input, or [`Error::EngineStopped`].
    pub fn wait(self) -> Result<Answer<O>, Error> {
        self.answer.recv().unwrap_or(Err(Error::EngineStopped))
    }

    /// What withdraws the input, for another thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.handle.clone()
    }
}

impl<O> Drop for Ticket<O> {
    fn drop(&mut self) {
        self.handle.cancel();
    }
}

/// Serves inputs on one model.
///
/// Dropping it serves what is still in the queue and then ends its thread; [`Batcher::stop`]
/// refuses it instead.
pub struct Batcher<M: BatchModel> {
    model: Arc<M>,
    queue: Arc<Queue<M::Input, M::Output>>,
    counts: Arc<SharedCounts>,
    max_wait: Duration,
    worker: Option<JoinHandle<()>>,
}

impl<M: BatchModel> fmt::Debug for Batcher<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Batcher")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl<M: BatchModel> Batcher<M> {
    /// Starts the thread that computes.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`], and when a thread cannot be had.
    pub fn new(model: Arc<M>, config: &BatcherConfig) -> Result<Self, Error> {
        config.check()?;
        let queue = Arc::new(Queue::new(config.queue_capacity, config.max_batch));
        let counts = Arc::new(SharedCounts::default());
        let worker = {
            let (model, queue) = (Arc::clone(&model), Arc::clone(&queue));
            let counts = Arc::clone(&counts);
            std::thread::Builder::new()
                .name("batcher".to_owned())
                .spawn(move || pass::serve(model.as_ref(), &queue, &counts))
                .map_err(|error| Error::Backend(Arc::new(error)))?
        };
        Ok(Self {
            model,
            queue,
            counts,
            max_wait: config.max_wait,
            worker: Some(worker),
        })
    }

    /// The model that answers.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// What the batcher has done so far.
    pub fn counts(&self) -> Counts {
        Counts {
            waiting: self.queue.waiting(),
            ..self.counts.get()
        }
    }

    /// Puts an input into the queue.
    ///
    /// # Errors
    /// Those of [`Self::submit_to`].
    pub fn submit(&self, request: Request<M::Input>) -> Result<Ticket<M::Output>, Error> {
        let (sender, answer) = mpsc::channel();
        let handle = self.submit_to(request, move |result| {
            // The asker may have gone; its answer is then nobody's.
            let _ = sender.send(result);
        })?;
        Ok(Ticket { answer, handle })
    }

    /// Puts an input into the queue; `sink` gets its answer or its error. It runs on the thread
    /// that computes, so it must not wait.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when the queue is full, [`Error::EngineStopped`] when it is closed.
    /// The input is then lost and `sink` is not called.
    pub fn submit_to(
        &self,
        request: Request<M::Input>,
        sink: impl FnOnce(Result<Answer<M::Output>, Error>) + Send + 'static,
    ) -> Result<CancelHandle, Error> {
        let submitted = Instant::now();
        let length = self.model.length(&request.input);
        let (asker, handle) = Asker::new(Box::new(sink), submitted, request.deadline);
        self.queue.push(Job {
            input: request.input,
            length,
            company_until: asker.company_until(self.max_wait),
            asker,
        })?;
        self.counts.update(|counts| counts.inputs += 1);
        Ok(handle)
    }

    /// Submits all inputs at once and waits for them: one result per input, in their order.
    pub fn run(&self, inputs: Vec<M::Input>) -> Vec<Result<Answer<M::Output>, Error>> {
        let tickets: Vec<_> = inputs
            .into_iter()
            .map(|input| self.submit(Request::new(input)))
            .collect();
        tickets
            .into_iter()
            .map(|ticket| ticket.and_then(Ticket::wait))
            .collect()
    }

    /// Lets no more inputs in and serves those that are there.
    pub fn drain(&self) {
        self.queue.close();
    }

    /// Lets no more inputs in, and refuses those that wait. What is being computed is finished.
    pub fn stop(&self) {
        for job in self.queue.close_and_clear() {
            job.asker.tell(Err(Error::EngineStopped));
        }
    }
}

impl<M: BatchModel> Drop for Batcher<M> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(worker) = self.worker.take() {
            // It catches the panics of passes and of sinks; if it died all the same, it refused
            // what was left.
            let _ = worker.join();
        }
    }
}
