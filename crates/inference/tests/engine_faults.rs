//! What the engine does when a backend breaks: the requests of one pass fail, the others are
//! served.
#![cfg(feature = "candle")]

mod models;

use std::num::NonZeroUsize;
use std::sync::Arc;

use inferno_inference::Error;
use inferno_inference::backend::{Context, ContextSize, Model, Sequence, Step};
use inferno_inference::candle::{CandleContext, CandleModel};
use inferno_inference::chat::ChatTemplate;
use inferno_inference::engine::{AtEnd, Engine, EngineConfig, Limits, Prompt, Request};
use inferno_inference::sampling::Sampling;
use inferno_inference::tokenizer::Tokenizer;

/// A sequence that begins with this many tokens breaks the pass.
const FATAL_TOKENS: usize = 1;

/// A model whose contexts panic or compute nonsense at a certain prompt.
struct Faulty {
    model: Arc<CandleModel>,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Panic,
    Error,
    NotANumber,
}

struct FaultyContext<'model> {
    context: CandleContext<'model>,
    fault: Fault,
    /// Steps of the last pass whose logits are nonsense.
    nonsense_steps: Vec<usize>,
    nonsense: Vec<f32>,
}

impl Model for Faulty {
    type Context<'model> = FaultyContext<'model>;

    fn tokenizer(&self) -> &Tokenizer {
        self.model.tokenizer()
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        self.model.chat_template()
    }

    fn context_tokens(&self) -> usize {
        self.model.context_tokens()
    }

    fn context(&self, size: ContextSize) -> Result<FaultyContext<'_>, Error> {
        Ok(FaultyContext {
            context: self.model.context(size)?,
            fault: self.fault,
            nonsense_steps: Vec::new(),
            nonsense: vec![f32::NAN; 4],
        })
    }
}

impl Context for FaultyContext<'_> {
    fn position(&self, sequence: Sequence) -> usize {
        self.context.position(sequence)
    }

    fn forward(&mut self, steps: &[Step<'_>]) -> Result<(), Error> {
        let is_fatal = |step: &Step<'_>| {
            step.tokens.len() == FATAL_TOKENS && self.context.position(step.sequence) == 0
        };
        let fatal = steps.iter().enumerate().filter(|(_, step)| is_fatal(step));
        self.nonsense_steps = fatal.map(|(index, _)| index).collect();
        if self.nonsense_steps.is_empty() || self.fault == Fault::NotANumber {
            return self.context.forward(steps);
        }
        match self.fault {
            Fault::Panic => panic!("the fault of this test"),
            Fault::Error | Fault::NotANumber => {
                Err(Error::Backend(Arc::new(std::io::Error::other("the fault"))))
            }
        }
    }

    fn logits(&self, step: usize) -> Option<&[f32]> {
        if self.nonsense_steps.contains(&step) {
            Some(&self.nonsense)
        } else {
            self.context.logits(step)
        }
    }

    fn truncate(&mut self, sequence: Sequence, position: usize) -> Result<(), Error> {
        self.context.truncate(sequence, position)
    }

    fn share(&mut self, from: Sequence, to: Sequence, position: usize) -> Result<(), Error> {
        self.context.share(from, to, position)
    }
}

fn request(text: &str) -> Request {
    Request::new(
        Prompt::Raw(text.to_owned()),
        Limits {
            max_tokens: NonZeroUsize::new(3).expect("not zero"),
            sampling: Sampling::Greedy,
            at_end: AtEnd::Continue,
            stop_texts: Vec::new(),
        },
    )
}

/// The results of a good request, a fatal one, and the good one again, `slots` at a time.
fn results(fault: Fault, slots: usize) -> Vec<Result<Vec<u32>, Error>> {
    let model = models::synthetic();
    let fatal = "a";
    let tokens = model.tokenizer().encode(fatal).expect("encoding");
    assert_eq!(tokens.len(), FATAL_TOKENS);
    let config = EngineConfig {
        slots: NonZeroUsize::new(slots).expect("not zero"),
        ..EngineConfig::default()
    };
    let engine = Engine::new(Arc::new(Faulty { model, fault }), config).expect("an engine");
    let requests = ["a good prompt", fatal, "a good prompt"]
        .map(request)
        .to_vec();
    let mut results = engine.run(requests);
    // Whatever happened, the engine serves what comes after it.
    results.push(
        engine
            .submit(request("a good prompt"))
            .and_then(inferno_inference::engine::Ticket::wait),
    );
    results
        .into_iter()
        .map(|result| result.map(|served| served.tokens))
        .collect()
}

#[test]
fn a_fault_fails_its_request_alone() {
    for fault in [Fault::Panic, Fault::Error, Fault::NotANumber] {
        let results = results(fault, 1);
        let first = results[0].as_ref().expect("served");
        match (&results[1], fault) {
            (Err(Error::Panicked), Fault::Panic)
            | (Err(Error::Backend(_)), Fault::Error)
            | (Err(Error::NotFinite), Fault::NotANumber) => {}
            (other, _) => panic!("{other:?}"),
        }
        for later in &results[2..] {
            assert_eq!(later.as_ref().expect("served"), first);
        }
    }
}

#[test]
fn logits_that_are_not_numbers_fail_nobody_else_in_the_batch() {
    let results = results(Fault::NotANumber, 3);
    let first = results[0].as_ref().expect("served");
    assert!(matches!(results[1], Err(Error::NotFinite)), "{results:?}");
    for later in &results[2..] {
        assert_eq!(later.as_ref().expect("served"), first);
    }
}

#[test]
fn the_engine_goes_on_after_a_pass_that_failed_for_many() {
    for fault in [Fault::Panic, Fault::Error] {
        let results = results(fault, 3);
        assert!(results[1].is_err(), "{results:?}");
        assert!(results[3].is_ok(), "{results:?}");
    }
}
