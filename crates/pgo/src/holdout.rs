//! The profile of the holdout: how well the training stands for what is judged.
//!
//! Takes the instrumented binary and the scenarios; gives a profile to compare, never one to build
//! with.

use std::path::Path;

use inferno_measure::samples::Arm as SampledArm;
use inferno_measure::scenario::Scenario;
use inferno_measure::trial;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::merge::{self, MergedProfile};
use crate::output::{OutputDir, Purpose};
use crate::progress::Progress;
use crate::stage::Whole;
use crate::toolchain::LlvmProfdata;
use crate::train::{self, Instrumented, WorkloadProfile};
use crate::verify::Cost;

/// A scenario whose trial took longer is left out: instrumented, it would take minutes.
const TRIAL_MAX_S: f64 = 10.0;

/// Instrumented programs are 1 to 4 times slower, some far more, as users of PGO report.
const TIMEOUT_FACTOR: u32 = 8;

/// How much of its counts the training shares with the holdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// 0 to 1; `None` where no scenario could be run or the tool does not say.
    pub share: Option<f64>,
    /// The scenarios that the holdout's profile was gathered on, for people.
    pub gathered_on: String,
}

impl Whole for Overlap {
    fn is_whole(&self) -> bool {
        true
    }
}

/// Gathers a profile on the holdout and compares it with `training`.
///
/// # Errors
/// Those of the scenarios and of `llvm-profdata`.
pub fn overlap(
    scenarios: &[(&Scenario, Cost)],
    instrumented: &Instrumented,
    training: &MergedProfile,
    tool: &LlvmProfdata,
    output: &OutputDir,
    progress: &mut Progress,
) -> Result<Overlap> {
    let short: Vec<&Scenario> = scenarios
        .iter()
        .filter(|(_, cost)| cost.startup_s + cost.sample_s <= TRIAL_MAX_S)
        .map(|(scenario, _)| *scenario)
        .collect();
    let gathered_on = format!(
        "gathered on {} of {} scenarios",
        short.len(),
        scenarios.len()
    );
    let mut profiles = Vec::new();
    for (index, scenario) in short.iter().enumerate() {
        progress.note(&format!(
            "{} of {}, {}",
            index + 1,
            short.len(),
            scenario.name
        ));
        let raw = output.raw_profiles(Purpose::Holdout, &scenario.name);
        profiles.extend(gather(scenario, instrumented, tool, &raw)?);
    }
    if profiles.is_empty() {
        return Ok(Overlap {
            share: None,
            gathered_on,
        });
    }
    let holdout = merge::workloads(profiles, tool, &output.holdout_profiles())?;
    Ok(Overlap {
        share: tool.overlap(&training.path, &holdout.path)?,
        gathered_on,
    })
}

fn gather(
    scenario: &Scenario,
    instrumented: &Instrumented,
    tool: &LlvmProfdata,
    raw: &Path,
) -> Result<Option<WorkloadProfile>> {
    train::recreate(raw)?;
    let mut scenario = scenario.clone();
    let pattern = train::profile_file_pattern(raw).display().to_string();
    scenario.env.insert("LLVM_PROFILE_FILE".into(), pattern);
    scenario.timeout *= TIMEOUT_FACTOR;
    // Its metrics mean nothing here, and its speed is not judged.
    scenario.metrics.clear();
    trial::run(
        &scenario,
        &instrumented.artifact().path,
        SampledArm::Baseline,
        1,
    )?;
    WorkloadProfile::gather(&scenario.name, raw, tool)
}
