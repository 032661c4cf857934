//! What the engine does when a backend breaks: the requests of one pass fail, the others are
//! served.
#![cfg(feature = "candle")]

mod models;

use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use inferno_inference::Error;
use inferno_inference::backend::{Context, ContextSize, Model, Sequence, Step};
use inferno_inference::candle::{CandleContext, CandleModel};
use inferno_inference::chat::ChatTemplate;
use inferno_inference::engine::response::ResponseCacheConfig;
use inferno_inference::engine::{
    AtEnd, Completion, Engine, EngineConfig, Event, Limits, Prompt, Request,
};
use inferno_inference::sampling::Sampling;
use inferno_inference::tokenizer::Tokenizer;

/// A sequence that begins with this many tokens breaks the pass.
const FATAL_TOKENS: usize = 1;

/// Longer than any of these requests takes.
const LONG: Duration = Duration::from_secs(20);

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
    /// A panic when the pass is over.
    LatePanic,
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
        if self.nonsense_steps.is_empty() {
            return self.context.forward(steps);
        }
        match self.fault {
            Fault::Panic => panic!("the fault of this test"),
            Fault::Error => Err(Error::Backend(Arc::new(std::io::Error::other("the fault")))),
            Fault::NotANumber | Fault::LatePanic => self.context.forward(steps),
        }
    }

    fn logits(&self, step: usize) -> Option<&[f32]> {
        if !self.nonsense_steps.contains(&step) {
            return self.context.logits(step);
        }
        assert!(self.fault != Fault::LatePanic, "the fault of this test");
        Some(&self.nonsense)
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

/// A prompt of [`FATAL_TOKENS`].
const FATAL: &str = "a";

fn engine(fault: Fault, config: EngineConfig) -> Engine<Faulty> {
    let model = models::synthetic();
    let tokens = model.tokenizer().encode(FATAL).expect("encoding");
    assert_eq!(tokens.len(), FATAL_TOKENS);
    Engine::new(Arc::new(Faulty { model, fault }), config).expect("an engine")
}

/// Submits `text`; its end can be waited for with a limit.
fn submit(
    engine: &Engine<Faulty>,
    text: &str,
) -> Result<mpsc::Receiver<Result<Completion, Error>>, Error> {
    let (sender, ends) = mpsc::channel();
    engine.submit_to(request(text), move |event| {
        if let Event::Done(result) = event {
            let _ = sender.send(result);
        }
    })?;
    Ok(ends)
}

/// The results of a good request, a fatal one, and the good one again, `slots` at a time.
fn results(fault: Fault, slots: usize) -> Vec<Result<Vec<u32>, Error>> {
    let config = EngineConfig {
        slots: NonZeroUsize::new(slots).expect("not zero"),
        ..EngineConfig::default()
    };
    let engine = engine(fault, config);
    let requests = ["a good prompt", FATAL, "a good prompt"]
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

#[test]
fn tokens_are_counted_as_they_are_chosen_and_not_in_a_pass_that_fails() {
    let engine = engine(Fault::Error, EngineConfig::default());
    let counted = || {
        let counts = engine.counts();
        (counts.passes, counts.prompt_tokens, counts.answer_tokens)
    };
    let served = engine.run(vec![request("a good prompt")]);
    let served = served[0].as_ref().expect("served");
    assert_eq!(counted(), (3, served.prompt_tokens as u64, 3));
    assert!(engine.run(vec![request(FATAL)])[0].is_err());
    assert_eq!(counted(), (3, served.prompt_tokens as u64, 3));
}

#[test]
fn a_sink_that_panics_harms_nobody_else() {
    let engine = engine(Fault::Error, EngineConfig::default());
    engine
        .submit_to(request("a good prompt"), |_| {
            panic!("the fault of this test")
        })
        .expect("room");
    let ends = submit(&engine, "another prompt").expect("room");
    let end = ends.recv_timeout(LONG).expect("an end");
    assert_eq!(end.expect("served").tokens.len(), 3);
    assert!(engine.is_alive());
}

#[test]
fn a_panic_outside_of_a_pass_fails_all_requests_and_leaves_nobody_waiting() {
    let kept = ResponseCacheConfig {
        max_bytes: 1 << 20,
        time_to_live: LONG,
    };
    for responses in [None, Some(kept)] {
        let config = EngineConfig {
            responses,
            ..EngineConfig::default()
        };
        let engine = engine(Fault::LatePanic, config);
        // Holds the thread that computes until all the others wait.
        let (opened, gate) = mpsc::channel::<()>();
        engine
            .submit_to(request("a good prompt"), move |_| {
                let _ = gate.recv();
            })
            .expect("room");
        let waiting = [FATAL, "another prompt", "another prompt"]
            .map(|text| submit(&engine, text).expect("room"));
        assert!(engine.is_alive());
        drop(opened);
        for ends in waiting {
            let end = ends.recv_timeout(LONG).expect("an end");
            assert!(matches!(end, Err(Error::Panicked)), "{end:?}");
        }
        let late = submit(&engine, "a late prompt").map(|_| ());
        assert!(matches!(late, Err(Error::Panicked)), "{late:?}");
        assert_eq!((engine.counts().waiting, engine.counts().running), (0, 0));
        let begun = Instant::now();
        while engine.is_alive() {
            assert!(begun.elapsed() < LONG, "the thread does not end");
            std::thread::yield_now();
        }
    }
}
