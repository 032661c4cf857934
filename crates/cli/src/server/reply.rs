//! The documents that answers are sent in: whole ones, and the pieces of a stream.
//!
//! Takes completions and pieces of text; gives JSON in the shapes that clients of this interface
//! read. How it gets to the client is not decided here.

use std::hash::{BuildHasher as _, RandomState};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use inferno_inference::engine::{Completion, StopReason};
use serde_json::{Value, json};

use super::unix_seconds;

/// What the documents of one answer have in common.
#[derive(Debug)]
pub(super) struct Reply {
    shape: Shape,
    id: String,
    /// Seconds since 1970.
    created: u64,
    model_name: String,
}

/// Whose shape the documents have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A message of a conversation.
    Chat,
    /// A text.
    Completion,
}

impl Reply {
    /// The documents of a new answer by the model called `model_name`.
    pub(super) fn new(shape: Shape, model_name: &str) -> Self {
        let prefix = match shape {
            Shape::Chat => "chatcmpl",
            Shape::Completion => "cmpl",
        };
        Self {
            shape,
            id: format!("{prefix}-{:016x}", random_number()),
            created: unix_seconds(),
            model_name: model_name.to_owned(),
        }
    }

    /// The whole answer.
    pub(super) fn whole(&self, completion: &Completion) -> Value {
        let content = match self.shape {
            Shape::Chat => (
                "message",
                json!({ "role": "assistant", "content": completion.text }),
            ),
            Shape::Completion => ("text", json!(completion.text)),
        };
        let object = match self.shape {
            Shape::Chat => "chat.completion",
            Shape::Completion => "text_completion",
        };
        let choice = choice(content, Some(finish_reason(completion.stop)));
        let mut document = self.document(object, &[choice]);
        document["usage"] = usage(completion);
        document
    }

    /// What comes before the first piece, where the shape has such a thing.
    pub(super) fn opening(&self) -> Option<Value> {
        match self.shape {
            Shape::Chat => {
                let delta = json!({ "role": "assistant", "content": "" });
                Some(self.chunk(("delta", delta), None))
            }
            Shape::Completion => None,
        }
    }

    /// A piece of text.
    pub(super) fn piece(&self, text: &str) -> Value {
        let content = match self.shape {
            Shape::Chat => ("delta", json!({ "content": text })),
            Shape::Completion => ("text", json!(text)),
        };
        self.chunk(content, None)
    }

    /// What comes after the last piece: why the answer ended.
    pub(super) fn ending(&self, completion: &Completion) -> Value {
        let content = match self.shape {
            Shape::Chat => ("delta", json!({})),
            Shape::Completion => ("text", json!("")),
        };
        self.chunk(content, Some(finish_reason(completion.stop)))
    }

    /// The last document of a stream whose client wants to know how many tokens there were.
    pub(super) fn usage(&self, completion: &Completion) -> Value {
        let mut document = self.document(self.chunk_object(), &[]);
        document["usage"] = usage(completion);
        document
    }

    fn chunk(&self, content: (&str, Value), finish_reason: Option<&str>) -> Value {
        self.document(self.chunk_object(), &[choice(content, finish_reason)])
    }

    fn chunk_object(&self) -> &'static str {
        match self.shape {
            Shape::Chat => "chat.completion.chunk",
            Shape::Completion => "text_completion",
        }
    }

    fn document(&self, object: &str, choices: &[Value]) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model_name,
            "choices": choices,
        })
    }
}

fn choice((name, content): (&str, Value), finish_reason: Option<&str>) -> Value {
    json!({
        "index": 0,
        name: content,
        "logprobs": null,
        "finish_reason": finish_reason,
    })
}

fn finish_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::MaxTokens | StopReason::ContextFull => "length",
        StopReason::EndOfSequence | StopReason::StopText => "stop",
    }
}

fn usage(completion: &Completion) -> Value {
    let answer_tokens = completion.tokens.len();
    json!({
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": answer_tokens,
        "total_tokens": completion.prompt_tokens + answer_tokens,
        "prompt_tokens_details": { "cached_tokens": completion.reused_tokens },
    })
}

/// `document` as an answer of its own.
pub(super) fn json_response(status: StatusCode, document: &Value) -> Response {
    let content_type = HeaderValue::from_static("application/json");
    let headers = [(header::CONTENT_TYPE, content_type)];
    (status, headers, document.to_string()).into_response()
}

/// A number that is another one each time. The standard library seeds its hashers with it.
pub(super) fn random_number() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use inferno_inference::engine::{Source, Timings};

    use super::*;

    fn completion() -> Completion {
        Completion {
            text: "Once upon".to_owned(),
            tokens: vec![1, 2],
            token_times: Vec::new(),
            prompt_tokens: 5,
            reused_tokens: 3,
            stop: StopReason::MaxTokens,
            source: Source::Computed,
            timings: Timings::default(),
        }
    }

    #[test]
    fn a_whole_answer_has_text_reason_and_usage() {
        let chat = Reply::new(Shape::Chat, "tiny").whole(&completion());
        assert_eq!(chat["object"], "chat.completion");
        assert_eq!(chat["choices"][0]["message"]["content"], "Once upon");
        assert_eq!(chat["choices"][0]["finish_reason"], "length");
        assert_eq!(chat["usage"]["total_tokens"], 7);
        assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
        let text = Reply::new(Shape::Completion, "tiny").whole(&completion());
        assert_eq!(text["choices"][0]["text"], "Once upon");
    }

    #[test]
    fn the_pieces_of_a_stream_belong_together() {
        let reply = Reply::new(Shape::Chat, "tiny");
        let opening = reply.opening().expect("a role");
        let piece = reply.piece("Once");
        assert_eq!(opening["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(piece["choices"][0]["delta"]["content"], "Once");
        assert_eq!(opening["id"], piece["id"]);
        assert!(piece["choices"][0]["finish_reason"].is_null());
        let usage = reply.usage(&completion());
        assert_eq!(usage["choices"], json!([]));
        assert_eq!(usage["usage"]["completion_tokens"], 2);
    }

    #[test]
    fn identifiers_differ() {
        assert_ne!(random_number(), random_number());
    }
}
