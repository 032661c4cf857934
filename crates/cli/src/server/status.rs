//! What the server says about itself: whether it lives, takes requests, what it serves and what it
//! has measured.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Server;
use super::reply::json_response;
use crate::instruments::CONTENT_TYPE;

/// What the server is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It takes prompts.
    Ready,
    /// It finishes what it has taken.
    Draining,
    /// Its engine died: only a new process helps.
    Failed,
}

impl State {
    fn of(server: &Server) -> Self {
        // The engine of a server that drains ends, too, when all is answered.
        if server.is_draining() {
            Self::Draining
        } else if server.engine.is_alive() {
            Self::Ready
        } else {
            Self::Failed
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ready => "ok",
            Self::Draining => "draining",
            Self::Failed => "failed",
        }
    }

    /// For a probe that starts anew what does not live.
    fn liveness(self) -> StatusCode {
        match self {
            Self::Ready | Self::Draining => StatusCode::OK,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// For a probe that sends requests elsewhere.
    fn readiness(self) -> StatusCode {
        match self {
            Self::Ready => StatusCode::OK,
            Self::Draining | Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn answer(self, status: StatusCode) -> Response {
        let is_ready = self == Self::Ready;
        json_response(status, &json!({ "status": self.name(), "ready": is_ready }))
    }
}

/// Whether the server lives, which it does when it answers and its engine computes, and whether it
/// takes prompts.
pub(super) fn health(server: &Server) -> Response {
    let state = State::of(server);
    state.answer(state.liveness())
}

/// The same for a probe that asks by the status alone whether it takes prompts.
pub(super) fn ready(server: &Server) -> Response {
    let state = State::of(server);
    state.answer(state.readiness())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_drains_lives_and_one_whose_engine_died_does_not() {
        for (state, liveness, readiness) in [
            (State::Ready, 200, 200),
            (State::Draining, 200, 503),
            (State::Failed, 503, 503),
        ] {
            let statuses = [state.liveness(), state.readiness()].map(|status| status.as_u16());
            assert_eq!(statuses, [liveness, readiness], "{state:?}");
        }
    }
}
