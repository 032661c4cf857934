//! `inferno metrics export`: the values of a running server.

use std::process::Output;

use serde_json::Value;

use crate::program::{Server, inferno};

fn export(server: &Server, args: &[&str]) -> Output {
    inferno()
        .args(["metrics", "export", "--url"])
        .arg(format!("http://{}/metrics", server.address))
        .args(args)
        .output()
        .expect("the binary runs")
}

#[test]
fn the_values_of_a_server_are_exported_as_text_and_as_json() {
    let server = Server::start(&[]);
    let text = export(&server, &["--format", "prometheus"]);
    assert_eq!(text.status.code(), Some(0));
    let text = String::from_utf8(text.stdout).expect("a text");
    assert!(
        text.contains("# TYPE inferno_request_seconds histogram"),
        "{text}"
    );
    let document = export(&server, &["--format", "json"]);
    let document: Value = serde_json::from_slice(&document.stdout).expect("JSON");
    let metrics = document["metrics"].as_array().expect("a list");
    let named = |name: &str| {
        let found = metrics.iter().find(|metric| metric["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {document}"))
    };
    let waiting = named("inferno_waiting_requests");
    assert_eq!(waiting["type"], "gauge");
    assert_eq!(waiting["samples"][0]["value"], 0);
    let times = &named("inferno_request_seconds")["samples"][0];
    assert_eq!(times["count"], 0);
    let buckets = times["buckets"].as_array().expect("buckets");
    assert_eq!(buckets[buckets.len() - 1]["le"], "+Inf");
}

#[test]
fn a_protected_server_wants_its_key_here_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "secret").expect("a file");
    let file = file.to_str().expect("a path");
    let server = Server::start(&["--api-key-file", file]);
    let without = export(&server, &[]);
    assert_eq!(without.status.code(), Some(2));
    let told = String::from_utf8_lossy(&without.stderr);
    assert!(told.contains("--api-key-file"), "{told}");
    let with = export(&server, &["--api-key-file", file]);
    assert_eq!(with.status.code(), Some(0));
}

#[test]
fn a_server_that_is_not_there_is_said_with_the_next_step() {
    let address = {
        let server = Server::start(&[]);
        server.address
    };
    let output = inferno()
        .args(["metrics", "export", "--url"])
        .arg(format!("http://{address}/metrics"))
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(20));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("next:") && told.contains("inferno serve"),
        "{told}"
    );
}

#[test]
fn something_else_than_metrics_is_refused() {
    let server = Server::start(&[]);
    for path in ["health", "v2"] {
        let output = inferno()
            .args(["metrics", "export", "--url"])
            .arg(format!("http://{}/{path}", server.address))
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(23), "{path}");
        assert!(output.stdout.is_empty(), "{path}");
    }
}
