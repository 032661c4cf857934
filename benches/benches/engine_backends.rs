//! The backends side by side on one model: how fast a prompt is taken in, how fast one answer is
//! computed, how much faster many answers are computed together, and whether the company changes them.
//!
//! Candle against llama.cpp (feature `llama`), pass by pass in turn, same threads, same tokens.
//! Contexts are measured, without the engine. Without `llama` candle is told against itself.
//! Threads are as many as `INFERNO_BENCH_THREADS` says, or as there are processors.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::time::Duration;

use inferno_benches::requests::best;
use inferno_benches::side_by_side::{self, Pairs};
use inferno_benches::{budget, model, pool};
use inferno_inference::backend::{Backend, Context, ContextSize, Logits, Model, Sequence, Step};
use inferno_inference::candle::CandleBackend;

/// Time for all pairs, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_mins(2);

/// Tokens of the prompt that is taken in at once.
const PROMPT_TOKENS: usize = 64;

/// Tokens of the answer that is computed one by one.
const ANSWER_TOKENS: usize = 64;

/// Answers that are computed together.
const BATCH: usize = 25;

/// Passes of one sample of the batch.
const BATCH_PASSES: usize = 8;

/// One way of using a context.
#[derive(Clone, Copy)]
enum Work {
    /// [`PROMPT_TOKENS`] in one pass, with the logits after the last one.
    Prefill,
    /// [`ANSWER_TOKENS`] passes of one token.
    Decode,
    /// Passes of one token of each of [`BATCH`] sequences, each with its logits.
    BatchedDecode,
    /// Passes of [`BATCH`] tokens of one sequence, with the logits after the last one.
    PrefillOfBatch,
}

impl Work {
    const ALL: [Self; 4] = [
        Self::Prefill,
        Self::Decode,
        Self::BatchedDecode,
        Self::PrefillOfBatch,
    ];

    fn name(self) -> String {
        match self {
            Self::Prefill => format!("prefill of {PROMPT_TOKENS}"),
            Self::Decode => format!("decode of {ANSWER_TOKENS}"),
            Self::BatchedDecode => format!("decode, {BATCH} together"),
            Self::PrefillOfBatch => format!("prefill of {BATCH}"),
        }
    }

    fn tokens(self) -> usize {
        match self {
            Self::Prefill => PROMPT_TOKENS,
            Self::Decode => ANSWER_TOKENS,
            Self::BatchedDecode | Self::PrefillOfBatch => BATCH * BATCH_PASSES,
        }
    }

    fn run(self, context: &mut impl Context) {
        match self {
            Self::Prefill => {
                empty(context, 1);
                forward(context, &[(0, &PROMPT)]);
            }
            Self::Decode => {
                empty(context, 1);
                for token in PROMPT {
                    forward(context, &[(0, &[token])]);
                }
            }
            Self::BatchedDecode => {
                empty(context, BATCH);
                for token in &PROMPT[..BATCH_PASSES] {
                    let steps: Vec<_> = (0..BATCH)
                        .map(|sequence| (sequence, std::slice::from_ref(token)))
                        .collect();
                    forward(context, &steps);
                }
            }
            Self::PrefillOfBatch => {
                for _ in 0..BATCH_PASSES {
                    empty(context, 1);
                    forward(context, &[(0, &PROMPT[..BATCH])]);
                }
            }
        }
    }
}

/// What is taken in: any tokens of the vocabulary, none of them special.
const PROMPT: [u32; PROMPT_TOKENS] = {
    let mut tokens = [0; PROMPT_TOKENS];
    let mut index = 0;
    while index < PROMPT_TOKENS {
        tokens[index] = 300 + 7 * index as u32;
        index += 1;
    }
    tokens
};

/// What is read for the comparison of numbers: ordinary language, on which the best token is often clear.
const TEXT: &str = "A lighthouse keeper who had lived alone for thirty years wrote in his diary every evening. \
                    He noted the wind, the height of the waves and the ships that passed. One day he found \
                    that somebody else had written the line for the next day, in his own hand, and it began \
                    with the words: do not open the door tonight, whoever knocks, and whatever you may hear. \
                    He laughed, closed the book and went to bed. At midnight there was a knock.";

fn empty(context: &mut impl Context, sequences: usize) {
    for sequence in 0..sequences {
        context
            .truncate(Sequence(sequence), 0)
            .expect("an emptied sequence");
    }
}

fn forward(context: &mut impl Context, steps: &[(usize, &[u32])]) {
    let steps: Vec<_> = steps
        .iter()
        .map(|&(sequence, tokens)| Step {
            sequence: Sequence(sequence),
            tokens,
            logits: Logits::Wanted,
        })
        .collect();
    context.forward(&steps).expect("a pass");
    let logits = context.logits(steps.len() - 1).expect("logits");
    assert!(logits[0].is_finite());
}

/// What the numbers after the same tokens owe to how these were taken in.
struct Rounding {
    /// Largest difference of a logit.
    largest: f32,
    /// Standard deviation of the logits, over all positions.
    deviation: f32,
    /// Positions whose best token is another one.
    other_best: usize,
    positions: usize,
}

impl Rounding {
    /// Of the logits position by position.
    fn between(some: &[Vec<f32>], others: &[Vec<f32>]) -> Self {
        let differences = some.iter().flatten().zip(others.iter().flatten());
        let largest = differences.fold(0.0, |largest, (a, b)| f32::max(largest, (a - b).abs()));
        let is_other = |(a, b): &(&Vec<f32>, &Vec<f32>)| best(a) != best(b);
        let values: Vec<f64> = some.iter().flatten().copied().map(f64::from).collect();
        Self {
            largest,
            deviation: deviation(&values),
            other_best: some.iter().zip(others).filter(is_other).count(),
            positions: some.len(),
        }
    }
}

/// The logits after each token, with all before it taken in by one pass.
fn logits_at_once(context: &mut impl Context, tokens: &[u32]) -> Vec<Vec<f32>> {
    let prompts = (1..=tokens.len()).map(|length| {
        empty(context, BATCH);
        forward(context, &[(0, &tokens[..length])]);
        context.logits(0).expect("logits").to_vec()
    });
    prompts.collect()
}

/// The logits of the last of `sequences` that take in the same tokens one by one.
fn logits_of(context: &mut impl Context, tokens: &[u32], sequences: usize) -> Vec<Vec<f32>> {
    empty(context, BATCH);
    let mut all = Vec::with_capacity(tokens.len());
    for token in tokens {
        let steps: Vec<_> = (0..sequences)
            .map(|sequence| (sequence, std::slice::from_ref(token)))
            .collect();
        forward(context, &steps);
        all.push(context.logits(sequences - 1).expect("logits").to_vec());
    }
    all
}

fn deviation(values: &[f64]) -> f32 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / count).sqrt() as f32
}

fn print_rounding(name: &str, context: &mut impl Context, tokens: &[u32]) {
    let one_by_one = logits_of(context, tokens, 1);
    for (what, others) in [
        ("beside 24 others", logits_of(context, tokens, BATCH)),
        ("in one pass", logits_at_once(context, tokens)),
    ] {
        let rounding = Rounding::between(&one_by_one, &others);
        println!(
            "{name}: tokens one by one and {what}: logits differ by {:.4} at most (their standard \
             deviation is {:.2}), and the best token is another at {} of {} positions",
            rounding.largest, rounding.deviation, rounding.other_best, rounding.positions
        );
    }
}

fn size() -> ContextSize {
    let count = |number| NonZeroUsize::new(number).expect("not zero");
    ContextSize {
        sequences: count(BATCH),
        tokens: count(BATCH * 1024),
        pass_tokens: count(256),
    }
}

fn main() {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let threads = unsafe { pool::start() };
    let file = model::file();
    println!("model: {}; {threads} threads", file.name());
    let model = load(&CandleBackend, &file);
    let text = model.tokenizer().encode(TEXT).expect("a plain text");
    let mut candle = model.context(size()).expect("a context");
    compare(&mut candle, threads, &file, &text);
}

fn load<B: Backend>(backend: &B, file: &model::ModelFile) -> B::Model {
    backend.load(file.path()).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(i32::from(error.exit_code()));
    })
}

/// Candle's rates, and how much longer llama.cpp takes.
#[cfg(feature = "llama")]
fn compare(
    candle: &mut impl Context,
    threads: NonZeroUsize,
    file: &model::ModelFile,
    text: &[u32],
) {
    let llama = load(&inferno_inference::llama::LlamaBackend { threads }, file);
    let mut llama = llama.context(size()).expect("a context");
    for work in Work::ALL {
        let pairs = side_by_side::run(share(), || work.run(candle), || work.run(&mut llama));
        print(work, &pairs, ("candle", "llama"));
    }
    for (name, pairs) in [
        ("candle", batch_against_prefill(candle)),
        ("llama", batch_against_prefill(&mut llama)),
    ] {
        print_batch(name, &pairs);
    }
    print_rounding("candle", candle, text);
    print_rounding("llama", &mut llama, text);
}

/// Candle's rates; against itself, which says how far the machine wanders.
#[cfg(not(feature = "llama"))]
fn compare(candle: &mut impl Context, _: NonZeroUsize, _: &model::ModelFile, text: &[u32]) {
    for work in Work::ALL {
        let both = RefCell::new(&mut *candle);
        let pairs = side_by_side::run(
            share(),
            || work.run(*both.borrow_mut()),
            || work.run(*both.borrow_mut()),
        );
        print(work, &pairs, ("candle", "candle again"));
    }
    print_batch("candle", &batch_against_prefill(candle));
    print_rounding("candle", candle, text);
}

fn share() -> Duration {
    budget::or(BUDGET) / (Work::ALL.len() as u32 + 2)
}

fn batch_against_prefill(context: &mut impl Context) -> Pairs {
    let context = RefCell::new(context);
    side_by_side::run(
        share(),
        || Work::PrefillOfBatch.run(*context.borrow_mut()),
        || Work::BatchedDecode.run(*context.borrow_mut()),
    )
}

fn print(work: Work, pairs: &Pairs, (left_name, right_name): (&str, &str)) {
    let (left, right) = pairs.medians();
    let ratio = pairs.ratio();
    let tokens = work.tokens() as f64;
    println!(
        "{}: {left_name} {:.1}, {right_name} {:.1} tokens/s (medians); rate {left_name} / \
         {right_name}: {:.3} (95 % interval {:.3} to {:.3}, {} pairs)",
        work.name(),
        tokens / left,
        tokens / right,
        1.0 / ratio.estimate,
        1.0 / ratio.high,
        1.0 / ratio.low,
        ratio.pairs
    );
}

fn print_batch(name: &str, pairs: &Pairs) {
    let ratio = pairs.ratio();
    let (prefill, decode) = pairs.medians();
    let tokens = Work::BatchedDecode.tokens() as f64;
    println!(
        "{name}: {} {:.1}, {} {:.1} tokens/s (medians); rate decode / prefill: {:.3} (95 % interval {:.3} \
         to {:.3}, {} pairs)",
        Work::BatchedDecode.name(),
        tokens / decode,
        Work::PrefillOfBatch.name(),
        tokens / prefill,
        ratio.estimate,
        ratio.low,
        ratio.high,
        ratio.pairs
    );
}
