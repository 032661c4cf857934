//! What the server says about itself: whether it lives, takes requests, what it serves and what it
//! has measured.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Server;
use super::reply::json_response;
use crate::instruments::CONTENT_TYPE;

/// Whether the server lives, which it does when it answers, and whether it takes requests.
pub(super) fn health(server: &Server) -> Response {
    health_with(StatusCode::OK, server)
}

/// The same for a probe that looks at the status alone: 503 while the server is draining.
pub(super) fn ready(server: &Server) -> Response {
    let status = if server.is_draining() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    health_with(status, server)
}

fn health_with(status: StatusCode, server: &Server) -> Response {
    let is_draining = server.is_draining();
    let name = if is_draining { "draining" } else { "ok" };
    json_response(status, &json!({ "status": name, "ready": !is_draining }))
}

/// The models that may be named in requests.
pub(super) fn models(server: &Server) -> Response {
    let embedder = server.embedder.as_ref().map(|embedder| embedder.name());
    let names = std::iter::once(server.model_name.as_str()).chain(embedder);
    let models: Vec<_> = names
        .map(|name| {
            json!({
                "id": name,
                "object": "model",
                "created": server.started,
                "owned_by": "inferno",
            })
        })
        .collect();
    json_response(StatusCode::OK, &json!({ "object": "list", "data": models }))
}

/// What was counted and timed, in Prometheus' text format.
pub(super) fn metrics(server: &Server) -> Response {
    let text = server.instruments.render(&server.engine.counts());
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}
