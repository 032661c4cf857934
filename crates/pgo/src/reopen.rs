//! A verified pair, opened again from its output directory for a program that only times it.
//!
//! Takes a spec and the output directory of an earlier run; gives an [`OpenedPair`], which nothing
//! else can make. Both files are hashed again and compared with what verification recorded and
//! with each other, and the spec and its files with those that were verified. Sources are not looked
//! at: the pair is the one that was built last. It must not build, train or verify: whatever does not hold is an error with the command that mends it.

use std::collections::BTreeMap;
use std::path::Path;

use inferno_measure::arms::Arms;
use inferno_measure::campaign::KnownCost;
use inferno_measure::samples::Arm;
use inferno_measure::scenario::Scenario;

use crate::artifact::Artifact;
use crate::assets::Assets;
use crate::cargo::Network;
use crate::digest;
use crate::error::{Error, Result};
use crate::output::{Layout, OutputDir};
use crate::spec::Spec;
use crate::stage::Stages;
use crate::verify::{self, VerifiedPair};

/// Name of the check, in errors.
const CHECK: &str = "verified-pair";

/// A pair whose proofs still hold. While it lives, no run can change the output directory.
#[derive(Debug)]
pub struct OpenedPair {
    pair: VerifiedPair,
    arms: Arms,
    scenarios: Vec<Scenario>,
    unverified: Vec<String>,
    assets: AssetsSince,
    _output: OutputDir,
}

/// Whether the files from outside are those that the pair was verified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetsSince {
    /// They are.
    Same,
    /// The user has named others: outputs were compared, and costs taken, with other files.
    Others,
}

impl OpenedPair {
    /// Opens the pair that the last run of `spec` has left in `out`. `remedy` is the command that
    /// makes one, for errors; `say` hears who holds the directory meanwhile, and what is fetched.
    ///
    /// # Errors
    /// [`Error::Verification`] when there is no verified pair, when one of its files has changed or
    /// is missing, when both are the same program, or when the spec says something else than it did;
    /// [`Error::Usage`] and [`Error::Provision`] for the files that the spec's processes need.
    pub fn open(spec: &Spec, out: &Path, remedy: &str, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let refuse = |message: String| Error::Verification {
            check: CHECK,
            message,
            hint: format!("make a verified pair: {remedy}"),
        };
        let absent = || {
            let message = format!("there is no verified pair in `{}`", out.display());
            refuse(format!("binary verification failed: {message}"))
        };
        // Asking must not make the directory.
        if !Layout::new(out).stage("verify").is_file() {
            return Err(absent());
        }
        let output = OutputDir::open(out, say)?;
        let pair: VerifiedPair = Stages::last_unchecked(&output, "verify").ok_or_else(absent)?;
        let candidate = pair.candidate().artifact();
        for artifact in [pair.baseline(), candidate] {
            check_unchanged(artifact).map_err(&refuse)?;
        }
        verify::binaries_differ(pair.baseline(), candidate)?;

        let assets = Assets::provide(spec, Network::Used)?;
        let (scenarios, unverified) = tried(spec, &assets, &pair);
        let grounds = verify::grounds(spec, &scenarios, &assets)?;
        if scenarios.is_empty() || grounds.declared_sha256 != pair.grounds().declared_sha256 {
            return Err(refuse(format!(
                "the pair in `{}` is stale: `{}`, or a file that it names, has changed since it was verified",
                out.display(),
                spec.path.display()
            )));
        }
        let since = if grounds.assets_sha256 == pair.grounds().assets_sha256 {
            AssetsSince::Same
        } else {
            AssetsSince::Others
        };
        let arms = copies(&pair, &output)?;
        Ok(Self {
            pair,
            arms,
            scenarios,
            unverified,
            assets: since,
            _output: output,
        })
    }

    /// The two programs, under paths of equal length; there is no control.
    pub fn arms(&self) -> &Arms {
        &self.arms
    }

    /// The scenarios on which the arms were verified, in the spec's order.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// Names of scenarios on which they were not: an earlier run was told `--only`.
    pub fn unverified(&self) -> &[String] {
        &self.unverified
    }

    /// Whether the files from outside are those of the verification.
    pub fn assets(&self) -> AssetsSince {
        self.assets
    }

    /// What each scenario's trial took, by name. Empty when the files from outside are others now.
    pub fn known_costs(&self) -> BTreeMap<String, KnownCost> {
        match self.assets {
            AssetsSince::Same => self.pair.known_costs(),
            AssetsSince::Others => BTreeMap::new(),
        }
    }

    /// The pair, with what was proved.
    pub fn pair(&self) -> &VerifiedPair {
        &self.pair
    }
}

/// The file still is what verification saw: content, code and the absence of counters.
fn check_unchanged(artifact: &Artifact) -> Result<(), String> {
    let path = artifact.path.display();
    let found = Artifact::read(&artifact.path, artifact.rustflags.clone())
        .map_err(|error| format!("binary verification failed: {error}"))?;
    if found == *artifact {
        return Ok(());
    }
    Err(format!(
        "binary verification failed: `{path}` is no longer the file that was verified"
    ))
}

/// The scenarios that the pair was tried on, and the names of the others.
fn tried(spec: &Spec, assets: &Assets, pair: &VerifiedPair) -> (Vec<Scenario>, Vec<String>) {
    let (tried, others): (Vec<Scenario>, Vec<Scenario>) = assets
        .scenarios_of(spec)
        .into_iter()
        .partition(|scenario| pair.costs().contains_key(&scenario.name));
    let names = others.into_iter().map(|scenario| scenario.name).collect();
    (tried, names)
}

/// The copies that are run; they too are the files that were verified.
fn copies(pair: &VerifiedPair, output: &OutputDir) -> Result<Arms> {
    let candidate = pair.candidate().artifact();
    let arms = Arms::with_control(
        &pair.baseline().path,
        &candidate.path,
        &output.sampling_arms(),
    )?
    .without_control();
    for (arm, verified) in [
        (Arm::Baseline, pair.baseline()),
        (Arm::Candidate, candidate),
    ] {
        digest::check_copy(arms.path(arm), &verified.path, &verified.sha256)?;
    }
    Ok(arms)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
