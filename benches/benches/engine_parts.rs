//! What the engine does around the forward pass: text to tokens, tokens to text, and the choice of
//! the next token, each by itself under Criterion.
//!
//! The synthetic model's vocabulary serves unless `BENCH_MODEL_PATH` names another; `logits` are
//! invented, as many as `SmolLM2` has.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use inferno_benches::{budget, flamegraph, model};
use inferno_inference::backend::Model as _;
use inferno_inference::sampling::{Sampler, Sampling};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A question as people ask it.
const TEXT: &str = "Explain in two sentences why the sky looks blue during the day, and what \
                    changes about it in the minutes before the sun has set.";

/// Logits per step: the vocabulary of `SmolLM2`.
const VOCABULARY: usize = 49_152;

/// Time for all benchmarks, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_secs(20);

/// Benchmarks that share it.
const BENCHMARKS: u32 = 4;

fn main() {
    let mut criterion = flamegraph::criterion();
    let share = budget::or(BUDGET) / BENCHMARKS;
    tokenizer(&mut criterion, share);
    sampling(&mut criterion, share);
    criterion.final_summary();
}

fn tokenizer(criterion: &mut Criterion, share: Duration) {
    let (name, model) = model::load().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(i32::from(error.exit_code()));
    });
    eprintln!("model: {name}");
    let tokenizer = model.tokenizer();
    let tokens = tokenizer.encode(TEXT).expect("a plain text");
    let mut group = criterion.benchmark_group("tokenizer");
    group
        .warm_up_time(share / 4)
        .measurement_time(share / 2)
        .throughput(Throughput::Bytes(TEXT.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| tokenizer.encode(black_box(TEXT)).expect("a plain text"));
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| tokenizer.decode(black_box(&tokens)));
    });
    group.finish();
}

fn sampling(criterion: &mut Criterion, share: Duration) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let logits: Vec<f32> = (0..VOCABULARY)
        .map(|_| random.random::<f32>() * 20.0 - 10.0)
        .collect();
    let nucleus = Sampling::Random {
        temperature: 0.8,
        top_p: 0.95,
        seed: 1,
    };
    let mut group = criterion.benchmark_group("sampling");
    group
        .warm_up_time(share / 4)
        .measurement_time(share / 2)
        .throughput(Throughput::Elements(1));
    for (name, sampling) in [("greedy", Sampling::Greedy), ("nucleus", nucleus)] {
        let mut sampler = Sampler::new(sampling).expect("valid settings");
        group.bench_function(name, |bencher| {
            bencher.iter(|| sampler.sample(black_box(&logits), &[]).expect("finite"));
        });
    }
    group.finish();
}
