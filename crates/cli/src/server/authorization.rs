//! Lets only those in who show the server's key, where it has one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::Server;
use super::error::ApiError;

/// Passes a request on when it shows the key, or when there is none to show.
pub(super) async fn require_key(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if let Some(key) = &server.api_key {
        let shown = request.headers().get(header::AUTHORIZATION);
        if !shown.is_some_and(|shown| key.is_shown_by(shown.as_bytes())) {
            return Err(ApiError::unauthorized());
        }
    }
    Ok(next.run(request).await)
}
