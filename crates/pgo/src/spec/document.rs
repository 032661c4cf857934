//! The spec's format, key by key, as serde reads it.
//!
//! Gives plain data; what a reader must check beyond the types is in `check`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use inferno_measure::record::Verdict;
use inferno_measure::scenario::{Better, Direction, PageCache, Ready, Server, Stop};
use serde::{Deserialize, Deserializer, Serialize};

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: String,
    #[serde(default)]
    pub(super) assets: BTreeMap<String, String>,
    pub(super) target: Target,
    #[serde(default)]
    pub(super) judge: Judge,
    #[serde(default)]
    pub(super) train: Vec<Train>,
    #[serde(default)]
    pub(super) scenario: Vec<ScenarioSpec>,
    #[serde(default)]
    pub(super) trend: Vec<Trend>,
    #[serde(default)]
    pub(super) verify: Verify,
    #[serde(default)]
    pub(super) metric: BTreeMap<String, MetricSpec>,
    pub(super) criterion: Option<Criterion>,
    #[serde(default)]
    pub(super) store: Store,
}

/// `[target]`: the cargo target of every arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Manifest of the package or its workspace, relative to the spec.
    #[serde(default = "default_manifest")]
    pub manifest: PathBuf,
    /// The package.
    pub package: String,
    /// A binary target; exactly one of `bin`, `example` and `bench`.
    pub bin: Option<String>,
    /// An example target.
    pub example: Option<String>,
    /// A benchmark target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bench: Option<String>,
    /// Features of the package.
    #[serde(default)]
    pub features: Vec<String>,
    /// Whether the package's default features are on.
    #[serde(default = "enabled", rename = "default-features")]
    pub default_features: bool,
    /// The cargo profile of every arm.
    #[serde(default = "default_profile")]
    pub profile: String,
    /// The target triple; default: the user's configuration, else the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triple: Option<String>,
    /// Flags common to every arm, after the user's own.
    #[serde(default)]
    pub rustflags: Vec<String>,
    /// What compiles the C and C++ code of build scripts in every arm; absent, it is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c: Option<CCompiler>,
    /// Settings over the manifest's cargo profile, as `--config` takes them. No key of the spec: the
    /// rungs of a ladder have them.
    #[serde(skip)]
    pub settings: Vec<String>,
}

/// A compiler of C and C++ that can share a profile with rustc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CCompiler {
    /// clang of the LLVM that rustc was built with.
    Clang,
}

impl Target {
    /// The name of the executable.
    pub fn executable(&self) -> &str {
        let name = match self.kind() {
            ExecutableKind::Bin => &self.bin,
            ExecutableKind::Example => &self.example,
            ExecutableKind::Bench => &self.bench,
        };
        name.as_deref().unwrap_or(&self.package)
    }

    /// What kind of cargo target the executable is.
    pub fn kind(&self) -> ExecutableKind {
        if self.example.is_some() {
            ExecutableKind::Example
        } else if self.bench.is_some() {
            ExecutableKind::Bench
        } else {
            ExecutableKind::Bin
        }
    }
}

/// The kinds of cargo targets that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutableKind {
    /// A binary.
    Bin,
    /// An example.
    Example,
    /// A benchmark.
    Bench,
}

impl ExecutableKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bin, Self::Example, Self::Bench];

    /// The spec's key, which is also the name of cargo's option.
    pub fn key(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Example => "example",
            Self::Bench => "bench",
        }
    }

    /// Whether `target` is of this kind.
    pub(crate) fn is_of(self, target: &cargo_metadata::Target) -> bool {
        match self {
            Self::Bin => target.is_bin(),
            Self::Example => target.is_example(),
            Self::Bench => target.is_bench(),
        }
    }
}

/// `[judge]`: thresholds of the verdict.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Judge {
    /// δ: the smallest effect that matters, as a share.
    pub threshold: f64,
    /// Worker or process restarts per arm, at least.
    pub restarts: u32,
    /// Pairs per restart of a warm scenario, at least.
    pub min_pairs: u32,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            threshold: 0.01,
            restarts: 8,
            min_pairs: 5,
        }
    }
}

/// `[[train]]`: one process on the instrumented binary.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Unique name.
    pub name: String,
    /// Arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// A file for standard input.
    pub stdin: Option<PathBuf>,
    /// Requests for a worker, one line of JSON each; `seq` is added.
    #[serde(default)]
    pub requests: Vec<Request>,
    /// Extra environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files hashed with the stage.
    #[serde(default)]
    pub inputs: Vec<PathBuf>,
    /// Share of the merged profile, after normalisation.
    #[serde(default = "default_weight")]
    pub weight: f64,
    /// The process is killed, and training fails, after this.
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    pub timeout: Duration,
    /// The expected exit code.
    #[serde(default)]
    pub exit: i32,
    /// A command that is run before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<String>,
    /// A server: when its driver may start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// A server: the command that asks it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub driver: Vec<String>,
    /// A server: the signal that ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

impl Train {
    /// How the process is used, if it serves.
    pub fn server(&self) -> Option<Server> {
        server(self.ready.as_ref(), &self.driver, self.stop)
    }
}

/// What serves is what is said to be ready some time.
fn server(ready: Option<&Ready>, driver: &[String], stop: Option<Stop>) -> Option<Server> {
    Some(Server {
        ready: ready?.clone(),
        driver: driver.to_vec(),
        stop: stop.unwrap_or_default(),
    })
}

/// One request to a worker, without its `seq`.
pub type Request = serde_json::Map<String, serde_json::Value>;

/// How a scenario is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioKind {
    /// A fresh process per sample.
    Cold,
    /// Requests to a long-lived worker.
    Warm,
}

/// `[[scenario]]`: what is compared, on holdout input.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioSpec {
    /// The report's group; default: the name.
    pub group: Option<String>,
    /// Unique name.
    pub name: String,
    /// How it is sampled.
    pub kind: ScenarioKind,
    /// Arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// A file for standard input (cold).
    pub stdin: Option<PathBuf>,
    /// Extra environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files hashed with the stage; the ones that `cache = "disk"` drops.
    #[serde(default)]
    pub inputs: Vec<PathBuf>,
    /// A sample that takes longer is an error.
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    pub timeout: Duration,
    /// The expected exit code.
    #[serde(default)]
    pub exit: i32,
    /// A command that is run before each sample (cold).
    #[serde(default)]
    pub prepare: Vec<String>,
    /// A server (cold): when its driver may start.
    pub ready: Option<Ready>,
    /// A server: the command that asks it, whose time is the sample's.
    #[serde(default)]
    pub driver: Vec<String>,
    /// A server: the signal that ends it.
    pub stop: Option<Stop>,
    /// The page cache before a cold sample.
    pub cache: Option<PageCache>,
    /// The worker's request (warm).
    pub request: Option<Request>,
    /// All arms on the same core, one at a time.
    #[serde(default)]
    pub pin: bool,
    /// Discarded requests per restart (warm).
    pub warmup: Option<u32>,
    /// Tags that say why the documents expect what they expect.
    #[serde(default)]
    pub class: Vec<String>,
    /// What the documents expect, printed beside the result.
    pub expect: Option<Expect>,
    /// Must not get slower; without it a primary metric.
    #[serde(default)]
    pub guard: bool,
}

impl ScenarioSpec {
    /// How the process is used, if it serves.
    pub fn server(&self) -> Option<Server> {
        server(self.ready.as_ref(), &self.driver, self.stop)
    }
}

/// `expect = { verdict = "faster", gain = [0.15, 0.30] }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The expected verdict.
    pub verdict: Option<Verdict>,
    /// The expected gain as a range of shares of time saved.
    pub gain: Option<[f64; 2]>,
}

/// `[[trend]]`: how a metric moves over scenarios.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// `gain`, or the name of a metric.
    pub metric: String,
    /// Scenario names, in order.
    pub over: Vec<String>,
    /// The expected direction.
    pub expect: Direction,
}

/// `[verify]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    #[serde(default)]
    pub(super) output: Output,
}

/// What must be equal in both arms on the holdout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// All of standard output.
    #[default]
    Stdout,
    /// What the pattern's first group (or the whole match) captures, every match in order.
    Regex(String),
    /// Nothing; the report says so.
    Unchecked,
}

impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pattern {
            regex: String,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Pattern(Pattern),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Word(word)) if word == "stdout" => Ok(Self::Stdout),
            Ok(Written::Word(word)) if word == "none" => Ok(Self::Unchecked),
            Ok(Written::Pattern(Pattern { regex })) => Ok(Self::Regex(regex)),
            _ => Err(serde::de::Error::custom(
                "output must be \"stdout\", \"none\" or { regex = '…' }",
            )),
        }
    }
}

/// `[criterion]`: the benchmark that looks at the verified pair after the record is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Manifest of the package or its workspace, relative to the spec; default: the target's.
    pub manifest: Option<PathBuf>,
    /// The package with the benchmark.
    pub package: String,
    /// The bench target. It is told spec, output directory and budget by `INFERNO_BENCH_SPEC`,
    /// `INFERNO_BENCH_OUT` and `INFERNO_BENCH_BUDGET`.
    pub bench: String,
    /// Features of the package.
    #[serde(default)]
    pub features: Vec<String>,
    /// Whether the package's default features are on.
    #[serde(default = "enabled", rename = "default-features")]
    pub default_features: bool,
    /// The cargo profile of the benchmark, which only drives the arms.
    #[serde(default = "default_bench_profile")]
    pub profile: String,
    /// Time for all its samples.
    #[serde(default = "default_bench_budget", deserialize_with = "duration")]
    pub budget: Duration,
}

/// `[store]`: when the profile that is kept beside the spec is too old.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The largest staleness with which the stored profile is used, as a share.
    pub max_staleness: f64,
}

impl Default for Store {
    fn default() -> Self {
        Self { max_staleness: 0.1 }
    }
}

/// `[metric.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSpec {
    /// Cold scenarios: exactly one match in stdout and stderr.
    pub regex: String,
    /// The unit to print.
    pub unit: String,
    /// Which direction is better.
    pub better: Better,
    /// The scenarios it is read in; default: all.
    pub scenarios: Option<Vec<String>>,
}

fn default_manifest() -> PathBuf {
    "../Cargo.toml".into()
}

fn default_profile() -> String {
    "release".into()
}

fn default_bench_profile() -> String {
    "bench".into()
}

fn default_bench_budget() -> Duration {
    Duration::from_mins(5)
}

fn enabled() -> bool {
    true
}

fn default_weight() -> f64 {
    1.0
}

fn default_timeout() -> Duration {
    Duration::from_mins(2)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    super::duration::parse(&text).map_err(serde::de::Error::custom)
}
