//! What the soak looks for is found: in servers that do it, and in readings that were made up.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::growth;
use super::plan::{Ask, Embed, Question, Visit};
use super::process::Reading;
use super::site::{self, Site};
use super::visit::{Fault, Outcome, pay};
use crate::program::LONG;

/// Time for what never comes.
const PATIENCE: Duration = Duration::from_millis(300);

/// The address of a server that says `response` to whatever it is sent, and then closes the
/// connection if it is to. It ends with the process.
fn server(response: String, is_closing: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            // A request is so short that it comes in one piece.
            if stream.read(&mut [0; 4096]).unwrap_or_default() == 0 {
                continue;
            }
            // What the client makes of it is what is tested.
            let _ = stream.write_all(response.as_bytes());
            if !is_closing {
                kept.push(stream);
            }
        }
    });
    address
}

/// What comes of a question to such a server; the right answer is "yes".
fn outcome(response: String, is_streamed: bool, is_closing: bool) -> Outcome {
    let question = Question::of_load().next().expect("there are questions");
    let site = Site {
        address: server(response, is_closing),
        patience: if is_closing { LONG } else { PATIENCE },
        answers: HashMap::from([(question, "yes".to_owned())]),
        directions: site::directions(),
    };
    pay(&site, &Visit::Ask(Ask::new(question, is_streamed)))
}

/// What comes of asking such a server for the directions of the first two texts.
fn outcome_of_embedding(response: String) -> Outcome {
    let site = Site {
        address: server(response, true),
        patience: LONG,
        answers: HashMap::new(),
        directions: site::directions(),
    };
    pay(&site, &Visit::Embed(Embed { texts: vec![0, 1] }))
}

fn response(status: u16, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn whole(content: &str) -> String {
    let choice = json!({ "message": { "content": content }, "finish_reason": "length" });
    response(200, &json!({ "choices": [choice] }).to_string())
}

/// A stream of these events, each in a chunk.
fn stream(events: &[&str]) -> String {
    let chunk = |event: &&str| {
        let event = format!("data: {event}\n\n");
        format!("{:x}\r\n{event}\r\n", event.len())
    };
    let chunks: Vec<String> = events.iter().map(chunk).collect();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{}0\r\n\r\n", chunks.concat())
}

fn failed(outcome: &Outcome) -> Option<Fault> {
    match outcome {
        Outcome::Failed(fault, _) => Some(*fault),
        _ => None,
    }
}

#[test]
fn another_answer_than_the_right_one_is_wrong() {
    let error = json!({ "message": "m", "type": "t", "param": null, "code": "c" });
    let refusal = json!({ "error": error }).to_string();
    assert_eq!(outcome(whole("yes"), false, true), Outcome::Right);
    assert_eq!(
        outcome(response(429, &refusal), false, true),
        Outcome::Refused(429)
    );
    for response in [
        whole("no"),
        whole(""),
        response(200, "{}"),
        response(500, &refusal),
        response(429, "busy"),
        "SSH-2.0-server\r\n\r\n".to_owned(),
    ] {
        let outcome = outcome(response.clone(), false, true);
        assert_eq!(
            failed(&outcome),
            Some(Fault::Wrong),
            "{response:?}: {outcome:?}"
        );
    }
}

#[test]
fn a_stream_has_all_of_the_answer_and_its_end() {
    let yes = json!({ "choices": [{ "delta": { "content": "yes" } }] }).to_string();
    let end = json!({ "choices": [{ "delta": {}, "finish_reason": "length" }] }).to_string();
    let (yes, end, done) = (yes.as_str(), end.as_str(), "[DONE]");
    let right = outcome(stream(&[yes, end, done]), true, true);
    assert_eq!(right, Outcome::Right);
    for events in [
        &[yes, yes, end, done][..],
        &[end, done],
        &[yes, done],
        &[yes, end],
        &[yes, end, done, yes],
    ] {
        let outcome = outcome(stream(events), true, true);
        assert_eq!(
            failed(&outcome),
            Some(Fault::Wrong),
            "{events:?}: {outcome:?}"
        );
    }
}

#[test]
fn other_directions_than_the_right_ones_are_wrong() {
    let directions = site::directions();
    let answer = |places: &[usize]| {
        let one = |&place: &usize| json!({ "embedding": directions[place] });
        let data: Vec<_> = places.iter().map(one).collect();
        response(200, &json!({ "data": data }).to_string())
    };
    assert_eq!(outcome_of_embedding(answer(&[0, 1])), Outcome::Right);
    for places in [&[1, 0][..], &[0], &[0, 1, 1], &[0, 2]] {
        let outcome = outcome_of_embedding(answer(places));
        assert_eq!(failed(&outcome), Some(Fault::Wrong), "{places:?}");
    }
}

#[test]
fn what_does_not_come_is_lost_or_hangs() {
    let whole = whole("yes");
    for response in ["", &whole[..50]] {
        let closed = outcome(response.to_owned(), false, true);
        assert_eq!(failed(&closed), Some(Fault::Lost), "{closed:?}");
        let kept = outcome(response.to_owned(), false, false);
        assert_eq!(failed(&kept), Some(Fault::Hung), "{kept:?}");
    }
}

#[test]
fn what_has_grown_is_told() {
    let before = Reading {
        anonymous_bytes: 40_000_000,
        open_files: 12,
    };
    for (anonymous_bytes, open_files, has_grown) in [
        (40_000_000, 12, false),
        (41_900_000, 12, false),
        (42_100_000, 12, true),
        (40_000_000, 13, true),
    ] {
        let after = Reading {
            anonymous_bytes,
            open_files,
        };
        assert_eq!(growth(before, after).is_some(), has_grown, "{after:?}");
    }
}
