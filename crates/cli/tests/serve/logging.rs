//! `INFERNO_LOG_LEVEL`: what the server says about its work.

use std::io::Read as _;
use std::process::Stdio;

use rustix::process::Signal;

use crate::http::{Exchange, get};
use crate::program::{Server, exit_code, inferno, signal};

/// What a server logs at `level` that is asked for its health, and for something that it does not have.
fn logged(level: Option<&str>) -> String {
    let mut server = Server::start_as(&[], |command| {
        command.stderr(Stdio::piped());
        command.envs(level.map(|level| ("INFERNO_LOG_LEVEL", level)));
    });
    for path in ["/health", "/nowhere?secret=1"] {
        Exchange::begin(server.address, &get(path, ""));
    }
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
