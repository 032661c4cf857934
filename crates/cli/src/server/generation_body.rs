//! The body of a request for text, and what it means for the engine.
//!
//! Takes JSON as clients of this interface send it; gives a request for the engine, or the error
//! that names the part which makes no sense. What this server cannot do is refused, not ignored.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use inferno_inference::chat::{Message, Role};
use inferno_inference::engine::{AtEnd, Limits, Prompt, Request};
use inferno_inference::sampling::Sampling;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::reply::{Shape, random_number};
use super::unsupported;

/// Texts that may end an answer.
const MAX_STOP_TEXTS: usize = 16;

/// Bytes of the name of who asks, which the queue keeps.
const MAX_USER_BYTES: usize = 256;

/// What the values of a request are measured against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// The model that is served.
    pub(super) model_name: &'a str,
    /// Tokens of a prompt and its answer together.
    pub(super) context_tokens: usize,
    /// Bytes of the longest prompt that fits into it.
    pub(super) prompt_bytes: usize,
    /// Tokens of an answer whose request names no number.
    pub(super) answer_tokens: NonZeroUsize,
    /// Time for an answer.
    pub(super) deadline: Duration,
}

/// What is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Generation {
    pub(super) request: Request,
    pub(super) delivery: Delivery,
}

/// How the answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// When it is complete.
    Whole,
    /// As it grows.
    Stream {
        /// Whether the numbers of tokens follow it.
        with_usage: bool,
    },
}

/// The body. A conversation has `messages`, a plain prompt has `prompt`.
#[derive(Debug, Deserialize)]
pub(super) struct GenerationBody {
    model: Option<String>,
    messages: Option<Vec<MessageBody>>,
    prompt: Option<String>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<i64>,
    stop: Option<OneOrMany>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<u64>,
    user: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of strings")]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// Several, or none.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts.
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Debug, Deserialize)]
struct MessageBody {
    role: RoleName,
    content: Option<Content>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleName {
    System,
    /// Another name for the system.
    Developer,
    User,
    Assistant,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of text parts")]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl GenerationBody {
    /// What the body asks for, when it is sent to the route of `shape`.
    pub(super) fn into_generation(
        self,
        shape: Shape,
        rules: &Rules<'_>,
    ) -> Result<Generation, ApiError> {
        unsupported::check(&self.rest)?;
        if let Some(model) = self
            .model
            .as_deref()
            .filter(|name| *name != rules.model_name)
        {
            return Err(ApiError::unknown_model(model, rules.model_name));
        }
        if self.n.is_some_and(|n| n != 1) {
            return Err(ApiError::invalid_param(
                "n",
                "one answer per request is all that this server gives: leave n out or set it to 1",
            ));
        }
        let delivery = self.delivery()?;
        let limits = Limits {
            max_tokens: self.max_tokens(rules)?,
            sampling: self.sampling()?,
            at_end: AtEnd::Stop,
            stop_texts: stop_texts(self.stop)?,
        };
        let prompt = match shape {
            Shape::Chat => chat_prompt(self.messages, self.prompt.is_some())?,
            Shape::Completion => text_prompt(self.prompt, self.messages.is_some())?,
        };
        check_length(&prompt, rules)?;
        let request = Request {
            prompt,
            limits,
            client: client(self.user.as_deref())?,
            deadline: Some(rules.deadline),
        };
        Ok(Generation { request, delivery })
    }

    fn delivery(&self) -> Result<Delivery, ApiError> {
        let options = self.stream_options.as_ref();
        if let Some(options) = options {
            unsupported::check_inner("stream_options", &options.rest)?;
        }
        if self.stream == Some(true) {
            let with_usage = options.and_then(|options| options.include_usage);
            return Ok(Delivery::Stream {
                with_usage: with_usage.unwrap_or(false),
            });
        }
        if options.is_some() {
            return Err(ApiError::invalid_param(
                "stream_options",
                "stream_options are those of a stream: set stream to true or leave them out",
            ));
        }
        Ok(Delivery::Whole)
    }

    fn max_tokens(&self, rules: &Rules<'_>) -> Result<NonZeroUsize, ApiError> {
        let (param, given) = match (self.max_completion_tokens, self.max_tokens) {
            (Some(given), _) => ("max_completion_tokens", given),
            (None, Some(given)) => ("max_tokens", given),
            (None, None) => return Ok(rules.answer_tokens),
        };
        let max_tokens = usize::try_from(given)
            .ok()
            .filter(|tokens| *tokens <= rules.context_tokens)
            .and_then(NonZeroUsize::new);
        max_tokens.ok_or_else(|| {
            let message = format!(
                "{param} is {given}: expected a number from 1 to {}, the size of the model's \
                 context",
                rules.context_tokens
            );
            ApiError::invalid_param(param, message)
        })
    }

    fn sampling(&self) -> Result<Sampling, ApiError> {
        let temperature = self.temperature.unwrap_or(1.0);
        if !(0.0..=2.0).contains(&temperature) {
            return Err(ApiError::invalid_param(
                "temperature",
                format!("temperature is {temperature}: expected a number from 0 to 2"),
            ));
        }
        let top_p = self.top_p.unwrap_or(1.0);
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(ApiError::invalid_param(
                "top_p",
                format!("top_p is {top_p}: expected a share, greater than 0 and at most 1"),
            ));
        }
        if temperature == 0.0 {
            return Ok(Sampling::Greedy);
        }
        Ok(Sampling::Random {
            temperature: temperature as f32,
            top_p: top_p as f32,
            seed: self.seed.map_or_else(random_number, i64::cast_unsigned),
        })
    }
}

fn stop_texts(stop: Option<OneOrMany>) -> Result<Vec<String>, ApiError> {
    let texts = stop.map(OneOrMany::into_vec).unwrap_or_default();
    if texts.len() > MAX_STOP_TEXTS || texts.iter().any(String::is_empty) {
        return Err(ApiError::invalid_param(
            "stop",
            format!("expected at most {MAX_STOP_TEXTS} texts, none of them empty"),
        ));
    }
    Ok(texts)
}

/// Who asks: each takes turns with the others in the queue.
fn client(user: Option<&str>) -> Result<Arc<str>, ApiError> {
    let user = user.unwrap_or_default();
    if user.len() > MAX_USER_BYTES {
        return Err(ApiError::invalid_param(
            "user",
            format!("expected a name of at most {MAX_USER_BYTES} bytes"),
        ));
    }
    Ok(Arc::from(user))
}

/// Refuses a prompt that is too long whatever its tokens are, before the work of finding them.
fn check_length(prompt: &Prompt, rules: &Rules<'_>) -> Result<(), ApiError> {
    let bytes = match prompt {
        Prompt::Raw(text) => text.len(),
        // Some templates leave out the space around a message.
        Prompt::Chat(messages) => messages
            .iter()
            .map(|message| message.content.trim().len())
            .sum(),
    };
    if bytes > rules.prompt_bytes {
        return Err(ApiError::prompt_too_long(bytes, rules.context_tokens));
    }
    Ok(())
}

fn text_prompt(prompt: Option<String>, has_messages: bool) -> Result<Prompt, ApiError> {
    if has_messages {
        return Err(ApiError::invalid_param(
            "messages",
            "a conversation is answered by /v1/chat/completions",
        ));
    }
    prompt
        .map(Prompt::Raw)
        .ok_or_else(|| ApiError::invalid_param("prompt", "the prompt is missing"))
}

fn chat_prompt(messages: Option<Vec<MessageBody>>, has_prompt: bool) -> Result<Prompt, ApiError> {
    if has_prompt {
        return Err(ApiError::invalid_param(
            "prompt",
            "a plain prompt is answered by /v1/completions",
        ));
    }
    let messages = messages
        .filter(|messages| !messages.is_empty())
        .ok_or_else(|| ApiError::invalid_param("messages", "there is no message"))?;
    let messages: Result<Vec<_>, ApiError> = messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| message.into_message(index))
        .collect();
    messages.map(Prompt::Chat)
}

impl MessageBody {
    fn into_message(self, index: usize) -> Result<Message, ApiError> {
        let place = format!("messages[{index}]");
        // Who speaks is the role alone: chat templates have no place for names.
        let mut rest = self.rest;
        rest.remove("name");
        unsupported::check_inner(&place, &rest)?;
        let param = format!("{place}.content");
        let content = match self.content {
            None => return Err(ApiError::invalid_param(param, "the content is missing")),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => text_of(parts, &param)?,
        };
        Ok(Message {
            role: match self.role {
                RoleName::System | RoleName::Developer => Role::System,
                RoleName::User => Role::User,
                RoleName::Assistant => Role::Assistant,
            },
            content,
        })
    }
}

/// The text of `parts`, the content at `place`.
fn text_of(parts: Vec<Part>, place: &str) -> Result<String, ApiError> {
    let mut whole = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let Some(text) = part.text.filter(|_| part.r#type == "text") else {
            let message = "this server reads parts of type text only";
            return Err(ApiError::invalid_param(place, message));
        };
        unsupported::check_inner(&format!("{place}[{index}]"), &part.rest)?;
        whole.push_str(&text);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests;
