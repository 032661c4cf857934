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
                error.log();
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use inferno_inference::Error;

    use super::super::Server;
    use super::super::fake::{self, FakeEngine, metric};
    use super::super::reply::Shape;
    use super::*;
    use crate::instruments::Task;

    /// The whole body of a stream.
    async fn streamed(server: &Arc<Server>) -> String {
        let open = server.instruments.begin(Task::Completion);
        let answer = Answer::submit(server, open, fake::request()).await;
        let reply = Reply::new(Shape::Completion, "fake");
        let instruments = Arc::clone(&server.instruments);
        let response = respond(answer.expect("taken"), reply, false, instruments).await;
        let body = response.expect("a stream").into_body();
        let bytes = axum::body::to_bytes(body, usize::MAX).await;
        String::from_utf8(bytes.expect("a body").to_vec()).expect("a text")
    }

    #[test]
    fn what_breaks_in_the_middle_of_a_stream_is_told_counted_and_logged() {
        let engine = Arc::new(FakeEngine {
            failure: Some(Error::NotFinite),
            ..FakeEngine::default()
        });
        let server = fake::server(engine, None, fake::allowance());
        let log = Arc::new(tempfile::tempfile().expect("a file"));
        let subscriber = tracing_subscriber::fmt()
            .with_writer(Arc::clone(&log))
            .with_ansi(false)
            .finish();
        let body = tracing::subscriber::with_default(subscriber, || {
            fake::runtime().block_on(streamed(&server))
        });
        assert!(body.starts_with("data: {"), "{body}");
        assert!(body.contains("\"server_error\""), "{body}");
        let told = metric(&server, "inferno_errors_total{kind=\"internal\"}");
        assert!((told - 1.0).abs() < 1e-9, "{told}");
        let mut text = String::new();
        let mut log = log.as_ref();
        log.rewind().expect("the log");
        log.read_to_string(&mut text).expect("the log");
        assert!(
            text.contains("ERROR") && text.contains("not finite"),
            "{text:?}"
        );
    }
}
