//! What the engine makes of models that answer many inputs in a pass, and of answers that it keeps.
//!
//! - Magika behind a batcher with many clients, against the same model given one input after the
//!   other without it.
//! - all-MiniLM-L6-v2 with 8-bit weights on ONNX Runtime against 32-bit weights on candle, each
//!   behind a batcher; and how far apart are the directions that they give to the same texts.
//! - One prompt whose answer is kept, asked for again and again, against computing the answer.
//!
//! All in pairs, with the same threads: as many as `INFERNO_BENCH_THREADS` says, or as there are
//! processors. Models and ONNX Runtime are those of `cargo xtask model fetch`; `ORT_DYLIB_PATH`
//! names another library. The language model is that of `BENCH_MODEL_PATH`, or the synthetic one,
//! whose answers cost far less than a real model's.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use inferno_benches::sample_inputs::{CERTAIN, Content, Kind};
use inferno_benches::side_by_side::{self, Pairs};
use inferno_benches::{budget, fetched, model, pool, requests, sample_inputs};
use inferno_inference::Error;
use inferno_inference::backend::{Backend, BatchModel, Embedding, Model as _};
use inferno_inference::batching::{Batcher, BatcherConfig, Request, Ticket};
use inferno_inference::candle::CandleModel;
use inferno_inference::candle::bert::CandleEmbeddingBackend;
use inferno_inference::engine::Source;
use inferno_inference::engine::response::ResponseCacheConfig;
use inferno_inference::onnx::{
    MagikaBackend, MagikaClassifier, OnnxEmbeddingBackend, OnnxSettings,
};

/// Time for all pairs, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_mins(2);

/// Contents of files that one sample classifies: a few for each client.
const CONTENTS: usize = 256;

/// Clients that classify.
const CLASSIFY_CLIENTS: [usize; 3] = [1, 8, 64];

/// Texts that one sample embeds.
const TEXTS: usize = 64;

/// Clients that embed. 32 fill a batch.
const EMBED_CLIENTS: [usize; 2] = [1, 32];

/// Requests of one sample that are answered with what was kept: so many that starting the clients'
/// threads does not count.
const HITS: usize = 5000;

/// Clients that ask for what was kept.
const HIT_CLIENTS: [usize; 2] = [1, 8];

/// Comparisons that share the budget.
const PARTS: usize = CLASSIFY_CLIENTS.len() + EMBED_CLIENTS.len() + HIT_CLIENTS.len();

/// Tokens of the prompt and of the answer that is kept.
const PROMPT_TOKENS: usize = 24;
const ANSWER_TOKENS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

fn main() {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let threads = unsafe { pool::start() };
    // All that is needed, before anything is measured.
    let settings = OnnxSettings {
        threads,
        ..OnnxSettings::new(fetched::onnx_library())
    };
    let magika = batcher(&MagikaBackend::new(settings.clone()), "magika");
    let int8 = batcher(&OnnxEmbeddingBackend::new(settings), "minilm-int8-onnx");
    let candle = batcher(&CandleEmbeddingBackend::default(), "minilm");
    let (name, language_model) = model::load().unwrap_or_else(|error| refuse(&error));
    println!("{threads} threads");
    let share = budget::or(BUDGET) / PARTS as u32;
    classify(&magika, share);
    embed(&int8, &candle, share);
    println!("model: {name}");
    keep(&Arc::new(language_model), share);
}

/// The model `name`, which was fetched, behind a queue.
fn batcher<B>(backend: &B, name: &str) -> Batcher<B::Model>
where
    B: Backend<Model: BatchModel>,
{
    let model = load(backend, &fetched::path(name));
    let config = BatcherConfig::default();
    Batcher::new(Arc::new(model), &config).expect("a batcher")
}

fn load<B: Backend>(backend: &B, path: &Path) -> B::Model {
    backend.load(path).unwrap_or_else(|error| refuse(&error))
}

fn refuse(error: &Error) -> ! {
    eprintln!("error: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("hint: {hint}");
    }
    exit(i32::from(error.exit_code()));
}

fn classify(magika: &Batcher<MagikaClassifier>, share: Duration) {
    let contents = sample_inputs::contents(CONTENTS);
    check_labels(magika);
    print_labels(magika, &contents);
    let inputs: Vec<_> = contents.into_iter().map(|content| content.bytes).collect();
    for clients in CLASSIFY_CLIENTS {
        let before = magika.counts();
        let pairs = side_by_side::run(
            share,
            || through_batcher(magika, &inputs, clients),
            || one_by_one(magika.model(), &inputs),
        );
        let after = magika.counts();
        let passes = (after.batches - before.batches) as f64;
        let what = format!(
            "magika, {clients} at once, {:.1} inputs per pass",
            (after.batch_inputs - before.batch_inputs) as f64 / passes
        );
        print(&what, (CONTENTS, "requests"), &pairs, ("batcher", "bare"));
    }
}

/// A model that is quick and wrong is not measured.
fn check_labels(magika: &Batcher<MagikaClassifier>) {
    let contents = CERTAIN.map(|(_, content)| content.as_bytes().to_vec());
    let answers = magika.run(Vec::from(contents));
    for ((label, _), answer) in CERTAIN.into_iter().zip(answers) {
        let found = answer.expect("a label").output.label;
        assert_eq!(&*found, label, "what is certainly {label} is not known");
    }
}

/// What the model takes the inputs for, which were made up.
fn print_labels(magika: &Batcher<MagikaClassifier>, contents: &[Content]) {
    for kind in Kind::ALL {
        let of_kind = contents.iter().filter(|content| content.kind == kind);
        let inputs = of_kind.map(|content| content.bytes.clone()).collect();
        let mut counts = BTreeMap::new();
        for answer in magika.run(inputs) {
            let label = answer.expect("a label").output.label;
            *counts.entry(label).or_insert(0) += 1;
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(label, count)| format!("{count} {label}"))
            .collect();
        println!("magika's labels of {}: {}", kind.name(), counts.join(", "));
    }
}

fn embed<L, R>(int8: &Batcher<L>, candle: &Batcher<R>, share: Duration)
where
    L: BatchModel<Input = String, Output = Embedding>,
    R: BatchModel<Input = String, Output = Embedding>,
{
    let texts = sample_inputs::texts(TEXTS);
    let names = ("int8 on onnx", "candle");
    let left = directions(int8.model(), &texts);
    let right = directions(candle.model(), &texts);
    let both = left.iter().zip(&right);
    let distances = both.map(|(left, right)| cosine_distance(left, right));
    println!(
        "minilm, {} against {}: largest cosine distance {:.4} ({TEXTS} texts, each alone)",
        names.0,
        names.1,
        distances.fold(0.0, f32::max)
    );
    for clients in EMBED_CLIENTS {
        let pairs = side_by_side::run(
            share,
            || through_batcher(int8, &texts, clients),
            || through_batcher(candle, &texts, clients),
        );
        let what = format!("minilm, {clients} at once");
        print(&what, (TEXTS, "texts"), &pairs, names);
    }
}

/// Text by text: the 8-bit model rounds by the range of the whole batch.
fn directions<M>(model: &M, texts: &[String]) -> Vec<Embedding>
where
    M: BatchModel<Input = String, Output = Embedding>,
{
    let passes = texts.chunks(1).map(|text| model.run(text).expect("a pass"));
    let results = passes.flatten();
    results.map(|result| result.expect("a direction")).collect()
}

/// 1 minus the cosine of the angle between two directions, whose length is 1.
fn cosine_distance(left: &Embedding, right: &Embedding) -> f32 {
    let (left, right) = (&left.values, &right.values);
    assert_eq!(left.len(), right.len(), "directions of one space");
    let products = left.iter().zip(right).map(|(left, right)| left * right);
    1.0 - products.sum::<f32>()
}

fn through_batcher<M>(batcher: &Batcher<M>, inputs: &[M::Input], clients: usize)
where
    M: BatchModel<Input: Clone + Sync>,
{
    by_clients(clients, inputs.len(), |number| {
        let request = Request::new(inputs[number].clone());
        let answer = batcher.submit(request).and_then(Ticket::wait);
        answer.expect("an answer");
    });
}

fn one_by_one<M: BatchModel>(model: &M, inputs: &[M::Input]) {
    for input in inputs {
        for answer in model.run(std::slice::from_ref(input)).expect("a pass") {
            answer.expect("an answer");
        }
    }
}

/// Calls `work` with each number below `count`, from `clients` threads: each takes the next number
/// as soon as it is done with its last, so that as many are at work until the numbers run out.
fn by_clients(clients: usize, count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let client = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            break;
        }
        work(number);
    };
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(client);
        }
    });
}

fn print(
    what: &str,
    (count, unit): (usize, &str),
    pairs: &Pairs,
    (left_name, right_name): (&str, &str),
) {
    let (left, right) = pairs.medians();
    let ratio = pairs.ratio();
    let count = count as f64;
    println!(
        "{what}: {left_name} {:.1}, {right_name} {:.1} {unit}/s (medians); rate {left_name} / \
         {right_name}: {:.3} (95 % interval {:.3} to {:.3}, {} pairs)",
        count / left,
        count / right,
        1.0 / ratio.estimate,
        1.0 / ratio.high,
        1.0 / ratio.low,
        ratio.pairs
    );
}

fn keep(model: &Arc<CandleModel>, share: Duration) {
    let prompt = requests::prompt(model.tokenizer(), PROMPT_TOKENS, 0);
    let keeping = requests::engine(
        model,
        Some(ResponseCacheConfig {
            max_bytes: 1 << 24,
            time_to_live: Duration::from_hours(24),
        }),
    );
    let computing = requests::engine(model, None);
    let first = requests::answer(&keeping, &prompt, ANSWER_TOKENS);
    assert_eq!(first.source, Source::Computed, "nothing is kept yet");
    for clients in HIT_CLIENTS {
        let pairs = side_by_side::run(
            share,
            || {
                by_clients(clients, HITS, |_| {
                    let kept = requests::answer(&keeping, &prompt, ANSWER_TOKENS);
                    assert_eq!(kept.source, Source::Cached);
                    assert_eq!(kept.tokens, first.tokens);
                });
            },
            || {
                let computed = requests::answer(&computing, &prompt, ANSWER_TOKENS);
                assert_eq!(computed.source, Source::Computed);
                assert_eq!(computed.tokens, first.tokens, "the same answer");
            },
        );
        print_hits(clients, first.prompt_tokens, &pairs);
    }
}

fn print_hits(clients: usize, prompt_tokens: usize, pairs: &Pairs) {
    let (hits_s, computed_s) = pairs.medians();
    let ratio = pairs.ratio();
    let count = HITS as f64;
    println!(
        "kept answer of {prompt_tokens} + {ANSWER_TOKENS} tokens, {clients} at once: {:.0} hits/s, \
         {:.1} µs per hit (mean of {HITS}), {:.2} ms to compute the answer (medians); hits in the \
         time of one computed answer: {:.1} (95 % interval {:.1} to {:.1}, {} pairs)",
        count / hits_s,
        // Each client waits for its own.
        1e6 * hits_s * clients as f64 / count,
        1e3 * computed_s,
        count / ratio.estimate,
        count / ratio.high,
        count / ratio.low,
        ratio.pairs
    );
}
