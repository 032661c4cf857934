//! An arm rewritten by llvm-bolt: linked with relocations, trained again, laid out anew.
//!
//! Takes an arm and its binary; gives another binary of the same compiled code. It must not touch
//! the arm itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use inferno_measure::process::Command;
use inferno_measure::record::StageKind;
use inferno_measure::write_atomically;
use serde::{Deserialize, Serialize};

use super::{Session, layouts};
use crate::artifact::Artifact;
use crate::bolt::{self, Branches, LlvmBolt, Told};
use crate::cargo::Workshop;
use crate::digest::Key;
use crate::error::{Error, Result};
use crate::flags::Arm;
use crate::merge;
use crate::progress::Progress;
use crate::stage::Whole;
use crate::train;

/// A rewritten program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rewritten {
    pub(crate) artifact: Artifact,
    pub(crate) told: Told,
    /// Wall time of linking, training and rewriting, in seconds.
    pub(crate) wall_s: f64,
}

impl Whole for Rewritten {
    fn is_whole(&self) -> bool {
        self.artifact.check().is_ok()
    }
}

impl Session {
    /// Rewrites the binary of `arm` by a profile of the declared training. Only the arm's last crate
    /// is compiled again, once, to learn what its link consists of.
    ///
    /// # Errors
    /// [`Error::Tool`] when it cannot be linked or rewritten, [`Error::Training`],
    /// [`Error::Verification`] when the profile was not used.
    pub(crate) fn rewrite(
        &mut self,
        tool: &LlvmBolt,
        arm: &Arm,
        artifact: &Artifact,
    ) -> Result<Rewritten> {
        let assets = self.assets()?;
        let spec = &self.workshop.spec;
        let declared = serde_json::to_string(spec.train())
            .map_err(|error| Error::Internal(error.to_string()))?;
        let inputs = spec.train().iter().flat_map(|train| spec.files_of(train));
        let key = Key::new("bolt")
            .part(&artifact.sha256)
            .part(&tool.version)
            .part(bolt::LAYOUT.join(" "))
            .part(declared)
            .files(inputs)?;
        let key = assets.added_to(key).finish();
        let (workshop, progress) = (&self.workshop, &mut self.progress);
        progress.start("bolt");
        let rewritten = self.stages.run("bolt", StageKind::Build, &key, || {
            let started = Instant::now();
            let (binary, told) = rewrite(workshop, tool, arm, artifact, &assets.env, progress)?;
            Ok(Rewritten {
                artifact: binary,
                told,
                wall_s: started.elapsed().as_secs_f64(),
            })
        })?;
        let told = rewritten.told;
        self.progress.finish(&format!(
            "{} of {} functions have a profile",
            told.functions_profiled, told.functions_total
        ));
        Ok(rewritten)
    }
}

fn rewrite(
    workshop: &Workshop,
    tool: &LlvmBolt,
    arm: &Arm,
    artifact: &Artifact,
    env: &BTreeMap<String, String>,
    progress: &mut Progress,
) -> Result<(Artifact, Told)> {
    let output = &workshop.output;
    let executable = workshop.spec.target().executable();
    // Always the same place, so that the next run removes what this one leaves.
    let directory = output.rewriting();
    train::recreate(&directory)?;
    let linked = directory.join("relocations");
    link(workshop, arm, artifact, &linked, progress)?;

    progress.note("making it count");
    let profiles = directory.join("profiles");
    let counting = directory.join("counting").join(executable);
    train::recreate(&directory.join("counting"))?;
    let log = output.rewriting_log("instrument");
    tool.instrument(&linked, &profiles.join("run"), &counting, &log)?;
    let branches = train_all(workshop, &counting, &profiles, env, progress)?;
    let counts = directory.join("merged.fdata");
    write_atomically(&counts, branches.text().as_bytes())?;

    progress.note("rewriting");
    let to = output.binary("bolt", executable);
    let parent = to.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    let fresh = parent.join("rewriting");
    let told = tool.rewrite(&linked, &counts, &fresh, &output.rewriting_log("rewrite"))?;
    std::fs::rename(&fresh, &to).map_err(Error::io("write", &to))?;
    Ok((Artifact::read(&to, artifact.rustflags.clone())?, told))
}

/// The binary of `arm`, linked as it was but for its relocations.
fn link(
    workshop: &Workshop,
    arm: &Arm,
    artifact: &Artifact,
    to: &Path,
    progress: &mut Progress,
) -> Result<()> {
    let scratch = workshop.output.links();
    train::recreate(&scratch)?;
    layouts::open_link(&scratch, workshop, arm, artifact, progress)?.with_relocations(to)?;
    std::fs::remove_dir_all(&scratch).map_err(Error::io("remove", &scratch))
}

/// What all declared workloads count on the program `counting`, which leaves it in `profiles`.
fn train_all(
    workshop: &Workshop,
    counting: &Path,
    profiles: &Path,
    env: &BTreeMap<String, String>,
    progress: &mut Progress,
) -> Result<Branches> {
    let mut gathered = Vec::new();
    for workload in workshop.spec.train() {
        progress.note(&format!("train {}", workload.name));
        train::recreate(profiles)?;
        let process = train::process(&workshop.spec, workload, Command::new(counting), env)?;
        train::carry_out(&workshop.spec, workload, env, process)?;
        let branches = gather(profiles)?;
        if branches.total() == 0 {
            return Err(train::no_profile(&workload.name));
        }
        gathered.push((workload.weight, branches));
    }
    Ok(merged(&gathered))
}

/// What all processes of a workload have left.
fn gather(profiles: &Path) -> Result<Branches> {
    let mut gathered = Branches::default();
    for entry in std::fs::read_dir(profiles).map_err(Error::io("read", profiles))? {
        let path = entry.map_err(Error::io("read", profiles))?.path();
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let branches = Branches::parse(&text).map_err(|message| Error::Verification {
            check: "bolt-profile",
            message: format!("`{}`: {message}", path.display()),
            hint: "let each process of the training end by itself".into(),
        })?;
        gathered.add(&branches, 1);
    }
    Ok(gathered)
}

/// Weighted as the profiles of PGO are.
fn merged(gathered: &[(f64, Branches)]) -> Branches {
    let declared: Vec<(f64, u64)> = gathered
        .iter()
        .map(|(weight, branches)| (*weight, branches.total()))
        .collect();
    let mut sum = Branches::default();
    for (weight, (_, branches)) in merge::weights(&declared).into_iter().zip(gathered) {
        sum.add(branches, weight);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_count_by_weight_and_processes_by_what_they_did() {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, count) in [("run.1.fdata", 2), ("run.2.fdata", 4)] {
            let text = format!("1 main 0 1 main 8 0 {count}\n");
            std::fs::write(directory.path().join(name), text).expect("a file");
        }
        let short = gather(directory.path()).expect("two processes");
        assert_eq!(short.total(), 6);
        let long = Branches::parse("1 work 0 1 work 8 0 600\n").expect("a branch");
        let sum = merged(&[(1.0, short), (2.0, long)]);
        // Weights of 50 and 1: shares are 1 to 2.
        assert_eq!(
            sum.text(),
            "1 main 0 1 main 8 0 300\n1 work 0 1 work 8 0 600\n"
        );
    }

    #[test]
    fn a_file_that_is_no_profile_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("run.1.fdata"), "half a li").expect("a file");
        let error = gather(directory.path()).expect_err("no profile");
        assert!(error.to_string().contains("run.1.fdata"), "{error}");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
    }
}
