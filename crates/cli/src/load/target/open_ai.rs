//! A server that speaks `OpenAI`'s interface as a target.
//!
//! Takes requests; sends each over a connection of its own and reads the answer as it grows. Making
//! the connection is part of a request's time. Bytes are moved on one thread, which tells the sink of
//! each event as soon as it is read.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use inferno_inference::Error;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::event_stream::{EventStream, Message};
use super::http::{self, Endpoint};
use super::{Answering, Ended, LoadRequest, Progress, Sink, Target, Withdraw};
use crate::api_key::ApiKey;
use crate::failure::Failure;
use crate::load::Ending;
use crate::load::generator::thread_cpu_time;

/// Longest text of an error that is read.
const MAX_ERROR_BYTES: usize = 1 << 20;

/// Characters of an error that is not in the interface's form.
const MAX_ERROR_CHARACTERS: usize = 200;

/// A server that requests are sent to.
pub(crate) struct OpenAiTarget {
    endpoint: Arc<Endpoint>,
    model: String,
    answering: Answering,
    runtime: Runtime,
}

impl OpenAiTarget {
    /// The server at `url`, which must answer. It is asked for its model when none is named.
    pub(crate) fn connect(
        url: &str,
        key: Option<&ApiKey>,
        model: Option<&str>,
        answering: Answering,
    ) -> Result<Self, Failure> {
        let endpoint = Endpoint::find(url, "/v1", key)?;
        let runtime = http::runtime(url)?;
        let model = match (endpoint.text(&runtime, "/models"), model) {
            (Err(failure @ (Failure::Unreachable { .. } | Failure::KeyRefused(_))), _) => {
                return Err(failure);
            }
            (_, Some(model)) => model.to_owned(),
            (Ok(text), None) => only_model(&text)?,
            (Err(failure), None) => return Err(no_model(&format!("missing: {failure}"))),
        };
        Ok(Self {
            endpoint: Arc::new(endpoint),
            model,
            answering,
            runtime,
        })
    }

    /// The model that is asked.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    fn path(&self) -> &'static str {
        if self.answering.raw {
            "/completions"
        } else {
            "/chat/completions"
        }
    }

    fn body(&self, request: &LoadRequest) -> String {
        body(&self.model, self.answering, request).to_string()
    }
}

impl Target for OpenAiTarget {
    fn send(&self, request: &LoadRequest, mut sink: Sink) -> Result<Withdraw, Ended> {
        let endpoint = Arc::clone(&self.endpoint);
        let (path, body, limit) = (self.path(), self.body(request), self.answering.timeout);
        let task = self.runtime.spawn(async move {
            let answered = tokio::time::timeout(limit, answer(&endpoint, path, body, &mut sink));
            let ended = match answered.await {
                Ok(Ok(ended)) => ended,
                Ok(Err(problem)) => Ended::unserved(Ending::Failed, problem),
                Err(_elapsed) => {
                    let problem = format!("not answered within {} s", limit.as_secs_f64());
                    Ended::unserved(Ending::TimedOut, problem)
                }
            };
            sink(Progress::Ended(ended));
        });
        let handle = task.abort_handle();
        Ok(Box::new(move || handle.abort()))
    }

    fn sending_cpu_time(&self) -> Option<Duration> {
        // A task runs on the one thread that there is for tasks.
        let task = self.runtime.spawn(async { thread_cpu_time() });
        self.runtime.block_on(task).ok()
    }
}

/// Sends a request and reads its answer to the end; gives what went wrong on the way.
async fn answer(
    endpoint: &Endpoint,
    path: &str,
    body: String,
    sink: &mut Sink,
) -> Result<Ended, String> {
    let mut exchange = endpoint.send(Method::POST, path, Some(body)).await?;
    let status = exchange.status();
    if status != 200 {
        let text = exchange.text(MAX_ERROR_BYTES).await?;
        return Ok(refusal(status, &text));
    }
    let mut ended = Ended::served();
    let mut stream = EventStream::default();
    while let Some(bytes) = exchange.bytes().await? {
        for message in stream.push(&bytes)? {
            match message {
                Message::Text => sink(Progress::Text),
                Message::Usage(usage) => {
                    ended.prompt_tokens = usage.prompt_tokens;
                    ended.answer_tokens = usage.completion_tokens;
                }
                Message::Done => return Ok(ended),
                Message::Error {
                    message,
                    is_timeout,
                } => {
                    let ending = if is_timeout {
                        Ending::TimedOut
                    } else {
                        Ending::Failed
                    };
                    return Ok(Ended::unserved(ending, message));
                }
            }
        }
    }
    Err("the stream ended before the answer was complete".to_owned())
}

/// What is sent. Nothing random is asked for, so that equal requests cost the same.
fn body(model: &str, answering: Answering, request: &LoadRequest) -> Value {
    let mut body = json!({
        "model": model,
        "max_tokens": answering.max_tokens,
        "temperature": 0,
        "stream": true,
        "stream_options": { "include_usage": true },
        "user": request.client_name(),
    });
    if answering.raw {
        body["prompt"] = json!(&*request.prompt);
    } else {
        body["messages"] = json!([{ "role": "user", "content": &*request.prompt }]);
    }
    // Servers that do not know it may refuse it, so it is sent only when it is wanted.
    if answering.ignore_end {
        body["ignore_eos"] = json!(true);
    }
    body
}

/// An answer that is none, by its status.
fn refusal(status: u16, text: &str) -> Ended {
    let ending = match status {
        429 | 503 => Ending::Refused,
        408 | 504 => Ending::TimedOut,
        _ => Ending::Failed,
    };
    let document: Option<Value> = serde_json::from_str(text).ok();
    let message = document
        .as_ref()
        .and_then(|document| document["error"]["message"].as_str())
        .map_or_else(
            || text.chars().take(MAX_ERROR_CHARACTERS).collect(),
            str::to_owned,
        );
    Ended::unserved(ending, format!("status {status}: {message}"))
}

/// The one model in the list that the server gives.
fn only_model(text: &str) -> Result<String, Failure> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let models = document["data"].as_array().map(Vec::as_slice);
    let names: Vec<_> = models
        .unwrap_or_default()
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    match names.as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => Err(no_model("missing, and the server lists no model")),
        names => {
            let names = names.join(", ");
            Err(no_model(&format!("missing, and the server has {names}")))
        }
    }
}

fn no_model(value: &str) -> Failure {
    Failure::Engine(Error::InvalidSetting {
        setting: "--model-name",
        value: value.to_owned(),
        expected: "the name of the model to ask",
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn answering(raw: bool, ignore_end: bool) -> Answering {
        Answering {
            max_tokens: NonZeroUsize::MIN.saturating_add(7),
            raw,
            ignore_end,
            timeout: Duration::from_secs(1),
        }
    }

    fn request() -> LoadRequest {
        LoadRequest {
            client: 3,
            prompt: Arc::from("Who?"),
        }
    }

    #[test]
    fn a_conversation_and_a_plain_prompt_have_their_members() {
        let chat = body("tiny", answering(false, false), &request());
        assert_eq!(chat["messages"][0]["content"], "Who?");
        assert_eq!(
            (&chat["max_tokens"], &chat["user"]),
            (&json!(8), &json!("client-3"))
        );
        assert!(chat.get("ignore_eos").is_none() && chat.get("prompt").is_none());
        let plain = body("tiny", answering(true, true), &request());
        assert_eq!(
            (&plain["prompt"], &plain["ignore_eos"]),
            (&json!("Who?"), &json!(true))
        );
        assert!(plain.get("messages").is_none());
    }

    #[test]
    fn statuses_say_how_a_request_ended() {
        let text = r#"{"error":{"message":"full"}}"#;
        for (status, ending) in [
            (429, Ending::Refused),
            (503, Ending::Refused),
            (504, Ending::TimedOut),
            (400, Ending::Failed),
        ] {
            let ended = refusal(status, text);
            assert_eq!(ended.ending, ending, "{status}");
            assert_eq!(ended.error, Some(format!("status {status}: full")));
        }
        let page = refusal(502, &"<p>".repeat(1000));
        assert!(page.error.is_some_and(|error| error.len() < 300));
    }

    #[test]
    fn a_model_is_never_guessed() {
        assert_eq!(
            only_model(r#"{"data":[{"id":"tiny"}]}"#).ok().as_deref(),
            Some("tiny")
        );
        for text in [
            "",
            "{}",
            r#"{"data":[]}"#,
            r#"{"data":[{"id":"a"},{"id":"b"}]}"#,
        ] {
            let failure = only_model(text).expect_err(text);
            assert_eq!(failure.exit_code(), crate::exit::USAGE, "{text}");
        }
    }
}
