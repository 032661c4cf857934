//! The inputs of the score, each with how it was measured or why it was not.
//!
//! Gives [`Evidence`]: plain data. It holds nothing of a measured gain.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Share of CPU time in code that the compiler could instrument.
    InstrumentableShare,
    /// CPU time ÷ wall time, at most 1.
    CpuBoundness,
    /// 64-byte lines of code that hold 95 % of the instructions executed.
    CodeLines,
    /// Conditional branches that a simple predictor misses, per 1000 instructions.
    MissedBranches,
    /// Indirect branches and calls per 1000 instructions.
    IndirectBranches,
    /// Indirect branches that go elsewhere than the last time, per 1000 instructions.
    MissedIndirect,
    /// Calls per 1000 instructions: what inlining could save.
    Calls,
}

impl Input {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::InstrumentableShare,
        Self::CpuBoundness,
        Self::CodeLines,
        Self::MissedBranches,
        Self::IndirectBranches,
        Self::MissedIndirect,
        Self::Calls,
    ];

    /// The name in records and in the data file.
    pub fn name(self) -> &'static str {
        match self {
            Self::InstrumentableShare => "instrumentable_share",
            Self::CpuBoundness => "cpu_boundness",
            Self::CodeLines => "code_lines",
            Self::MissedBranches => "missed_branches",
            Self::IndirectBranches => "indirect_branches",
            Self::MissedIndirect => "missed_indirect",
            Self::Calls => "calls",
        }
    }

    /// The unit for display.
    pub fn unit(self) -> &'static str {
        match self {
            Self::InstrumentableShare | Self::CpuBoundness => "share",
            Self::CodeLines => "lines",
            Self::MissedBranches | Self::IndirectBranches | Self::MissedIndirect | Self::Calls => {
                "per 1000 instructions"
            }
        }
    }
}

/// One input as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value; `None` when it was not measured.
    pub value: Option<f64>,
    /// How it was measured, or why it was not.
    pub detail: String,
}

impl Measured {
    /// A value and how it came about.
    pub fn new(value: f64, detail: impl Into<String>) -> Self {
        Self {
            value: Some(value),
            detail: detail.into(),
        }
    }

    /// The reason why there is no value.
    pub fn not(reason: impl Into<String>) -> Self {
        Self {
            value: None,
            detail: format!("not measured: {}", reason.into()),
        }
    }
}

/// All inputs of one program.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence(pub BTreeMap<Input, Measured>);

impl Evidence {
    /// The value of an input, where it was measured.
    pub fn value(&self, input: Input) -> Option<f64> {
        self.0.get(&input).and_then(|measured| measured.value)
    }
}

impl Evidence {
    /// Whether every input was measured.
    pub fn is_complete(&self) -> bool {
        Input::ALL.iter().all(|input| self.value(*input).is_some())
    }
}
