//! Which sequences take in which tokens in the next pass.
//!
//! Takes flights from the queue; runs pass after pass until each has its answer. A sequence joins
//! and leaves the batch between two passes. In a pass each answer gets its next token first; what
//! is left of the pass's tokens goes to prompts in the order in which they joined, so that a long
//! prompt delays answers by no more than one pass.
//!
//! A pass that fails or panics fails the requests in it. After a panic nothing that the context
//! remembers is trusted: all its sequences are emptied. A panic anywhere else ends the thread, and
//! refuses all that was taken and all that comes.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::counts::SharedCounts;
use super::flight::Flight;
use super::prefix::Sequences;
use super::queue::Queue;
use super::request::StopReason;
use super::response::ResponseCache;
use super::running::{Part, Running};
use crate::backend::{Context, ContextSize, Model};
use crate::error::Error;

/// How often requests that wait are asked whether they are still wanted.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// What does not change while the scheduler runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) slots: NonZeroUsize,
    pub(super) size: ContextSize,
    pub(super) context_tokens: usize,
}

/// What the scheduler shares with the engine.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) queue: &'a Queue,
    pub(super) responses: Option<&'a ResponseCache>,
    pub(super) counts: &'a SharedCounts,
}

/// Closes the queue and lets go of all flights. After a normal end there are none; if this thread dies,
/// nobody waits for an answer that will not come.
struct RefuseAtEnd<'a>(&'a Shared<'a>);

impl Drop for RefuseAtEnd<'_> {
    fn drop(&mut self) {
        let error = if std::thread::panicking() {
            Error::Panicked
        } else {
            Error::EngineStopped
        };
        // First of all nothing more comes in; a flight that is dropped tells those who wait.
        let waiting = self.0.queue.close_and_clear(error);
        self.0.queue.set_running(0);
        if let Some(responses) = self.0.responses {
            responses.forget_all();
        }
        drop(waiting);
    }
}

/// Serves the queue until it is closed and empty.
pub(super) fn serve<'m, M: Model>(
    model: &'m M,
    context: M::Context<'m>,
    settings: Settings,
    shared: &Shared<'_>,
) {
    // Dropped after the scheduler, whose flights are lost with it.
    let _refusal = RefuseAtEnd(shared);
    let kept = settings.size.sequences.get() - settings.slots.get();
    let mut scheduler = Scheduler {
        model,
        context,
        settings,
        shared,
        sequences: Sequences::new(settings.slots.get(), kept),
        running: Vec::with_capacity(settings.slots.get()),
        swept: Instant::now(),
    };
    while scheduler.admit() {
        scheduler.pass();
    }
}

struct Scheduler<'a, 'm, M: Model> {
    model: &'m M,
    context: M::Context<'m>,
    settings: Settings,
    shared: &'a Shared<'a>,
    sequences: Sequences,
    running: Vec<Running<'m>>,
    swept: Instant,
}

impl<'m, M: Model> Scheduler<'_, 'm, M> {
    /// Fills the batch from the queue, waiting for a request if it is empty; `false` when there
    /// will be none any more.
    fn admit(&mut self) -> bool {
        self.let_go();
        while self.running.len() < self.settings.slots.get() {
            let Some(flight) = self.next_flight() else {
                break;
            };
            let is_wanted = flight.is_wanted();
            if is_wanted && !self.make_room(&flight) {
                // It stays the first in the queue: nobody overtakes it.
                break;
            }
            if !self.shared.queue.take(&flight) {
                continue;
            }
            if is_wanted {
                self.join(&flight);
            } else {
                self.forget(&flight);
            }
        }
        self.shared.queue.set_running(self.running.len());
        !self.running.is_empty()
    }

    fn next_flight(&self) -> Option<Arc<Flight>> {
        if self.running.is_empty() {
            self.shared.queue.set_running(0);
            self.shared.queue.wait_for_first()
        } else {
            self.shared.queue.first()
        }
    }

    /// Ends the sequences whose answers nobody wants any more, and drops such requests from the
    /// queue now and then.
    fn let_go(&mut self) {
        let unwanted: Vec<_> = self
            .running
            .extract_if(.., |running| !running.flight.is_wanted())
            .collect();
        for running in unwanted {
            self.forget(&running.flight);
            self.release(&running);
        }
        if self.swept.elapsed() >= SWEEP_EVERY {
            for flight in self.shared.queue.take_unwanted() {
                self.forget(&flight);
            }
            self.swept = Instant::now();
        }
    }

    /// Evicts kept sequences until `flight` fits beside what runs; `false` if it does not.
    fn make_room(&mut self, flight: &Flight) -> bool {
        let context_tokens = self.settings.context_tokens;
        let reserved = |flight: &Flight| Running::reserved_tokens(flight, context_tokens);
        let running: usize = self
            .running
            .iter()
            .map(|running| reserved(&running.flight))
            .sum();
        let needed = running + reserved(flight);
        let tokens = self.settings.size.tokens.get();
        while needed + self.sequences.kept_tokens() > tokens {
            if !self.sequences.evict(&mut self.context) {
                return false;
            }
        }
        true
    }

    fn join(&mut self, flight: &Arc<Flight>) {
        let place = match self.sequences.take(&mut self.context, flight.prompt()) {
            Ok(place) => place,
            Err(error) => return self.fail(flight, error),
        };
        let prefixes = self.sequences.counts();
        self.shared
            .counts
            .update(|counts| counts.prefixes = prefixes);
        let tokenizer = self.model.tokenizer();
        let context_tokens = self.settings.context_tokens;
        match Running::new(Arc::clone(flight), place, tokenizer, context_tokens) {
            Ok(running) => self.running.push(running),
            Err(error) => {
                self.sequences.release(&mut self.context, place.sequence);
                self.fail(flight, error);
            }
        }
    }

    /// What each sequence takes in, by its number in the batch.
    fn plan(&self) -> Vec<(usize, Part)> {
        let mut left = self.settings.size.pass_tokens.get();
        let (answers, prompts): (Vec<_>, Vec<_>) =
            (0..self.running.len()).partition(|&index| self.running[index].prompt_left() == 0);
        let mut plan: Vec<_> = answers
            .into_iter()
            .map(|index| (index, Part::Answer))
            .collect();
        left -= plan.len();
        for index in prompts {
            let count = self.running[index].prompt_left().min(left);
            if count > 0 {
                plan.push((index, Part::Prompt(count)));
                left -= count;
            }
        }
        plan
    }

    /// One pass over the model, and a token for each sequence that has its logits.
    fn pass(&mut self) {
        let plan = self.plan();
        let steps: Vec<_> = plan
            .iter()
            .map(|&(index, part)| self.running[index].step(part))
            .collect();
        let context = &mut self.context;
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| context.forward(&steps)));
        #[cfg(feature = "slowdown")]
        super::slowdown::prolong(started.elapsed());
        let wall = started.elapsed();
        match outcome {
            Ok(Ok(())) => self.choose(&plan, wall),
            Ok(Err(error)) => self.fail_pass(&plan, &error),
            Err(_panic) => self.start_over(),
        }
    }

    /// Lets each sequence of the pass choose from its logits, and ends those that are through.
    fn choose(&mut self, plan: &[(usize, Part)], wall: Duration) {
        let mut ended = Vec::new();
        let mut chosen = 0;
        for (step, &(index, part)) in plan.iter().enumerate() {
            let running = &mut self.running[index];
            running.passed(part, wall);
            let Some(logits) = self.context.logits(step) else {
                continue;
            };
            let before = running.answer_tokens();
            match running.choose(logits) {
                Ok(None) => {}
                Ok(Some(stop)) => ended.push((index, Ok(stop))),
                Err(error) => ended.push((index, Err(error))),
            }
            chosen += running.answer_tokens() - before;
        }
        self.count(plan, chosen);
        ended.sort_unstable_by_key(|&(index, _)| std::cmp::Reverse(index));
        for (index, outcome) in ended {
            let running = self.running.remove(index);
            match outcome {
                Ok(stop) => self.end(running, stop),
                Err(error) => {
                    self.release(&running);
                    self.fail(&running.flight, error);
                }
            }
        }
    }

    /// Counts a pass after which `chosen` tokens of answers were chosen.
    fn count(&self, plan: &[(usize, Part)], chosen: usize) {
        let prompt_tokens: usize = plan.iter().map(|(_, part)| part.prompt_tokens()).sum();
        self.shared.counts.update(|counts| {
            counts.passes += 1;
            counts.pass_sequences += plan.len() as u64;
            counts.prompt_tokens += prompt_tokens as u64;
            counts.answer_tokens += chosen as u64;
        });
    }

    fn end(&mut self, running: Running<'m>, stop: StopReason) {
        let sequence = running.sequence;
        let (flight, computed, held) = running.end(stop);
        self.sequences.give_back(&mut self.context, sequence, held);
        let prefixes = self.sequences.counts();
        self.shared
            .counts
            .update(|counts| counts.prefixes = prefixes);
        if let Some(responses) = self.shared.responses {
            responses.keep(&flight, &computed.kept);
        }
        flight.finish(&Ok(computed));
    }

    fn fail_pass(&mut self, plan: &[(usize, Part)], error: &Error) {
        let mut indices: Vec<usize> = plan.iter().map(|&(index, _)| index).collect();
        indices.sort_unstable_by(|a, b| b.cmp(a));
        for index in indices {
            let running = self.running.remove(index);
            self.release(&running);
            self.fail(&running.flight, error.clone());
        }
    }

    /// After a panic: whatever state it left, no sequence goes on from there.
    fn start_over(&mut self) {
        for running in std::mem::take(&mut self.running) {
            self.release(&running);
            self.fail(&running.flight, Error::Panicked);
        }
        while self.sequences.evict(&mut self.context) {}
    }

    fn release(&mut self, running: &Running<'_>) {
        self.sequences.release(&mut self.context, running.sequence);
    }

    fn fail(&self, flight: &Arc<Flight>, error: Error) {
        self.forget(flight);
        flight.finish(&Err(error));
    }

    fn forget(&self, flight: &Arc<Flight>) {
        if let Some(responses) = self.shared.responses {
            responses.forget(flight);
        }
    }
}
