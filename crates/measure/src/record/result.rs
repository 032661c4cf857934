//! The result of a scenario or trend as the record keeps it. Pure data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::samples::Samples;
use crate::scenario::{Better, Expectation, PageCache, Pin, Role, Trend};

/// The answer for a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The simultaneous interval lies below 1 and the effect is at least δ.
    Faster,
    /// The simultaneous interval lies above 1 and the effect is at least δ.
    Slower,
    /// The simultaneous interval lies inside ±δ.
    NoDifference,
    /// None of these, for the reason that is given.
    Inconclusive,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifference => "no-difference",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// How samples were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// A fresh process per sample.
    Cold,
    /// Requests to a long-lived worker.
    Warm,
}

impl std::fmt::Display for Regime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        })
    }
}

/// What the scenario declares, as far as the judgement and the report need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Declared {
    /// Unique name.
    pub name: String,
    /// Group of scenarios.
    pub group: String,
    /// How samples were taken.
    pub kind: Regime,
    /// Cold: state of the page cache.
    pub cache: Option<PageCache>,
    /// Cores of the processes or workers; `None` for cold ones that are not pinned.
    pub pin: Option<Pin>,
    /// Tags.
    pub class: Vec<String>,
    /// What the scenario is there for.
    pub role: Role,
    /// What the documents expect.
    pub expected: Option<Expectation>,
    /// The further figures that were read from the output.
    pub metric_definitions: Vec<MetricDefinition>,
}

/// Name, unit and direction of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MetricDefinition {
    /// Name.
    pub name: String,
    /// Unit for display.
    pub unit: String,
    /// Which direction is good.
    pub better: Better,
}

/// Result and samples of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ScenarioResult {
    /// What was measured (`name`, `group`, `kind`, … beside the fields below).
    #[serde(flatten)]
    pub scenario: Declared,
    /// The answer.
    pub verdict: Verdict,
    /// Why this is the answer, in one sentence.
    pub reason: String,
    /// Inconclusive: what it would take to know.
    pub remedy: Option<String>,
    /// Candidate ÷ baseline of time.
    pub effect: Option<f64>,
    /// Lower bound of the 95 % interval of `effect`, for display.
    pub ci_low: Option<f64>,
    /// Upper bound of the 95 % interval of `effect`, for display.
    pub ci_high: Option<f64>,
    /// Lower bound of the simultaneous interval that decides.
    pub simultaneous_low: Option<f64>,
    /// Upper bound of the simultaneous interval that decides.
    pub simultaneous_high: Option<f64>,
    /// Judged pairs over all restarts.
    pub pairs: u32,
    /// Judged restarts.
    pub restarts: u32,
    /// Code layouts in which both arms were linked and measured: then they are the unit of all
    /// intervals. `None` when layout is not controlled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layouts: Option<u32>,
    /// Minimum detectable effect as a share: the shift that this plan finds with 80 % power.
    pub mde: Option<f64>,
    /// Noise floor as a share: the far bound of the A/A interval.
    pub noise_floor: Option<f64>,
    /// Control ÷ baseline of time: the same code against itself.
    pub aa: Option<Estimate>,
    /// Standard deviation of the restarts' ln(candidate ÷ baseline).
    pub restart_sd: Option<f64>,
    /// Standard deviation of the code layouts' ln(candidate ÷ baseline).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout_sd: Option<f64>,
    /// Typical standard deviation of ln(candidate ÷ baseline) of the pairs within a restart.
    pub pair_sd: Option<f64>,
    /// Time and other costs that are measured without asking the program: `wall_ns`,
    /// and where known `cpu_ns`, `peak_rss_bytes`, `minor_faults`, `major_faults`.
    pub costs: BTreeMap<String, MetricResult>,
    /// Further figures that the program reports, by name.
    pub metrics: BTreeMap<String, MetricResult>,
    /// Whether the expectation is met; `None` when nothing was expected.
    pub expectation: Option<ExpectationResult>,
    /// How disturbed the machine was.
    pub validity: Validity,
    /// Warm: CPU time of the arms while it was not their turn, over all restarts, in nanoseconds.
    pub idle_cpu_ns: Option<u64>,
    /// What callgrind counted, when it was asked: a companion that decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<InstructionCounts>,
    /// The raw samples.
    pub samples: Samples,
}

/// A ratio with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Estimate {
    /// The ratio.
    pub effect: f64,
    /// Lower bound.
    pub ci_low: f64,
    /// Upper bound.
    pub ci_high: f64,
}

/// A figure in both arms and its ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MetricResult {
    /// Unit for display.
    pub unit: String,
    /// Which direction is good.
    pub better: Better,
    /// The baseline's samples.
    pub baseline: Summary,
    /// The candidate's samples.
    pub candidate: Summary,
    /// Candidate ÷ baseline; `None` when a sample is zero or negative, or restarts are too few.
    pub effect: Option<f64>,
    /// Lower bound of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper bound of its 95 % interval.
    pub ci_high: Option<f64>,
}

/// Distribution of a figure over the judged samples of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Number of samples.
    pub count: u32,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// 90th percentile (nearest rank).
    pub p90: f64,
    /// 99th percentile (nearest rank); `None` below 100 samples.
    pub p99: Option<f64>,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// Instructions that the arms execute, counted by callgrind: in user mode, all threads together.
///
/// Another count of the same binary gives the same figure, except for what differs from process to
/// process: hash seeds, and threads that spin while they wait, whose rounds are counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InstructionCounts {
    /// Instructions of the baseline, per process (cold) or per request (warm); `None` when they
    /// were not counted.
    pub baseline: Option<f64>,
    /// Instructions of the candidate, in the same unit.
    pub candidate: Option<f64>,
    /// Candidate ÷ baseline.
    pub ratio: Option<f64>,
    /// Warm: requests that the figures are the mean of, start-up and as many requests before them
    /// subtracted. `None` for one process.
    pub requests: Option<u32>,
    /// How they were counted, or why they were not.
    pub detail: String,
}

/// Whether something that was expected came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ExpectationResult {
    /// The measurement agrees with it.
    Met,
    /// The measurement contradicts it.
    NotMet,
    /// The measurement cannot tell, or was not made.
    NotMeasured,
}

impl std::fmt::Display for ExpectationResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Met => "met",
            Self::NotMet => "not-met",
            Self::NotMeasured => "not-measured",
        })
    }
}

/// How disturbed the machine was while a scenario was measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Validity {
    /// Blocks (restarts) that were measured.
    pub blocks: u32,
    /// Blocks that were disturbed beyond the limits.
    pub disturbed: u32,
    /// What disturbed them, each cause once with its number of blocks; and, where turns hold
    /// several requests, whether the first ones give another effect than the later ones.
    pub notes: Vec<String>,
}

/// A declared tendency and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TrendResult {
    /// What was declared (`metric`, `over`, `expect` beside the fields below).
    #[serde(flatten)]
    pub trend: Trend,
    /// The values in the declared order.
    pub values: Vec<TrendValue>,
    /// Whether the tendency is there.
    pub result: ExpectationResult,
    /// Why, in one sentence.
    pub detail: String,
}

/// The value of a trend's metric in one scenario; `None` where it was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TrendValue {
    /// Name of the scenario.
    pub scenario: String,
    /// The value: a gain as a share, or a ratio.
    pub value: Option<f64>,
    /// Lower bound of its 95 % interval.
    pub low: Option<f64>,
    /// Upper bound of its 95 % interval.
    pub high: Option<f64>,
}
