//! What is not answered: each refusal has its status and the one shape of errors.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::embedder::embedder;
use crate::http::{Exchange, connect, get, post};
use crate::program::{Server, inferno, model};

/// The error of a response with `status`.
fn error(exchange: Exchange, status: u16) -> Value {
    assert_eq!(exchange.status, status);
    let error = exchange.json()["error"].clone();
    for member in ["message", "type", "param", "code"] {
        assert!(error.get(member).is_some(), "{member} in {error}");
    }
    assert!(error["message"].is_string(), "{error}");
    error
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let server = Server::start(&["--max-body-bytes", "20000"]);
    let chat = "/v1/chat/completions";
    let message = json!([{ "role": "user", "content": "Hi" }]);
    let long = json!({ "prompt": "word ".repeat(3000) }).to_string();
    for (path, body, status, param, code) in [
        (chat, "{\"messages\": [", 400, Value::Null, Value::Null),
        (chat, "{}", 400, json!("messages"), Value::Null),
        (
            chat,
            &*json!({ "messages": message, "n": 2 }).to_string(),
            400,
            json!("n"),
            Value::Null,
        ),
        (
            chat,
            &*json!({ "messages": message, "max_tokens": "many" }).to_string(),
            400,
            json!("max_tokens"),
            Value::Null,
        ),
        (
            chat,
            &*json!({ "messages": message, "model": "gpt" }).to_string(),
            404,
            json!("model"),
            json!("model_not_found"),
        ),
        (
            "/v1/completions",
            &*long,
            400,
            Value::Null,
            json!("context_length_exceeded"),
        ),
        (
            "/v1/embeddings",
            "{\"input\": \"a\"}",
            404,
            Value::Null,
            json!("model_not_found"),
        ),
    ] {
        let error = error(Exchange::begin(server.address, &post(path, body)), status);
        assert_eq!(
            (&error["param"], &error["code"]),
            (&param, &code),
            "{error}"
        );
    }
}

#[test]
fn a_body_that_is_too_long_or_no_json_is_refused() {
    let server = Server::start(&["--max-body-bytes", "1000"]);
    // The announced length is enough: nothing of the body is sent.
    let announced = post("/v1/completions", "").replace("Length: 0", "Length: 1001");
    let refused = error(Exchange::begin(server.address, &announced), 413);
    assert_eq!(refused["code"], "body_too_large");
    let text = post("/v1/completions", "{}").replace("application/json", "text/plain");
    error(Exchange::begin(server.address, &text), 415);
}

#[test]
fn a_prompt_that_is_too_long_in_bytes_is_refused_as_one_that_is_too_long_in_tokens() {
    let server = Server::start(&[]);
    let body = json!({ "prompt": "word ".repeat(40_000) }).to_string();
    let exchange = Exchange::begin(server.address, &post("/v1/completions", &body));
    let refused = error(exchange, 400);
    assert_eq!(refused["code"], "context_length_exceeded");
    let message = refused["message"].as_str().expect("a text");
    assert!(message.contains("200000 bytes"), "{message}");
}

#[test]
fn unknown_routes_and_methods_are_refused() {
    let server = Server::start(&[]);
    let unknown = error(Exchange::begin(server.address, &get("/v2/chat", "")), 404);
    assert_eq!(unknown["code"], "unknown_url");
    let method = get("/v1/chat/completions", "");
    error(Exchange::begin(server.address, &method), 405);
}

#[test]
fn a_protected_server_wants_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "secret\n").expect("a file");
    let server = Server::start(&["--api-key-file", file.to_str().expect("a path")]);
    for headers in ["", "Authorization: Bearer wrong\r\n"] {
        for path in ["/v1/models", "/metrics"] {
            let exchange = Exchange::begin(server.address, &get(path, headers));
            assert_eq!(exchange.header("www-authenticate"), Some("Bearer"));
            assert_eq!(error(exchange, 401)["code"], "invalid_api_key");
        }
    }
    let key = "Authorization: Bearer secret\r\n";
    let shown = Exchange::begin(server.address, &get("/v1/models", key));
    assert_eq!(shown.status, 200);
    let health = Exchange::begin(server.address, &get("/health", ""));
    assert_eq!(health.status, 200);
}

#[test]
fn a_server_without_a_key_answers_to_no_name_but_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "secret\n").expect("a file");
    let open = Server::start(&[]);
    let protected = Server::start(&["--api-key-file", file.to_str().expect("a path")]);
    let rebound = |request: &str| request.replace("Host: localhost", "Host: page.example:8080");
    let prompt = post("/v1/completions", "{\"prompt\": \"x\", \"max_tokens\": 1}");
    for request in [get("/metrics", ""), prompt] {
        let refused = error(Exchange::begin(open.address, &rebound(&request)), 403);
        assert_eq!(refused["code"], "host_not_allowed");
        assert_eq!(Exchange::begin(open.address, &request).status, 200);
    }
    let key = get("/v1/models", "Authorization: Bearer secret\r\n");
    let shown = Exchange::begin(protected.address, &rebound(&key));
    assert_eq!(shown.status, 200);
}

#[test]
fn a_server_for_other_machines_wants_a_key() {
    let output = inferno()
        .args(["serve", "--host", "0.0.0.0", "--port", "0", "--model"])
        .arg(model())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("--api-key-file"), "{told}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_port_that_is_taken_is_a_usage_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = inferno()
        .args(["serve", "--port", &port, "--model"])
        .arg(model())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("--port"), "{told}");
}

#[test]
fn a_host_that_is_another_machine_s_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "secret\n").expect("a file");
    let output = inferno()
        .args(["serve", "--port", "0", "--host", "192.0.2.1", "--model"])
        .arg(model())
        .arg("--api-key-file")
        .arg(&file)
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("`--host`") && !told.contains("--port"),
        "{told}"
    );
}

#[test]
fn embeddings_on_a_device_that_their_backend_does_not_know_are_refused() {
    let output = inferno()
        .args(["serve", "--port", "0", "--threads", "1", "--model"])
        .arg(model())
        .args([
            "--embedding-model",
            embedder(),
            "--embedding-backend",
            "onnx",
        ])
        .args(["--embedding-device", "cuda"])
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("next: ") && told.contains("--embedding-device"),
        "{told}"
    );
}

#[test]
fn a_slow_client_loses_its_connection() {
    let server = Server::start(&["--header-timeout", "0.2", "--body-timeout", "0.2"]);
    let started = Instant::now();
    let mut head = connect(server.address);
    head.write_all(b"GET /health HTTP/1.1\r\nHost:")
        .expect("half a head");
    let mut rest = Vec::new();
    // Closed or reset: either way it has come to an end, which the test's own patience is not.
    let end = head.read_to_end(&mut rest).map_err(|error| error.kind());
    let is_closed = matches!(end, Ok(_) | Err(ErrorKind::ConnectionReset));
    assert!(is_closed, "{end:?}");
    let time = started.elapsed();
    let bounds = Duration::from_millis(200)..Duration::from_secs(10);
    assert!(bounds.contains(&time), "{time:?}");
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    let body = post("/v1/completions", "").replace("Length: 0", "Length: 10");
    let late = error(Exchange::begin(server.address, &body), 408);
    assert_eq!(late["code"], "body_timeout");
}
