//! What a client is told when its request is not answered.
//!
//! Takes errors of the engine and of the server's own checks; gives a status and a body of the one
//! shape that clients of this interface read: `{"error": {"message", "type", "param", "code"}}`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use inferno_inference::Error;
use serde_json::{Value, json};

use super::Server;
use super::reply::json_response;
use crate::failure::describe;
use crate::instruments::ErrorKind;

/// Seconds after which a client whom the queue refused may try again.
const RETRY_AFTER: &str = "1";

/// A request that is not answered.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: ErrorKind,
    message: String,
    /// The part of the body that is wrong, where one is.
    param: Option<String>,
    code: Option<&'static str>,
}

impl ApiError {
    fn new(status: StatusCode, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            param: None,
            code: None,
        }
    }

    /// The request makes no sense.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorKind::InvalidRequest, message)
    }

    /// A part of the body makes no sense.
    pub(super) fn invalid_param(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::invalid(message)
        }
    }

    /// The body is of another kind than this interface reads.
    pub(super) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorKind::InvalidRequest,
            "the body must be JSON: send the header `Content-Type: application/json`",
        )
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            ErrorKind::Unauthorized,
            "no valid API key: send the header `Authorization: Bearer KEY`",
        )
        .with_code("invalid_api_key")
    }

    /// The request was sent to a name that could be that of any page.
    pub(super) fn foreign_host() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            ErrorKind::Forbidden,
            "a server without an API key answers to its IP address and to localhost alone: send the \
             request there, or start the server with `--api-key-file FILE`",
        )
        .with_code("host_not_allowed")
    }

    pub(super) fn unknown_route(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorKind::NotFound,
            format!("there is nothing at {path}; see /v1/models for what is served"),
        )
        .with_code("unknown_url")
    }

    pub(super) fn method_not_allowed(method: &Method, path: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorKind::NotFound,
            format!("{path} does not answer {method}"),
        )
        .with_code("method_not_allowed")
    }

    pub(super) fn unknown_model(model: &str, served: &str) -> Self {
        let mut error = Self::new(
            StatusCode::NOT_FOUND,
            ErrorKind::NotFound,
            format!("the model {model:?} is not served here; {served:?} is"),
        )
        .with_code("model_not_found");
        error.param = Some("model".to_owned());
        error
    }

    pub(super) fn no_embedder() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorKind::NotFound,
            "no embedding model was loaded by this server",
        )
        .with_code("model_not_found")
    }

    /// The prompt's bytes are more than the context's tokens can have.
    pub(super) fn prompt_too_long(bytes: usize, context_tokens: usize) -> Self {
        Self::invalid(format!(
            "the prompt has {bytes} bytes, more than fit into the {context_tokens} tokens of the \
             model's context: shorten it"
        ))
        .with_code("context_length_exceeded")
    }

    pub(super) fn body_too_large(max_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::BodyTooLarge,
            format!("the body is longer than {max_bytes} bytes"),
        )
        .with_code("body_too_large")
    }

    pub(super) fn body_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            ErrorKind::BodyTimeout,
            "the body did not arrive in time",
        )
        .with_code("body_timeout")
    }

    pub(super) fn deadline_exceeded() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::DeadlineExceeded,
            "the request was not answered in time",
        )
        .with_code("deadline_exceeded")
    }

    pub(super) fn stopped() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Stopped,
            "the server is about to end and takes no more requests",
        )
        .with_code("server_stopped")
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Internal,
            message,
        )
    }

    /// What the engine says of a request.
    pub(super) fn from_engine(error: &Error) -> Self {
        let message = message(error);
        match error {
            Error::EmptyPrompt => Self::invalid(message).with_code("empty_prompt"),
            Error::PromptTooLong { .. } | Error::ContextFull { .. } => {
                Self::invalid(message).with_code("context_length_exceeded")
            }
            Error::NoChatTemplate => Self::invalid(
                "the model has no chat template: send the prompt to /v1/completions instead",
            )
            .with_code("no_chat_template"),
            // A template refuses conversations that its model was not trained on.
            Error::ChatTemplate(_) | Error::InvalidSetting { .. } | Error::Tokenize(_) => {
                Self::invalid(message)
            }
            Error::Overloaded { .. } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorKind::Overloaded,
                message,
            )
            .with_code("overloaded"),
            Error::DeadlineExceeded { .. } => Self {
                message,
                ..Self::deadline_exceeded()
            },
            // Only a client that has gone cancels its request: nobody reads this.
            Error::EngineStopped | Error::Cancelled => Self::stopped(),
            _ => Self::internal(message),
        }
    }

    fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// What kind of error it is.
    pub(super) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Logs it, if it is of the one kind that whoever runs the server has to know of.
    pub(super) fn log(&self) {
        if self.kind == ErrorKind::Internal {
            tracing::error!("{}", self.message);
        }
    }

    /// The body.
    pub(super) fn document(&self) -> Value {
        json!({ "error": {
            "message": self.message,
            "type": self.type_name(),
            "param": self.param,
            "code": self.code,
        } })
    }

    fn type_name(&self) -> &'static str {
        match self.kind {
            ErrorKind::Overloaded => "rate_limit_error",
            ErrorKind::DeadlineExceeded => "timeout_error",
            ErrorKind::Stopped | ErrorKind::Internal => "server_error",
            ErrorKind::InvalidRequest
            | ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::BodyTooLarge
            | ErrorKind::BodyTimeout => "invalid_request_error",
        }
    }
}

/// The engine's message and the next step, in one line.
fn message(error: &Error) -> String {
    let message = describe(error);
    match error.hint().as_deref().or_else(|| next_step(error)) {
        Some(hint) => format!("{message}: {hint}"),
        None => message,
    }
}

/// The next step of a client for an error of the engine that names none itself.
fn next_step(error: &Error) -> Option<&'static str> {
    match error {
        Error::InvalidSetting { .. } => Some("correct it and send the request again"),
        Error::Tokenize(_) => Some("send another text"),
        Error::Backend(_) => Some("try again later; the server's log has this line, too"),
        _ => None,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = json_response(self.status, &self.document());
        let header = match self.status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, RETRY_AFTER)),
            _ => None,
        };
        if let Some((name, value)) = header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self.kind);
        response
    }
}

/// Counts the errors among the answers, and logs each answer as it begins.
pub(super) async fn count(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::info!(
        "{method} {path} {} after {:.1} ms",
        response.status().as_u16(),
        begun.elapsed().as_secs_f64() * 1000.0
    );
    if let Some(&kind) = response.extensions().get::<ErrorKind>() {
        server.instruments.count_error(kind);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(error: &Error) -> u16 {
        ApiError::from_engine(error).status.as_u16()
    }

    #[test]
    fn errors_of_the_engine_have_their_statuses() {
        for (error, expected) in [
            (Error::EmptyPrompt, 400),
            (
                Error::PromptTooLong {
                    prompt_tokens: 9,
                    context_tokens: 8,
                },
                400,
            ),
            (Error::NoChatTemplate, 400),
            (Error::Overloaded { capacity: 1 }, 429),
            (
                Error::DeadlineExceeded {
                    after: std::time::Duration::from_secs(1),
                },
                504,
            ),
            (Error::EngineStopped, 503),
            (Error::Panicked, 500),
            (Error::NotFinite, 500),
        ] {
            assert_eq!(status(&error), expected, "{error}");
        }
    }

    #[test]
    fn errors_of_the_engine_name_a_next_step() {
        let cause = || Arc::new(std::io::Error::from(std::io::ErrorKind::InvalidData));
        for (error, step) in [
            (Error::Tokenize(cause()), "send another text"),
            (Error::Backend(cause()), "try again later"),
            (Error::Overloaded { capacity: 1 }, "try again later"),
        ] {
            let document = ApiError::from_engine(&error).document();
            let message = document["error"]["message"].as_str().expect("a text");
            assert!(message.contains(step), "{message}");
        }
    }

    #[test]
    fn an_overloaded_server_says_when_to_come_back() {
        let response = ApiError::from_engine(&Error::Overloaded { capacity: 1 }).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], RETRY_AFTER);
    }

    #[test]
    fn the_body_names_what_is_wrong() {
        let document = ApiError::invalid_param("n", "only 1").document();
        assert_eq!(
            document,
            json!({ "error": {
                "message": "only 1",
                "type": "invalid_request_error",
                "param": "n",
                "code": null,
            } })
        );
    }
}
