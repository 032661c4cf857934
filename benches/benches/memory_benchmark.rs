//! What the engine keeps in memory: how much at most, how much less than the same model in 32-bit
//! numbers, what is asked of the allocator per request and per token, and whether anything is lost
//! on the way.
//!
//! An allocator that counts sees every block of Rust code, to the byte. The times of this program
//! are no measure: counting costs some. It does not run under Criterion, because there is nothing
//! to repeat until an interval is narrow: counts are exact. `inferno performance-benchmark
//! memory-profile` looks for leaks in a process without a counting allocator.

use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use inferno_benches::counting_allocator::{CLASS_BYTES, CountingAllocator, Counts};
use inferno_benches::model::ModelFile;
use inferno_benches::{budget, model, pool, requests, selection};
use inferno_inference::backend::{Backend as _, Model as _};
use inferno_inference::candle::{CandleBackend, CandleModel};
use inferno_inference::engine::{Engine, EngineConfig, Request};
use inferno_inference::gguf::Header;
use inferno_measure::leak::{Judgement, Limits, Phase, Plan, cycles, judge};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Time for the cycles that look for leaks, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_secs(25);

/// Requests that the engine computes together.
const SLOTS: NonZeroUsize = NonZeroUsize::new(25).unwrap();

/// Tokens of each prompt.
const PROMPT_TOKENS: usize = 16;

/// Tokens of a short and of a long answer; what the second asks for beyond the first is that of
/// tokens.
const SHORT: NonZeroUsize = NonZeroUsize::new(8).unwrap();
const LONG: NonZeroUsize = NonZeroUsize::new(40).unwrap();

/// Requests of one cycle.
const REQUESTS: usize = 4;

/// Cycles that warm up, cycles without requests, and the fewest and most that are judged.
const WARM_UP: usize = 10;
const CONTROL: usize = 40;
const MEASURED: (usize, usize) = (40, 400);

/// Growth per request that would not matter, in bytes.
const TOLERANCE: f64 = 64.0;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

fn main() {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let threads = unsafe { pool::start() };
    if !selection::is_chosen("memory") {
        eprintln!("memory: nothing is measured without `--bench`, or with another filter");
        return;
    }
    let file = model::file();
    println!("model: {}; {threads} threads, {SLOTS} slots", file.name());
    let engine = load(&file);
    peaks(&engine);
    patterns(&engine);
    leak(&engine, budget::or(BUDGET));
}

/// Loads the model, starts the engine, and says what each took.
fn load(file: &ModelFile) -> Engine<CandleModel> {
    let before = ALLOCATOR.counts();
    ALLOCATOR.forget_peak();
    let model = CandleBackend.load(file.path()).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(i32::from(error.exit_code()));
    });
    let loaded = ALLOCATOR.counts();
    let model_bytes = loaded.live_bytes - before.live_bytes;
    print_memory("load the model", &before, &loaded);
    print_efficiency(file, model_bytes);
    ALLOCATOR.forget_peak();
    let config = EngineConfig {
        slots: SLOTS,
        ..EngineConfig::default()
    };
    let engine = Engine::new(Arc::new(model), config).expect("an engine");
    print_memory("start the engine", &loaded, &ALLOCATOR.counts());
    engine
}

fn print_memory(what: &str, before: &Counts, after: &Counts) {
    let kept = after.live_bytes as f64 - before.live_bytes as f64;
    let above = after.peak_bytes as f64 - before.live_bytes as f64;
    println!(
        "{what:<28} keeps {:>9.3} MiB, needs at most {:>9.3} MiB",
        kept / MEBIBYTE,
        above / MEBIBYTE
    );
}

/// The model against the same numbers as 32-bit floating-point values.
fn print_efficiency(file: &ModelFile, model_bytes: u64) {
    let read = File::open(file.path())
        .map_err(|error| error.to_string())
        .and_then(|mut file| Header::read(&mut file).map_err(|problem| problem.to_string()));
    let header = match read {
        Ok(header) => header,
        Err(problem) => {
            println!("memory efficiency: not measured: {problem}");
            return;
        }
    };
    let tensors = header.tensors.values();
    let values: usize = tensors
        .map(|tensor| tensor.shape.iter().product::<usize>())
        .sum();
    let wide_bytes = values as f64 * 4.0;
    println!(
        "memory efficiency: {:.1} MiB loaded, {:.1} MiB as 32-bit numbers: {:.1} % less",
        model_bytes as f64 / MEBIBYTE,
        wide_bytes / MEBIBYTE,
        100.0 * (1.0 - model_bytes as f64 / wide_bytes)
    );
}

/// Requests of `tokens` tokens each.
fn batch(engine: &Engine<CandleModel>, count: usize, tokens: NonZeroUsize) -> Vec<Request> {
    let tokenizer = engine.model().tokenizer();
    (0..count)
        .map(|number| {
            let prompt = requests::prompt(tokenizer, PROMPT_TOKENS, number);
            requests::greedy(&prompt, tokens, "")
        })
        .collect()
}

/// Has `requests` answered, and waits until the engine has let go of them.
fn serve(engine: &Engine<CandleModel>, requests: Vec<Request>) {
    let answers = engine.run(requests);
    assert!(answers.iter().all(Result::is_ok), "a request failed");
    drop(answers);
    loop {
        let counts = engine.counts();
        if counts.waiting == 0 && counts.running == 0 {
            return;
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// What `work` asks of the allocator.
fn counted(work: impl FnOnce()) -> (Counts, Counts) {
    let before = ALLOCATOR.counts();
    ALLOCATOR.forget_peak();
    work();
    (before, ALLOCATOR.counts())
}

fn peaks(engine: &Engine<CandleModel>) {
    // What is made once and kept is not to be counted with the first request.
    serve(engine, batch(engine, SLOTS.get(), SHORT));
    for count in [1, SLOTS.get()] {
        let requests = batch(engine, count, SHORT);
        let (before, after) = counted(|| serve(engine, requests));
        print_memory(&format!("{count} requests at once"), &before, &after);
    }
    match inferno_measure::host::memory_of_this_program().resident_bytes {
        Some(bytes) => println!("resident now: {:.1} MiB", bytes as f64 / MEBIBYTE),
        None => println!("resident now: not measured: this platform does not tell"),
    }
}

fn patterns(engine: &Engine<CandleModel>) {
    let of = |tokens: NonZeroUsize| {
        let requests = batch(engine, 1, tokens);
        let (before, after) = counted(|| serve(engine, requests));
        after.since(&before)
    };
    let (short, long) = (of(SHORT), of(LONG));
    println!("\nasked of the allocator, by one request of {PROMPT_TOKENS} + {SHORT} tokens:");
    println!(
        "  {} blocks, {} of them made larger or smaller, {:.1} KiB in all",
        short.allocations,
        short.reallocations,
        short.allocated_bytes as f64 / 1024.0
    );
    for (class, count) in short.by_class.iter().enumerate() {
        match CLASS_BYTES.get(class) {
            Some(bytes) => println!("  up to {bytes:>6} bytes: {count}"),
            None => println!("  more:              {count}"),
        }
    }
    let tokens = (LONG.get() - SHORT.get()) as f64;
    let per_token =
        |count: fn(&Counts) -> u64| (count(&long) as f64 - count(&short) as f64) / tokens;
    println!(
        "by each further token: {:.1} blocks, {:.1} bytes",
        per_token(|counts| counts.allocations),
        per_token(|counts| counts.allocated_bytes)
    );
}

fn leak(engine: &Engine<CandleModel>, budget: Duration) {
    let started = Instant::now();
    serve(engine, batch(engine, REQUESTS, SHORT));
    let cycle_s = started.elapsed().as_secs_f64().max(1e-6);
    let (least, most) = MEASURED;
    let fitting = (budget.as_secs_f64() / cycle_s) as usize;
    let plan = Plan {
        warm_up: WARM_UP,
        control: CONTROL,
        measured: fitting.saturating_sub(WARM_UP).clamp(least, most),
    };
    let requests = batch(engine, REQUESTS, SHORT);
    // Room for all, so that keeping them does not count as growth.
    let mut live = Vec::with_capacity(plan.count());
    let outcome: Result<_, std::convert::Infallible> = cycles::run(
        plan,
        || {
            serve(engine, requests.clone());
            Ok(())
        },
        |cycle| {
            live.push((cycle.phase, ALLOCATOR.counts().live_bytes as f64));
            Ok(ControlFlow::Continue(()))
        },
    );
    let Ok(cycles) = outcome;
    let of = |phase: Phase| -> Vec<f64> {
        let values = live.iter().filter(|(of, _)| *of == phase);
        values.map(|(_, bytes)| *bytes).collect()
    };
    let limits = |grain: f64| Limits {
        tolerance: TOLERANCE * REQUESTS as f64,
        grain,
    };
    println!("\n{} cycles of {REQUESTS} requests:", plan.measured);
    let counted = judge(&of(Phase::Measured), &of(Phase::Control), limits(1.0));
    print_judgement("counted memory", Some(counted));
    let anonymous = |phase| cycles::series(&cycles, phase, |reading| reading.anonymous_bytes);
    let series = anonymous(Phase::Measured).zip(anonymous(Phase::Control));
    let resident = series.map(|(measured, control)| judge(&measured, &control, limits(4096.0)));
    print_judgement("anonymous memory", resident);
}

fn print_judgement(what: &str, judgement: Option<Judgement>) {
    let Some(judgement) = judgement else {
        println!("  {what}: not measured: this platform does not tell");
        return;
    };
    let verdict = format!("{:?}", judgement.verdict).to_lowercase();
    let reason = judgement.reason.map(|reason| format!(" ({reason:?})"));
    print!("  {what}: leak: {verdict}{}", reason.unwrap_or_default());
    match judgement.growth {
        None => println!(),
        Some(growth) => println!(
            "; {:+.2} bytes per cycle (95 % interval {:+.2} to {:+.2}); a leak of {:.2} would have been \
             seen",
            growth.slope, growth.low, growth.high, growth.smallest_leak
        ),
    }
}
