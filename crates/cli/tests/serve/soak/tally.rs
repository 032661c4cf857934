//! What came of all visits.
//!
//! Takes outcomes; gives numbers by kind and outcome, the times of answers, and what went wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::visit::Outcome;

/// Failures that are told in full; the others are only counted.
const TOLD_FAILURES: usize = 20;

/// Numbers of visits.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By kind of visit and name of outcome.
    counts: BTreeMap<(&'static str, String), usize>,
    /// From the moment an ordinary request was due until its right answer was complete, in seconds.
    answers: Vec<f64>,
    failures: Vec<String>,
    /// Visits that were not paid because all clients were busy.
    pub(super) unpaid: usize,
}

impl Tally {
    /// Counts a visit that ended `time` after it was due.
    pub(super) fn count(&mut self, kind: &'static str, outcome: &Outcome, time: Duration) {
        *self.counts.entry((kind, outcome.name())).or_default() += 1;
        if matches!(kind, "whole" | "stream") && *outcome == Outcome::Right {
            self.answers.push(time.as_secs_f64());
        }
        if let Outcome::Failed(fault, what) = outcome {
            self.failures.push(format!(
                "{kind}: {fault:?} after {:.1} s: {what}",
                time.as_secs_f64()
            ));
        }
    }

    /// Adds what another client has counted.
    pub(super) fn add(&mut self, other: Self) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        self.answers.extend(other.answers);
        self.failures.extend(other.failures);
        self.unpaid += other.unpaid;
    }

    /// Visits that ended in the outcome called `name`.
    pub(super) fn ended(&self, name: &str) -> usize {
        let counts = self.counts.iter();
        counts
            .filter(|((_, outcome), _)| outcome == name)
            .map(|(_, count)| count)
            .sum()
    }

    /// Visits that were paid.
    pub(super) fn paid(&self) -> usize {
        self.counts.values().sum()
    }

    /// Fails when anything went wrong, and tells it.
    pub(super) fn assert_no_failure(&self) {
        let told = &self.failures[..self.failures.len().min(TOLD_FAILURES)];
        assert!(
            self.failures.is_empty(),
            "{} visits failed, among them:\n{}",
            self.failures.len(),
            told.join("\n")
        );
    }

    /// The time within which `share` of the answers were complete; nothing without answers.
    fn quantile_seconds(&self, share: f64) -> Option<f64> {
        let mut answers = self.answers.clone();
        answers.sort_by(f64::total_cmp);
        let index = (share * answers.len() as f64) as usize;
        answers
            .get(index.min(answers.len().saturating_sub(1)))
            .copied()
    }
}

/// The part of the summary that is about visits, in one line.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((kind, outcome), count) in &self.counts {
            write!(formatter, "{kind} {outcome} {count}, ")?;
        }
        write!(formatter, "not sent {}; answers after", self.unpaid)?;
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            match self.quantile_seconds(share) {
                Some(seconds) => write!(formatter, " {name} {seconds:.3} s")?,
                None => write!(formatter, " {name} not measured")?,
            }
        }
        Ok(())
    }
}
