//! From a request for text to its response, for conversations and for plain prompts alike.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use super::Server;
use super::answer::Answer;
use super::body;
use super::error::ApiError;
use super::event_stream;
use super::generation_body::{Delivery, Generation, GenerationBody, Rules};
use super::reply::{Reply, Shape, json_response};
use crate::instruments::{Outcome, Task};

/// Answers `request`, which was sent to the route of `shape`.
pub(super) async fn answer(
    server: &Arc<Server>,
    shape: Shape,
    request: Request,
) -> Result<Response, ApiError> {
    let task = match shape {
        Shape::Chat => Task::Chat,
        Shape::Completion => Task::Completion,
    };
    let open = server.instruments.begin(task);
    let generation = match read(server, shape, request).await {
        Ok(generation) => generation,
        Err(error) => {
            open.end(Outcome::Invalid);
            return Err(error);
        }
    };
    let answer = Answer::submit(server, open, generation.request).await?;
    let reply = Reply::new(shape, &server.model_name);
    match generation.delivery {
        Delivery::Whole => {
            let completion = answer.completion().await;
            let completion = completion.map_err(|error| ApiError::from_engine(&error))?;
            Ok(json_response(StatusCode::OK, &reply.whole(&completion)))
        }
        Delivery::Stream { with_usage } => {
            let instruments = Arc::clone(&server.instruments);
            event_stream::respond(answer, reply, with_usage, instruments).await
        }
    }
}

async fn read(server: &Server, shape: Shape, request: Request) -> Result<Generation, ApiError> {
    let body: GenerationBody = body::read(request, &server.allowance).await?;
    let rules = Rules {
        model_name: &server.model_name,
        context_tokens: server.engine.context_tokens(),
        prompt_bytes: server.prompt_bytes,
        answer_tokens: server.allowance.answer_tokens,
        deadline: server.allowance.answer,
    };
    body.into_generation(shape, &rules)
}
