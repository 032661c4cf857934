//! Directions of texts: `/v1/embeddings`.
//!
//! Takes one text or several; gives a list of numbers for each, as JSON or as the base64 of their
//! bytes. The texts of all requests wait in one queue and share passes over the model, a few of each
//! request at a time, so that a short request does not wait for the whole of a long one. What a client
//! that goes away or whose time is over has left in the queue is not computed. A server without an
//! embedding model says so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inferno_inference::Error;
use inferno_inference::backend::Embedding;
use inferno_inference::engine::CancelHandle;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::Server;
use super::body;
use super::error::ApiError;
use super::generation_body::OneOrMany;
use super::reply::json_response;
use super::unsupported;
use crate::embed::{Embed, TEXTS_AT_ONCE};
use crate::instruments::{ErrorKind, Outcome, Task};

/// Texts of one request.
const MAX_TEXTS: usize = 2048;

/// The body.
#[derive(Debug, Deserialize)]
struct EmbeddingBody {
    model: Option<String>,
    input: OneOrMany,
    encoding_format: Option<Encoding>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    /// As JSON.
    #[default]
    Float,
    /// As the bytes of 32-bit numbers, the lowest byte first.
    Base64,
}

impl EmbeddingBody {
    /// The texts, when the body is sent to the model called `model_name`, and how their directions
    /// are to be written.
    fn into_texts(self, model_name: &str) -> Result<(Vec<String>, Encoding), ApiError> {
        if let Some(model) = self.model.as_deref().filter(|model| *model != model_name) {
            return Err(ApiError::unknown_model(model, model_name));
        }
        // `user` takes no turns here: there is one queue.
        let mut rest = self.rest;
        rest.remove("user");
        unsupported::check(&rest)?;
        let texts = self.input.into_vec();
        check_texts(&texts)?;
        Ok((texts, self.encoding_format.unwrap_or_default()))
    }
}

/// Whether `bytes` are a body that the model called `model_name` can answer.
pub(super) fn check(bytes: &[u8], model_name: &str) -> Result<(), ApiError> {
    let body: EmbeddingBody = body::parse(bytes)?;
    body.into_texts(model_name).map(drop)
}

/// Answers `request`.
pub(super) async fn answer(server: &Arc<Server>, request: Request) -> Result<Response, ApiError> {
    // A client that goes away leaves it open.
    let open = server.instruments.begin(Task::Embedding);
    let answered = embed(server, request).await;
    open.end(match &answered {
        Ok(_) => Outcome::Answered,
        Err(error) => match error.kind() {
            ErrorKind::DeadlineExceeded => Outcome::Expired,
            ErrorKind::Stopped | ErrorKind::Overloaded => Outcome::Refused,
            ErrorKind::Internal => Outcome::Failed,
            _ => Outcome::Invalid,
        },
    });
    answered.map(|document| json_response(StatusCode::OK, &document))
}

async fn embed(server: &Server, request: Request) -> Result<Value, ApiError> {
    let embedder = server.embedder.as_ref().ok_or_else(ApiError::no_embedder)?;
    let body: EmbeddingBody = body::read(request, &server.allowance).await?;
    let (texts, encoding) = body.into_texts(embedder.name())?;
    let place = server
        .embedding_place()
        .map_err(|error| ApiError::from_engine(&error))?;
    let taken = Instant::now();
    let embedded = directions(embedder.as_ref(), &place, texts);
    let embeddings = timeout(server.allowance.answer, embedded)
        .await
        .map_err(|_elapsed| ApiError::deadline_exceeded())?
        .map_err(|error| ApiError::from_engine(&error))?;
    server.instruments.record_embedding(taken.elapsed());
    Ok(document(embedder.name(), &embeddings, encoding))
}

fn check_texts(texts: &[String]) -> Result<(), ApiError> {
    if texts.is_empty() || texts.len() > MAX_TEXTS {
        return Err(ApiError::invalid_param(
            "input",
            format!("expected from 1 to {MAX_TEXTS} texts"),
        ));
    }
    match texts.iter().position(String::is_empty) {
        None => Ok(()),
        Some(index) => Err(ApiError::invalid_param(
            format!("input[{index}]"),
            "the text is empty",
        )),
    }
}

/// The directions of `texts`, in their order. What goes wrong with one of them ends the request, and
/// dropping it withdraws the others.
async fn directions(
    embedder: &dyn Embed,
    place: &Arc<OwnedSemaphorePermit>,
    texts: Vec<String>,
) -> Result<Vec<Embedding>, Error> {
    let mut embeddings = Vec::with_capacity(texts.len());
    let mut texts = texts.into_iter();
    let mut on_their_way = VecDeque::new();
    loop {
        let more = TEXTS_AT_ONCE.get() - on_their_way.len();
        for text in texts.by_ref().take(more) {
            on_their_way.push_back(Ticket::submit(embedder, place, text)?);
        }
        let Some(next) = on_their_way.pop_front() else {
            return Ok(embeddings);
        };
        embeddings.push(next.embedding().await?);
    }
}

/// A text on its way. Dropping it withdraws the text.
struct Ticket {
    result: oneshot::Receiver<Result<Embedding, Error>>,
    handle: CancelHandle,
}

impl Ticket {
    /// Puts `text` into the queue. The place of its request is taken until it has left the queue, also
    /// when it is withdrawn: so there is no more in the queue than requests have places.
    fn submit(
        embedder: &dyn Embed,
        place: &Arc<OwnedSemaphorePermit>,
        text: String,
    ) -> Result<Self, Error> {
        let (sender, result) = oneshot::channel();
        let place = Arc::clone(place);
        let sink = move |embedding| {
            drop(place);
            // Nobody listens any more once the client has gone.
            let _ = sender.send(embedding);
        };
        let handle = embedder.submit(text, Box::new(sink))?;
        Ok(Self { result, handle })
    }

    /// Waits for its direction.
    async fn embedding(mut self) -> Result<Embedding, Error> {
        let result = (&mut self.result).await;
        result.unwrap_or(Err(Error::EngineStopped))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.handle.cancel();
    }
}

fn document(model_name: &str, embeddings: &[Embedding], encoding: Encoding) -> Value {
    let data: Vec<Value> = embeddings
        .iter()
        .enumerate()
        .map(|(index, embedding)| {
            json!({
                "object": "embedding",
                "index": index,
                "embedding": encoded(&embedding.values, encoding),
            })
        })
        .collect();
    let tokens: usize = embeddings.iter().map(|embedding| embedding.tokens).sum();
    json!({
        "object": "list",
        "data": data,
        "model": model_name,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })
}

fn encoded(values: &[f32], encoding: Encoding) -> Value {
    match encoding {
        Encoding::Float => json!(values),
        Encoding::Base64 => {
            let bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            Value::from(STANDARD.encode(bytes))
        }
    }
}

#[cfg(test)]
mod tests;
