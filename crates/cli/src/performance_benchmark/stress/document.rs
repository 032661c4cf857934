//! The result of a stress run: what the file holds.
//!
//! Takes what was done and its figures; gives JSON. What was not measured is `null`. The outcomes of
//! single requests are in files of their own beside it, which are there from the first request on.

use std::path::Path;

use inferno_measure::performance::Environment;
use inferno_measure::record::Tool;
use inferno_measure::write_atomically;
use serde::Serialize;

use super::options::TargetDescription;
use super::ramp::Ramp;
use super::summary::{Summary, Validity};
use crate::failure::Failure;
use crate::load::prompts::PromptOrder;
use crate::load::schedule::ArrivalProcess;
use crate::performance_benchmark::results::{self, fingerprint};

/// Version of the format; raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

/// Who sets the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Pace {
    /// The clock.
    OpenLoop,
    /// The target, by its answers: its capacity cannot be told from such a run.
    ClosedLoop,
}

/// How requests were sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Settings {
    pub(super) pace: Pace,
    pub(super) clients: u32,
    pub(super) duration_s: f64,
    /// Requests of each client per second.
    pub(super) rate_per_client: Option<f64>,
    /// Requests of all clients per second.
    pub(super) rate: Option<f64>,
    pub(super) arrivals: Option<ArrivalProcess>,
    pub(super) think_time_s: Option<f64>,
    pub(super) ramp_steps: Option<u32>,
    pub(super) seed: u64,
    pub(super) max_in_flight: Option<usize>,
    pub(super) objective_ms: Option<f64>,
    pub(super) timeout_s: f64,
    pub(super) grace_s: f64,
    /// Different prompts.
    pub(super) prompts: usize,
    pub(super) prompt_order: PromptOrder,
    pub(super) max_tokens: usize,
    /// Whether prompts were sent without a chat template.
    pub(super) raw: bool,
    /// Whether all answers were to have the most tokens.
    pub(super) ignore_end: bool,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Document {
    schema: u32,
    benchmark_type: &'static str,
    /// When it began (RFC 3339, UTC).
    pub(super) timestamp: String,
    /// Whether the run came to its end.
    pub(super) complete: bool,
    pub(super) validity: Validity,
    tool: Tool,
    /// Where the requests came from: with an engine in this process, also where they were answered.
    environment: Environment,
    pub(super) target: TargetDescription,
    pub(super) settings: Settings,
    pub(super) ramp: Option<Ramp>,
    /// The last rate of the ramp that was kept up with, per client.
    pub(super) knee_rate_per_client: Option<f64>,
    /// The run; after a ramp, the time at the knee.
    pub(super) summary: Option<Summary>,
    /// The file of its outcomes.
    pub(super) outcomes: Option<String>,
}

impl Document {
    /// A result of which nothing is known but how it was made.
    pub(super) fn new(target: TargetDescription, settings: Settings) -> Self {
        // A program that cannot find itself has no digest.
        let program = std::env::current_exe().unwrap_or_default();
        Self {
            schema: SCHEMA,
            benchmark_type: "stress",
            timestamp: results::now(),
            complete: false,
            validity: Validity::NotJudged("nothing was measured".to_owned()),
            tool: fingerprint::tool(),
            environment: fingerprint::environment(&program),
            target,
            settings,
            ramp: None,
            knee_rate_per_client: None,
            summary: None,
            outcomes: None,
        }
    }

    /// The figures that the answer rests on: those of the run, or where a ramp has no knee, of its last
    /// step.
    pub(super) fn last_summary(&self) -> Option<&Summary> {
        let of_last_step = || Some(&self.ramp.as_ref()?.steps.last()?.summary);
        self.summary.as_ref().or_else(of_last_step)
    }

    /// Writes it to `path`, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(self).expect("plain data");
        text.push(b'\n');
        Ok(write_atomically(path, &text)?)
    }
}
