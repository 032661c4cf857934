//! `INFERNO_LOG_LEVEL`: what the server says about its work.

use std::io::Read as _;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use crate::http::{Exchange, get, post};
use crate::program::{Server, exit_code, inferno, signal};

/// What a server logs at `level` that is asked for its health, for something that it does not have, and for
/// an answer.
fn logged(level: Option<&str>) -> String {
    let mut server = Server::start_as(&[], |command| {
        command.stderr(Stdio::piped());
        command.envs(level.map(|level| ("INFERNO_LOG_LEVEL", level)));
    });
    for path in ["/health", "/nowhere?secret=1"] {
        Exchange::begin(server.address, &get(path, ""));
    }
    let prompt = json!({ "prompt": "a hidden story", "max_tokens": 7, "temperature": 0 });
    let answered = Exchange::begin(
        server.address,
        &post("/v1/completions", &prompt.to_string()),
    );
    assert_eq!(answered.status, 200);
    signal(&server.child, Signal::TERM);
    assert_eq!(exit_code(&mut server.child), Some(0));
    let mut text = String::new();
    let mut stderr = server.child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut text).expect("text");
    text
}

#[test]
fn requests_are_logged_where_the_level_asks_for_it() {
    let text = logged(Some("info"));
    assert!(text.contains("INFO GET /health 200 after "), "{text}");
    assert!(text.contains("GET /nowhere 404"), "{text}");
    assert!(text.contains("tiny.gguf is loaded"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    for level in [None, Some("warn"), Some("off")] {
        let text = logged(level);
        assert!(!text.contains("/health"), "{level:?}: {text}");
    }
}

#[test]
fn what_became_of_an_answer_is_logged_at_debug_without_its_text() {
    let text = logged(Some("debug"));
    let begin = "DEBUG completion: 7 tokens for a prompt of ";
    let line = text.lines().find(|line| line.contains(begin));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    for part in ["Computed, MaxTokens", "queue wait ", "total "] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!text.contains("hidden"), "{text}");
}

#[test]
fn another_word_is_refused_with_those_that_are_levels() {
    let output = inferno()
        .args(["metrics", "export"])
        .env("INFERNO_LOG_LEVEL", "verbose")
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("INFERNO_LOG_LEVEL is \"verbose\"") && text.contains("warn, info, debug"),
        "{text}"
    );
}
