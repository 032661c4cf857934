//! The session's stages that count instructions, one per scenario that was sampled.
//!
//! Takes a [`VerifiedPair`] and its samples; gives counts by scenario. It judges nothing, and no
//! sampling goes on beside it.

use std::collections::BTreeMap;

use inferno_measure::arms::Arms;
use inferno_measure::campaign::Measured;
use inferno_measure::record::{InstructionCounts, StageKind};

use super::Session;
use crate::digest::Key;
use crate::error::{Error, Result};
use crate::instructions::Counting;
use crate::verify::VerifiedPair;

/// Name of the stage that counts in a scenario.
pub(crate) fn stage(scenario: &str) -> String {
    format!("instructions {scenario}")
}

impl Session {
    /// Counts the instructions of the pair in every scenario that was sampled, in the layout that
    /// the arms were linked in.
    ///
    /// # Errors
    /// [`Error::Verification`] when an arm has changed, [`Error::Measure`] when interrupted. What
    /// cannot be counted is no error.
    pub fn instructions(
        &mut self,
        pair: &VerifiedPair,
        sampled: &[Measured],
        counting: &Counting,
    ) -> Result<BTreeMap<String, InstructionCounts>> {
        let (baseline, candidate) = (pair.baseline(), pair.candidate().artifact());
        baseline.check()?;
        candidate.check()?;
        let output = &self.workshop.output;
        // As when they are timed: the same length of every path.
        let arms = Arms::with_control(&baseline.path, &candidate.path, &output.sampling_arms())?;
        let directory = output.instructions();
        let mut scenarios = self.scenarios()?;
        scenarios.retain(|scenario| {
            let of = |one: &&Measured| one.scenario.name == scenario.name;
            let found = sampled.iter().find(of);
            found.is_some_and(|one| one.samples.not_run.is_none())
        });
        let assets = self.assets()?;
        let files = self.workshop.spec.holdout_files();
        let mut counts = BTreeMap::new();
        for scenario in &scenarios {
            let declared = serde_json::to_string(scenario)
                .map_err(|error| Error::Internal(error.to_string()))?;
            let key = Key::new("instructions")
                .part(declared)
                .part(&baseline.sha256)
                .part(&candidate.sha256)
                .part(counting.key())
                .files(&files)?;
            let key = assets.added_to(key).finish();
            let stage = stage(&scenario.name);
            let progress = &mut self.progress;
            progress.start(&stage);
            let counted = self.stages.run(&stage, StageKind::Verify, &key, || {
                counting.count(scenario, &arms, &directory, progress)
            })?;
            let outcome = counted.ratio.map_or_else(
                || counted.detail.clone(),
                |ratio| format!("candidate ÷ baseline {ratio:.3}"),
            );
            self.progress.finish(&outcome);
            counts.insert(scenario.name.clone(), counted);
        }
        Ok(counts)
    }
}
