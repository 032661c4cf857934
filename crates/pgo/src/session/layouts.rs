//! Both arms of a session's pair in several code layouts.
//!
//! Takes a [`VerifiedPair`]; gives its arms linked again. It must not touch the arms themselves.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Instant;

use inferno_measure::record::StageKind;

use super::{Baseline, Session};
use crate::artifact::Artifact;
use crate::cargo::{self, Workshop};
use crate::digest::Key;
use crate::error::{Error, Result};
use crate::flags::Arm;
use crate::progress::Progress;
use crate::relink::{self, Layouts, Link, Relinked};
use crate::train;
use crate::verify::VerifiedPair;

impl Session {
    /// Links both arms again in `count` code layouts, the same seeds for both. Only the last
    /// crate of each arm is compiled again, once, to learn what its link consists of.
    ///
    /// # Errors
    /// [`Error::Tool`] where the layout cannot be controlled, [`Error::Verification`] when
    /// anything else than addresses has changed, [`Error::Build`].
    pub fn layouts(&mut self, pair: &VerifiedPair, count: u32) -> Result<Layouts> {
        let candidate = pair.candidate();
        let key = Key::new("layouts")
            .part(&pair.baseline().sha256)
            .part(&candidate.artifact().sha256)
            .part(count.to_string())
            .part(relink::arguments(1).join(" "))
            .finish();
        let profile = candidate.profile().path.clone();
        let arms = [
            (Arm::Baseline, pair.baseline()),
            (Arm::Candidate { profile }, candidate.artifact()),
        ];
        let started = Instant::now();
        self.progress.start("link layouts");
        let (workshop, progress) = (&self.workshop, &mut self.progress);
        let layouts = self
            .stages
            .run("link layouts", StageKind::Build, &key, || {
                let [baselines, candidates] = arms
                    .map(|(arm, artifact)| link_arm(workshop, &arm, artifact, 1..=count, progress));
                Ok(Layouts {
                    baselines: baselines?,
                    candidates: candidates?,
                })
            })?;
        let words = format!(
            "{count} of each arm in {:.1} s",
            started.elapsed().as_secs_f64()
        );
        self.progress.finish(&words);
        Ok(layouts)
    }

    /// Links the baseline alone again, in a layout per seed: for studies of what layouts do.
    ///
    /// # Errors
    /// See [`Self::layouts`].
    pub fn baseline_layouts(
        &mut self,
        baseline: &Baseline,
        seeds: RangeInclusive<u32>,
    ) -> Result<Vec<Relinked>> {
        self.progress.start("link layouts");
        let artifact = baseline.artifact();
        let linked = link_arm(
            &self.workshop,
            &Arm::Baseline,
            artifact,
            seeds,
            &mut self.progress,
        )?;
        self.progress.finish(&format!("{}", linked.len()));
        Ok(linked)
    }
}

/// One arm in all layouts. What its link consists of is removed at the end: it is large.
fn link_arm(
    workshop: &Workshop,
    arm: &Arm,
    artifact: &Artifact,
    seeds: RangeInclusive<u32>,
    progress: &mut Progress,
) -> Result<Vec<Relinked>> {
    // Always the same place, so that the next run removes what a killed one has left.
    let scratch = workshop.output.links();
    train::recreate(&scratch)?;
    let linked = link_below(&scratch, workshop, arm, artifact, seeds, progress);
    std::fs::remove_dir_all(&scratch).map_err(Error::io("remove", &scratch))?;
    linked
}

fn link_below(
    scratch: &Path,
    workshop: &Workshop,
    arm: &Arm,
    artifact: &Artifact,
    seeds: RangeInclusive<u32>,
    progress: &mut Progress,
) -> Result<Vec<Relinked>> {
    let link = open_link(scratch, workshop, arm, artifact, progress)?;
    let executable = workshop.spec.target().executable();
    (0..)
        .zip(seeds)
        .map(|(number, seed)| {
            progress.note(&format!("{}, seed {seed}", arm.name()));
            let to = workshop
                .output
                .layout_binary(arm.name(), number, executable);
            link.layout(seed, &to)
        })
        .collect()
}

/// What the arm is linked from, proved to be its own; its last crate is compiled again.
///
/// # Errors
/// See [`cargo::capture_link`] and [`Link::open`].
pub(super) fn open_link(
    scratch: &Path,
    workshop: &Workshop,
    arm: &Arm,
    artifact: &Artifact,
    progress: &mut Progress,
) -> Result<Link> {
    let archive = scratch.join("captured.tar");
    progress.note(&format!("what {} is linked from", arm.name()));
    let captured = cargo::capture_link(workshop, arm, &archive, progress)?;
    same_code(&captured, artifact, arm.name())?;
    Link::open(&archive, &captured, &workshop.compiler, scratch)
}

/// The link that was captured is the arm's own: a layout of other code would prove nothing.
fn same_code(captured: &Artifact, artifact: &Artifact, arm: &str) -> Result<()> {
    if captured.text_sha256 == artifact.text_sha256 {
        return Ok(());
    }
    Err(Error::Verification {
        check: "same-code",
        message: format!("the {arm}, its last crate compiled again, has other machine code"),
        hint:
            "run again without touching the sources; `--audit` tells whether two builds are alike"
                .into(),
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_other_code_is_refused() {
        let read = |path: &str| Artifact::read(Path::new(path), Vec::new()).expect("a program");
        let (arm, other) = (read("/bin/sh"), read("/bin/ls"));
        assert!(same_code(&arm, &arm, "baseline").is_ok());
        let error = same_code(&other, &arm, "baseline").expect_err("other code");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
        assert!(error.to_string().contains("other machine code"), "{error}");
    }
}
