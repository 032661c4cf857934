//! What the server makes of a request's body, without a server: for the fuzz targets.
//!
//! Takes a body as it comes from a client; gives what the client would be told if it were refused.
//! It goes the way of a real request from the body's first byte to the request for the engine; the
//! header fields, the body's size and its time are not looked at.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::body;
use super::embeddings;
use super::error::ApiError;
use super::generation_body::{GenerationBody, Rules};
use super::reply::Shape;

/// The only model; a body that names another is refused.
const MODEL_NAME: &str = "model";

/// What bodies are measured against; the values are those of no server.
const RULES: Rules<'static> = Rules {
    model_name: MODEL_NAME,
    context_tokens: 2048,
    prompt_bytes: 2048 * 64,
    answer_tokens: NonZeroUsize::MIN,
    deadline: Duration::from_secs(1),
};

/// A route that reads a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completion,
    /// `/v1/embeddings`
    Embeddings,
}

impl Route {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Completion, Self::Embeddings];
}

/// What a client is told whose request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer, as JSON.
    pub document: String,
}

/// Reads `body` as `route` does. The model is called `model`, its context holds 2048 tokens.
///
/// # Errors
/// What the client is told when the body is not JSON or makes no sense.
pub fn check_request(route: Route, body: &[u8]) -> Result<(), Refusal> {
    let checked = match route {
        Route::Chat => check_generation(Shape::Chat, body),
        Route::Completion => check_generation(Shape::Completion, body),
        Route::Embeddings => embeddings::check(body, MODEL_NAME),
    };
    checked.map_err(|error| Refusal {
        status: error.status().as_u16(),
        document: error.document().to_string(),
    })
}

fn check_generation(shape: Shape, bytes: &[u8]) -> Result<(), ApiError> {
    let body: GenerationBody = body::parse(bytes)?;
    body.into_generation(shape, &RULES).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_reads_its_own_bodies() {
        let bodies = [
            r#"{"model": "model", "messages": [{"role": "user", "content": "hi"}]}"#,
            r#"{"model": "model", "prompt": "hi"}"#,
            r#"{"model": "model", "input": ["hi"]}"#,
        ];
        for (own, route) in Route::ALL.into_iter().enumerate() {
            for (index, body) in bodies.iter().enumerate() {
                let checked = check_request(route, body.as_bytes());
                assert_eq!(checked.is_ok(), index == own, "{route:?}: {body}");
            }
        }
    }

    #[test]
    fn a_refusal_is_what_the_client_is_told() {
        let refusal = check_request(Route::Chat, b"{").expect_err("not JSON");
        assert_eq!(refusal.status, 400);
        assert!(refusal.document.contains("invalid_request_error"));
    }
}
