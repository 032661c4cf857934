//! Reads an answer that comes as server-sent events.
//!
//! Takes bytes as they arrive, cut anywhere; gives what each complete line says. What the server
//! sends is not trusted: a line has a limit, and what cannot be read is an error, not skipped.

use serde::Deserialize;

/// Longest line that is kept: far more than a piece of text needs.
const MAX_LINE_BYTES: usize = 1 << 20;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// The answer grew.
    Text,
    /// How many tokens there were.
    Usage(Usage),
    /// The answer is complete.
    Done,
    /// The server gives up.
    Error {
        /// In its own words.
        message: String,
        /// Whether its time for the answer was over.
        is_timeout: bool,
    },
}

/// Numbers of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Usage {
    pub(super) prompt_tokens: Option<u32>,
    pub(super) completion_tokens: Option<u32>,
}

/// A stream that has been read in part.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    /// The beginning of a line.
    line: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<ServerError>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    delta: Option<Delta>,
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    content: Option<String>,
    /// What some servers send before the content; it is part of the answer's tokens.
    reasoning_content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ServerError {
    message: Option<String>,
    r#type: Option<String>,
}

impl EventStream {
    /// What the lines say that are complete with `bytes`.
    ///
    /// # Errors
    /// What is wrong with the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, String> {
        let mut messages = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            read_line(&line, &mut messages)?;
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > MAX_LINE_BYTES {
            return Err(format!(
                "a line of the stream is longer than {MAX_LINE_BYTES} bytes"
            ));
        }
        Ok(messages)
    }
}

/// Appends what `line` says; comments and other fields than `data` say nothing.
fn read_line(line: &[u8], messages: &mut Vec<Message>) -> Result<(), String> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(data) = line.strip_prefix(b"data:") else {
        return Ok(());
    };
    let data = data.trim_ascii();
    if data == b"[DONE]" {
        messages.push(Message::Done);
        return Ok(());
    }
    let chunk: Chunk = serde_json::from_slice(data)
        .map_err(|error| format!("the server sends an event that cannot be read: {error}"))?;
    if let Some(error) = chunk.error {
        messages.push(Message::Error {
            is_timeout: error.r#type.as_deref() == Some("timeout_error"),
            message: error
                .message
                .unwrap_or_else(|| "an error without a message".to_owned()),
        });
    }
    if chunk.choices.iter().any(Choice::has_text) {
        messages.push(Message::Text);
    }
    if let Some(usage) = chunk.usage {
        messages.push(Message::Usage(usage));
    }
    Ok(())
}

impl Choice {
    /// Whether a piece of the answer is in it: the first event often has the role alone.
    fn has_text(&self) -> bool {
        let delta = self.delta.as_ref();
        let pieces = [
            self.text.as_ref(),
            delta.and_then(|delta| delta.content.as_ref()),
            delta.and_then(|delta| delta.reasoning_content.as_ref()),
        ];
        pieces.into_iter().flatten().any(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\
: waiting\r\n\r\n\
data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
data: {\"choices\":[{\"delta\":{\"content\":\"Once\"}}]}\n\n\
data:{\"choices\":[{\"text\":\" upon\",\"finish_reason\":null}]}\r\n\r\n\
data: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n\
data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n\
data: [DONE]\n\n";

    fn expected() -> Vec<Message> {
        vec![
            Message::Text,
            Message::Text,
            Message::Usage(Usage {
                prompt_tokens: Some(5),
                completion_tokens: Some(2),
            }),
            Message::Done,
        ]
    }

    #[test]
    fn pieces_usage_and_end_are_told() {
        let messages = EventStream::default().push(STREAM.as_bytes());
        assert_eq!(messages, Ok(expected()));
    }

    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut() {
        for size in [1, 2, 7, 50] {
            let mut stream = EventStream::default();
            let mut messages = Vec::new();
            for piece in STREAM.as_bytes().chunks(size) {
                messages.extend(stream.push(piece).expect("a valid stream"));
            }
            assert_eq!(messages, expected(), "{size}");
        }
    }

    #[test]
    fn an_error_is_told_in_the_server_s_words() {
        for (kind, is_timeout) in [("timeout_error", true), ("server_error", false)] {
            let line = format!(r#"data: {{"error":{{"message":"too late","type":"{kind}"}}}}"#);
            let mut stream = EventStream::default();
            let messages = stream.push(format!("{line}\n").as_bytes());
            let message = "too late".to_owned();
            let expected = Message::Error {
                message,
                is_timeout,
            };
            assert_eq!(messages, Ok(vec![expected]));
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        assert!(EventStream::default().push(b"data: <html>\n").is_err());
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        assert!(EventStream::default().push(&long).is_err());
    }
}
