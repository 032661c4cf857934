//! What the engine costs: one request after the other through queue, tokenizer and sampler,
//! against a bare loop over the same model. The target is at most 3 % more.
//!
//! `BENCH_MODEL_PATH` chooses the model; without it the synthetic one serves, on which a forward
//! pass is so short that the engine weighs far more than it does on a real model.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use inferno_benches::requests::best;
use inferno_benches::{budget, model, side_by_side};
use inferno_inference::backend::{Context, Model};
use inferno_inference::candle::{CandleModel, threads};
use inferno_inference::engine::{AtEnd, Engine, EngineConfig, Limits, Prompt, Request};
use inferno_inference::sampling::Sampling;
use inferno_inference::{Single, single};

/// Time for all pairs, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_secs(40);

/// What both sides continue.
const PROMPT: &str = "The capital of France is";

/// Tokens of each answer.
const TOKENS: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// What the engine may cost, as a ratio of times.
const TARGET: f64 = 1.03;

fn main() {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let pool = unsafe { threads::start_pool(NonZeroUsize::MIN) };
    pool.expect("the pool is made once, here");
    let (name, model) = model::load().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(i32::from(error.exit_code()));
    });
    compare(&name, &Arc::new(model));
}

fn compare(name: &str, model: &Arc<CandleModel>) {
    let prompt = model.tokenizer().encode(PROMPT).expect("a plain prompt");
    let mut sequence = single(model.as_ref()).expect("a sequence");
    let expected = bare_loop(&mut sequence, &prompt);
    let engine = Engine::new(Arc::clone(model), EngineConfig::default()).expect("an engine");
    let pairs = side_by_side::run(
        budget::or(BUDGET),
        || assert_eq!(through_engine(&engine), expected, "both sides do the same"),
        || assert_eq!(bare_loop(&mut sequence, &prompt), expected),
    );
    let (through, bare) = pairs.medians();
    let ratio = pairs.ratio();
    let tokens = TOKENS.get() as f64;
    println!(
        "model: {name}; 1 thread, {} + {tokens} tokens",
        prompt.len()
    );
    println!(
        "through the engine: {:.2} tokens/s (median)",
        tokens / through
    );
    println!("bare loop:          {:.2} tokens/s (median)", tokens / bare);
    println!(
        "time through the engine / bare loop: {:.4} (95 % interval {:.4} to {:.4}, {} pairs; target \
         at most {TARGET})",
        ratio.estimate, ratio.low, ratio.high, ratio.pairs
    );
}

fn through_engine(engine: &Engine<CandleModel>) -> Vec<u32> {
    let request = Request::new(
        Prompt::Raw(PROMPT.to_owned()),
        Limits {
            max_tokens: TOKENS,
            sampling: Sampling::Greedy,
            at_end: AtEnd::Continue,
            stop_texts: Vec::new(),
        },
    );
    let ticket = engine.submit(request).expect("an empty queue");
    ticket.wait().expect("served").tokens
}

/// The least that generates: no queue, no text, no sampler beyond the best token.
fn bare_loop(sequence: &mut Single<impl Context>, prompt: &[u32]) -> Vec<u32> {
    sequence.reset().expect("an emptied sequence");
    let mut tokens = vec![best(sequence.prefill(prompt).expect("prefill"))];
    while tokens.len() < TOKENS.get() {
        let last = tokens[tokens.len() - 1];
        tokens.push(best(sequence.decode(last).expect("decode")));
    }
    tokens
}
