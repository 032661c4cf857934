//! Every rung against the one below it and against the first.
//!
//! Takes the rungs that were built; gives a record per comparison, in pairs with an A/A control, as
//! `compare` makes it of any two programs. The budget is split evenly. It must not judge.

use std::path::PathBuf;
use std::time::Duration;

use inferno_measure::record::{Record, StageKind};
use serde::{Deserialize, Serialize};

use super::build::Standing;
use super::{Climb, Options};
use crate::assets::Assets;
use crate::compare::programs::{self, Workload};
use crate::digest::{self, Key};
use crate::error::Result;
use crate::output::Layout;
use crate::stage::Whole;

/// Two rungs to compare, by their place among those that were built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// The baseline.
    pub(super) lower: usize,
    /// The candidate.
    pub(super) upper: usize,
}

/// The comparisons of `built` rungs: the second rung's two are one.
pub(super) fn pairs(built: usize) -> Vec<Pair> {
    (1..built)
        .flat_map(|upper| {
            let below = Pair {
                lower: upper - 1,
                upper,
            };
            let first = Pair { lower: 0, upper };
            [Some(below), (upper > 1).then_some(first)]
        })
        .flatten()
        .collect()
}

/// The name of a comparison, in directories.
pub(super) fn name(lower: &Standing, upper: &Standing) -> String {
    format!("{}-over-{}", upper.step, lower.step)
}

/// A comparison's record as it was left.
#[derive(Debug, Serialize, Deserialize)]
struct RecordFile {
    path: PathBuf,
    sha256: String,
}

impl Whole for RecordFile {
    fn is_whole(&self) -> bool {
        digest::file(&self.path).is_ok_and(|digest| digest == self.sha256)
    }
}

impl Climb<'_> {
    /// Measures every pair; a finished comparison of the same binaries, inputs and budget stands.
    ///
    /// # Errors
    /// See [`programs::run`]; what was measured is kept, and continued by the next run.
    pub(super) fn compare(&mut self, rungs: &[&Standing]) -> Result<Vec<Record>> {
        let pairs = pairs(rungs.len());
        let Some(share) = self.options.budget.checked_div(pairs.len() as u32) else {
            return Ok(Vec::new());
        };
        self.progress.say(&format!(
            "{} comparisons of {:.0} s",
            pairs.len(),
            share.as_secs_f64()
        ));
        let assets = Assets::provide(&self.options.spec, self.options.resolution.network)?;
        pairs
            .iter()
            .map(|pair| self.compare_one(rungs[pair.lower], rungs[pair.upper], share, &assets))
            .collect()
    }

    fn compare_one(
        &mut self,
        lower: &Standing,
        upper: &Standing,
        share: Duration,
        assets: &Assets,
    ) -> Result<Record> {
        let name = name(lower, upper);
        let key = key(self.options, lower, upper, share, assets)?;
        self.progress
            .say(&format!("== {} over {}", upper.step, lower.step));
        let options = programs::Options {
            baseline: lower.artifact.path.clone(),
            candidate: upper.artifact.path.clone(),
            workload: Workload::Spec {
                spec: Box::new(lower.settings.of(&self.options.spec)),
                only: self.options.only.clone(),
            },
            name: format!("{}-{name}", self.options.spec.name()),
            out: self.output.comparison(&name),
            budget: share,
            threshold: None,
            samples: self.options.samples,
        };
        let file = self.stages.run(&name, StageKind::Measure, &key, || {
            let finished = programs::run(&options)?;
            let path = finished.output.record();
            Ok(RecordFile {
                sha256: digest::file(&path)?,
                path,
            })
        })?;
        Ok(Record::read(&file.path)?)
    }
}

/// Where the comparison's record is.
pub(super) fn record(layout: &Layout, lower: &Standing, upper: &Standing) -> PathBuf {
    Layout::new(&layout.comparison(&name(lower, upper))).record()
}

fn key(
    options: &Options,
    lower: &Standing,
    upper: &Standing,
    share: Duration,
    assets: &Assets,
) -> Result<String> {
    let spec = &options.spec;
    let key = Key::new("comparison")
        .part(&lower.artifact.sha256)
        .part(&upper.artifact.sha256)
        .part(&spec.sha256)
        .part(options.only.join("\n"))
        .part(format!("{share:?}"))
        .files(spec.holdout_files())?;
    Ok(assets.added_to(key).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rung_meets_the_one_below_and_the_first() {
        let pairs_of = |built| {
            let pairs = pairs(built).into_iter();
            pairs
                .map(|pair| (pair.lower, pair.upper))
                .collect::<Vec<_>>()
        };
        assert!(pairs(0).is_empty());
        assert!(pairs(1).is_empty());
        assert_eq!(pairs_of(2), [(0, 1)]);
        assert_eq!(pairs_of(4), [(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)]);
    }
}
