//! The record of a run: everything that was built, proved, measured and judged.
//!
//! Takes and gives JSON files; the fields are plain data for the report. Nothing
//! here judges. What was not measured is `None` (`null`), never zero. Effects and
//! intervals are candidate ÷ baseline of time, so below 1 is faster.

mod consistency;
mod provenance;
mod result;
mod storage;

pub use consistency::Contradiction;
pub(crate) use consistency::difference;
pub use provenance::concerns_profile;
pub use provenance::{
    Artifact, Artifacts, Audit, CCompiler, Check, CheckOutcome, FunctionCode, Hint, Host,
    HotFunction, Input, NullRebuild, Placement, Profile, ProfileSource, Sources, Spec, Stage,
    StageKind, StageState, Staleness, Stored, Suitability, SuitabilityInput, Timings, Tool,
    Toolchain, TrainingWorkload, Verification,
};
pub use result::{
    Declared, Estimate, ExpectationResult, InstructionCounts, MetricDefinition, MetricResult,
    Regime, ScenarioResult, Summary, TrendResult, TrendValue, Validity, Verdict,
};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::Judging;

/// Version of the record's format; raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// Name of the spec.
    pub name: String,
    /// When the record was made (RFC 3339, UTC).
    pub created: String,
    /// The program that made it.
    pub tool: Tool,
    /// The spec as it was read; `None` when two programs were compared without one.
    pub spec: Option<Spec>,
    /// The machine; no names, no absolute paths.
    pub host: Host,
    /// The compilers; `None` when this tool did not build the binaries.
    pub toolchain: Option<Toolchain>,
    /// The binaries.
    pub artifacts: Artifacts,
    /// Files that the workloads and scenarios read.
    pub inputs: Vec<Input>,
    /// The profile that the candidate was built with.
    pub profile: Option<Profile>,
    /// What was proved before measuring.
    pub verification: Verification,
    /// SHA-256 by scenario name of what is run there: arguments, environment, request and whatever
    /// else the samples depend on beside the binaries and the inputs. Empty in records that do not
    /// say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<String, String>,
    /// Thresholds and resources of the judgement.
    pub judging: Judging,
    /// Version of the judgement that made verdicts and figures from the samples
    /// ([`crate::verdict::STATISTICS`]); 1 in records that do not say.
    #[serde(default = "first_statistics")]
    pub statistics: u32,
    /// Result and samples by scenario, in the spec's order.
    pub scenarios: Vec<ScenarioResult>,
    /// Declared tendencies over scenarios.
    pub trends: Vec<TrendResult>,
    /// How to read the result; warning signs.
    pub hints: Vec<Hint>,
    /// Prediction of the gain from evidence that does not include it.
    pub suitability: Option<Suitability>,
    /// Wall time by stage.
    pub timings: Timings,
}

fn first_statistics() -> u32 {
    1
}

#[cfg(test)]
pub(crate) mod tests;
