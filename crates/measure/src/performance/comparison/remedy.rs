//! What it would take to know, by what keeps an answer open.
//!
//! Takes the evidence of an inconclusive row; gives advice that helps: the option by which its sides were
//! measured so little. What the suite cannot have is not asked for.

use super::evidence::{Evidence, Measured};
use super::{Drift, Rule};
use crate::performance::result::{PerformanceResult, Suite};
use crate::scenario::Judging;

/// Advice where nothing but the reader's knowledge cancels the drift.
const STATE_DRIFT: &str =
    "state what the machine's drift between the runs is with --drift, when you know it";

/// How much one side measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Processes that it was asked for.
    asked: u32,
    /// Processes that there are.
    processes: usize,
    /// Requests that it was asked for; `None` where it was a time.
    requests: Option<u64>,
    /// Threads that computed.
    threads: u32,
}

impl Extent {
    pub(super) fn of(result: &PerformanceResult) -> Self {
        let settings = &result.circumstances.settings;
        Self {
            asked: settings.processes,
            processes: result.processes.len(),
            requests: settings.requests,
            threads: settings.threads,
        }
    }

    /// What gives it enough processes; nothing where it has them.
    fn lacks(self) -> Option<String> {
        let least = Judging::LEAST_RESTARTS;
        if self.processes >= least as usize {
            return None;
        }
        Some(match self.requests {
            _ if self.asked < least => format!("--restarts {least} or more"),
            None => format!(
                "a longer --duration, as its time held {} of {} processes",
                self.processes, self.asked
            ),
            Some(requests) if requests < u64::from(least) => {
                format!("--iterations {least} or more")
            }
            Some(_) => "a run that comes to its end".to_owned(),
        })
    }
}

/// Advice for a row that is open.
pub(super) fn of(evidence: &Evidence, rule: Rule) -> String {
    let Measured::Levels {
        log_costs, drift, ..
    } = &evidence.measured
    else {
        return more_requests(&evidence.extents);
    };
    // A stated drift is known already.
    let is_allowed = *drift == Drift::Allowed && rule.drift.is_none();
    if evidence.suite == Suite::Cache {
        return "look at the inference suite: this one has a process for each cache, and no more"
            .to_owned();
    }
    if let Some(advice) = more_processes(&evidence.extents) {
        return advice;
    }
    let has_few = |costs: &Vec<f64>| costs.len() < Judging::LEAST_RESTARTS as usize;
    if log_costs.iter().any(has_few) {
        // Nothing was answered in some of them.
        return more_requests(&evidence.extents);
    }
    let meets_nobody = evidence.extents.iter().all(|extent| extent.threads == 1);
    match (is_allowed, rule.uses_reference) {
        (true, false) if meets_nobody => format!("leave out --no-reference, or {STATE_DRIFT}"),
        (true, _) => {
            format!("measure both programs in turns, with `benchmark --against`; or {STATE_DRIFT}")
        }
        (false, _) => format!(
            "measure both sides with more processes (--restarts{}) on a quieter machine",
            if is_timed(&evidence.extents) {
                ", and a longer --duration"
            } else {
                ""
            }
        ),
    }
}

/// What gives both sides enough processes; nothing where they have them.
fn more_processes(extents: &[Extent; 2]) -> Option<String> {
    let advice = |side: &str, with: &str| format!("measure {side} with {with}");
    match extents.map(Extent::lacks) {
        [None, None] => None,
        [Some(with), None] => Some(advice("the baseline", &with)),
        [None, Some(with)] => Some(advice("the current side", &with)),
        [Some(older), Some(newer)] if older == newer => Some(advice("both sides", &older)),
        [Some(older), Some(newer)] => {
            let older = advice("the baseline", &older);
            Some(format!("{older}, and the current side with {newer}"))
        }
    }
}

fn more_requests(extents: &[Extent; 2]) -> String {
    let options = if !is_timed(extents) {
        "--iterations"
    } else if extents.iter().all(|extent| extent.requests.is_none()) {
        "a longer --duration"
    } else {
        "--iterations, and a longer --duration"
    };
    format!("measure both sides with more requests ({options})")
}

/// Whether a side was asked for a time.
fn is_timed(extents: &[Extent; 2]) -> bool {
    extents.iter().any(|extent| extent.requests.is_none())
}
