//! A benchmark of one's own: an example to copy. `docs/benches.md` shows it, and a test keeps the
//! two alike.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use inferno_benches::{flamegraph, model};
use inferno_inference::backend::Model as _;
use inferno_inference::tokenizer::Tokenizer;

/// What is timed: a plain function of the program under test.
fn count_tokens(tokenizer: &Tokenizer, text: &str) -> usize {
    let tokens = |line| tokenizer.encode(line).expect("plain text");
    text.lines().map(|line| tokens(line).len()).sum()
}

fn custom_benchmark(criterion: &mut Criterion) {
    let (_, model) = model::load().expect("the synthetic model, or that of BENCH_MODEL_PATH");
    let text = "The harbour was quiet when a small boat came in.\n".repeat(20);
    let mut group = criterion.benchmark_group("custom");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("count_tokens", |bencher| {
        // black_box: the compiler shall not know the text beforehand.
        bencher.iter(|| count_tokens(model.tokenizer(), black_box(&text)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = flamegraph::criterion();
    targets = custom_benchmark
}
criterion_main!(benches);
