//! An answer that is sent as it grows: server-sent events, each with one JSON document.
//!
//! Takes an answer on its way; gives a response whose body ends with `data: [DONE]` after a
//! complete answer, and with an error's document after one that is not. While nothing happens it
//! sends comments, so that nobody on the way takes the connection for dead.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use inferno_inference::engine::Event;
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Answer;
use super::error::ApiError;
use super::reply::Reply;
use crate::instruments::Instruments;

/// How long the head of a response is held back: a request that fails meanwhile gets the status of
/// its error, which cannot be taken back later.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time without an event after which a comment is sent.
const COMMENT_AFTER: Duration = Duration::from_secs(15);

/// The end of a complete stream.
const DONE: &str = "data: [DONE]\n\n";

/// The response that sends `answer` piece by piece.
pub(super) async fn respond(
    mut answer: Answer,
    reply: Reply,
    with_usage: bool,
    instruments: Arc<Instruments>,
) -> Result<Response, ApiError> {
    let first = timeout(PATIENCE, answer.next()).await.ok();
    if let Some(Event::Done(Err(error))) = &first {
        return Err(ApiError::from_engine(error));
    }
    let events = Events {
        opening: reply.opening(),
        first,
        answer,
        reply,
        with_usage,
        instruments,
        has_ended: false,
    };
    let frames = stream::unfold(events, |mut events| async move {
        let frame = events.next_frame().await?;
        Some((Ok::<_, Infallible>(frame), events))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// What is left of a stream.
struct Events {
    answer: Answer,
    reply: Reply,
    opening: Option<Value>,
    /// What happened before the response began.
    first: Option<Event>,
    with_usage: bool,
    instruments: Arc<Instruments>,
    has_ended: bool,
}

impl Events {
    /// The next bytes of the body; nothing after its end.
    async fn next_frame(&mut self) -> Option<String> {
        if self.has_ended {
            return None;
        }
        if let Some(opening) = self.opening.take() {
            return Some(frame(&opening));
        }
        let event = match self.first.take() {
            Some(event) => event,
            None => match timeout(COMMENT_AFTER, self.answer.next()).await {
                Ok(event) => event,
                Err(_elapsed) => return Some(": waiting\n\n".to_owned()),
            },
        };
        Some(match event {
            Event::Text(text) => frame(&self.reply.piece(&text)),
            Event::Done(Ok(completion)) => {
                self.has_ended = true;
                let mut frames = frame(&self.reply.ending(&completion));
                if self.with_usage {
                    frames.push_str(&frame(&self.reply.usage(&completion)));
                }
                frames.push_str(DONE);
                frames
            }
            Event::Done(Err(error)) => {
                self.has_ended = true;
                let error = ApiError::from_engine(&error);
                self.instruments.count_error(error.kind());
                frame(&error.document())
            }
        })
    }
}

/// One event. JSON on one line has no line ends that would have to be escaped.
fn frame(document: &Value) -> String {
    format!("data: {document}\n\n")
}
