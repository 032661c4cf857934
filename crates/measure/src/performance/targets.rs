//! What is fast enough, and whether it is: targets, each on the workload that it is defined on.
//!
//! Takes targets and the results of a backend; gives an outcome per target. A target that the backend
//! cannot have is not applicable, one whose figure is missing is not measured: neither passes silently.

use serde::{Deserialize, Serialize};

use super::result::{PerformanceResult, Suite, Task};
use super::{Figure, MEGABYTE};

/// Share of the size as 32-bit numbers that a model may take in memory, unless a number says otherwise.
const MEMORY_SHARE: f64 = 0.5;

/// The limits. Their names are those of the targets file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// A request takes less than so many milliseconds.
    pub inference_latency_ms: f64,
    /// The loaded model takes less than so many megabytes; `None`: less than half of what its tensors
    /// would take as 32-bit numbers.
    pub memory_efficiency_mb: Option<f64>,
    /// More than so many requests are answered per second.
    pub throughput_rps: f64,
    /// The engine takes requests after less than so many milliseconds.
    pub model_loading_time_ms: f64,
    /// More than this share of repeated requests is answered from the cache.
    pub cache_hit_ratio: f64,
    /// Less than this share of all cores is busy.
    pub cpu_utilization: f64,
    /// Less than this share of the machine's memory is taken.
    pub memory_utilization: f64,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            inference_latency_ms: 100.0,
            memory_efficiency_mb: None,
            throughput_rps: 1000.0,
            model_loading_time_ms: 5000.0,
            cache_hit_ratio: 0.8,
            cpu_utilization: 0.8,
            memory_utilization: 0.7,
        }
    }
}

impl Targets {
    /// The names of all targets.
    pub const KEYS: [&'static str; 7] = [
        "inference_latency_ms",
        "memory_efficiency_mb",
        "throughput_rps",
        "model_loading_time_ms",
        "cache_hit_ratio",
        "cpu_utilization",
        "memory_utilization",
    ];
}

/// On which side of its limit a figure must lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Below it.
    Below,
    /// Above it.
    Above,
}

/// Whether a target is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is.
    Pass,
    /// It is not.
    Fail,
    /// There is nothing that it could be about.
    NotApplicable,
    /// What it is about was not measured.
    NotMeasured,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotApplicable => "not applicable",
            Self::NotMeasured => "not measured",
        })
    }
}

/// One target on one backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetOutcome {
    /// Its name in the targets file.
    pub key: String,
    /// The backend that was measured.
    pub backend: String,
    /// What is measured, and how.
    pub definition: String,
    /// On which requests.
    pub workload: String,
    /// The limit; `None` where there is none.
    pub limit: Option<f64>,
    /// On which side of it the figure must lie.
    pub bound: Bound,
    /// The unit of limit and figure.
    pub unit: String,
    /// The answer.
    pub outcome: Outcome,
    /// The figure.
    pub measured: Option<f64>,
    /// Lower bound of its 95 % interval.
    pub low: Option<f64>,
    /// Upper bound of its 95 % interval.
    pub high: Option<f64>,
    /// What the reader must know.
    pub note: Option<String>,
}

/// What a target is about.
struct Target {
    key: &'static str,
    suite: Suite,
    figure: &'static str,
    bound: Bound,
    limit: Option<f64>,
    definition: &'static str,
}

/// All targets on the results of one backend.
pub fn check(targets: &Targets, results: &[&PerformanceResult]) -> Vec<TargetOutcome> {
    let Some(first) = results.first() else {
        return Vec::new();
    };
    list(targets, first)
        .iter()
        .map(|target| outcome(target, first, results))
        .collect()
}

fn list(targets: &Targets, any: &PerformanceResult) -> [Target; 7] {
    let f32_bytes = any.circumstances.model.f32_bytes;
    let half = f32_bytes.map(|bytes| bytes as f64 * MEMORY_SHARE / MEGABYTE);
    let below = |key, suite, figure, limit, definition| Target {
        key,
        suite,
        figure,
        bound: Bound::Below,
        limit,
        definition,
    };
    [
        below(
            "inference_latency_ms",
            Suite::Inference,
            "avg_latency_ms",
            Some(targets.inference_latency_ms),
            "mean time of a whole request, from sending it to its last token",
        ),
        below(
            "memory_efficiency_mb",
            Suite::Memory,
            "model_memory_mb",
            targets.memory_efficiency_mb.or(half),
            "resident memory after the requests, less that before the model was loaded; unless a \
             number is given, the limit is half of what the model's tensors take as 32-bit numbers",
        ),
        Target {
            bound: Bound::Above,
            ..below(
                "throughput_rps",
                Suite::Concurrent,
                "throughput_rps",
                Some(targets.throughput_rps),
                "answered requests per second with the most clients",
            )
        },
        below(
            "model_loading_time_ms",
            Suite::Inference,
            "model_loading_time_ms",
            Some(targets.model_loading_time_ms),
            "from opening the file, which is in the page cache, until the engine takes requests",
        ),
        Target {
            bound: Bound::Above,
            ..below(
                "cache_hit_ratio",
                Suite::Cache,
                "cache_hit_ratio",
                Some(targets.cache_hit_ratio),
                "share of requests that are answered with a kept answer, once the cache is full",
            )
        },
        below(
            "cpu_utilization",
            Suite::Inference,
            "cpu_utilization",
            Some(targets.cpu_utilization),
            "CPU time of the process ÷ (wall time × cores)",
        ),
        below(
            "memory_utilization",
            Suite::Inference,
            "memory_utilization",
            Some(targets.memory_utilization),
            "largest resident memory of the process ÷ memory of the machine",
        ),
    ]
}

fn outcome(
    target: &Target,
    any: &PerformanceResult,
    results: &[&PerformanceResult],
) -> TargetOutcome {
    let result = results
        .iter()
        .copied()
        .find(|result| result.benchmark_type == target.suite);
    let figure = result.and_then(|result| result.figure(target.figure));
    let measured = figure.and_then(|figure| figure.value);
    let (outcome, note) = judge(target, any, figure);
    TargetOutcome {
        key: target.key.to_owned(),
        backend: any.circumstances.model.backend.clone(),
        definition: target.definition.to_owned(),
        workload: result.map_or_else(|| format!("{} suite", target.suite), workload),
        limit: target.limit,
        bound: target.bound,
        unit: figure.map_or_else(|| unit(target.key), |figure| figure.unit.clone()),
        outcome,
        measured,
        low: figure.and_then(|figure| figure.low),
        high: figure.and_then(|figure| figure.high),
        note,
    }
}

/// The unit that a target's name ends in.
fn unit(key: &str) -> String {
    let unit = match key.rsplit('_').next() {
        Some("ms") => "ms",
        Some("mb") => "MB",
        Some("rps") => "rps",
        _ => "share",
    };
    unit.to_owned()
}

fn judge(
    target: &Target,
    any: &PerformanceResult,
    figure: Option<&Figure>,
) -> (Outcome, Option<String>) {
    if target.suite == Suite::Cache && any.circumstances.model.task == Task::Embed {
        let note = "the engine keeps no answers for this task";
        return (Outcome::NotApplicable, Some(note.to_owned()));
    }
    let Some(limit) = target.limit else {
        let note = "the model's format does not tell how large it would be as 32-bit numbers";
        return (Outcome::NotApplicable, Some(note.to_owned()));
    };
    let Some(value) = figure.and_then(|figure| figure.value) else {
        return (Outcome::NotMeasured, None);
    };
    let is_met = match target.bound {
        Bound::Below => value < limit,
        Bound::Above => value > limit,
    };
    let outcome = if is_met { Outcome::Pass } else { Outcome::Fail };
    (outcome, figure.and_then(|figure| doubt(figure, limit)))
}

/// Why the answer could be the other one.
fn doubt(figure: &Figure, limit: f64) -> Option<String> {
    let (low, high) = figure.low.zip(figure.high)?;
    (low <= limit && limit <= high)
        .then(|| "the limit lies within the interval: another run may say otherwise".to_owned())
}

/// The requests of a suite, in words.
fn workload(result: &PerformanceResult) -> String {
    let suite = result.benchmark_type;
    let settings = &result.circumstances.settings;
    let requests = match result.circumstances.model.task {
        Task::Generate => format!("answers of {} tokens", settings.max_tokens),
        Task::Embed => "one text each".to_owned(),
    };
    match suite {
        Suite::Inference | Suite::Memory => format!("{suite} suite: one client, {requests}"),
        Suite::Concurrent => {
            let most = settings.clients.iter().max().copied().unwrap_or(1);
            format!("{suite} suite: up to {most} clients, {requests}")
        }
        Suite::Cache => settings.cache.as_ref().map_or_else(
            || format!("{suite} suite"),
            |cache| {
                format!(
                    "{suite} suite: {} prompts by Zipf's law with s = {}, room for half of them",
                    cache.keys, cache.zipf_exponent
                )
            },
        ),
    }
}
