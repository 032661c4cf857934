//! An answer on its way from the engine to a client.
//!
//! Takes a request; gives its events one by one. The engine never waits for the client: events are
//! kept until they are read, and there are no more of them than tokens were allowed. Dropping an
//! answer, which happens when the client goes away, withdraws the request.

use std::sync::Arc;

use inferno_inference::Error;
use inferno_inference::engine::{CancelHandle, Completion, Event, Request};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::Server;
use super::error::ApiError;
use crate::instruments::{Outcome, Task};

/// A request that the engine has taken.
#[derive(Debug)]
pub(super) struct Answer {
    events: UnboundedReceiver<Event>,
    handle: CancelHandle,
}

impl Answer {
    /// Gives `request` to the engine.
    pub(super) async fn submit(
        server: &Arc<Server>,
        task: Task,
        request: Request,
    ) -> Result<Self, ApiError> {
        let server = Arc::clone(server);
        // A long prompt takes its time to be cut into tokens. A client that goes away meanwhile
        // drops what comes out of it: an answer, and so the request is withdrawn.
        tokio::task::spawn_blocking(move || Self::submit_now(&server, task, request))
            .await
            .map_err(|error| ApiError::internal(format!("the request was lost: {error}")))?
    }

    fn submit_now(server: &Server, task: Task, request: Request) -> Result<Self, ApiError> {
        let (sender, events) = mpsc::unbounded_channel();
        let instruments = Arc::clone(&server.instruments);
        let sink = move |event: Event| {
            if let Event::Done(result) = &event {
                instruments.record(task, result);
            }
            // Nobody listens any more once the client has gone.
            let _ = sender.send(event);
        };
        let submitted = server.engine.submit(request, Box::new(sink));
        let handle = submitted.map_err(|error| {
            let outcome = match error {
                Error::Overloaded { .. } | Error::EngineStopped => Outcome::Refused,
                _ => Outcome::Invalid,
            };
            server.instruments.count_request(task, outcome);
            ApiError::from_engine(&error)
        })?;
        Ok(Self { events, handle })
    }

    /// What happens next. After the end it is an end with [`Error::EngineStopped`].
    pub(super) async fn next(&mut self) -> Event {
        let event = self.events.recv().await;
        event.unwrap_or(Event::Done(Err(Error::EngineStopped)))
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
        self.handle.cancel();
    }
}
