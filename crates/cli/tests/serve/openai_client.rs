//! The client that most programs use, unmodified: it streams, embeds, and raises its own errors.
//!
//! It is installed by pip into an environment of its own, so it needs a network: run with
//! `INFERNO_TEST_NETWORK=1`. What it does is in `openai_client.py`; which numbers the directions
//! have to be is known here, from a model whose arithmetic is written plainly.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::embedder::{TEXTS, embedder};
use crate::program::Server;
use crate::tiny_bert;

/// The client. A major version is what changes its interface.
const PACKAGE: &str = "openai>=1,<3";

/// The key that the server wants.
const KEY: &str = "secret";

/// What the client would take from the environment: another server, another key, a way there.
const VARIABLES: [&str; 10] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

/// Runs `command`; gives its stdout.
fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{stdout}\n{stderr}");
    stdout
}

/// A Python with the client, in `folder`.
fn python(folder: &Path) -> PathBuf {
    output(Command::new("python3").args(["-m", "venv"]).arg(folder));
    let python = folder.join("bin").join("python");
    output(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ]));
    python
}

#[test]
fn slow_the_openai_python_client_streams_and_embeds() {
    if std::env::var_os("INFERNO_TEST_NETWORK").is_none_or(|value| value != "1") {
        // Past the capture of test output.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED slow_the_openai_python_client_streams_and_embeds: set INFERNO_TEST_NETWORK=1 \
             to run it"
        );
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let python = python(&folder.path().join("python"));
    let key = folder.path().join("key");
    std::fs::write(&key, KEY).expect("a file");
    let server = Server::start(&[
        "--model-name",
        "generator",
        "--embedding-model",
        embedder(),
        "--api-key-file",
        key.to_str().expect("a path"),
    ]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/openai_client.py");
    let mut client = Command::new(python);
    client
        .arg(script)
        .arg(format!("http://{}/v1", server.address))
        .args([KEY, "generator", "tiny-bert"])
        .args(TEXTS.map(|(text, _)| text));
    for variable in VARIABLES {
        client.env_remove(variable);
    }
    let told = output(&mut client);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    for form in ["float", "base64"] {
        for (index, (text, tokens)) in TEXTS.iter().enumerate() {
            let values = told[form][index].as_array().expect("a list of numbers");
            let right = tiny_bert::direction(tokens);
            assert_eq!(values.len(), right.len(), "{form}: {text:?}");
            for (value, right) in values.iter().zip(right) {
                let difference = (value.as_f64().expect("a number") - right).abs();
                assert!(difference < 1e-4, "{form}: {text:?}: {value} and {right}");
            }
        }
    }
    let tokens: usize = TEXTS.iter().map(|(_, tokens)| tokens.len()).sum();
    assert_eq!(told["prompt_tokens"], tokens);
}
