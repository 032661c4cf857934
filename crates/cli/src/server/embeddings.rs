//! Directions of texts: `/v1/embeddings`.
//!
//! Takes one text or several; gives a list of numbers for each, as JSON or as the base64 of their
//! bytes. One batch is computed at a time, others wait for their turn, at most as long as a request
//! may take. A server without an embedding model says so.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inferno_inference::backend::Embedding;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::Server;
use super::body;
use super::error::ApiError;
use super::generation_body::OneOrMany;
use super::reply::json_response;
use super::unsupported;
use crate::embed::Embed;
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
    let started = Instant::now();
    let answered = embed(server, request).await;
    let outcome = match &answered {
        Ok(_) => Outcome::Answered,
        Err(error) => match error.kind() {
            ErrorKind::DeadlineExceeded => Outcome::Expired,
            ErrorKind::Stopped | ErrorKind::Overloaded => Outcome::Refused,
            ErrorKind::Internal => Outcome::Failed,
            _ => Outcome::Invalid,
        },
    };
    server.instruments.count_request(Task::Embedding, outcome);
    if outcome == Outcome::Answered {
        server.instruments.record_time(started.elapsed());
    }
    answered.map(|document| json_response(StatusCode::OK, &document))
}

async fn embed(server: &Server, request: Request) -> Result<Value, ApiError> {
    let embedder = server.embedder.as_ref().ok_or_else(ApiError::no_embedder)?;
    let body: EmbeddingBody = body::read(request, &server.allowance).await?;
    let name = embedder.name();
    let (texts, encoding) = body.into_texts(name)?;
    let embedded = timeout(
        server.allowance.answer,
        in_turn(server, Arc::clone(embedder), texts),
    );
    let embeddings = embedded
        .await
        .unwrap_or_else(|_elapsed| Err(ApiError::deadline_exceeded()))?;
    Ok(document(name, &embeddings, encoding))
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

/// Embeds `texts` when nobody else's are.
async fn in_turn(
    server: &Server,
    embedder: Arc<dyn Embed>,
    texts: Vec<String>,
) -> Result<Vec<Embedding>, ApiError> {
    // The turns are over when the semaphore is closed, which nobody does.
    let Ok(turn) = Arc::clone(&server.embedding_turn).acquire_owned().await else {
        return Err(ApiError::stopped());
    };
    if server.is_draining() {
        return Err(ApiError::stopped());
    }
    let compute = move || {
        // A client that goes away ends no computation: the turn lasts as long as that.
        let _turn = turn;
        embedder.embed(&texts)
    };
    let results = tokio::task::spawn_blocking(compute)
        .await
        .map_err(|error| ApiError::internal(format!("the request was lost: {error}")))?
        .map_err(|error| ApiError::from_engine(&error))?;
    results
        .into_iter()
        .map(|result| result.map_err(|error| ApiError::from_engine(&error)))
        .collect()
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
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_asked_for() {
        let embedding = Embedding {
            values: vec![1.0, -0.5],
            tokens: 3,
        };
        let float = document("e", std::slice::from_ref(&embedding), Encoding::Float);
        assert_eq!(float["data"][0]["embedding"], json!([1.0, -0.5]));
        assert_eq!(float["usage"]["total_tokens"], 3);
        let base64 = document("e", &[embedding], Encoding::Base64);
        // 1.0 is 00 00 80 3f, -0.5 is 00 00 00 bf.
        assert_eq!(base64["data"][0]["embedding"], "AACAPwAAAL8=");
    }

    #[test]
    fn no_text_and_an_empty_text_are_refused() {
        assert!(check_texts(&["a".to_owned()]).is_ok());
        assert!(check_texts(&[]).is_err());
        let error = check_texts(&["a".to_owned(), String::new()]).expect_err("an empty text");
        assert_eq!(error.document()["error"]["param"], "input[1]");
    }

    #[test]
    fn the_body_is_a_text_or_several() {
        for (body, count) in [
            (json!({ "input": "a", "encoding_format": "base64" }), 1),
            (json!({ "input": ["a", "b"] }), 2),
        ] {
            let body: EmbeddingBody = serde_json::from_value(body).expect("valid");
            assert_eq!(body.input.into_vec().len(), count);
        }
        let other = json!({ "input": "a", "encoding_format": "int8" });
        assert!(serde_json::from_value::<EmbeddingBody>(other).is_err());
    }
}
