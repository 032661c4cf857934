//! Every rung against the one below it and against the first.
//!
//! Takes the rungs that were built; gives a record per comparison, in pairs with an A/A control, as
//! `compare` makes it of any two programs. The budget is split evenly. It must not judge.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use inferno_measure::record::{Host, Record, StageKind};
use inferno_measure::{campaign, host};
use serde::{Deserialize, Serialize};

use super::build::Standing;
use super::{Climb, Options};
use crate::assets::Assets;
use crate::compare::programs::{self, Workload};
use crate::compare::surroundings;
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
    /// Measures every pair; a finished comparison of the same binaries, inputs and budget, on the same
    /// machine and in the same environment, stands.
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
        let here = Surroundings::here();
        pairs
            .iter()
            .map(|pair| self.compare_one(rungs[pair.lower], rungs[pair.upper], share, &here))
            .collect()
    }

    fn compare_one(
        &mut self,
        lower: &Standing,
        upper: &Standing,
        share: Duration,
        here: &Surroundings,
    ) -> Result<Record> {
        let name = name(lower, upper);
        let key = key(self.options, lower, upper, share, &self.assets, here)?;
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

/// Where a comparison is measured. A record that a copied or restored directory brings along does not
/// stand elsewhere.
#[derive(Debug, Clone)]
struct Surroundings {
    host: Host,
    /// The variables that the programs inherit.
    variables: Vec<(OsString, OsString)>,
}

impl Surroundings {
    fn here() -> Self {
        Self {
            host: host::describe(),
            variables: std::env::vars_os().collect(),
        }
    }

    /// As the sampler and `compare` tell by which samples they go on.
    fn added_to(&self, key: Key) -> Key {
        let key = key.part(format!("{:?}", campaign::machine(&self.host)));
        surroundings::environment(key, self.variables.iter().cloned())
    }
}

fn key(
    options: &Options,
    lower: &Standing,
    upper: &Standing,
    share: Duration,
    assets: &Assets,
    here: &Surroundings,
) -> Result<String> {
    let spec = &options.spec;
    let key = Key::new("comparison")
        .part(&lower.artifact.sha256)
        .part(&upper.artifact.sha256)
        .part(&spec.sha256)
        .part(options.only.join("\n"))
        .part(format!("{share:?}"))
        .files(spec.holdout_files())?;
    Ok(here.added_to(assets.added_to(key)).finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Step;
    use crate::ladder::tests::Sample;

    #[test]
    fn a_comparison_of_another_machine_or_environment_does_not_stand() {
        let sample = Sample::new("");
        let options = sample.options();
        let [lower, upper] = [Step::Release, Step::Lto].map(|step| sample.standing(step));
        let key = |here: &Surroundings| {
            let share = Duration::from_secs(1);
            key(&options, &lower, &upper, share, &Assets::default(), here)
                .expect("the files are there")
        };
        let here = Surroundings {
            host: Host {
                os: "linux".to_owned(),
                arch: "x86_64".to_owned(),
                cpu_model: Some("one".to_owned()),
                cores: Some(4),
                ..Host::default()
            },
            variables: vec![("RAYON_NUM_THREADS".into(), "1".into())],
        };
        let same = |change: fn(&mut Surroundings)| {
            let mut elsewhere = here.clone();
            change(&mut elsewhere);
            key(&elsewhere) == key(&here)
        };
        assert!(same(|_| {}));
        assert!(!same(|there| there.host.os = "macos".to_owned()));
        assert!(!same(|there| there.host.arch = "aarch64".to_owned()));
        assert!(!same(
            |there| there.host.cpu_model = Some("another".to_owned())
        ));
        assert!(!same(|there| there.host.cores = Some(2)));
        assert!(!same(|there| there.variables[0].1 = "2".into()));
        assert!(!same(|there| there.variables.clear()));
        // A kernel's update, or another terminal, takes nothing away.
        assert!(same(|there| there.host.kernel = Some("another".to_owned())));
        assert!(same(|there| there
            .variables
            .push(("SHLVL".into(), "2".into()))));
    }

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
