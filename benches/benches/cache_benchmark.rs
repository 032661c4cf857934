//! What a cache of answers is worth: hits by how often keys come again and by how many fit, beside
//! what theory expects; time per operation; and the time that the engine saves by it.
//!
//! The cache is the engine's, moka, with its two policies. LRU has a theory (Che's approximation)
//! that it is checked against; `TinyLFU` is what the engine uses, between LRU and the static
//! optimum. Hits are counted after the cache was filled. Keys and capacities are counted, not
//! weighed. A hit ratio without the pattern of the keys and the capacity says nothing.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use inferno_benches::figures::share_text;
use inferno_benches::key_patterns::{Pattern, share_of_repeats};
use inferno_benches::{budget, flamegraph, model, pool, requests, selection};
use inferno_inference::backend::Model as _;
use inferno_inference::candle::CandleModel;
use inferno_inference::engine::Source;
use inferno_inference::engine::response::ResponseCacheConfig;
use inferno_measure::performance::cache as theory;
use inferno_measure::stats::median;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Time for all parts, without `INFERNO_BENCH_BUDGET`. The table takes as long as it takes, some 20
/// s.
const BUDGET: Duration = Duration::from_secs(50);

/// Keys that there are.
const KEYS: usize = 10_000;

/// Keys that fit, in per cent of those that there are.
const CAPACITIES_PERCENT: [usize; 4] = [1, 5, 10, 25];

/// Requests that fill the cache, and requests that are counted, per seed.
const FILL: usize = 50_000;
const COUNTED: usize = 40_000;

/// Each with its own sequence of keys.
const SEEDS: u64 = 3;

/// Share of the budget per benchmark of Criterion, of which there are three, and for the engine.
const PARTS: u32 = 5;

/// Different prompts, law and most requests by which the engine is asked, with and without a cache.
const PROMPTS: usize = 50;
const PROMPT_PATTERN: Pattern = Pattern::Zipf(1.0);
const MOST_REQUESTS: usize = 400;
const FEWEST_REQUESTS: usize = 20;

/// Tokens of each prompt and answer.
const PROMPT_TOKENS: usize = 24;
const ANSWER_TOKENS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

fn main() {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let threads = unsafe { pool::start() };
    let mut criterion = flamegraph::criterion();
    let share = budget::or(BUDGET) / PARTS;
    operations(&mut criterion, share);
    criterion.final_summary();
    if selection::is_chosen("cache_hits") {
        hits();
    }
    if selection::is_chosen("cache_latency") {
        let (name, model) = model::load().unwrap_or_else(|error| {
            eprintln!("error: {error}");
            std::process::exit(i32::from(error.exit_code()));
        });
        println!("\nmodel: {name}; {threads} threads");
        latency(&Arc::new(model), share * 2);
    }
}

/// A cache of `capacity` keys that counts what it drops.
fn cache(capacity: usize, policy: EvictionPolicy) -> (Cache<usize, u64>, Arc<AtomicU64>) {
    let evicted = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&evicted);
    let cache = Cache::builder()
        .max_capacity(capacity as u64)
        .eviction_policy(policy)
        .eviction_listener(move |_: Arc<usize>, _: u64, cause| {
            if cause == RemovalCause::Size {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build();
    (cache, evicted)
}

fn operations(criterion: &mut Criterion, share: Duration) {
    let mut group = criterion.benchmark_group("cache");
    group
        .warm_up_time(share / 4)
        .measurement_time(share / 2)
        .throughput(Throughput::Elements(1));
    let capacity = KEYS / 10;
    let (cache, _) = full_cache(capacity);
    group.bench_function("hit", |bencher| {
        let mut keys = (0..capacity).cycle();
        bencher.iter(|| cache.get(black_box(&keys.next().unwrap_or_default())));
    });
    let (cache, _) = full_cache(capacity);
    group.bench_function("insert_and_evict", |bencher| {
        let mut keys = capacity..;
        bencher.iter(|| cache.insert(black_box(keys.next().unwrap_or_default()), 0));
    });
    let (cache, _) = full_cache(capacity);
    let requests = Pattern::Zipf(1.0).requests(KEYS, FILL, 0);
    group.bench_function("zipf_1.0", |bencher| {
        let mut keys = requests.iter().cycle();
        bencher.iter(|| {
            let key = *black_box(keys.next().unwrap_or(&0));
            if cache.get(&key).is_none() {
                cache.insert(key, 0);
            }
        });
    });
    group.finish();
}

fn full_cache(capacity: usize) -> (Cache<usize, u64>, Arc<AtomicU64>) {
    let (cache, evicted) = cache(capacity, EvictionPolicy::tiny_lfu());
    for key in 0..capacity {
        cache.insert(key, 0);
    }
    cache.run_pending_tasks();
    (cache, evicted)
}

/// What a cache did with the requests that are counted.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    hits: u64,
    requests: u64,
    evicted: u64,
}

impl Outcome {
    fn share(self) -> f64 {
        self.hits as f64 / self.requests as f64
    }

    fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.requests += other.requests;
        self.evicted += other.evicted;
    }
}

/// Asks a cache for `fill` and then for `counted`, and puts in what is missing.
fn replay(capacity: usize, policy: EvictionPolicy, fill: &[usize], counted: &[usize]) -> Outcome {
    let (cache, evicted) = cache(capacity, policy);
    let ask = |key: usize| {
        let is_hit = cache.get(&key).is_some();
        if !is_hit {
            cache.insert(key, 0);
            // What is due is done now and not some time later, so that the cache is never overfull.
            cache.run_pending_tasks();
        }
        is_hit
    };
    for &key in fill {
        ask(key);
    }
    let before = evicted.load(Ordering::Relaxed);
    let hits = counted.iter().filter(|&&key| ask(key)).count();
    Outcome {
        hits: hits as u64,
        requests: counted.len() as u64,
        evicted: evicted.load(Ordering::Relaxed) - before,
    }
}

fn hits() {
    println!(
        "\nhits in per cent of {COUNTED} requests × {SEEDS} seeds for {KEYS} keys, after {FILL} to fill; 95 % \
         intervals in brackets (requests taken as independent)"
    );
    println!(
        "{:<18}{:>9}  {:<24}{:>8}  {:<24}{:>8}{:>10}{:>12}",
        "keys", "fit", "LRU", "theory", "TinyLFU", "optimum", "infinite", "evicted/1000"
    );
    let mut largest: Option<f64> = None;
    for pattern in Pattern::ALL {
        let sequences: Vec<_> = (1..=SEEDS)
            .map(|seed| pattern.requests(KEYS, FILL + COUNTED, seed))
            .collect();
        for percent in CAPACITIES_PERCENT {
            let distance = print_row(pattern, KEYS * percent / 100, &sequences);
            largest = distance.map_or(largest, |distance| {
                Some(largest.map_or(distance, |largest| largest.max(distance)))
            });
        }
    }
    if let Some(largest) = largest {
        println!(
            "LRU is off its theory by at most {:.2} percentage points",
            largest * 100.0
        );
    }
    println!(
        "what is not let in counts as evicted; the optimum knows beforehand how popular keys are"
    );
}

/// Prints a line of the table; gives how far LRU is from its theory, where there is one.
fn print_row(pattern: Pattern, capacity: usize, sequences: &[Vec<usize>]) -> Option<f64> {
    let (mut lru, mut tiny_lfu) = (Outcome::default(), Outcome::default());
    let mut infinite = 0.0;
    for sequence in sequences {
        let (fill, counted) = sequence.split_at(FILL);
        lru.add(replay(capacity, EvictionPolicy::lru(), fill, counted));
        tiny_lfu.add(replay(capacity, EvictionPolicy::tiny_lfu(), fill, counted));
        infinite += share_of_repeats(fill, counted) / sequences.len() as f64;
    }
    let popularity = pattern.popularity(KEYS);
    let popularity = popularity.as_deref();
    let fit = capacity as u64;
    let expected = popularity.map(|popularity| theory::lru_hit_ratio(popularity, fit));
    let optimum = popularity.map(|popularity| theory::best_hit_ratio(popularity, fit));
    let percent = |share: Option<f64>| {
        share.map_or_else(|| "–".to_owned(), |share| format!("{:.2}", share * 100.0))
    };
    println!(
        "{pattern:<18}{capacity:>9}  {:<24}{:>8}  {:<24}{:>8}{:>10}{:>12.1}",
        share_text(lru.hits, lru.requests),
        percent(expected),
        share_text(tiny_lfu.hits, tiny_lfu.requests),
        percent(optimum),
        percent(Some(infinite)),
        1000.0 * tiny_lfu.evicted as f64 / tiny_lfu.requests as f64,
    );
    expected.map(|expected| (expected - lru.share()).abs())
}

/// The same requests through an engine that keeps answers and through one that does not.
fn latency(model: &Arc<CandleModel>, share: Duration) {
    let plain = requests::engine(model, None);
    let keeping = requests::engine(
        model,
        Some(ResponseCacheConfig {
            max_bytes: 1 << 24,
            time_to_live: Duration::from_mins(50),
        }),
    );
    let tokenizer = model.tokenizer();
    let prompts: Vec<String> = (0..PROMPTS)
        .map(|number| {
            format!(
                "{number}: {}",
                requests::prompt(tokenizer, PROMPT_TOKENS, number)
            )
        })
        .collect();
    let trial = requests::answer(&plain, &prompts[0], ANSWER_TOKENS)
        .timings
        .total;
    let fitting = share.as_secs_f64() / 2.0 / trial.as_secs_f64().max(1e-6);
    let count = (fitting as usize).clamp(FEWEST_REQUESTS, MOST_REQUESTS);
    let keys = PROMPT_PATTERN.requests(PROMPTS, count, 1);
    let (mut without_s, mut with_s) = (0.0, 0.0);
    let (mut hits_ms, mut misses_ms) = (Vec::new(), Vec::new());
    for key in &keys {
        // In turn, so that a drift of the machine meets both.
        without_s += requests::answer(&plain, &prompts[*key], ANSWER_TOKENS)
            .timings
            .total
            .as_secs_f64();
        let kept = requests::answer(&keeping, &prompts[*key], ANSWER_TOKENS);
        let seconds = kept.timings.total.as_secs_f64();
        with_s += seconds;
        if kept.source == Source::Cached {
            hits_ms.push(seconds * 1e3);
        } else {
            misses_ms.push(seconds * 1e3);
        }
    }
    println!(
        "{count} requests for {PROMPTS} prompts ({PROMPT_PATTERN}), all answers fit: hits {} %",
        share_text(hits_ms.len() as u64, keys.len() as u64)
    );
    let middle = |times: &[f64]| {
        median(times).map_or_else(|| "n/a".to_owned(), |time| format!("{time:.3} ms"))
    };
    println!(
        "a hit takes {}, a miss {} (medians); {:.1} % of the time without a cache is saved",
        middle(&hits_ms),
        middle(&misses_ms),
        100.0 * (1.0 - with_s / without_s)
    );
}
