//! Requests that make no sense, and what a server may say to each.
//!
//! Takes a generator of random numbers; gives bytes and the statuses that are right for them. Each
//! status is the documented one, or what hyper answers by itself to what is not HTTP.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::MAX_BODY_BYTES;
use crate::http::{get, post};

const ROUTE: &str = "/v1/completions";

/// Bodies that are JSON and not what the route reads.
const WRONG_BODIES: [&str; 12] = [
    "null",
    "[]",
    "\"a prompt\"",
    "{}",
    "{\"prompt\": 5}",
    "{\"prompt\": \"a\", \"max_tokens\": \"many\"}",
    "{\"prompt\": \"a\", \"max_tokens\": -1}",
    "{\"prompt\": \"a\", \"temperature\": [0]}",
    "{\"prompt\": \"a\", \"temperature\": 1e999}",
    "{\"prompt\": \"a\", \"stream\": \"yes\"}",
    "{\"prompt\": \"a\", \"n\": 2}",
    "{\"prompt\": \"a\", \"stop\": {}}",
];

/// Bytes that are no request, and what may come back.
#[derive(Debug)]
pub(super) struct Nonsense {
    /// What is wrong with them.
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    /// The statuses that are right.
    pub(super) statuses: &'static [u16],
    /// Whether it is right as well to close the connection without one.
    pub(super) may_be_closed: bool,
    /// Whether the client then says that it sends no more.
    pub(super) ends_sending: bool,
}

impl Nonsense {
    /// One to which a status belongs.
    fn refused(name: &'static str, bytes: impl Into<Vec<u8>>, statuses: &'static [u16]) -> Self {
        Self {
            name,
            bytes: bytes.into(),
            statuses,
            may_be_closed: false,
            ends_sending: false,
        }
    }

    /// One that may cost the client its connection.
    fn hardly_http(
        name: &'static str,
        bytes: impl Into<Vec<u8>>,
        statuses: &'static [u16],
    ) -> Self {
        Self {
            may_be_closed: true,
            ..Self::refused(name, bytes, statuses)
        }
    }

    pub(super) fn draw(random: &mut ChaCha8Rng) -> Self {
        match random.random_range(0..18_u32) {
            0 => Self::refused("half a body", half_a_body(random), &[400]),
            1..4 => {
                let body = WRONG_BODIES[random.random_range(0..WRONG_BODIES.len())];
                Self::refused("a wrong body", post(ROUTE, body), &[400])
            }
            4 => {
                let body = format!("{{\"x\": {}", "[".repeat(20_000));
                Self::refused("deep nesting", post(ROUTE, &body), &[400])
            }
            5 => {
                let body = json!({ "prompt": "a", "model": "another" }).to_string();
                Self::refused("another model", post(ROUTE, &body), &[404])
            }
            6 => {
                let body = json!({ "prompt": "word ".repeat(3000) }).to_string();
                Self::refused("a long prompt", post(ROUTE, &body), &[400])
            }
            7 => Self::refused("no UTF-8", with_body(b"{\"prompt\": \"\xff\xfe\"}"), &[400]),
            8 => Self::refused("a large body", announced(MAX_BODY_BYTES + 1, ""), &[413]),
            9 => {
                let body = " ".repeat(MAX_BODY_BYTES + 20_000);
                Self::refused("a large body that is sent", post(ROUTE, &body), &[413])
            }
            10 => Self::refused("large chunks", large_chunks(), &[413]),
            11 => Self::refused("a length that is too small", announced(9, BODY), &[400]),
            12 => Self {
                ends_sending: true,
                ..Self::hardly_http("a length that is too large", announced(99, BODY), &[400])
            },
            13 => {
                let text = announced(7, BODY).replace("Length: 7", "Length: seven");
                Self::hardly_http("a length that is no number", text, &[400])
            }
            14 => {
                let text = post(ROUTE, BODY).replace("application/json", "text/plain");
                Self::refused("no JSON", text, &[415])
            }
            15 => {
                let (path, status): (_, &[u16]) = if random.random_bool(0.5) {
                    (ROUTE, &[405])
                } else {
                    ("/v2/%00/../..", &[404])
                };
                Self::refused("no such route", get(path, ""), status)
            }
            16 => {
                let header = format!("X: {}\r\n", "x".repeat(400_000));
                Self::hardly_http("a long head", get("/health", &header), &[431])
            }
            _ => Self::hardly_http("no HTTP", garbage(random), &[400]),
        }
    }
}

/// A body that is right.
const BODY: &str = "{\"prompt\": \"a\", \"max_tokens\": 1}";

/// A request with `body` that says to have another length.
fn announced(length: usize, body: &str) -> String {
    let request = post(ROUTE, body);
    let length_of_body = format!("Content-Length: {}", body.len());
    request.replace(&length_of_body, &format!("Content-Length: {length}"))
}

/// A request with a body that need not be text.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = announced(body.len(), "").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A body that stops somewhere, with a length that is right.
fn half_a_body(random: &mut ChaCha8Rng) -> Vec<u8> {
    with_body(&BODY.as_bytes()[..random.random_range(0..BODY.len())])
}

/// A body whose length nobody has announced.
fn large_chunks() -> String {
    let mut request = post(ROUTE, "").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let chunk = format!("2710\r\n{}\r\n", " ".repeat(10_000));
    request.push_str(&chunk.repeat(MAX_BODY_BYTES / 10_000 + 2));
    request.push_str("0\r\n\r\n");
    request
}

/// Random bytes, or what a client says first that wants TLS. The empty line at the end spares
/// waiting for more of a head.
fn garbage(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(5..2000)];
    random.fill(&mut bytes[..]);
    if random.random_bool(0.5) {
        bytes[..5].copy_from_slice(b"\x16\x03\x01\x02\x00");
    }
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes
}
