//! Turns a conversation into a prompt by the model's own template.
//!
//! Takes messages; gives the text that the model was trained to continue. The template comes with
//! the model and is not trusted: what it may compute is bounded. A model without a template gets
//! raw prompts only; there is no built-in template that would guess.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value};

use crate::error::Error;
use crate::gguf::{Metadata, Problem};

/// Steps that a template may take: far more than a long conversation needs.
const MAX_STEPS: u64 = 1_000_000;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions before the conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that templates compare with.
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// A model's chat template: Jinja, as in `tokenizer.chat_template`.
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    source: String,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// The template of `metadata`, if it has one.
    ///
    /// # Errors
    /// When a key has the wrong type or names a token that is not there.
    pub fn from_metadata(metadata: &Metadata) -> Result<Option<Self>, Problem> {
        let Some(source) = metadata.optional_string("tokenizer.chat_template")? else {
            return Ok(None);
        };
        let tokens = metadata.strings("tokenizer.ggml.tokens")?;
        let token = |key: &str| -> Result<String, Problem> {
            let Some(id) = metadata.optional_unsigned(key)? else {
                return Ok(String::new());
            };
            usize::try_from(id)
                .ok()
                .and_then(|id| tokens.get(id))
                .cloned()
                .ok_or_else(|| {
                    Problem::corrupt(format!("{key:?} names token {id}, which is not there"))
                })
        };
        Ok(Some(Self {
            source: source.to_owned(),
            bos_token: token("tokenizer.ggml.bos_token_id")?,
            eos_token: token("tokenizer.ggml.eos_token_id")?,
        }))
    }

    /// The prompt that asks the model for its next message.
    ///
    /// # Errors
    /// [`Error::ChatTemplate`] when the template cannot be parsed, uses what is not supported,
    /// refuses the conversation or does not come to an end.
    pub fn render(&self, messages: &[Message]) -> Result<String, Error> {
        let environment = environment()?;
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                Value::from_pairs([
                    ("role", message.role.name()),
                    ("content", message.content.as_str()),
                ])
            })
            .collect();
        let context = Value::from_pairs([
            ("messages", Value::from(messages)),
            ("add_generation_prompt", Value::from(true)),
            ("bos_token", Value::from(self.bos_token.as_str())),
            ("eos_token", Value::from(self.eos_token.as_str())),
        ]);
        environment
            .render_str(&self.source, context)
            .map_err(|error| Error::ChatTemplate(Arc::new(error)))
    }
}

/// Jinja with the settings for which chat templates are written: those of `transformers`.
fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(|error| Error::ChatTemplate(Arc::new(error)))?;
    environment.set_syntax(syntax);
    environment.set_fuel(Some(MAX_STEPS));
    environment.add_function("raise_exception", |message: String| -> Result<String, _> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
    });
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' \
        + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}\
        {{ '<|im_start|>assistant\n' }}{% endif %}";

    fn rendered(source: &str) -> Result<String, Error> {
        let template = ChatTemplate {
            source: source.to_owned(),
            bos_token: "<s>".to_owned(),
            eos_token: "</s>".to_owned(),
        };
        template.render(&[Message {
            role: Role::User,
            content: "Hi {{ 1 + 1 }}".to_owned(),
        }])
    }

    #[test]
    fn chatml_is_rendered_and_content_is_not_a_template() {
        assert_eq!(
            rendered(CHATML).expect("a valid template"),
            "<|im_start|>user\nHi {{ 1 + 1 }}<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn special_tokens_are_known() {
        let text = rendered("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}");
        assert_eq!(text.expect("a valid template"), "<s>Hi {{ 1 + 1 }}</s>");
    }

    #[test]
    fn a_broken_refusing_or_endless_template_is_an_error() {
        for source in [
            "{% for",
            "{{ raise_exception('no') }}",
            "{{ missing_function() }}",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        ] {
            assert!(
                matches!(rendered(source), Err(Error::ChatTemplate(_))),
                "{source}"
            );
        }
    }
}
