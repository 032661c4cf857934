//! What a run leaves in the log: enough to judge it again, and small.
//!
//! Times are whole microseconds. What a method concludes is made from them whenever a table is
//! printed, so that another version of the statistics needs no other measurement.

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, Table};
use crate::{criterion, hyperfine, ours};

/// The result of one run of a method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Raw {
    /// Ours.
    Ours(ours::Times),
    /// hyperfine's.
    Hyperfine(hyperfine::Times),
    /// Criterion's.
    Criterion(criterion::Said),
    /// The run ended without a result. It counts, and is not taken again: to repeat a run until it
    /// succeeds would leave out what is hard for the method.
    NoAnswer {
        /// Why.
        reason: String,
    },
}

impl Raw {
    /// What the method says of it; `None` where it gives no interval.
    pub fn judge(&self, table: Table) -> Option<Outcome> {
        match self {
            Self::Ours(times) => ours::judge(times, table),
            Self::Hyperfine(times) => hyperfine::judge(times),
            Self::Criterion(said) => Some(criterion::judge(said)),
            Self::NoAnswer { .. } => None,
        }
    }
}
