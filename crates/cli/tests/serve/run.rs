//! `inferno run`: one prompt.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::program::{exit_code, inferno, model, signal};

fn run(max_tokens: &str) -> Command {
    let mut command = inferno();
    command
        .args([
            "run",
            "--threads",
            "1",
            "--max-tokens",
            max_tokens,
            "--model",
        ])
        .arg(model());
    command
}

#[test]
fn a_prompt_is_answered_from_the_command_line_and_from_stdin() {
    let named = run("8").arg("Once upon").output().expect("the binary runs");
    assert_eq!(named.status.code(), Some(0));
    assert!(named.stdout.len() > 1);
    let figures = String::from_utf8_lossy(&named.stderr);
    for label in ["Prefill: ", "Decode: ", "First token: ", "tokens/s"] {
        assert!(figures.contains(label), "{label} in {figures}");
    }
    let mut child = run("8")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"Once upon\n").expect("a prompt");
    drop(stdin);
    let read = child.wait_with_output().expect("the binary ends");
    assert_eq!(read.stdout, named.stdout);
}

#[test]
fn an_interrupt_withdraws_the_request() {
    let mut child = run("1900")
        .arg("Once upon")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut [0]).expect("the first byte");
    signal(&child, Signal::INT);
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("the rest");
    assert_eq!(exit_code(&mut child), Some(130));
}

#[test]
fn what_cannot_be_had_is_an_error_with_its_code() {
    if cfg!(not(feature = "llama")) {
        let no_backend = run("8").args(["--backend", "llama", "x"]).output();
        let no_backend = no_backend.expect("the binary runs");
        assert_eq!(no_backend.status.code(), Some(20));
    }
    for prompt in [String::new(), "word ".repeat(3000)] {
        let output = run("8").arg(&prompt).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{} bytes", prompt.len());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("next: "), "{told}");
    }
    for args in [
        &["run", "x"][..],
        &["run", "--model", "nowhere.gguf", "x"],
        &["run", "--threads", "0", "x"],
    ] {
        let output = inferno().args(args).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}
