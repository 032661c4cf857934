//! Sampling of a session's pair, and of a baseline against its own copy.
//!
//! Takes a [`VerifiedPair`]; gives raw samples. It must not judge.

use std::collections::BTreeMap;

use inferno_measure::arms::Arms;
use inferno_measure::campaign::{self, Campaign, KnownCost, Measured, Observer};
use inferno_measure::plan::Plan;
use inferno_measure::record::StageKind;
use inferno_measure::scenario::Judging;

use super::{Baseline, Session};
use crate::artifact::Artifact;
use crate::error::Result;
use crate::progress::Progress;
use crate::relink::Layouts;
use crate::verify::{self, VerifiedPair};

impl Session {
    /// Samples the pair: baseline, its byte copy, candidate; in all of `layouts`, where there are
    /// any, instead of the layout that the arms were linked in.
    ///
    /// # Errors
    /// [`Error::Measure`]; what was sampled is kept, and continued by the next run.
    pub fn measure(
        &mut self,
        pair: &VerifiedPair,
        layouts: Option<&Layouts>,
        judging: &Judging,
    ) -> Result<Vec<Measured>> {
        let output = &self.workshop.output;
        let binaries: Vec<[&Artifact; 2]> = match layouts {
            None => vec![[pair.baseline(), pair.candidate().artifact()]],
            Some(layouts) => layouts
                .baselines
                .iter()
                .zip(&layouts.candidates)
                .map(|(baseline, candidate)| [&baseline.artifact, &candidate.artifact])
                .collect(),
        };
        let arms = (0..)
            .zip(&binaries)
            .map(|(number, [baseline, candidate])| {
                baseline.check()?;
                candidate.check()?;
                let directory = match layouts {
                    None => output.sampling_arms(),
                    Some(_) => output.layout_arms(number),
                };
                Ok(Arms::with_control(
                    &baseline.path,
                    &candidate.path,
                    &directory,
                )?)
            })
            .collect::<Result<Vec<_>>>()?;
        let hashes: Vec<&String> = binaries
            .iter()
            .flatten()
            .map(|artifact| &artifact.sha256)
            .collect();
        let measured = self.sample(&arms, &hashes, pair.known_costs(), judging, "pair")?;
        verify::sampled_outputs_agree(
            measured
                .iter()
                .map(|measured| (measured.scenario.name.as_str(), &measured.samples)),
            self.workshop.spec.output(),
        )?;
        Ok(measured)
    }

    /// Samples the baseline against a byte copy of itself: what is found is the machine's noise.
    ///
    /// # Errors
    /// See [`Self::measure`].
    pub fn measure_noise(
        &mut self,
        baseline: &Baseline,
        judging: &Judging,
    ) -> Result<Vec<Measured>> {
        let artifact = baseline.artifact();
        let arms = Arms::with_control(
            &artifact.path,
            &artifact.path,
            &self.workshop.output.sampling_arms(),
        )?
        .without_control();
        self.sample(
            &[arms],
            &[&artifact.sha256; 2],
            BTreeMap::new(),
            judging,
            "noise",
        )
    }

    fn sample(
        &mut self,
        arms: &[Arms],
        hashes: &[&String],
        known_costs: BTreeMap<String, KnownCost>,
        judging: &Judging,
        purpose: &str,
    ) -> Result<Vec<Measured>> {
        let scenarios = self.scenarios()?;
        let key = hashes
            .iter()
            .fold(self.holdout_key(purpose, &scenarios)?, |key, hash| {
                key.part(hash)
            })
            .finish();
        let campaign = Campaign {
            scenarios: &scenarios,
            arms,
            judging,
            directory: self.workshop.output.samples().join(purpose),
            key,
            known_costs,
        };
        let progress = &mut self.progress;
        progress.start("measure");
        let measured = self.stages.timed("measure", StageKind::Measure, || {
            Ok(campaign::measure(&campaign, &mut Shown(progress))?)
        })?;
        self.progress
            .finish(&format!("{} scenarios", measured.len()));
        Ok(measured)
    }
}

/// Shows the sampler's progress.
pub(crate) struct Shown<'a>(pub(crate) &'a mut Progress);

impl Observer for Shown<'_> {
    fn planned(&mut self, plan: &Plan) {
        let shares = plan
            .units
            .iter()
            .flat_map(|unit| unit.scenarios.iter().map(|share| (unit.restarts, share)));
        for (restarts, share) in shares {
            self.0.say(&format!(
                "  {}: {restarts} restarts of {} pairs",
                share.scenario, share.pairs
            ));
        }
        for waiting in &plan.waiting {
            self.0.say(&format!(
                "  {}: does not fit, needs --budget {:.0}s",
                waiting.scenario,
                waiting.budget_s.ceil()
            ));
        }
        self.0.say(&format!(
            "  sampling takes about {:.0} s",
            plan.expected_s()
        ));
    }

    fn progress(&mut self, progress: &campaign::Progress<'_>) {
        let part = match progress.stage {
            campaign::Stage::Pilot => "pilot",
            campaign::Stage::Measured => "sampling",
        };
        let remaining = progress
            .remaining
            .map(|left| format!(", {} s left", left.as_secs()))
            .unwrap_or_default();
        self.0.note(&format!(
            "{part} {} ({} of {}{remaining})",
            progress.scenario, progress.done, progress.total
        ));
    }
}
