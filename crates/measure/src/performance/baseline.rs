//! The results of several suites and backends together, and the targets that they meet.

use serde::{Deserialize, Serialize};

use super::targets::TargetOutcome;
use super::{PERFORMANCE_SCHEMA, PerformanceResult};

/// What later results are compared with. The fields at its top are those of its first result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerformanceBaseline {
    /// [`PERFORMANCE_SCHEMA`].
    pub schema: u32,
    /// [`PerformanceBaseline::TYPE`].
    pub benchmark_type: String,
    /// When it began (RFC 3339, UTC).
    pub timestamp: String,
    /// Mean time of a request, in milliseconds.
    pub avg_latency_ms: Option<f64>,
    /// Half of the requests took at most so long.
    pub p50_latency_ms: Option<f64>,
    /// 90 % of them did.
    pub p90_latency_ms: Option<f64>,
    /// 99 % of them did.
    pub p99_latency_ms: Option<f64>,
    /// Answered requests per second.
    pub throughput_rps: Option<f64>,
    /// Share of requests that were not answered.
    pub error_rate: Option<f64>,
    /// Largest resident memory of the process, in megabytes.
    pub memory_usage_mb: Option<f64>,
    /// Whether all suites were carried out to their ends.
    pub complete: bool,
    /// The targets, one by one.
    pub targets: Vec<TargetOutcome>,
    /// The results, one per backend and suite.
    pub results: Vec<PerformanceResult>,
}

impl PerformanceBaseline {
    /// What `benchmark_type` says.
    pub const TYPE: &'static str = "baseline";

    /// A baseline that began at `timestamp`; `complete` says whether nothing is missing.
    pub fn new(
        timestamp: String,
        targets: Vec<TargetOutcome>,
        results: Vec<PerformanceResult>,
        complete: bool,
    ) -> Self {
        let first = |value: fn(&PerformanceResult) -> Option<f64>| results.first().and_then(value);
        Self {
            schema: PERFORMANCE_SCHEMA,
            benchmark_type: Self::TYPE.to_owned(),
            timestamp,
            avg_latency_ms: first(|result| result.avg_latency_ms),
            p50_latency_ms: first(|result| result.p50_latency_ms),
            p90_latency_ms: first(|result| result.p90_latency_ms),
            p99_latency_ms: first(|result| result.p99_latency_ms),
            throughput_rps: first(|result| result.throughput_rps),
            error_rate: first(|result| result.error_rate),
            memory_usage_mb: first(|result| result.memory_usage_mb),
            complete: complete && results.iter().all(|result| result.complete),
            targets,
            results,
        }
    }
}
