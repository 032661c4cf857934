//! What the engine adds to llama.cpp: one request after the other through it, against a bare loop over
//! llama-cpp-2 with the same file, threads and settings. The target is at least 0.97 of its rate, for the
//! prompt and for the answer.
//!
//! The bare loop knows nothing of this project: it takes tokens, keeps one sequence and chooses by
//! llama.cpp's own greedy sampler.

use std::mem::ManuallyDrop;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use inferno_benches::side_by_side::{self, Pairs};
use inferno_benches::{budget, model, pool};
use inferno_inference::backend::{Backend as _, Model as _};
use inferno_inference::engine::{AtEnd, Engine, EngineConfig, Limits, Prompt, Request};
use inferno_inference::llama::{LlamaBackend, LlamaModel};
use inferno_inference::sampling::Sampling;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend as Initialized;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel as Weights;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;

/// Time for all pairs, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_secs(80);

/// What both sides continue: some sixty tokens.
const PROMPT: &str = "A lighthouse keeper who had lived alone for thirty years wrote in his diary every \
                      evening. He noted the wind, the height of the waves and the ships that passed. One day \
                      he found that somebody else had written the line for the next day, in his own hand, and \
                      it began with the words";

/// Tokens of the long answer. The short one has a single token, which comes out of the prompt's pass.
const ANSWER_TOKENS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// The lowest share of the bare loop's rate.
const TARGET: f64 = 0.97;

fn main() {
    let threads = pool::count();
    let file = model::file();
    let backend = LlamaBackend { threads };
    let model = backend.load(file.path()).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(i32::from(error.exit_code()));
    });
    let prompt = model.tokenizer().encode(PROMPT).expect("a plain prompt");
    let config = EngineConfig::default();
    let engine = Engine::new(Arc::new(model), config).expect("an engine");
    println!(
        "model: {}; {threads} threads, {} + {ANSWER_TOKENS} tokens",
        file.name(),
        prompt.len()
    );

    // llama.cpp is initialised once per process, by the backend above, and never ended.
    let initialized = ManuallyDrop::new(Initialized {});
    let weights = weights(&initialized, file.path());
    let mut bare = Bare::new(&initialized, &weights, threads, &config);
    for (what, tokens) in [
        ("prefill", NonZeroUsize::MIN),
        ("prefill and decode", ANSWER_TOKENS),
    ] {
        let expected = bare.answer(&prompt, tokens);
        let pairs = side_by_side::run(
            budget::or(BUDGET) / 2,
            || assert_eq!(through_engine(&engine, tokens), expected, "the same tokens"),
            || assert_eq!(bare.answer(&prompt, tokens), expected),
        );
        print(what, prompt.len() + tokens.get() - 1, &pairs);
    }
}

fn print(what: &str, tokens: usize, pairs: &Pairs) {
    let (through, bare) = pairs.medians();
    let ratio = pairs.ratio();
    let tokens = tokens as f64;
    println!(
        "{what}: through the engine {:.1}, bare loop {:.1} tokens/s (medians); rate engine / bare: {:.3} \
         (95 % interval {:.3} to {:.3}, {} pairs; target at least {TARGET})",
        tokens / through,
        tokens / bare,
        1.0 / ratio.estimate,
        1.0 / ratio.high,
        1.0 / ratio.low,
        ratio.pairs
    );
}

fn through_engine(engine: &Engine<LlamaModel>, tokens: NonZeroUsize) -> Vec<u32> {
    let limits = Limits {
        max_tokens: tokens,
        sampling: Sampling::Greedy,
        at_end: AtEnd::Continue,
        stop_texts: Vec::new(),
    };
    let request = Request::new(Prompt::Raw(PROMPT.to_owned()), limits);
    let ticket = engine.submit(request).expect("an empty queue");
    ticket.wait().expect("served").tokens
}

fn weights(initialized: &Initialized, path: &Path) -> Weights {
    let parameters = LlamaModelParams::default();
    Weights::load_from_file(initialized, path, &parameters).expect("it was loaded before")
}

/// One sequence in a context of its own.
struct Bare<'weights> {
    context: LlamaContext<'weights>,
    batch: LlamaBatch<'static>,
    sampler: LlamaSampler,
}

impl<'weights> Bare<'weights> {
    fn new(
        initialized: &Initialized,
        weights: &'weights Weights,
        threads: NonZeroUsize,
        config: &EngineConfig,
    ) -> Self {
        let pass_tokens = config.pass_tokens.get() as u32;
        let threads = i32::try_from(threads.get()).expect("few threads");
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(weights.n_ctx_train()))
            .with_n_batch(pass_tokens)
            .with_n_ubatch(pass_tokens)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        Self {
            context: weights
                .new_context(initialized, parameters)
                .expect("a context"),
            batch: LlamaBatch::new(config.pass_tokens.get(), 1),
            sampler: LlamaSampler::greedy(),
        }
    }

    fn answer(&mut self, prompt: &[u32], count: NonZeroUsize) -> Vec<u32> {
        self.context.clear_kv_cache();
        let mut tokens = Vec::with_capacity(count.get());
        let mut position = 0;
        let mut next = self.take_in(prompt, &mut position);
        loop {
            tokens.push(next);
            if tokens.len() == count.get() {
                return tokens;
            }
            next = self.take_in(&[next], &mut position);
        }
    }

    /// The best token after `tokens`.
    fn take_in(&mut self, tokens: &[u32], position: &mut i32) -> u32 {
        self.batch.clear();
        for (index, &token) in tokens.iter().enumerate() {
            let token = LlamaToken(i32::try_from(token).expect("a token"));
            let is_last = index + 1 == tokens.len();
            self.batch
                .add(token, *position, &[0], is_last)
                .expect("room in the batch");
            *position += 1;
        }
        self.context.decode(&mut self.batch).expect("a pass");
        let last = self.batch.n_tokens() - 1;
        let best = self.sampler.sample(&self.context, last);
        u32::try_from(best.0).expect("a token")
    }
}
