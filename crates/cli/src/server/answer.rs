//! An answer on its way from the engine to a client.
//!
//! Takes a request; gives its events one by one. The engine never waits for the client: events are
//! kept until they are read, and there are no more of them than tokens were allowed. Dropping an
//! answer, which happens when the client goes away, withdraws the request.
//!
//! A long prompt takes its time to be cut into tokens, for which there are a few threads. Whoever waits
//! for one of them holds a connection and nothing else: there are never more prompts than connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use inferno_inference::Error;
use inferno_inference::engine::{CancelHandle, Completion, Event, Request};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;

use super::Server;
use super::error::ApiError;
use crate::instruments::{OpenRequest, Outcome, Task};

/// A request that the engine has taken.
#[derive(Debug)]
pub(super) struct Answer {
    events: UnboundedReceiver<Event>,
    handle: CancelHandle,
    task: Task,
    has_ended: bool,
}

impl Answer {
    /// Gives `request` to the engine when it is its turn. `open` is counted by how that ends, or by
    /// the engine's answer.
    pub(super) async fn submit(
        server: &Arc<Server>,
        open: OpenRequest,
        request: Request,
    ) -> Result<Self, ApiError> {
        if let Some(error) = server.refusal() {
            open.end(Outcome::Refused);
            return Err(ApiError::from_engine(&error));
        }
        let asked = Instant::now();
        let turn = Arc::clone(&server.tokenizer_turns).acquire_owned();
        let Ok(turn) = timeout(server.allowance.answer, turn).await else {
            open.end(Outcome::Expired);
            return Err(ApiError::deadline_exceeded());
        };
        let turn = turn.expect("nobody closes the semaphore");
        let waited = asked.elapsed();
        let server = Arc::clone(server);
        // A client that goes away meanwhile drops what comes out of it: an answer, and so the request
        // is withdrawn. Its turn lasts to the end: with as many turns as threads, nothing queues up
        // behind them.
        let submit = move || {
            let _turn = turn;
            Self::submit_now(&server, open, request, waited)
        };
        tokio::task::spawn_blocking(submit)
            .await
            .map_err(|error| ApiError::internal(format!("the request was lost: {error}")))?
    }

    /// Cuts the prompt into tokens and puts the request into the queue, after it has `waited`.
    fn submit_now(
        server: &Server,
        open: OpenRequest,
        mut request: Request,
        waited: Duration,
    ) -> Result<Self, ApiError> {
        let (sender, events) = mpsc::unbounded_channel();
        let (task, instruments) = (open.task(), Arc::clone(&server.instruments));
        request.deadline = request
            .deadline
            .map(|deadline| deadline.saturating_sub(waited));
        let sink = move |mut event: Event| {
            if let Event::Done(result) = &mut event {
                add_wait(result, waited);
                instruments.record(task, result);
            }
            // Nobody listens any more once the client has gone.
            let _ = sender.send(event);
        };
        match server.engine.submit(request, Box::new(sink)) {
            Ok(handle) => {
                open.hand_over();
                Ok(Self {
                    events,
                    handle,
                    task,
                    has_ended: false,
                })
            }
            Err(error) => {
                open.end(match error {
                    Error::Overloaded { .. } | Error::EngineStopped => Outcome::Refused,
                    Error::Panicked => Outcome::Failed,
                    _ => Outcome::Invalid,
                });
                Err(ApiError::from_engine(&error))
            }
        }
    }

    /// What happens next. After the end it is an end with [`Error::EngineStopped`].
    pub(super) async fn next(&mut self) -> Event {
        let event = self.events.recv().await;
        let event = event.unwrap_or(Event::Done(Err(Error::EngineStopped)));
        if let Event::Done(result) = &event {
            self.has_ended = true;
            log(self.task, result);
        }
        event
    }

    /// Waits for the end.
    pub(super) async fn completion(mut self) -> Result<Completion, Error> {
        loop {
            if let Event::Done(result) = self.next().await {
                return result;
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.has_ended {
            tracing::debug!("{}: withdrawn before its end", self.task.name());
        }
        self.handle.cancel();
    }
}

/// Logs what became of a request: numbers, and no text.
fn log(task: Task, result: &Result<Completion, Error>) {
    let task = task.name();
    match result {
        Ok(completion) => tracing::debug!(
            "{task}: {} tokens for a prompt of {} ({:?}, {:?}); queue wait {:.1} ms, \
             total {:.1} ms",
            completion.tokens.len(),
            completion.prompt_tokens,
            completion.source,
            completion.stop,
            milliseconds(completion.timings.queue_wait),
            milliseconds(completion.timings.total),
        ),
        Err(error) => tracing::debug!("{task}: not answered: {error}"),
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Adds the wait for a turn, of which the engine does not know, to its account.
fn add_wait(result: &mut Result<Completion, Error>, waited: Duration) {
    match result {
        Ok(completion) => {
            let timings = &mut completion.timings;
            timings.queue_wait += waited;
            timings.first_token += waited;
            timings.total += waited;
            for time in &mut completion.token_times {
                *time += waited;
            }
        }
        Err(Error::DeadlineExceeded { after }) => *after += waited,
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests;
