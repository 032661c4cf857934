//! Requests that benchmarks send: greedy, of a fixed number of tokens, so that each run does the
//! same; and engines that answer them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use inferno_inference::candle::CandleModel;
use inferno_inference::engine::response::ResponseCacheConfig;
use inferno_inference::engine::{AtEnd, Completion, Engine, EngineConfig, Limits, Prompt, Request};
use inferno_inference::sampling::Sampling;
use inferno_inference::tokenizer::Tokenizer;

/// What prompts are made of.
const WORDS: [&str; 24] = [
    "the", "harbour", "was", "quiet", "when", "a", "small", "boat", "came", "in", "with", "three",
    "people", "who", "had", "been", "away", "for", "many", "days", "and", "could", "hardly",
    "speak",
];

/// A request for exactly `tokens` tokens after `prompt`, sent by `client`.
pub fn greedy(prompt: &str, tokens: NonZeroUsize, client: &str) -> Request {
    let limits = Limits {
        max_tokens: tokens,
        sampling: Sampling::Greedy,
        at_end: AtEnd::Continue,
        stop_texts: Vec::new(),
    };
    Request {
        client: Arc::from(client),
        ..Request::new(Prompt::Raw(prompt.to_owned()), limits)
    }
}

/// An engine that keeps answers as `responses` says.
///
/// # Panics
/// When it cannot be started.
pub fn engine(
    model: &Arc<CandleModel>,
    responses: Option<ResponseCacheConfig>,
) -> Engine<CandleModel> {
    let config = EngineConfig {
        responses,
        ..EngineConfig::default()
    };
    Engine::new(Arc::clone(model), config).expect("an engine")
}

/// The answer of exactly `tokens` tokens to `prompt`.
///
/// # Panics
/// When the request is refused or fails.
pub fn answer(engine: &Engine<CandleModel>, prompt: &str, tokens: NonZeroUsize) -> Completion {
    let ticket = engine.submit(greedy(prompt, tokens, ""));
    ticket.expect("room in the queue").wait().expect("served")
}

/// The token with the highest of `logits`; the first of several.
pub fn best(logits: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in (0_u32..).zip(logits) {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    best.0
}

/// A prompt of `tokens` tokens, or a few more where a word has several. Prompts of another `number`
/// begin with another word.
///
/// # Panics
/// When the tokenizer refuses plain words.
pub fn prompt(tokenizer: &Tokenizer, tokens: usize, number: usize) -> String {
    let mut text = String::new();
    for word in WORDS.iter().cycle().skip(number % WORDS.len()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
        if tokenizer.encode(&text).expect("plain words").len() >= tokens {
            break;
        }
    }
    text
}
