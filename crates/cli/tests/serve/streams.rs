//! Answers that are sent as they grow, clients that go away, and a full queue.

use serde_json::{Value, json};

use crate::http::{Exchange, metric, post};
use crate::program::{Server, wait_until};

/// Many tokens: their answer is far from complete when a test has done its part.
const MANY: u32 = 1900;

fn chat(max_tokens: u32, more: &Value) -> String {
    let mut body = json!({
        "messages": [{ "role": "user", "content": "Tell me a story." }],
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": true,
    });
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    post("/v1/chat/completions", &body.to_string())
}

/// The stream of a long answer that has begun.
fn begun(server: &Server) -> Exchange {
    let mut exchange = Exchange::begin(server.address, &chat(MANY, &json!({})));
    assert_eq!(exchange.status, 200);
    // The role, and the first text.
    exchange.event().expect("a role");
    exchange.event().expect("a text");
    exchange
}

#[test]
fn a_stream_has_a_role_the_text_the_reason_the_usage_and_its_end() {
    let server = Server::start(&[]);
    let whole = Exchange::begin(server.address, &chat(12, &json!({ "stream": false }))).json();
    let with_usage = json!({ "stream_options": { "include_usage": true } });
    let mut exchange = Exchange::begin(server.address, &chat(12, &with_usage));
    assert_eq!(exchange.header("content-type"), Some("text/event-stream"));
    let mut events: Vec<String> = std::iter::from_fn(|| exchange.event()).collect();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let mut chunks: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_str(event).expect("JSON"))
        .collect();
    let usage = chunks.pop().expect("the usage");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], whole["usage"]);
    let reasons: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .collect();
    assert_eq!(*reasons[reasons.len() - 1], "length");
    assert!(
        reasons[..reasons.len() - 1]
            .iter()
            .all(|reason| reason.is_null())
    );
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(whole["choices"][0]["message"]["content"], text.as_str());
}

#[test]
fn a_client_that_goes_away_withdraws_its_request() {
    let server = Server::start(&[]);
    let exchange = begun(&server);
    let running = metric(server.address, "inferno_running_sequences");
    assert!((running - 1.0).abs() < 1e-9, "{running}");
    drop(exchange);
    let cancelled = "inferno_requests_total{task=\"chat\",outcome=\"cancelled\"}";
    wait_until("the request is cancelled", || {
        (metric(server.address, cancelled) > 0.0).then_some(())
    });
    wait_until("nothing runs", || {
        (metric(server.address, "inferno_running_sequences") == 0.0).then_some(())
    });
}

#[test]
fn a_full_queue_refuses_and_says_when_to_come_back() {
    let server = Server::start(&["--slots", "1", "--queue", "1"]);
    let first = begun(&server);
    let address = server.address;
    let second = std::thread::spawn(move || {
        // It waits for the first one; other than that it is answered like any other.
        let short = chat(2, &json!({ "stream": false }));
        Exchange::begin(address, &short).status
    });
    wait_until("one waits", || {
        (metric(address, "inferno_waiting_requests") > 0.0).then_some(())
    });
    let third = Exchange::begin(address, &chat(2, &json!({})));
    assert_eq!(third.status, 429);
    assert!(third.header("retry-after").is_some());
    assert_eq!(third.json()["error"]["code"], "overloaded");
    let refused = "inferno_requests_total{task=\"chat\",outcome=\"refused\"}";
    assert!((metric(address, refused) - 1.0).abs() < 1e-9);
    drop(first);
    assert_eq!(second.join().expect("an answer"), 200);
}

#[test]
fn an_answer_that_takes_too_long_is_a_timeout() {
    let server = Server::start(&["--request-timeout", "0.02"]);
    let body = chat(MANY, &json!({ "stream": false }));
    let exchange = Exchange::begin(server.address, &body);
    assert_eq!(exchange.status, 504);
    assert_eq!(exchange.json()["error"]["code"], "deadline_exceeded");
}
