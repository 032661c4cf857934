//! Which of two things is faster, whatever they are: programs that were measured in pairs,
//! records of earlier runs, or benchmark series of another tool. [`hosts`] has one pair on several
//! machines.
//!
//! Takes measured data, gives one [`Comparison`] as plain data. Pure functions: nothing here reads a
//! file or a clock. The rule is the same as the main job's (`verdict`); what differs is what the
//! interval rests on, which each row states as its [`Pairing`].

mod benchmarks;
mod fingerprint;
pub mod hosts;
mod pairs;
mod records;
mod unpaired;

pub use benchmarks::{BLOCKS, Benchmark, of_benchmarks};
pub use fingerprint::{Difference, Weight};
pub(crate) use fingerprint::{Found, host as host_differences, short};
pub use pairs::of_record;
pub use records::of_records;

use serde::{Deserialize, Serialize};

use crate::record::{Estimate, Verdict};

/// Version of the comparison's format; raised when a field changes its meaning or goes away.
pub const COMPARISON_SCHEMA: u32 = 1;

/// How far absolute times of unchanged code wander between runs on a shared machine, as a share
/// (docs/measuring.md): what an unpaired effect must exceed unless the caller knows better.
pub const DRIFT_DEFAULT: f64 = 0.15;

/// The answer to "which is faster?".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`COMPARISON_SCHEMA`].
    pub schema: u32,
    /// What was compared.
    pub subject: Subject,
    /// What is there today.
    pub baseline: Side,
    /// What may replace it.
    pub candidate: Side,
    /// δ: the smallest effect that matters, as a share.
    pub threshold: f64,
    /// By how much unpaired intervals were widened, as a share; `None` where no row is unpaired.
    pub drift: Option<f64>,
    /// A row per scenario or benchmark that both sides have.
    pub rows: Vec<Row>,
    /// What differs in the circumstances of both sides.
    pub differences: Vec<Difference>,
    /// What the reader must know beside the rows.
    pub notes: Vec<String>,
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Two programs, measured now.
    Programs,
    /// Two records of earlier runs.
    Records,
    /// Two baselines of Criterion.
    Benchmarks,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// What people call it: a file's name, or a baseline's.
    pub name: String,
    /// SHA-256 of the program; `None` where it is not known.
    pub sha256: Option<String>,
    /// When it was measured (RFC 3339, UTC); `None` where it is not known.
    pub measured: Option<String>,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairing {
    /// Both sides ran side by side: what disturbs one disturbs the other.
    Paired,
    /// Each side ran side by side with the same third program: the machine's drift between the
    /// runs cancels.
    Bridged,
    /// Each side ran at its own time: its interval is widened by the drift allowance.
    Unpaired,
}

impl std::fmt::Display for Pairing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Paired => "paired",
            Self::Bridged => "bridged",
            Self::Unpaired => "unpaired",
        })
    }
}

/// The answer for one scenario or benchmark. Effects are candidate ÷ baseline of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the scenario or benchmark.
    pub name: String,
    /// What the interval rests on.
    pub pairing: Pairing,
    /// The answer.
    pub verdict: Verdict,
    /// Why this is the answer, in one sentence.
    pub reason: String,
    /// Inconclusive: what it would take to know.
    pub remedy: Option<String>,
    /// Candidate ÷ baseline; `None` where it was not measured.
    pub effect: Option<f64>,
    /// Lower bound of the 95 % interval, the drift allowance included.
    pub ci_low: Option<f64>,
    /// Upper bound of the 95 % interval, the drift allowance included.
    pub ci_high: Option<f64>,
    /// Lower bound of the interval that decides, simultaneous over the rows.
    pub simultaneous_low: Option<f64>,
    /// Upper bound of the interval that decides.
    pub simultaneous_high: Option<f64>,
    /// The A/A control, the baseline against a copy of itself; `None` where there is none.
    pub aa: Option<Estimate>,
    /// Units of the interval on the baseline's side.
    pub baseline_units: u32,
    /// Units of the interval on the candidate's side.
    pub candidate_units: u32,
    /// What a unit is.
    pub unit: Unit,
    /// The baseline's time; `None` where it was not measured.
    pub baseline_time: Option<Time>,
    /// The candidate's time; `None` where it was not measured.
    pub candidate_time: Option<Time>,
    /// What the reader must know of this row.
    pub notes: Vec<String>,
    /// The judged samples.
    #[serde(skip)]
    pub samples: Series,
}

/// What an interval counts as one independent value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// New processes for every arm.
    Restart,
    /// A code layout in which every arm was linked.
    Layout,
    /// A block of consecutive samples of one process.
    Block,
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Restart => "restart",
            Self::Layout => "layout",
            Self::Block => "block",
        })
    }
}

/// An absolute time with its 95 % interval, in nanoseconds. It wanders with the machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// Geometric mean over the units.
    pub typical_ns: f64,
    /// Lower bound.
    pub low_ns: f64,
    /// Upper bound.
    pub high_ns: f64,
}

/// The judged samples of both sides, in nanoseconds, in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The baseline's.
    pub baseline_ns: Vec<f64>,
    /// The candidate's.
    pub candidate_ns: Vec<f64>,
}

impl Comparison {
    /// Whether some row has this verdict.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.rows.iter().any(|row| row.verdict == verdict)
    }

    /// The differences for which a comparison says nothing about the programs.
    pub fn obstacles(&self) -> impl Iterator<Item = &Difference> {
        self.differences
            .iter()
            .filter(|difference| difference.weight == Weight::Obstacle)
    }
}

#[cfg(test)]
mod tests;
