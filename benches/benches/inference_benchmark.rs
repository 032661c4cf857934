//! How fast the engine answers: loading a model, the first token by length of the prompt, each
//! further token, and what users of a single-file queue would see.
//!
//! Criterion times the parts, and keeps them for comparison; the table at the end has percentiles
//! with their intervals, requests per second and the error rate, of one request after the other.
//! Files are in the page cache. `BENCH_MODEL_PATH` chooses the model; a figure on the synthetic one
//! says nothing about a real model.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use inferno_benches::closed_loop::{self, Observed};
use inferno_benches::figures::{ALPHA, interval_text, percentile_text, share_text};
use inferno_benches::model::ModelFile;
use inferno_benches::{budget, flamegraph, groups, model, pool, requests, selection};
use inferno_inference::backend::{Backend as _, Model as _};
use inferno_inference::candle::{CandleBackend, CandleModel};
use inferno_inference::engine::{Completion, Engine, EngineConfig, Request};
use inferno_measure::stats::t_interval;

/// Time for all parts, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_secs(70);

/// Tokens of prompts whose first token is timed.
const PROMPT_TOKENS: [usize; 3] = [16, 64, 256];

/// Tokens after the first one, of which each is timed.
const DECODED: usize = 16;

/// Tokens of prompt and answer of the requests in the table.
const TABLE_TOKENS: (usize, NonZeroUsize) = (32, NonZeroUsize::new(16).unwrap());

/// Different prompts in the table.
const TABLE_PROMPTS: usize = 16;

/// Shares of the budget, of which there are ten.
const LOADING: u32 = 2;
const FIRST_TOKEN: u32 = 1;
const DECODE: u32 = 1;
const TABLE: u32 = 4;

fn main() {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let threads = unsafe { pool::start() };
    let mut criterion = flamegraph::criterion();
    let share = budget::or(BUDGET) / 10;
    let file = model::file();
    eprintln!("model: {}; {threads} threads", file.name());
    loading(&mut criterion, &file, share * LOADING);
    let engine = engine(&file);
    first_token(&mut criterion, &engine, share * FIRST_TOKEN);
    decode(&mut criterion, &engine, share * DECODE);
    criterion.final_summary();
    if selection::is_chosen("inference_table") {
        table(&engine, share * TABLE);
    }
}

fn load(file: &ModelFile) -> CandleModel {
    CandleBackend.load(file.path()).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(i32::from(error.exit_code()));
    })
}

fn engine(file: &ModelFile) -> Engine<CandleModel> {
    let model = Arc::new(load(file));
    Engine::new(model, EngineConfig::default()).expect("an engine by the default settings")
}

fn loading(criterion: &mut Criterion, file: &ModelFile, share: Duration) {
    let mut group = groups::slow(criterion, "model_loading", share);
    if groups::fits("model_loading/load", share, || drop(load(file))) {
        group.bench_function("load", |bencher| {
            // One model at a time, and what it takes to drop it is not counted.
            bencher.iter_custom(|iterations| {
                (0..iterations)
                    .map(|_| {
                        let started = Instant::now();
                        let model = load(file);
                        let time = started.elapsed();
                        drop(model);
                        time
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

/// Answers `request` alone.
fn answer(engine: &Engine<CandleModel>, request: Request) -> Completion {
    let ticket = engine.submit(request).expect("an empty queue");
    ticket.wait().expect("served")
}

fn first_token(criterion: &mut Criterion, engine: &Engine<CandleModel>, share: Duration) {
    let mut group = groups::slow(criterion, "first_token", share);
    for tokens in PROMPT_TOKENS {
        let prompt = requests::prompt(engine.model().tokenizer(), tokens, 0);
        let run = || answer(engine, requests::greedy(&prompt, NonZeroUsize::MIN, ""));
        group.throughput(Throughput::Elements(tokens as u64));
        if groups::fits(&format!("first_token/{tokens}"), share, || drop(run())) {
            group.bench_function(BenchmarkId::from_parameter(tokens), |bencher| {
                bencher.iter(run);
            });
        }
    }
    group.finish();
}

fn decode(criterion: &mut Criterion, engine: &Engine<CandleModel>, share: Duration) {
    let prompt = requests::prompt(engine.model().tokenizer(), PROMPT_TOKENS[0], 0);
    let tokens = NonZeroUsize::MIN.saturating_add(DECODED);
    let run = || answer(engine, requests::greedy(&prompt, tokens, ""));
    let mut group = groups::slow(criterion, "decode", share);
    group.throughput(Throughput::Elements(1));
    if groups::fits("decode/token", share, || drop(run())) {
        group.bench_function("token", |bencher| {
            bencher.iter_custom(|iterations| (0..iterations).map(|_| per_token(&run())).sum());
        });
    }
    group.finish();
}

/// Time of each token after the first one.
fn per_token(completion: &Completion) -> Duration {
    let times = &completion.token_times;
    let decoded = times.len().saturating_sub(1).max(1);
    let (first, last) = (times.first(), times.last());
    let between = last
        .copied()
        .unwrap_or_default()
        .checked_sub(first.copied().unwrap_or_default())
        .unwrap();
    between / decoded as u32
}

fn table(engine: &Engine<CandleModel>, share: Duration) {
    let (prompt_tokens, answer_tokens) = TABLE_TOKENS;
    let prompts: Vec<String> = (0..TABLE_PROMPTS)
        .map(|number| requests::prompt(engine.model().tokenizer(), prompt_tokens, number))
        .collect();
    let request = |number: u64| {
        let prompt = &prompts[number as usize % prompts.len()];
        requests::greedy(prompt, answer_tokens, "")
    };
    // To warm up.
    closed_loop::run(engine, 1, share / 10, request);
    let observed = closed_loop::run(engine, 1, share, request);
    println!(
        "\none request after the other, {prompt_tokens} + {answer_tokens} tokens; 95 % intervals in \
         brackets"
    );
    print_rates(&observed);
    println!("{:<24}{:<28}{:<28}{:<28}", "ms", "P50", "P90", "P99");
    print_percentiles("latency", &observed.milliseconds(|one| one.timings.total));
    print_percentiles(
        "first token",
        &observed.milliseconds(|one| one.timings.first_token),
    );
    print_percentiles("each further token", &observed.milliseconds(per_token));
}

fn print_rates(observed: &Observed) {
    println!(
        "requests: {} in {:.1} s; errors: {} %",
        observed.count(),
        observed.window.as_secs_f64(),
        share_text(observed.failures, observed.count())
    );
    let answers = t_interval(&observed.answer_rates(), ALPHA);
    let tokens = t_interval(&observed.token_rates(), ALPHA);
    println!(
        "throughput: {} requests/s, {} tokens/s",
        interval_text(answers),
        interval_text(tokens)
    );
}

fn print_percentiles(name: &str, milliseconds: &[f64]) {
    let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| percentile_text(milliseconds, share));
    println!("{name:<24}{p50:<28}{p90:<28}{p99:<28}");
}
