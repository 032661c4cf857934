//! The session's stage that gathers evidence for the suitability score.
//!
//! Takes the [`Baseline`]; gives [`Evidence`]. No other arm is needed.

use std::time::Duration;

use inferno_measure::record::StageKind;

use super::{Baseline, Session};
use crate::digest::Key;
use crate::error::{Error, Result};
use crate::suitability::evidence::{Evidence, Input};
use crate::suitability::gather::{self, Subject};

/// Tools of the evidence: one that appears makes the stage run again.
const TOOLS: [&str; 2] = ["perf", "valgrind"];

/// How long callgrind, which is some fifty times slower than the program, may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as is fair beside a measurement.
    Companion,
    /// As long as it takes: a calibration row that lacks an input is of no use.
    Calibration,
}

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Self::Companion => Duration::from_mins(1),
            Self::Calibration => Duration::from_mins(15),
        }
    }

    fn stage(self) -> &'static str {
        match self {
            Self::Companion => "suitability",
            Self::Calibration => "suitability calibration",
        }
    }
}

impl Session {
    /// Gathers evidence for the suitability score from the baseline on the training workloads.
    ///
    /// # Errors
    /// [`Error::Measure`] when interrupted. What cannot be measured is no error.
    pub fn evidence(&mut self, baseline: &Baseline, patience: Patience) -> Result<Evidence> {
        let assets = self.assets()?;
        let (spec, output) = (&self.workshop.spec, &self.workshop.output);
        let declared = serde_json::to_string(spec.train())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let inputs = spec.train().iter().flat_map(|train| spec.files_of(train));
        let tools = TOOLS.map(|tool| format!("{:?}", which::which(tool).ok()));
        let key = Key::new("suitability")
            .part(&baseline.artifact().sha256)
            .part(declared)
            .part(tools.join(" "))
            .files(inputs)?;
        let key = assets.added_to(key).finish();
        let subject = Subject {
            spec,
            baseline: baseline.artifact(),
            env: &assets.env,
            directory: &output.evidence(),
            callgrind_limit: patience.limit(),
        };
        let progress = &mut self.progress;
        progress.start(patience.stage());
        let evidence = self
            .stages
            .run(patience.stage(), StageKind::Verify, &key, || {
                gather::gather(&subject, progress)
            })?;
        let measured = Input::ALL
            .into_iter()
            .filter(|input| evidence.value(*input).is_some())
            .count();
        self.progress.finish(&format!(
            "{measured} of {} inputs measured",
            Input::ALL.len()
        ));
        Ok(evidence)
    }
}
