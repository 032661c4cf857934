//! Reads the JSON of a request: no more of it, and no longer, than is allowed.
//!
//! Takes a request; gives its body as the type that the route wants, or the error that the client
//! is told. Whether the values make sense is the route's business.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::Allowance;
use super::error::ApiError;

/// The body of `request`.
pub(super) async fn read<T: DeserializeOwned>(
    request: Request,
    allowance: &Allowance,
) -> Result<T, ApiError> {
    // A page of another origin can send a form or a text here without asking; JSON it cannot. Pages that
    // pretend to be of this origin are `authorization`'s business.
    if !is_json(request.headers()) {
        return Err(ApiError::unsupported_media_type());
    }
    let bytes = read_bytes(request.into_body(), allowance).await?;
    parse(&bytes)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}

async fn read_bytes(body: Body, allowance: &Allowance) -> Result<Bytes, ApiError> {
    let max_bytes = allowance.body_bytes;
    // What the client announces is believed when it is too much.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(ApiError::body_too_large(max_bytes));
    }
    let whole = Limited::new(body, max_bytes).collect();
    match tokio::time::timeout(allowance.body, whole).await {
        Err(_elapsed) => Err(ApiError::body_timeout()),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(ApiError::body_too_large(max_bytes))
        }
        Ok(Err(error)) => Err(ApiError::invalid(format!(
            "the body cannot be read: {error}"
        ))),
    }
}

/// The JSON in `bytes`, and nothing behind it.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let message = format!("the body cannot be understood: {}", error.inner());
        // Where a text stops being JSON is in the message; no part of it is wrong by itself.
        if error.inner().is_data() && path != "." {
            ApiError::invalid_param(path, message)
        } else {
            ApiError::invalid(message)
        }
    })?;
    deserializer
        .end()
        .map_err(|error| ApiError::invalid(format!("the body cannot be understood: {error}")))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::fake;
    use super::*;

    fn read_from(
        content_type: &str,
        body: &'static str,
        body_bytes: usize,
    ) -> Result<Value, ApiError> {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .expect("a request");
        let allowance = Allowance {
            body_bytes,
            ..fake::allowance()
        };
        fake::runtime().block_on(read(request, &allowance))
    }

    fn error(content_type: &str, body: &'static str) -> Value {
        let read = read_from(content_type, body, 100);
        read.expect_err(body).document()["error"].clone()
    }

    #[test]
    fn json_is_read() {
        let value = read_from("application/json; charset=utf-8", "[1] ", 100);
        assert_eq!(value.expect("a value"), serde_json::json!([1]));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for (content_type, body) in [
            ("text/plain", "[1]"),
            ("application/json", ""),
            ("application/json", "{\"a\":"),
            ("application/json", "[1] [2]"),
        ] {
            let error = error(content_type, body);
            assert_eq!(error["type"], "invalid_request_error", "{body}");
        }
    }

    #[test]
    fn a_long_body_is_refused() {
        let read = read_from("application/json", "[1, 2, 3]", 8);
        let error = read.expect_err("9 bytes").document();
        assert_eq!(error["error"]["code"], "body_too_large");
    }
}
