//! Which figures a suite has, and from which samples each is taken.

use super::unit::{self, Unit};
use crate::performance::MEGABYTE;
use crate::performance::result::{Circumstances, Suite};
use crate::performance::samples::Run;
use crate::scenario::Better;

/// The values of one process that a figure is taken from.
type Values<'a> = Box<dyn Fn(&Unit<'_>) -> Vec<f64> + 'a>;

/// How a figure is taken.
pub(in crate::performance) struct Definition<'a> {
    pub(in crate::performance) name: String,
    pub(in crate::performance) unit: &'static str,
    /// Which direction is good; without it the figure is not compared.
    pub(in crate::performance) better: Option<Better>,
    pub(in crate::performance) scale: Scale,
    pub(in crate::performance) wanted: Wanted,
    pub(in crate::performance) statistic: Statistic,
    pub(in crate::performance) values: Values<'a>,
}

/// What a figure depends on beside the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::performance) enum Scale {
    /// On how fast the machine is, as times do.
    Speed,
    /// On the same, as rates do.
    InverseSpeed,
    /// On neither, as sizes do.
    Size,
}

/// Which runs a figure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::performance) enum Wanted {
    All,
    Headline,
    Clients(u32),
    Capacity(u64),
}

impl Wanted {
    pub(super) fn takes(self, run: &Run) -> bool {
        match self {
            Self::All => true,
            Self::Headline => run.headline,
            Self::Clients(clients) => run.clients == clients,
            Self::Capacity(capacity) => run.cache_capacity == Some(capacity),
        }
    }
}

/// What is made of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::performance) enum Statistic {
    /// Their mean.
    Mean,
    /// They are times between events: events per second.
    Rate,
    /// The value that this share of them do not exceed.
    Percentile(f64),
    /// They are 0 or 1: the share of 1.
    Share,
}

pub(in crate::performance) fn throughput_at(clients: u32) -> String {
    format!("throughput_rps_at_{clients}")
}

pub(in crate::performance) fn hit_ratio_at(capacity: u64) -> String {
    format!("cache_hit_ratio_at_{capacity}")
}

pub(in crate::performance) fn lru_at(capacity: u64) -> String {
    format!("cache_hit_ratio_lru_at_{capacity}")
}

pub(in crate::performance) fn best_at(capacity: u64) -> String {
    format!("cache_hit_ratio_best_at_{capacity}")
}

/// All that are taken from samples.
pub(in crate::performance) fn definitions(
    suite: Suite,
    circumstances: &Circumstances,
) -> Vec<Definition<'_>> {
    let mut all = of_requests();
    all.extend(of_processes(circumstances));
    all.extend(match suite {
        Suite::Inference => of_tokens(),
        Suite::Memory => of_memory(circumstances),
        Suite::Concurrent => of_clients(circumstances),
        Suite::Cache => of_cache(circumstances),
    });
    all
}

const LOWER: Option<Better> = Some(Better::Lower);
const HIGHER: Option<Better> = Some(Better::Higher);

/// A time in milliseconds.
fn time<'a>(
    name: impl Into<String>,
    statistic: Statistic,
    values: impl Fn(&Unit<'_>) -> Vec<f64> + 'a,
) -> Definition<'a> {
    Definition {
        name: name.into(),
        unit: "ms",
        better: LOWER,
        scale: Scale::Speed,
        wanted: Wanted::Headline,
        statistic,
        values: Box::new(values),
    }
}

/// A value of a whole process that does not depend on how fast the machine is.
fn size<'a>(
    name: &str,
    unit: &'static str,
    better: Option<Better>,
    value: impl Fn(&Unit<'_>) -> Option<f64> + 'a,
) -> Definition<'a> {
    Definition {
        name: name.to_owned(),
        unit,
        better,
        scale: Scale::Size,
        wanted: Wanted::All,
        statistic: Statistic::Mean,
        values: Box::new(move |unit| value(unit).into_iter().collect()),
    }
}

fn throughput<'a>(name: String, wanted: Wanted) -> Definition<'a> {
    Definition {
        name,
        unit: "rps",
        better: HIGHER,
        scale: Scale::InverseSpeed,
        wanted,
        statistic: Statistic::Rate,
        values: Box::new(unit::between_answers_s),
    }
}

fn share<'a>(
    name: String,
    better: Option<Better>,
    wanted: Wanted,
    values: impl Fn(&Unit<'_>) -> Vec<f64> + 'a,
) -> Definition<'a> {
    Definition {
        name,
        unit: "share",
        better,
        scale: Scale::Size,
        wanted,
        statistic: Statistic::Share,
        values: Box::new(values),
    }
}

fn of_requests<'a>() -> Vec<Definition<'a>> {
    let latency = |name: &str, statistic| time(name, statistic, unit::latencies_ms);
    vec![
        latency("avg_latency_ms", Statistic::Mean),
        latency("p50_latency_ms", Statistic::Percentile(0.50)),
        latency("p90_latency_ms", Statistic::Percentile(0.90)),
        latency("p99_latency_ms", Statistic::Percentile(0.99)),
        throughput("throughput_rps".to_owned(), Wanted::Headline),
        share(
            "error_rate".to_owned(),
            LOWER,
            Wanted::Headline,
            unit::errors,
        ),
    ]
}

fn of_processes(circumstances: &Circumstances) -> Vec<Definition<'_>> {
    let host = &circumstances.environment.host;
    let utilization = move |unit: &Unit<'_>| unit::cpu_utilization(unit, host.cores);
    vec![
        size("memory_usage_mb", "MB", LOWER, |unit| {
            Some(peak_bytes(unit)? / MEGABYTE)
        }),
        size("memory_utilization", "share", None, move |unit| {
            Some(peak_bytes(unit)? / host.memory_bytes? as f64)
        }),
        Definition {
            wanted: Wanted::All,
            ..time("model_loading_time_ms", Statistic::Mean, loading_ms)
        },
        Definition {
            wanted: Wanted::Headline,
            ..size("cpu_utilization", "share", None, utilization)
        },
    ]
}

fn peak_bytes(unit: &Unit<'_>) -> Option<f64> {
    Some(unit.process.peak_resident_bytes? as f64)
}

fn loading_ms(unit: &Unit<'_>) -> Vec<f64> {
    let loading = unit.process.load_ns.into_iter();
    loading
        .map(|nanoseconds| nanoseconds as f64 / 1e6)
        .collect()
}

fn of_tokens<'a>() -> Vec<Definition<'a>> {
    let first = |name: &str, share| time(name, Statistic::Percentile(share), unit::first_tokens_ms);
    vec![
        first("p50_first_token_ms", 0.50),
        first("p90_first_token_ms", 0.90),
        Definition {
            // It says what the throughput says, so it is not compared.
            scale: Scale::InverseSpeed,
            wanted: Wanted::Headline,
            ..size("answer_tokens_per_s", "tokens/s", None, unit::tokens_per_s)
        },
    ]
}

fn of_memory(circumstances: &Circumstances) -> Vec<Definition<'_>> {
    let f32_bytes = circumstances.model.f32_bytes;
    vec![
        size("anonymous_memory_mb", "MB", LOWER, |unit| {
            Some(unit.process.at_rest.anonymous_bytes? as f64 / MEGABYTE)
        }),
        size("model_memory_mb", "MB", LOWER, |unit| {
            Some(unit::model_bytes(unit)? / MEGABYTE)
        }),
        size("memory_reduction", "share", None, move |unit| {
            Some(1.0 - unit::model_bytes(unit)? / f32_bytes? as f64)
        }),
        size("memory_growth_per_request_kb", "kB", None, |unit| {
            Some(unit::growth_per_request_bytes(unit)? / 1e3)
        }),
    ]
}

fn of_clients(circumstances: &Circumstances) -> Vec<Definition<'_>> {
    let clients = circumstances.settings.clients.iter();
    clients
        .flat_map(|&clients| {
            let wanted = Wanted::Clients(clients);
            let latency = Definition {
                // It follows from throughput and clients (Little's law).
                better: None,
                wanted,
                ..time(
                    format!("p50_latency_ms_at_{clients}"),
                    Statistic::Percentile(0.50),
                    unit::latencies_ms,
                )
            };
            [throughput(throughput_at(clients), wanted), latency]
        })
        .collect()
}

fn of_cache(circumstances: &Circumstances) -> Vec<Definition<'_>> {
    let settings = circumstances.settings.cache.as_ref();
    let capacities = settings.map_or(&[][..], |settings| settings.capacities.as_slice());
    let mut all = vec![
        share(
            "cache_hit_ratio".to_owned(),
            HIGHER,
            Wanted::Headline,
            unit::hits,
        ),
        time("hit_latency_ms", Statistic::Mean, unit::hit_latencies_ms),
        time("miss_latency_ms", Statistic::Mean, unit::miss_latencies_ms),
    ];
    // The headline's is compared, and is one of these.
    all.extend(capacities.iter().map(|&capacity| {
        let wanted = Wanted::Capacity(capacity);
        share(hit_ratio_at(capacity), None, wanted, unit::hits)
    }));
    all
}
