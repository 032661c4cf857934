//! What the clients of the load do, drawn from a seed: a run that failed can be had again.
//!
//! Takes a generator of random numbers; gives visits, each paid by one client on one connection.
//! Nothing is sent here, and no answer is judged.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::nonsense::Nonsense;
use crate::embedder::TEXTS;
use crate::http::post;

/// Any number does. It is told with the result.
pub(super) const SEED: u64 = 0x1_0F32;

/// What is asked. Short, so that a prompt and the longest answer are less than what a sequence
/// takes memory for at once: longer ones would make memory grow by chance, late.
const PROMPTS: [&str; 12] = [
    "Tell me a story about a lighthouse.",
    "Once upon a time there was a bridge",
    "Why is the sky blue?",
    "The three oldest trees in the valley",
    "Write a letter to a friend who moved to the sea.",
    "fn main() { let numbers = [1, 2, 3];",
    "Zwölf Boxkämpfer jagen Eva",
    "In the morning the market opens, and",
    "List what one needs to bake bread.",
    "a",
    "Explain how a clock knows the time.",
    "7 + 5 = 12, 9 + 6 =",
];

/// Who asks: each takes turns with the others in the server's queue.
const USERS: [&str; 5] = ["", "ann", "bob", "cleo", "dan"];

/// Tokens of answers whose clients leave in the middle.
const LEFT_TOKENS: usize = 128;

/// Most events that a client reads before it leaves: fewer than an answer has.
const READ_EVENTS: usize = 30;

/// Tokens of the answers that are on their way when the server is told to end: enough to still be
/// on their way when the last of them has been taken.
const ENDING_TOKENS: usize = 400;

/// The share of requests that are like others, so that one answer serves several.
const REPEATED: f64 = 0.2;

/// Most texts of a request for directions: more than are computed at the same time.
const MOST_TEXTS: usize = 100;

/// Numbers of one seed that have nothing to do with those of another `stream`.
pub(super) fn generator(stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    random.set_stream(stream);
    random
}

/// A prompt to a route, and the length of its answer: what an answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question {
    number: usize,
    max_tokens: usize,
}

impl Question {
    const COUNT: usize = 2 * PROMPTS.len();

    fn new(number: usize) -> Self {
        Self {
            number,
            // Different lengths, so that requests join and leave batches at different moments.
            max_tokens: 6 + 5 * (number % 9),
        }
    }

    /// Those of the load.
    pub(super) fn of_load() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self::new)
    }

    /// Those that are on their way when the server is told to end.
    pub(super) fn of_ending() -> impl Iterator<Item = Self> {
        (0..10).map(|number| Self {
            number,
            max_tokens: ENDING_TOKENS,
        })
    }

    /// Every other one is a conversation.
    pub(super) fn is_chat(self) -> bool {
        self.number.is_multiple_of(2)
    }
}

/// A question as a client asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) question: Question,
    pub(super) is_streamed: bool,
    user: &'static str,
    /// Makes it another request than those without or with another mark, and changes no answer.
    mark: Option<u32>,
}

impl Ask {
    pub(super) fn new(question: Question, is_streamed: bool) -> Self {
        Self {
            question,
            is_streamed,
            user: USERS[0],
            mark: None,
        }
    }

    /// The same, unlike all others.
    pub(super) fn marked(self, mark: u32) -> Self {
        Self {
            mark: Some(mark),
            ..self
        }
    }

    pub(super) fn draw(random: &mut ChaCha8Rng) -> Self {
        let ask = Self {
            question: Question::new(random.random_range(0..Question::COUNT)),
            is_streamed: random.random_bool(0.5),
            user: USERS[random.random_range(0..USERS.len())],
            mark: None,
        };
        let mark = random.random_range(0..u32::MAX);
        if random.random_bool(REPEATED) {
            ask
        } else {
            ask.marked(mark)
        }
    }

    /// The same with an answer that is too long to be waited for, and that comes piece by piece.
    fn to_be_left(self, mark: u32) -> Self {
        let mut ask = self.marked(mark);
        ask.question.max_tokens = LEFT_TOKENS;
        ask.is_streamed = true;
        ask
    }

    /// The text that is sent.
    pub(super) fn request(self) -> String {
        let Question { number, max_tokens } = self.question;
        let mut body = json!({
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": self.is_streamed,
            "user": self.user,
        });
        if let Some(mark) = self.mark {
            // A text that no answer has.
            body["stop"] = json!([format!("\u{e000}{mark}")]);
        }
        let prompt = PROMPTS[number / 2];
        if self.question.is_chat() {
            body["messages"] = json!([{ "role": "user", "content": prompt }]);
            post("/v1/chat/completions", &body.to_string())
        } else {
            body["prompt"] = json!(prompt);
            post("/v1/completions", &body.to_string())
        }
    }
}

/// Directions that are asked for, of [`TEXTS`] by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Embed {
    pub(super) texts: Vec<usize>,
}

impl Embed {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        let count = random.random_range(1..=MOST_TEXTS);
        let text = |_| random.random_range(0..TEXTS.len());
        Self {
            texts: (0..count).map(text).collect(),
        }
    }

    /// The text that is sent.
    pub(super) fn request(&self) -> String {
        let input: Vec<&str> = self.texts.iter().map(|&text| TEXTS[text].0).collect();
        post("/v1/embeddings", &json!({ "input": input }).to_string())
    }
}

/// What one client does.
#[derive(Debug)]
pub(super) enum Visit {
    /// It asks, and takes the whole answer.
    Ask(Ask),
    /// It sends two questions at once on one connection and takes both answers.
    Pair(Ask, Ask),
    /// It asks for directions, and takes all of them.
    Embed(Embed),
    /// It sends a request and goes away before there is an answer.
    LeaveEarly { request: String, after: Duration },
    /// It goes away in the middle of an answer.
    LeaveStream { ask: Ask, events: usize },
    /// It sends something that makes no sense.
    Nonsense(Nonsense),
    /// It looks at what the server says about itself.
    Look(&'static str),
}

impl Visit {
    pub(super) fn draw(random: &mut ChaCha8Rng) -> Self {
        match random.random_range(0..100_u32) {
            0..58 => Self::Ask(Ask::draw(random)),
            58..64 => Self::Embed(Embed::draw(random)),
            64..68 => Self::Pair(Ask::draw(random), Ask::draw(random)),
            68..76 => Self::LeaveEarly {
                request: if random.random_bool(0.25) {
                    Embed::draw(random).request()
                } else {
                    Ask::draw(random).request()
                },
                after: Duration::from_millis(random.random_range(0..80)),
            },
            76..84 => Self::LeaveStream {
                ask: Ask::draw(random).to_be_left(random.random_range(0..u32::MAX)),
                events: random.random_range(0..READ_EVENTS),
            },
            84..96 => Self::Nonsense(Nonsense::draw(random)),
            _ => {
                let paths = ["/health", "/health/ready", "/v1/models", "/metrics"];
                Self::Look(paths[random.random_range(0..paths.len())])
            }
        }
    }

    /// Its name in the summary.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Ask(ask) if ask.is_streamed => "stream",
            Self::Ask(_) => "whole",
            Self::Pair(..) => "pair",
            Self::Embed(_) => "embed",
            Self::LeaveEarly { .. } => "left-early",
            Self::LeaveStream { .. } => "left-stream",
            Self::Nonsense(_) => "nonsense",
            Self::Look(_) => "look",
        }
    }
}
