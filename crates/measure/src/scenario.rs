//! What is measured: scenarios, and the thresholds that judge them.
//!
//! Plain data that a caller fills from its own specification. Nothing here
//! reads a file or starts a process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::record::{Declared, MetricDefinition, Regime, Verdict};

/// One situation in which the arms are compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// Unique among the scenarios; any text, never used as a path.
    pub name: String,
    /// The group that the scenario belongs to; the budget serves every group first.
    pub group: String,
    /// A fresh process per sample, or requests to a long-lived worker.
    pub kind: Kind,
    /// Arguments of the binary.
    pub args: Vec<String>,
    /// Environment variables set on top of the caller's environment, alike for every arm.
    pub env: BTreeMap<String, String>,
    /// File given as standard input of a cold process; without it, standard input is empty.
    pub stdin: Option<PathBuf>,
    /// Working directory of the processes.
    pub directory: PathBuf,
    /// Files that the binary reads (absolute, or relative to `directory`).
    pub inputs: Vec<PathBuf>,
    /// Longest time that one cold process, or one warm request, may take.
    pub timeout: Duration,
    /// Exit code that a cold process must end with.
    pub exit: i32,
    /// A command that is run before each cold process, and is in no figure; none where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<String>,
    /// How a cold process that serves is used. Its driver's time is then the sample's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// Tags such as `cpu-bound` or `cold-start`.
    pub class: Vec<String>,
    /// Whether a gain is looked for here, or only the absence of a loss.
    pub role: Role,
    /// What the documents expect; printed beside the result.
    pub expect: Option<Expectation>,
    /// Further figures read from the output (cold) or the answers (warm).
    pub metrics: Vec<Metric>,
}

impl Scenario {
    /// The part of the scenario that goes into the record.
    pub fn declared(&self) -> Declared {
        let (kind, cache, pin) = match &self.kind {
            // What is not pinned says nothing, as records did before cold processes could be.
            Kind::Cold { cache, pin } => (
                Regime::Cold,
                Some(*cache),
                Some(*pin).filter(|pin| *pin != Pin::None),
            ),
            Kind::Warm { pin, .. } => (Regime::Warm, None, Some(*pin)),
        };
        Declared {
            name: self.name.clone(),
            group: self.group.clone(),
            kind,
            cache,
            pin,
            class: self.class.clone(),
            role: self.role,
            expected: self.expect,
            metric_definitions: self.metrics.iter().map(Metric::definition).collect(),
        }
    }
}

/// How a process that serves is used: it does not end by itself, and does what a driver asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    /// When the driver may start.
    pub ready: Ready,
    /// The command that asks the server, with its arguments. It must end with exit code 0.
    pub driver: Vec<String>,
    /// What ends the server after that.
    pub stop: Stop,
}

/// When a server is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// When this regex finds something in a line that the server writes, to standard output or error.
    Line(String),
    /// When this port of the machine accepts connections.
    Port(u16),
}

/// The signal that asks a server to end by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// As Ctrl-C sends it.
    #[default]
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// As `kill` and most supervisors send it.
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// As a closing terminal sends it.
    #[serde(rename = "SIGHUP")]
    HangUp,
}

/// How samples of a scenario are taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A fresh process per sample.
    Cold {
        /// State of the page cache for the scenario's inputs.
        cache: PageCache,
        /// Which cores the processes may use.
        pin: Pin,
    },
    /// Requests to a long-lived worker per arm.
    Warm {
        /// The request; `seq` is added to it.
        request: serde_json::Map<String, serde_json::Value>,
        /// Which cores the workers may use.
        pin: Pin,
        /// Requests per restart and arm that are marked as warm-up and not judged.
        warmup: u32,
    },
}

impl Kind {
    /// Which cores the processes or workers may use.
    pub fn pin(&self) -> Pin {
        match self {
            Self::Cold { pin, .. } | Self::Warm { pin, .. } => *pin,
        }
    }
}

/// State of the page cache when a cold process starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PageCache {
    /// Inputs are in memory (they were read shortly before).
    Warm,
    /// Inputs were dropped from memory, which is checked.
    Disk,
}

/// Which cores a process or worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// All that the program itself may use.
    None,
    /// One core, the same for every arm, one arm at a time.
    OneCore,
}

/// What a scenario is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A gain is looked for.
    Primary,
    /// Must not get slower.
    Guard,
}

/// What the documents expect of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Expectation {
    /// The verdict that is expected.
    pub verdict: Option<Verdict>,
    /// Expected share of time saved, `1 − candidate ÷ baseline`, lowest and highest.
    pub gain: Option<[f64; 2]>,
}

/// A figure that a run reports beside its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Name; for a warm scenario also the key in the answer's `metrics`.
    pub name: String,
    /// Cold: must match exactly once in stdout and stderr together; its first
    /// group is the number.
    pub regex: String,
    /// Unit for display.
    pub unit: String,
    /// Which direction is good.
    pub better: Better,
}

impl Metric {
    /// The part of the metric that goes into the record.
    pub fn definition(&self) -> MetricDefinition {
        MetricDefinition {
            name: self.name.clone(),
            unit: self.unit.clone(),
            better: self.better,
        }
    }
}

/// Which direction of a metric is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// A declared tendency over several scenarios, such as "the gain grows with concurrency".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Trend {
    /// `gain`, or the name of a metric (its candidate ÷ baseline ratio).
    pub metric: String,
    /// Scenario names in the order of the tendency.
    pub over: Vec<String>,
    /// The tendency that is expected.
    pub expect: Direction,
}

/// Direction of a [`Trend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Later scenarios have more of it.
    Increasing,
    /// Later scenarios have less of it.
    Decreasing,
}

/// Thresholds and resources of a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Judging {
    /// δ: the smallest effect that matters, as a share of the baseline's time.
    pub threshold: f64,
    /// Restarts per arm and scenario, at least [`Judging::LEAST_RESTARTS`].
    pub restarts: u32,
    /// Least number of judged pairs per restart of a warm scenario.
    pub min_pairs: u32,
    /// Seconds for all sampling, pilots included.
    pub budget_s: f64,
    /// Requests that an arm answers before another has its turn.
    pub turn_requests: u32,
    /// Seed of the random orders.
    pub seed: u64,
    /// Code layouts in which both arms are measured, at least [`Judging::LEAST_RESTARTS`]; the
    /// number of restarts is a multiple of it. `None` when each arm has the layout of one link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layouts: Option<u32>,
}

impl Judging {
    /// Fewer restarts give an interval that rests on the tails of Student's t.
    pub const LEAST_RESTARTS: u32 = 8;

    /// `restarts`, raised so that every layout has equally many.
    pub(crate) fn whole_layouts(&self, restarts: u32) -> u32 {
        restarts.next_multiple_of(self.layouts.unwrap_or(1).max(1))
    }
}

impl Default for Judging {
    fn default() -> Self {
        Self {
            threshold: 0.01,
            restarts: Self::LEAST_RESTARTS,
            min_pairs: 5,
            budget_s: 600.0,
            turn_requests: 1,
            seed: 0,
            layouts: None,
        }
    }
}
