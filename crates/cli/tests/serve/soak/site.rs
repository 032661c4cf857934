//! The server under load, and the answers that are right.
//!
//! Takes a server that nobody else asks; records the answer to every question, one after the other.
//! Under load the same question has to get the same answer, whatever else is computed beside it: a
//! different one was mixed up with another.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::client::{Client, Trouble};
use super::plan::{Ask, Question};
use super::{LIMIT, MARGIN};
use crate::embedder::TEXTS;
use crate::tiny_bert;

/// A server, and what it answers.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) address: SocketAddr,
    /// Time within which a request has to come to an end, whichever.
    pub(super) patience: Duration,
    pub(super) answers: HashMap<Question, String>,
    /// Of each of [`TEXTS`].
    pub(super) directions: [Vec<f64>; TEXTS.len()],
}

/// What came for a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// A whole text.
    Text(String),
    /// A status, or what stands for it in a stream, with a proper error.
    Refusal(u16),
}

impl Site {
    /// Asks everything once.
    pub(super) fn record(address: SocketAddr) -> Self {
        let patience = LIMIT + MARGIN;
        let answered = |question| match ask(address, patience, Ask::new(question, false)) {
            Ok(Answer::Text(text)) => (question, text),
            other => panic!("{question:?} was answered with {other:?}"),
        };
        let answers: HashMap<_, _> = Question::of_load()
            .chain(Question::of_ending())
            .map(answered)
            .collect();
        let texts: HashSet<_> = answers.values().collect();
        assert_eq!(
            texts.len(),
            answers.len(),
            "equal answers would hide that they were mixed up: {answers:?}"
        );
        Self {
            address,
            patience,
            answers,
            directions: directions(),
        }
    }

    /// The right answer.
    pub(super) fn answer(&self, ask: Ask) -> &str {
        &self.answers[&ask.question]
    }

    /// Whether `body` has the directions of `texts`, in their order.
    pub(super) fn has_directions(&self, body: &Value, texts: &[usize]) -> bool {
        let is_right = |(one, &text): (&Value, &usize)| {
            is_direction(&one["embedding"], &self.directions[text])
        };
        let data = body["data"].as_array();
        data.is_some_and(|data| data.len() == texts.len() && data.iter().zip(texts).all(is_right))
    }
}

/// The directions of [`TEXTS`], by a model whose arithmetic is written plainly.
pub(super) fn directions() -> [Vec<f64>; TEXTS.len()] {
    TEXTS.map(|(_, tokens)| tiny_bert::direction(tokens))
}

fn is_direction(numbers: &Value, right: &[f64]) -> bool {
    let is_near = |(number, right): (&Value, &f64)| {
        number
            .as_f64()
            .is_some_and(|number| (number - right).abs() < 1e-4)
    };
    let numbers = numbers.as_array();
    numbers.is_some_and(|numbers| {
        numbers.len() == right.len() && numbers.iter().zip(right).all(is_near)
    })
}

fn ask(address: SocketAddr, patience: Duration, ask: Ask) -> Result<Answer, Trouble> {
    let mut client = Client::connect(address, patience)?;
    client.send(ask.request().as_bytes())?;
    read_answer(&mut client, ask)
}

/// Reads the answer to `ask`, which was sent.
pub(super) fn read_answer(client: &mut Client, ask: Ask) -> Result<Answer, Trouble> {
    let head = client.head()?;
    if head.status != 200 {
        let body = document(&client.body(&head)?)?;
        return refusal(head.status, &body);
    }
    if ask.is_streamed {
        return read_stream(client, ask);
    }
    let body = document(&client.body(&head)?)?;
    expect(is_ending(&body), &body)?;
    let place = if ask.question.is_chat() {
        "/choices/0/message/content"
    } else {
        "/choices/0/text"
    };
    let text = body.pointer(place).and_then(Value::as_str);
    expect(text.is_some(), &body)?;
    Ok(Answer::Text(text.unwrap_or_default().to_owned()))
}

/// The pieces of an answer put together. What comes after a part of it may be an error, too.
fn read_stream(client: &mut Client, ask: Ask) -> Result<Answer, Trouble> {
    let place = if ask.question.is_chat() {
        "/choices/0/delta/content"
    } else {
        "/choices/0/text"
    };
    let mut text = String::new();
    let mut has_reason = false;
    loop {
        let event = client
            .event()?
            .ok_or_else(|| Trouble::Malformed("a stream without its end".to_owned()))?;
        if event == "[DONE]" {
            break;
        }
        let event = document(event.as_bytes())?;
        match event.pointer("/error/code").and_then(Value::as_str) {
            Some("deadline_exceeded") => return refusal(504, &event),
            Some("server_stopped") => return refusal(503, &event),
            _ => expect(event.get("error").is_none(), &event)?,
        }
        has_reason |= is_ending(&event);
        text.push_str(event.pointer(place).and_then(Value::as_str).unwrap_or(""));
    }
    if !has_reason || client.event()?.is_some() {
        return Err(Trouble::Malformed(
            "a stream without a reason, or with more than its end".to_owned(),
        ));
    }
    Ok(Answer::Text(text))
}

/// Whether an answer says that it ended because it was long enough, as all of them do here.
fn is_ending(document: &Value) -> bool {
    let reason = document.pointer("/choices/0/finish_reason");
    reason.is_some_and(|reason| reason == "length")
}

/// A refusal, if it has the one shape of errors.
pub(super) fn refusal(status: u16, body: &Value) -> Result<Answer, Trouble> {
    let error = &body["error"];
    let has_shape = error["message"].is_string()
        && error["type"].is_string()
        && error.get("param").is_some()
        && error.get("code").is_some();
    expect(has_shape, body)?;
    Ok(Answer::Refusal(status))
}

/// `bytes` as JSON.
pub(super) fn document(bytes: &[u8]) -> Result<Value, Trouble> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        Trouble::Malformed(format!("{error} in {text:?}"))
    })
}

fn expect(is_right: bool, document: &Value) -> Result<(), Trouble> {
    if is_right {
        return Ok(());
    }
    Err(Trouble::Malformed(document.to_string()))
}
