//! What the engine does for many at once: throughput by number of clients, how much of their time
//! clients wait for each other, and where more of them stop to help.
//!
//! Criterion times batches of requests, and keeps them for comparison. The curve is of a closed
//! loop: so many clients, each of which sends its next request when the last is answered. Requests
//! beyond the engine's slots wait in its queue: their share of the time is what is called
//! contention here. The curve is described by the Universal Scalability Law, with the distance that
//! the law leaves.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use inferno_benches::closed_loop::{self, Observed};
use inferno_benches::figures::{ALPHA, interval_text, share_text};
use inferno_benches::scalability::{self, Fit};
use inferno_benches::{budget, flamegraph, groups, model, pool, requests, selection};
use inferno_inference::backend::Model as _;
use inferno_inference::candle::CandleModel;
use inferno_inference::engine::{Engine, EngineConfig, Request};
use inferno_measure::stats::t_interval;

/// Time for all parts, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_secs(70);

/// Clients of the curve.
const CLIENTS: [usize; 6] = [1, 2, 4, 8, 16, 25];

/// Requests of the batches that Criterion times.
const BATCHES: [usize; 3] = [1, 8, 25];

/// Requests that the engine computes together.
const SLOTS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Tokens of each prompt, and of each answer.
const PROMPT_TOKENS: usize = 16;
const ANSWER_TOKENS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// A law that misses a throughput by more than this does not describe the curve.
const LARGEST_ERROR: f64 = 0.15;

fn main() {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let threads = unsafe { pool::start() };
    let mut criterion = flamegraph::criterion();
    let half = budget::or(BUDGET) / 2;
    let (name, model) = model::load().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(i32::from(error.exit_code()));
    });
    eprintln!("model: {name}; {threads} threads, {SLOTS} slots");
    let config = EngineConfig {
        slots: SLOTS,
        ..EngineConfig::default()
    };
    let engine = Engine::new(Arc::new(model), config).expect("an engine");
    let prompt = requests::prompt(engine.model().tokenizer(), PROMPT_TOKENS, 0);
    let request = |_: u64| requests::greedy(&prompt, ANSWER_TOKENS, "");
    batches(&mut criterion, &engine, half, &request);
    criterion.final_summary();
    if selection::is_chosen("concurrent_curve") {
        curve(&engine, half, &request);
    }
}

fn batches(
    criterion: &mut Criterion,
    engine: &Engine<CandleModel>,
    half: Duration,
    request: &impl Fn(u64) -> Request,
) {
    let share = half / BATCHES.len() as u32;
    let mut group = groups::slow(criterion, "concurrent", share);
    for size in BATCHES {
        let run = || {
            let answers = engine.run((0..size as u64).map(request).collect());
            assert!(answers.iter().all(Result::is_ok), "a request failed");
        };
        group.throughput(Throughput::Elements((size * ANSWER_TOKENS.get()) as u64));
        if groups::fits(&format!("concurrent/{size}"), share, run) {
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter(run);
            });
        }
    }
    group.finish();
}

fn curve(engine: &Engine<CandleModel>, half: Duration, request: &(impl Fn(u64) -> Request + Sync)) {
    let share = half / CLIENTS.len() as u32;
    println!(
        "\nclosed loop, {PROMPT_TOKENS} + {ANSWER_TOKENS} tokens per request, {:.1} s per number of \
         clients; 95 % intervals in brackets",
        share.as_secs_f64()
    );
    println!(
        "{:>7}  {:<28}{:<24}{:>10}{:>9}{:>9}  errors %",
        "clients", "tokens/s", "requests/s", "per client", "waiting", "batch"
    );
    let mut points = Vec::new();
    for clients in CLIENTS {
        // To fill the batch.
        closed_loop::run(engine, clients, share / 10, request);
        let before = engine.counts();
        let observed = closed_loop::run(engine, clients, share, request);
        let counts = engine.counts();
        let passes = counts.passes - before.passes;
        let batch = (counts.pass_sequences - before.pass_sequences) as f64 / passes.max(1) as f64;
        let rate = print_point(clients, &observed, batch, points.first());
        points.extend(rate.map(|rate| (clients as f64, rate)));
    }
    print_law(scalability::fit(&points), CLIENTS[CLIENTS.len() - 1]);
}

/// Prints a line of the curve; gives the throughput in tokens per second, where there is one.
fn print_point(
    clients: usize,
    observed: &Observed,
    batch: f64,
    first: Option<&(f64, f64)>,
) -> Option<f64> {
    let tokens = t_interval(&observed.token_rates(), ALPHA);
    let requests = t_interval(&observed.answer_rates(), ALPHA);
    let rate = tokens
        .map(|interval| interval.center)
        .filter(|rate| *rate > 0.0);
    // Compared with one client alone: 100 % would be as much for each of them.
    let alone = first.map_or(rate, |&(_, alone)| Some(alone));
    let per_client = rate.zip(alone).map_or_else(
        || "n/a".to_owned(),
        |(rate, alone)| format!("{:.0} %", 100.0 * rate / alone / clients as f64),
    );
    let waiting = observed.queue_share().map_or_else(
        || "n/a".to_owned(),
        |share| format!("{:.0} %", share * 100.0),
    );
    println!(
        "{clients:>7}  {:<28}{:<24}{per_client:>10}{waiting:>9}{batch:>9.2}  {}",
        interval_text(tokens),
        interval_text(requests),
        share_text(observed.failures, observed.count())
    );
    rate
}

fn print_law(fit: Option<Fit>, most: usize) {
    let Some(Fit { law, largest_error }) = fit else {
        println!("no law fitted: too few clients were served");
        return;
    };
    println!(
        "Universal Scalability Law: {:.1} tokens/s alone, contention {:.4}, coherency {:.6}; it misses \
         a throughput by at most {:.1} %",
        law.alone,
        law.contention,
        law.coherency,
        largest_error * 100.0
    );
    if largest_error > LARGEST_ERROR {
        println!("it does not describe this curve: what follows from it is not told");
        return;
    }
    match (law.peak(), law.bound()) {
        (Some(peak), _) => println!(
            "highest throughput: {:.1} tokens/s at {peak:.1} clients{}",
            law.throughput(peak),
            beyond(peak, most)
        ),
        (None, Some(bound)) => {
            println!(
                "throughput goes towards {bound:.1} tokens/s with more clients, and has no peak"
            );
        }
        (None, None) => println!("no limit within {most} clients"),
    }
}

fn beyond(peak: f64, most: usize) -> &'static str {
    if peak > most as f64 {
        ", which lies beyond what was measured"
    } else {
        ""
    }
}
