//! A ladder of builds of one program: each rung has a step more than the one below, and is compared
//! with that one and with the first.
//!
//! Takes what was built and the records of the comparisons; gives a [`Ladder`] as plain data, with
//! the rung that is recommended. Pure functions: nothing here builds, runs or reads anything.

mod recommend;

pub use recommend::recommend;

use serde::{Deserialize, Serialize};

use crate::campaign::Measured;
use crate::record::{Artifact, Host, Record, ScenarioResult, Tool, Toolchain, Verdict};
use crate::scenario::{Judging, Role};
use crate::verdict::{self, Trust};

/// Version of the ladder's format; raised when a field changes its meaning or goes away.
pub const LADDER_SCHEMA: u32 = 1;

/// What each step gains, and where to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ladder {
    /// [`LADDER_SCHEMA`].
    pub schema: u32,
    /// Name of the spec.
    pub name: String,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// The program that made it.
    pub tool: Tool,
    /// The machine; no names, no absolute paths.
    pub host: Host,
    /// The compilers.
    pub toolchain: Toolchain,
    /// Thresholds of the judgement. The budget is that of all comparisons together.
    pub judging: Judging,
    /// Version of the judgement ([`verdict::STATISTICS`]).
    pub statistics: u32,
    /// The rungs from the cheapest on, those that were skipped among them.
    pub rungs: Vec<Rung>,
    /// Where to stop.
    pub recommendation: Recommendation,
}

/// The cheapest rung that no dearer one has a real gain over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Name of the rung.
    pub rung: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// One step of the ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Unique name.
    pub name: String,
    /// What is done beyond the rung below, in a few words.
    pub adds: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a rung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was built, and compared where there is a rung below.
    Built(Box<Built>),
    /// It was skipped; the next rung stands on the one below it.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// A rung that was built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Built {
    /// The binary; its path is relative to the output directory.
    pub artifact: Artifact,
    /// Wall time of everything from the sources to this binary, training included, in seconds, from
    /// empty build folders; `None` where the last build did not begin with one.
    pub build_s: Option<f64>,
    /// What was proved of the build, a sentence each.
    pub proof: Vec<String>,
    /// Against the rung below; `None` for the first rung.
    pub below: Option<Compared>,
    /// Against the first rung: the same comparison where that is the one below.
    pub first: Option<Compared>,
}

/// A rung against another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Name of the other rung, the baseline of the comparison.
    pub against: String,
    /// The comparison's own record, relative to the output directory. It was judged alone; what
    /// stands here was judged with all other comparisons of the ladder.
    pub record: String,
    /// The scenarios in the spec's order.
    pub changes: Vec<Change>,
}

/// The answer for one scenario of a comparison; effects are this rung ÷ the other, of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Name of the scenario.
    pub scenario: String,
    /// What the scenario is there for.
    pub role: Role,
    /// The answer.
    pub verdict: Verdict,
    /// Whether the interval may be used for anything, whatever the answer.
    pub trust: Trust,
    /// Why this is the answer, in one sentence.
    pub reason: String,
    /// Inconclusive: what it would take to know.
    pub remedy: Option<String>,
    /// The effect; `None` where it was not measured.
    pub effect: Option<f64>,
    /// Lower bound of the 95 % interval, for display.
    pub ci_low: Option<f64>,
    /// Upper bound of the 95 % interval, for display.
    pub ci_high: Option<f64>,
    /// Lower bound of the interval that decides, simultaneous over all comparisons.
    pub simultaneous_low: Option<f64>,
    /// Upper bound of the interval that decides.
    pub simultaneous_high: Option<f64>,
}

impl Rung {
    /// What was built, if it was.
    pub fn built(&self) -> Option<&Built> {
        match &self.outcome {
            Outcome::Built(built) => Some(built),
            Outcome::Skipped { .. } => None,
        }
    }
}

impl Change {
    fn of(result: ScenarioResult, trust: Trust) -> Self {
        Self {
            trust,
            scenario: result.scenario.name,
            role: result.scenario.role,
            verdict: result.verdict,
            reason: result.reason,
            remedy: result.remedy,
            effect: result.effect,
            ci_low: result.ci_low,
            ci_high: result.ci_high,
            simultaneous_low: result.simultaneous_low,
            simultaneous_high: result.simultaneous_high,
        }
    }
}

/// Judges the scenarios of all comparisons of a ladder together, by the first one's thresholds, so
/// that all their intervals hold at once: each of many comparisons alone would find a gain by chance
/// too often. Gives the changes by record.
pub fn judge_together(records: &[Record]) -> Vec<Vec<Change>> {
    let Some(judging) = records.first().map(|record| record.judging) else {
        return Vec::new();
    };
    let measured: Vec<Measured> = records
        .iter()
        .flat_map(|record| &record.scenarios)
        .map(|result| Measured {
            scenario: result.scenario.clone(),
            samples: result.samples.clone(),
        })
        .collect();
    let results = verdict::judge(&measured, &judging);
    let scenarios = verdict::count_measured(&results);
    let mut changes = results.into_iter().map(|result| {
        let trust = trust(&result, &judging, scenarios);
        Change::of(result, trust)
    });
    records
        .iter()
        .map(|record| changes.by_ref().take(record.scenarios.len()).collect())
        .collect()
}

/// `scenarios` were measured over all comparisons. What has an answer is trusted.
fn trust(result: &ScenarioResult, judging: &Judging, scenarios: usize) -> Trust {
    let distrusted = result.verdict == Verdict::Inconclusive
        && verdict::distrust(result, judging, scenarios).is_some();
    if distrusted {
        Trust::Unsound
    } else {
        Trust::Sound
    }
}

#[cfg(test)]
mod tests;
