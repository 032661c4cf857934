//! The result of one suite: what the file holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PERFORMANCE_SCHEMA;
use super::figures::{self, Figure};
use super::samples::Process;
use crate::record::{Contradiction, Host, Tool, difference};

/// What a suite is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// Loading, latency and throughput of one client.
    Inference,
    /// Memory, at rest and over requests.
    Memory,
    /// Throughput over the number of clients.
    Concurrent,
    /// Answers that are kept.
    Cache,
}

impl Suite {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Inference, Self::Memory, Self::Concurrent, Self::Cache];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::Memory => "memory",
            Self::Concurrent => "concurrent",
            Self::Cache => "cache",
        }
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// It continues a prompt, token by token.
    Generate,
    /// It gives a text its direction.
    Embed,
}

/// The model that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The file's name.
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// What computes.
    pub backend: String,
    /// What it does.
    pub task: Task,
    /// What its tensors would take as 32-bit floating point numbers, in bytes; `None` where the
    /// format does not tell their shapes.
    pub f32_bytes: Option<u64>,
}

/// Where it was measured, and by which program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The machine; no names, no absolute paths.
    pub host: Host,
    /// Instruction sets that the processor offers, of those that the engine asks about.
    pub processor_features: Vec<String>,
    /// The program.
    pub build: Build,
}

/// A build of the program that measures, which is the one that is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// SHA-256 of the binary; `None` where it cannot be read.
    pub sha256: Option<String>,
    /// Whether it was built with optimisations that leave debug assertions out.
    pub is_release: bool,
    /// Instruction sets that the compiler was allowed to use.
    pub target_features: Vec<String>,
}

/// How it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Threads that compute.
    pub threads: u32,
    /// Requests that are computed together.
    pub slots: u32,
    /// Tokens of each answer; 0 for a task without answers in tokens.
    pub max_tokens: u32,
    /// Prompts that were asked in turn.
    pub prompts: u32,
    /// SHA-256 of them.
    pub prompts_sha256: String,
    /// Numbers of clients, one after the other.
    pub clients: Vec<u32>,
    /// Keys and capacities of the cache suite.
    pub cache: Option<CacheSettings>,
    /// Processes that were asked for.
    pub processes: u32,
    /// Requests that were asked for, in all processes together; `None` where time was.
    pub requests: Option<u64>,
    /// Seconds that were asked for; `None` where requests were.
    pub duration_s: Option<f64>,
    /// Where another program was measured in turns with this one: what both results are marked with.
    /// Their processes of the same number ran one after the other, in an order that was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<String>,
}

/// What is asked of a cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheSettings {
    /// Different prompts.
    pub keys: u32,
    /// How unequally popular they are: the exponent of Zipf's law.
    pub zipf_exponent: f64,
    /// Decides the draws.
    pub seed: u64,
    /// Answers that the caches have room for, one after the other.
    pub capacities: Vec<u64>,
}

/// All that the samples depend on beside the code that is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The program that made the result.
    pub tool: Tool,
    /// Where.
    pub environment: Environment,
    /// On which model.
    pub model: Model,
    /// How.
    pub settings: Settings,
}

/// The result of one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerformanceResult {
    /// [`PERFORMANCE_SCHEMA`].
    pub schema: u32,
    /// The suite.
    pub benchmark_type: Suite,
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
    /// Largest resident memory of the process, mapped files included, in megabytes (10⁶ bytes).
    pub memory_usage_mb: Option<f64>,
    /// How many values a figure takes that is absent for want of them, by its name.
    pub needs: BTreeMap<String, u64>,
    /// Whether the suite was carried out to its end; else these are the samples up to then.
    pub complete: bool,
    /// What the samples depend on.
    pub circumstances: Circumstances,
    /// All figures with their intervals, those above among them.
    pub figures: BTreeMap<String, Figure>,
    /// The samples.
    pub processes: Vec<Process>,
}

impl PerformanceResult {
    /// The result of `suite` from its samples.
    pub fn new(
        suite: Suite,
        timestamp: String,
        circumstances: Circumstances,
        processes: Vec<Process>,
        complete: bool,
    ) -> Self {
        let figures = figures::of(suite, &circumstances, &processes);
        let value = |name: &str| figures.get(name).and_then(|figure| figure.value);
        let needed = figures
            .iter()
            .filter_map(|(name, figure)| Some((name.clone(), figure.needs?)));
        Self {
            schema: PERFORMANCE_SCHEMA,
            benchmark_type: suite,
            timestamp,
            avg_latency_ms: value("avg_latency_ms"),
            p50_latency_ms: value("p50_latency_ms"),
            p90_latency_ms: value("p90_latency_ms"),
            p99_latency_ms: value("p99_latency_ms"),
            throughput_rps: value("throughput_rps"),
            error_rate: value("error_rate"),
            memory_usage_mb: value("memory_usage_mb"),
            needs: needed.collect(),
            complete,
            circumstances,
            figures,
            processes,
        }
    }

    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.get(name)
    }

    /// The first figure that does not follow from the samples; `None` where all do.
    pub fn contradiction(&self) -> Option<Contradiction> {
        let anew = Self::new(
            self.benchmark_type,
            self.timestamp.clone(),
            self.circumstances.clone(),
            self.processes.clone(),
            self.complete,
        );
        let name = format!("the {} suite", self.benchmark_type);
        difference(&name, &self.without_samples(), &anew.without_samples())
    }

    /// What is compared; the samples are what it is compared with.
    fn without_samples(&self) -> Value {
        let without = Self {
            processes: Vec::new(),
            ..self.clone()
        };
        serde_json::to_value(without).expect("plain data")
    }
}
