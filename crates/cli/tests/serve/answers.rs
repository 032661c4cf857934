//! Whole answers, and what the server says about itself.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::{Exchange, get, metric, post};
use crate::program::Server;

fn answer(address: SocketAddr, path: &str, body: &Value) -> Value {
    let exchange = Exchange::begin(address, &post(path, &body.to_string()));
    assert_eq!(exchange.status, 200);
    assert_eq!(exchange.header("content-type"), Some("application/json"));
    exchange.json()
}

#[test]
fn a_conversation_is_answered() {
    let server = Server::start(&[]);
    let body = json!({
        "model": "tiny",
        "messages": [{ "role": "user", "content": "Tell me a story." }],
        "max_tokens": 8,
        "temperature": 0,
        "user": "ann",
    });
    let first = answer(server.address, "/v1/chat/completions", &body);
    assert_eq!(first["object"], "chat.completion");
    assert_eq!(first["model"], "tiny");
    let choice = &first["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant");
    assert!(choice["message"]["content"].is_string());
    assert_eq!(choice["finish_reason"], "length");
    assert_eq!(first["usage"]["completion_tokens"], 8);
    let again = answer(server.address, "/v1/chat/completions", &body);
    assert_eq!(again["choices"], first["choices"]);
    assert_ne!(again["id"], first["id"]);
    let answered = metric(
        server.address,
        "inferno_requests_total{task=\"chat\",outcome=\"answered\"}",
    );
    assert!((answered - 2.0).abs() < 1e-9);
    let tokens = metric(server.address, "inferno_tokens_total{kind=\"answer\"}");
    // The last token of an answer is chosen and never computed further.
    assert!(tokens >= 14.0, "{tokens}");
}

#[test]
fn a_plain_prompt_is_continued_up_to_a_stop_text() {
    let server = Server::start(&[]);
    let body = json!({ "prompt": "Once upon a time", "max_tokens": 24, "temperature": 0 });
    let whole = answer(server.address, "/v1/completions", &body);
    assert_eq!(whole["object"], "text_completion");
    let text = whole["choices"][0]["text"].as_str().expect("a text");
    let stop: String = text.chars().skip(4).take(3).collect();
    let mut body = body;
    body["stop"] = json!([stop]);
    let stopped = answer(server.address, "/v1/completions", &body);
    let choice = &stopped["choices"][0];
    assert_eq!(choice["finish_reason"], "stop");
    let begin = text.split(stop.as_str()).next().expect("a first part");
    assert_eq!(choice["text"], begin);
}

#[test]
fn equal_requests_are_answered_once_where_answers_are_kept() {
    let server = Server::start(&["--response-cache-bytes", "1000000"]);
    let body = json!({ "prompt": "Once", "max_tokens": 4, "temperature": 0 });
    let first = answer(server.address, "/v1/completions", &body);
    let second = answer(server.address, "/v1/completions", &body);
    assert_eq!(first["choices"], second["choices"]);
    let hits = metric(server.address, "inferno_response_cache_hits_total");
    assert!((hits - 1.0).abs() < 1e-9);
}

#[test]
fn models_and_health_are_told() {
    let server = Server::start(&["--model-name", "mine"]);
    let models = Exchange::begin(server.address, &get("/v1/models", "")).json();
    assert_eq!(models["data"][0]["id"], "mine");
    for path in ["/health", "/health/ready"] {
        let exchange = Exchange::begin(server.address, &get(path, ""));
        assert_eq!(exchange.status, 200, "{path}");
        assert_eq!(exchange.json()["ready"], true, "{path}");
    }
}
