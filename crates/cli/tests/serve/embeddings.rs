//! Directions of texts, from a model whose arithmetic is written plainly.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::embedder::{TEXTS, embedder};
use crate::http::{Exchange, get, post};
use crate::program::Server;
use crate::tiny_bert;

/// The server's answer to `body`, and its status.
fn ask(server: &Server, body: &Value) -> (u16, Value) {
    let request = post("/v1/embeddings", &body.to_string());
    let exchange = Exchange::begin(server.address, &request);
    (exchange.status, exchange.json())
}

/// The numbers of a direction, however they are written.
fn numbers(embedding: &Value) -> Vec<f64> {
    if let Some(text) = embedding.as_str() {
        let bytes = STANDARD.decode(text).expect("base64");
        let (numbers, rest) = bytes.as_chunks::<4>();
        assert!(rest.is_empty(), "half a number");
        return numbers
            .iter()
            .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
            .collect();
    }
    let numbers = embedding.as_array().expect("numbers");
    let number = |value: &Value| value.as_f64().expect("a number");
    numbers.iter().map(number).collect()
}

#[test]
fn texts_are_embedded_in_their_order_as_numbers_and_as_base64() {
    let server = Server::start(&["--embedding-model", embedder()]);
    // More texts than are computed at the same time.
    let texts: Vec<_> = TEXTS.iter().cycle().take(100).collect();
    let input: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
    for format in ["float", "base64"] {
        let body = json!({ "input": input, "encoding_format": format });
        let (status, answer) = ask(&server, &body);
        assert_eq!(status, 200, "{answer}");
        let data = answer["data"].as_array().expect("a list");
        assert_eq!(data.len(), texts.len());
        for ((text, tokens), one) in texts.iter().zip(data) {
            let right = tiny_bert::direction(tokens);
            let numbers = numbers(&one["embedding"]);
            assert_eq!(numbers.len(), right.len(), "{format}: {text:?}");
            for (number, right) in numbers.iter().zip(right) {
                let difference = (number - right).abs();
                assert!(difference < 1e-4, "{format}: {text:?}: {number}, {right}");
            }
        }
        let tokens: usize = texts.iter().map(|(_, tokens)| tokens.len()).sum();
        assert_eq!(answer["usage"]["prompt_tokens"], tokens);
    }
}

#[test]
fn the_model_is_called_as_its_folder_or_as_it_is_said() {
    let file = format!("{}/model.safetensors", embedder());
    for (path, more, name) in [
        (embedder(), None, "tiny-bert"),
        (file.as_str(), None, "tiny-bert"),
        (file.as_str(), Some("mine"), "mine"),
    ] {
        let mut options = vec!["--embedding-model", path];
        options.extend(
            more.into_iter()
                .flat_map(|name| ["--embedding-model-name", name]),
        );
        let server = Server::start(&options);
        let models = Exchange::begin(server.address, &get("/v1/models", "")).json();
        assert_eq!(models["data"][1]["id"], name, "{options:?}");
        let (status, answer) = ask(&server, &json!({ "model": name, "input": "sun" }));
        assert_eq!((status, &answer["model"]), (200, &json!(name)));
    }
}

#[test]
fn one_text_that_is_too_long_refuses_the_request() {
    let server = Server::start(&["--embedding-model", embedder()]);
    let long = "sun ".repeat(tiny_bert::POSITIONS);
    let (status, answer) = ask(&server, &json!({ "input": ["sun", long] }));
    assert_eq!(status, 400, "{answer}");
    assert_eq!(answer["error"]["code"], "context_length_exceeded");
}
