//! The optimised build, and what the compiler said about the profile.
//!
//! Takes a [`MergedProfile`]; gives a [`Candidate`] that was built with it: the compiler could read
//! the profile, the profile belongs to this program, and hardly any of it was thrown away.

use std::path::{Path, PathBuf};

use inferno_measure::record::{Check, CheckOutcome};
use inferno_measure::write_atomically;
use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, Counters};
use crate::cargo::{self, Freshness, Workshop};
use crate::error::{Error, Result};
use crate::flags::Arm;
use crate::merge::MergedProfile;
use crate::output::Layout;
use crate::profile::used::ProfileUse;
use crate::profile::{names, records};
use crate::progress::Progress;
use crate::toolchain::LlvmProfdata;
use crate::train::Instrumented;

/// Above this share of discarded counts the profile is stale (docs/troubleshooting.md#profile-stale).
pub const DISCARDED_SHARE_MAX: f64 = 0.01;

/// Below this share of counts under names that the instrumented binary knows, the profile belongs
/// to another program or another version. Not 1: a profile from another machine may hold a few
/// functions of another C runtime.
const OWN_SHARE_MIN: f64 = 0.99;

/// A binary that was built with a profile, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    artifact: Artifact,
    profile: MergedProfile,
    profile_use: ProfileUse,
}

impl Candidate {
    /// The binary.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The profile that it was built with.
    pub fn profile(&self) -> &MergedProfile {
        &self.profile
    }

    /// What the compiler said about the profile.
    pub fn profile_use(&self) -> &ProfileUse {
        &self.profile_use
    }

    /// The evidence for the record.
    pub fn checks(&self) -> Vec<Check> {
        let used = &self.profile_use;
        let share = used.discarded_share(self.profile.counts_total);
        let detail = format!(
            "{:.3} % of the counts discarded; {} functions changed, {} unknown to the profile",
            share * 100.0,
            used.functions_mismatched,
            used.functions_missing
        );
        vec![Check {
            name: "profile-used".into(),
            outcome: CheckOutcome::Passed,
            detail,
        }]
    }
}

/// Fails when the profile was not gathered from `instrumented`.
///
/// # Errors
/// [`Error::Verification`].
pub fn check_origin(
    profile: &MergedProfile,
    instrumented: &Instrumented,
    tool: &LlvmProfdata,
) -> Result<Check> {
    let known = names::read(&instrumented.artifact().path)?;
    let share = tool
        .counts(&profile.path)?
        .share_in(|name, _| known.contains(name))
        .unwrap_or(0.0);
    if share < OWN_SHARE_MIN {
        return Err(Error::Verification {
            check: "profile-origin",
            message: format!(
                "only {:.1} % of the profile's counts stand under functions of this program",
                share * 100.0
            ),
            hint: "the profile belongs to another program, or to older sources: train the binary of the step `instrument` again".into(),
        });
    }
    Ok(Check {
        name: "profile-origin".into(),
        outcome: CheckOutcome::Passed,
        detail: format!(
            "{:.2} % of the counts stand under functions of the instrumented binary",
            share * 100.0
        ),
    })
}

/// Fails when more of the profile's counts are of another version of the program than the compiler may
/// discard: they stand under functions that `instrumented` does not have with the same control flow.
///
/// # Errors
/// [`Error::Verification`].
pub(crate) fn check_version(
    profile: &MergedProfile,
    instrumented: &Instrumented,
    tool: &LlvmProfdata,
) -> Result<()> {
    let known = records::read(&instrumented.artifact().path)?;
    let is_known =
        |name: &str, hash: u64| known.get(name).is_some_and(|flows| flows.contains(&hash));
    let counts = tool.counts(&profile.path)?;
    let share = counts.share_in(is_known).unwrap_or(0.0);
    if 1.0 - share <= DISCARDED_SHARE_MAX {
        return Ok(());
    }
    refused(
        "profile-version",
        format!(
            "{:.1} % of the profile's counts stand under functions with another control flow than the program has now",
            (1.0 - share) * 100.0
        ),
        "check out the commit on which it was gathered, or gather it again with the binary of the step `instrument`",
    )
}

/// Builds the candidate. `of_c` is what is known of the profile's use by the C code.
///
/// # Errors
/// [`Error::Build`], and [`Error::Verification`] when the compiler did not use the profile.
pub fn run(
    workshop: &Workshop,
    profile: &MergedProfile,
    of_c: &ProfileUse,
    progress: &mut Progress,
) -> Result<(Candidate, Freshness)> {
    // Before the build: it may take minutes.
    refuse_stale(of_c, profile)?;
    let arm = Arm::Candidate {
        profile: profile.path.clone(),
    };
    let earlier = last(&workshop.output);
    if earlier
        .as_ref()
        .is_none_or(|earlier| earlier.profile.sha256 != profile.sha256)
    {
        // cargo keeps what other flags made; and without our notes on an earlier build, what the
        // compiler said then is lost.
        remove(&workshop.target_dir(&arm))?;
    }
    let built = cargo::build(workshop, &arm, progress)?;
    let unchanged = earlier.filter(|earlier| {
        built.freshness == Freshness::Fresh && earlier.artifact.sha256 == built.artifact.sha256
    });
    let profile_use = match unchanged {
        Some(earlier) => earlier.profile_use,
        None => ProfileUse::parse(built.warnings.iter().map(String::as_str)).and(of_c),
    };
    let candidate = Candidate {
        artifact: built.artifact,
        profile: profile.clone(),
        profile_use,
    };
    accept(&candidate)?;
    keep(workshop, &candidate)?;
    Ok((candidate, built.freshness))
}

/// The candidate of the last optimised build, if it is still there.
pub fn last(layout: &Layout) -> Option<Candidate> {
    let text = std::fs::read_to_string(notes(layout)).ok()?;
    let candidate: Candidate = serde_json::from_str(&text).ok()?;
    candidate.artifact.check().is_ok().then_some(candidate)
}

fn keep(workshop: &Workshop, candidate: &Candidate) -> Result<()> {
    let text = serde_json::to_string_pretty(candidate)
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(write_atomically(&notes(&workshop.output), text.as_bytes())?)
}

/// Beside the finished stages: cargo decides whether this one is run, not a key.
fn notes(layout: &Layout) -> PathBuf {
    layout.stage("candidate")
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory).map_err(Error::io("remove", directory))?;
    }
    Ok(())
}

fn accept(candidate: &Candidate) -> Result<()> {
    let used = &candidate.profile_use;
    if let Some(message) = used.unreadable.first() {
        return refused(
            "profile-readable",
            format!("the compiler could not read the profile: {message}"),
            "train again with this compiler; the build would have gone on without PGO",
        );
    }
    refuse_stale(used, &candidate.profile)?;
    if candidate.artifact.counters == Counters::Present {
        return refused(
            "candidate-counters",
            "the candidate still counts its own execution".into(),
            "remove profile flags from cargo's configuration and RUSTFLAGS",
        );
    }
    Ok(())
}

fn refuse_stale(used: &ProfileUse, profile: &MergedProfile) -> Result<()> {
    let share = used.discarded_share(profile.counts_total);
    if share <= DISCARDED_SHARE_MAX {
        return Ok(());
    }
    refused(
        "profile-stale",
        format!(
            "{:.1} % of the counts were discarded, since {} functions are no longer what was trained (limit {:.0} %)",
            share * 100.0,
            used.functions_mismatched,
            DISCARDED_SHARE_MAX * 100.0
        ),
        "the sources or flags have changed since training: train again",
    )
}

fn refused(check: &'static str, message: String, hint: &str) -> Result<()> {
    Err(Error::Verification {
        check,
        message,
        hint: hint.into(),
    })
}
