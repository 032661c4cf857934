//! Raw samples: what was measured, in the order in which it was measured.
//!
//! Pure data, shared by the sampling log and the record. Nothing here judges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One of the binaries that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// What is shipped today.
    Baseline,
    /// A byte copy of the baseline.
    Control,
    /// What may replace it.
    Candidate,
}

impl std::fmt::Display for Arm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Control => "control",
            Self::Candidate => "candidate",
        })
    }
}

/// A value per arm; the control may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PerArm<T> {
    /// The baseline's value.
    pub baseline: T,
    /// The control's value, when there is a control.
    pub control: Option<T>,
    /// The candidate's value.
    pub candidate: T,
}

/// What one process (cold) or one request (warm) cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sample {
    /// The time that is judged, in nanoseconds: of the process, or as the worker states it.
    pub wall_ns: u64,
    /// User and system CPU time, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<u64>,
    /// Warm: from sending the request to having read the answer, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ns: Option<u64>,
    /// Cold: largest resident set, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// Cold: page faults served without I/O.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor_faults: Option<u64>,
    /// Cold: page faults that needed I/O.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major_faults: Option<u64>,
    /// Cold: context switches that the kernel forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub involuntary_switches: Option<u64>,
    /// Further figures by metric name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub metrics: BTreeMap<String, f64>,
}

/// Why a pair was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// To plan the measurement; not judged.
    Pilot,
    /// To warm the worker; not judged.
    Warmup,
    /// Judged.
    Measured,
}

/// Whether the arms of a pair gave the same output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// All arms gave the output with this SHA-256.
    Same(String),
    /// The outputs' SHA-256 differ.
    Differ(PerArm<String>),
}

/// The arms' answers to the same input, taken within one turn each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pair {
    /// Input number, the same for every arm.
    pub seq: u64,
    /// Why the pair was taken.
    pub phase: Phase,
    /// Number of the turn within the restart.
    pub turn: u32,
    /// Place of the request within its turn, from 0.
    pub turn_position: u32,
    /// Order in which the arms had their turn.
    pub order: Vec<Arm>,
    /// The baseline's sample.
    pub baseline: Sample,
    /// The control's sample, when there is a control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Sample>,
    /// The candidate's sample.
    pub candidate: Sample,
    /// Whether the outputs agree, where the protocol tells (warm).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

impl Pair {
    /// The sample of `arm`; `None` when that arm was not measured.
    pub fn sample(&self, arm: Arm) -> Option<&Sample> {
        match arm {
            Arm::Baseline => Some(&self.baseline),
            Arm::Control => self.control.as_ref(),
            Arm::Candidate => Some(&self.candidate),
        }
    }
}

/// State of the machine while a block of samples was taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HostBlock {
    /// Share of all cores' time that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// Share of the block's time in which some task waited for a core (`/proc/pressure/cpu`).
    pub cpu_pressure_share: Option<f64>,
    /// Load average over the last minute, at the block's end.
    pub load_average: Option<f64>,
    /// Involuntary context switches of the measured processes, per second of the block.
    pub involuntary_switches_per_s: Option<f64>,
    /// Why the block counts as disturbed; `None` when it does not.
    pub disturbed: Option<String>,
}

/// What went on around an arm while it had its turns of a block. What the platform does not tell
/// is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Surroundings {
    /// Length of the turns in nanoseconds.
    pub wall_ns: u64,
    /// CPU time that the arm used, in nanoseconds.
    pub used_ns: Option<u64>,
    /// Time in which its threads could have run and had no core, in nanoseconds.
    pub waited_ns: Option<u64>,
    /// Time of all cores that was not idle, stolen time included, in nanoseconds. The kernel tells
    /// it in ticks of mostly 10 ms, so that it says something only over many turns.
    pub busy_ns: Option<u64>,
    /// How often somebody else stopped the arm and let it go on.
    pub stops: u32,
}

/// New processes for every arm, and the pairs that were taken with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Restart {
    /// Number of the restart, from 0; pilots count apart.
    pub index: u32,
    /// Number of the code layout in which both arms were linked, from 0; `None` when each arm has
    /// the layout of one link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<u32>,
    /// Order in which the arms' processes were started.
    pub start_order: Vec<Arm>,
    /// Warm: what the worker states as its start-up time, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_ns: Option<PerArm<u64>>,
    /// Warm: CPU time that each arm used while it was not its turn, in nanoseconds.
    /// `None` where the platform cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_cpu_ns: Option<PerArm<u64>>,
    /// What went on around each arm while it had its turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<PerArm<Surroundings>>,
    /// State of the machine meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostBlock>,
    /// The pairs in the order in which they were taken.
    pub pairs: Vec<Pair>,
}

/// All samples of a scenario.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Samples {
    /// Why nothing was measured; `None` when the plan was carried out.
    pub not_run: Option<NotRun>,
    /// The restarts in the order in which they were taken.
    pub restarts: Vec<Restart>,
}

/// Why a scenario was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NotRun {
    /// Its minimum does not fit into the budget.
    NeedsBudget {
        /// The scenario's own minimum, in seconds.
        minimum_s: f64,
        /// The smallest `--budget` with which it would be measured, in seconds.
        budget_s: f64,
    },
}
