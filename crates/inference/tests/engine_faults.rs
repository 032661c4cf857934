//! What the engine does when a backend breaks: one request fails, the others are served.
#![cfg(feature = "candle")]

mod models;

use std::num::NonZeroUsize;
use std::sync::Arc;

use inferno_inference::Error;
use inferno_inference::backend::{Model, Session};
use inferno_inference::candle::{CandleModel, CandleSession};
use inferno_inference::chat::ChatTemplate;
use inferno_inference::engine::{AtEnd, Engine, EngineConfig, Limits, Prompt, Request};
use inferno_inference::sampling::Sampling;
use inferno_inference::tokenizer::Tokenizer;

/// A prompt of this many tokens breaks the session.
const FATAL_TOKENS: usize = 1;

/// A model whose sessions panic or compute nonsense at a certain prompt.
struct Faulty {
    model: Arc<CandleModel>,
    fault: Fault,
}

#[derive(Clone, Copy)]
enum Fault {
    Panic,
    NotANumber,
}

struct FaultySession {
    session: CandleSession,
    fault: Fault,
    nonsense: Vec<f32>,
}

impl Model for Faulty {
    type Session = FaultySession;

    fn tokenizer(&self) -> &Tokenizer {
        self.model.tokenizer()
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        self.model.chat_template()
    }

    fn context_tokens(&self) -> usize {
        self.model.context_tokens()
    }

    fn session(&self) -> Result<FaultySession, Error> {
        Ok(FaultySession {
            session: self.model.session()?,
            fault: self.fault,
            nonsense: vec![f32::NAN; 4],
        })
    }
}

impl Session for FaultySession {
    fn position(&self) -> usize {
        self.session.position()
    }

    fn prefill(&mut self, tokens: &[u32]) -> Result<&[f32], Error> {
        if tokens.len() != FATAL_TOKENS {
            return self.session.prefill(tokens);
        }
        self.session.prefill(tokens)?;
        match self.fault {
            Fault::Panic => panic!("the fault of this test"),
            Fault::NotANumber => Ok(&self.nonsense),
        }
    }

    fn decode(&mut self, token: u32) -> Result<&[f32], Error> {
        self.session.decode(token)
    }

    fn reset(&mut self) {
        self.session.reset();
    }
}

fn request(text: &str) -> Request {
    Request {
        prompt: Prompt::Raw(text.to_owned()),
        limits: Limits {
            max_tokens: NonZeroUsize::new(3).expect("not zero"),
            sampling: Sampling::Greedy,
            at_end: AtEnd::Continue,
        },
    }
}

/// The results of a good request, a fatal one, and the good one again.
fn results(fault: Fault) -> Vec<Result<Vec<u32>, Error>> {
    let model = models::synthetic();
    let fatal = "a";
    let tokens = model.tokenizer().encode(fatal).expect("encoding");
    assert_eq!(tokens.len(), FATAL_TOKENS);
    let engine = Engine::new(Arc::new(Faulty { model, fault }), EngineConfig::default());
    let requests = ["a good prompt", fatal, "a good prompt"]
        .map(request)
        .to_vec();
    let served = engine.expect("an engine").run(requests).into_iter();
    served
        .map(|result| result.map(|served| served.tokens))
        .collect()
}

#[test]
fn a_panic_fails_its_request_alone() {
    let results = results(Fault::Panic);
    let first = results[0].as_ref().expect("served");
    assert!(
        matches!(results[1], Err(Error::EngineStopped)),
        "{results:?}"
    );
    assert_eq!(results[2].as_ref().expect("served"), first);
}

#[test]
fn logits_that_are_not_numbers_fail_their_request_alone() {
    let results = results(Fault::NotANumber);
    let first = results[0].as_ref().expect("served");
    assert!(matches!(results[1], Err(Error::NotFinite)), "{results:?}");
    assert_eq!(results[2].as_ref().expect("served"), first);
}
