//! What has changed from one result to another.
//!
//! Results that were measured in turns are compared pair by pair, and the machine's drift with them.
//! For others:
//!
//! Takes the results of two runs, gives a verdict per figure by the rule of [`crate::verdict`]. The
//! runs were made at different times, between which an unchanged program is faster or slower by 15 % on
//! shared machines. What cancels that is a fixed computation that both runs timed beside their requests on
//! one thread; elsewhere intervals are widened by a drift allowance. Verdicts are simultaneous over
//! all rows. Pure functions; results that were made under other circumstances are compared as well, and
//! what differs is told: who calls decides whether to believe it.

mod circumstances;
mod evidence;
mod judgement;
mod remedy;

use serde::{Deserialize, Serialize};

use super::figures::Basis;
use super::result::{PerformanceResult, Suite};
use crate::comparison::{COMPARISON_SCHEMA, Difference, Side, Weight};
use crate::record::Verdict;
use crate::scenario::Better;
use evidence::Evidence;

/// δ of the error rate, as a difference of shares, where the rule's is not smaller: a loss is a loss,
/// however much slower a program may become before that matters.
pub const ERROR_THRESHOLD: f64 = 0.001;

/// By what results are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// δ: the smallest change that matters, as a share; of a hit ratio, the smallest difference.
    pub threshold: f64,
    /// How far the machine may have drifted between the runs, as a share; `None`: not at all where the
    /// fixed computation tells, else by [`DRIFT_DEFAULT`](crate::comparison::DRIFT_DEFAULT).
    pub drift: Option<f64>,
    /// Whether the fixed computation cancels the machine's drift.
    pub uses_reference: bool,
}

/// The answer to "has it changed?".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerformanceComparison {
    /// [`COMPARISON_SCHEMA`].
    pub schema: u32,
    /// What was there before.
    pub baseline: Side,
    /// What is there now.
    pub current: Side,
    /// δ: the smallest change that matters, as a share.
    pub threshold: f64,
    /// A row per figure that both sides have.
    pub rows: Vec<Row>,
    /// What differs in the circumstances of both sides.
    pub differences: Vec<Difference>,
    /// What the reader must know beside the rows.
    pub notes: Vec<String>,
}

/// The answer for one figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The suite.
    pub suite: Suite,
    /// The backend.
    pub backend: String,
    /// Name of the figure.
    pub figure: String,
    /// Its unit.
    pub unit: String,
    /// Which direction is good.
    pub better: Better,
    /// The answer; `faster` is better and `slower` is worse, whatever the figure is.
    pub verdict: Verdict,
    /// Why this is the answer, in one sentence.
    pub reason: String,
    /// Inconclusive: what it would take to know.
    pub remedy: Option<String>,
    /// The baseline's figure.
    pub baseline: Option<f64>,
    /// The current figure.
    pub current: Option<f64>,
    /// How the change is told.
    pub scale: ChangeScale,
    /// The change.
    pub change: Option<f64>,
    /// Lower bound of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper bound of its 95 % interval.
    pub ci_high: Option<f64>,
    /// Lower bound of the interval that decides, simultaneous over the rows.
    pub simultaneous_low: Option<f64>,
    /// Upper bound of the interval that decides.
    pub simultaneous_high: Option<f64>,
    /// What became of the machine's drift between the runs.
    pub drift: Drift,
    /// What the interval counts.
    pub basis: Basis,
    /// How many of them the baseline has.
    pub baseline_units: u32,
    /// How many of them the current result has.
    pub current_units: u32,
}

/// How a change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeScale {
    /// Current ÷ baseline.
    Ratio,
    /// Current − baseline, for shares.
    Difference,
}

/// What became of the machine's drift between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// The figure is told relative to the fixed computation of its process.
    Cancelled,
    /// Both programs were measured in turns: pairs of processes met the same machine.
    InTurns,
    /// The interval is widened by the allowance.
    Allowed,
    /// The figure does not depend on how fast the machine is.
    Irrelevant,
}

impl PerformanceComparison {
    /// Whether some row has this verdict.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.rows.iter().any(|row| row.verdict == verdict)
    }

    /// The differences for which the comparison says nothing about the programs.
    pub fn obstacles(&self) -> impl Iterator<Item = &Difference> {
        self.differences
            .iter()
            .filter(|difference| difference.weight == Weight::Obstacle)
    }
}

/// Compares the results that both sides have. `names` are what people call the files.
pub fn compare(
    baseline: &[PerformanceResult],
    current: &[PerformanceResult],
    names: [&str; 2],
    rule: Rule,
) -> PerformanceComparison {
    let pairs = pairs(baseline, current);
    let mut notes = Vec::new();
    let evidence: Vec<Evidence> = pairs
        .iter()
        .flat_map(|(older, newer)| evidence::of(older, newer, rule, &mut notes))
        .collect();
    // Those that no value could decide take nothing from the others' certainty.
    let can_decide = evidence.iter().filter(|one| one.can_decide());
    let rows = can_decide.count().max(1);
    PerformanceComparison {
        schema: COMPARISON_SCHEMA,
        baseline: side(baseline, names[0]),
        current: side(current, names[1]),
        threshold: rule.threshold,
        rows: evidence
            .into_iter()
            .map(|one| judgement::row(one, rule, rows))
            .collect(),
        differences: circumstances::differences(baseline, current, &pairs),
        notes,
    }
}

/// An older and a newer result of the same suite and backend.
type Pair<'a> = (&'a PerformanceResult, &'a PerformanceResult);

fn pairs<'a>(older: &'a [PerformanceResult], newer: &'a [PerformanceResult]) -> Vec<Pair<'a>> {
    let partner = |a: &PerformanceResult| newer.iter().find(|b| is_alike(a, b));
    older
        .iter()
        .filter_map(|a| Some((a, partner(a)?)))
        .collect()
}

/// Whether two results are of one suite and backend, and were made under circumstances of which none could
/// explain a change: as points of one history.
pub fn are_of_one_history(a: &PerformanceResult, b: &PerformanceResult) -> bool {
    is_alike(a, b) && circumstances::are_same(a, b)
}

/// Whether two results are about the same.
fn is_alike(a: &PerformanceResult, b: &PerformanceResult) -> bool {
    let backend = |result: &PerformanceResult| result.circumstances.model.backend.clone();
    a.benchmark_type == b.benchmark_type && backend(a) == backend(b)
}

fn side(results: &[PerformanceResult], name: &str) -> Side {
    let first = results.first();
    Side {
        name: name.to_owned(),
        sha256: first.and_then(|result| result.circumstances.environment.build.sha256.clone()),
        measured: first.map(|result| result.timestamp.clone()),
    }
}
