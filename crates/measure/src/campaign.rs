//! Measuring all scenarios of a run: plan, sampling, resuming.
//!
//! Takes scenarios and arms, gives raw samples; writes them as they are taken and
//! continues an interrupted run. Does not judge, and does not print: progress goes
//! to an [`Observer`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Result;
use crate::record::Declared;
use crate::samples::{Arm, Samples};
use crate::scenario::{Arms, Judging, Scenario};

/// What is to be measured, and where it is kept meanwhile.
#[derive(Debug)]
pub struct Campaign<'a> {
    /// The scenarios; names are unique.
    pub scenarios: &'a [Scenario],
    /// The binaries.
    pub arms: &'a Arms,
    /// Thresholds and budget.
    pub judging: &'a Judging,
    /// Directory for `plan.json` and `samples.jsonl`. It is created; files there are continued
    /// when they belong to the same `key`, and replaced otherwise.
    pub directory: PathBuf,
    /// Hash of whatever the samples depend on beyond scenarios and judging: the binaries'
    /// and the inputs' content.
    pub key: String,
    /// Costs that are known already, by scenario name (see [`crate::trial`]); they replace the pilot of
    /// an expensive scenario.
    pub known_costs: BTreeMap<String, KnownCost>,
}

/// What one run of a scenario's input took before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownCost {
    /// Warm: start-up of a worker. Cold: zero.
    pub startup: Duration,
    /// One request, or one whole cold process.
    pub sample: Duration,
}

/// A measured scenario: what the judgement takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What the scenario declares.
    pub scenario: Declared,
    /// Its samples.
    pub samples: Samples,
}

/// Learns how far the campaign is. All methods do nothing by default.
pub trait Observer {
    /// The plan is fixed: lines for people, one per scenario.
    fn planned(&mut self, _lines: &[String]) {}
    /// A sample set of `scenario` is about to be taken; `done` of `total` restarts are there.
    fn progress(&mut self, _progress: &Progress<'_>) {}
}

/// How far the campaign is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Scenario that is being measured.
    pub scenario: &'a str,
    /// `pilot` or `measured`.
    pub stage: Stage,
    /// Work units (restarts) done over the whole campaign.
    pub done: u64,
    /// Work units in all.
    pub total: u64,
    /// Estimated time that is left.
    pub remaining: Option<Duration>,
}

/// Part of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Costs and variances are found out.
    Pilot,
    /// The plan is carried out.
    Measured,
}

/// An observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Measures all scenarios.
///
/// # Errors
/// When a process or worker does not do what its scenario declares, a file cannot be
/// written, or a signal asks the program to end. What was measured is kept.
pub fn measure(_campaign: &Campaign<'_>, _observer: &mut dyn Observer) -> Result<Vec<Measured>> {
    todo!()
}

/// Suppresses the unused warning until arms are used.
#[doc(hidden)]
pub type _Arm = Arm;
