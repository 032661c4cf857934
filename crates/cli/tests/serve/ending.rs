//! Signals: a server finishes what it has taken, and says by its exit code whether it could.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::http::{Exchange, get, post};
use crate::program::{Server, exit_code, signal, wait_until};

/// A stream that has begun and takes a while.
fn long_stream(server: &Server) -> Exchange {
    let body = json!({
        "prompt": "Once upon a time",
        "max_tokens": 1900,
        "temperature": 0,
        "stream": true,
    });
    let request = post("/v1/completions", &body.to_string());
    let mut exchange = Exchange::begin(server.address, &request);
    exchange.event().expect("a text");
    exchange
}

fn status(server: &Server, request: &str) -> u16 {
    Exchange::begin(server.address, request).status
}

#[test]
fn sigterm_lets_a_stream_come_to_its_end() {
    let mut server = Server::start(&[]);
    let mut stream = long_stream(&server);
    signal(&server.child, Signal::TERM);
    let ready = get("/health/ready", "");
    wait_until("the server is draining", || {
        (status(&server, &ready) == 503).then_some(())
    });
    assert_eq!(status(&server, &get("/health", "")), 200);
    let prompt = json!({ "prompt": "x", "max_tokens": 1 }).to_string();
    let refused = Exchange::begin(server.address, &post("/v1/completions", &prompt));
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["error"]["code"], "server_stopped");
    let events: Vec<String> = std::iter::from_fn(|| stream.event()).collect();
    let [.., ending, done] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(done, "[DONE]");
    let ending: Value = serde_json::from_str(ending).expect("JSON");
    assert_eq!(ending["choices"][0]["finish_reason"], "length");
    assert_eq!(exit_code(&mut server.child), Some(0));
}

#[test]
fn a_server_without_work_ends_at_once() {
    for name in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[]);
        signal(&server.child, name);
        assert_eq!(exit_code(&mut server.child), Some(0), "{name:?}");
    }
}

#[test]
fn what_takes_too_long_is_cut_short_and_said() {
    for (name, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut server = Server::start(&["--drain-timeout", "0.02"]);
        let _stream = long_stream(&server);
        signal(&server.child, name);
        assert_eq!(exit_code(&mut server.child), Some(code), "{name:?}");
    }
}
