//! One rung: its build with what it costs.
//!
//! Takes a session in the rung's own output directory; gives the binary, and the time from the
//! sources to it. A time is told only where it began with empty build folders.

use std::path::PathBuf;
use std::time::Instant;

use inferno_measure::record::{StageKind, StageState};
use inferno_measure::{host, write_atomically};
use serde::{Deserialize, Serialize};

use super::steps::{Settings, Step};
use crate::artifact::Artifact;
use crate::bolt::LlvmBolt;
use crate::error::{Error, Result};
use crate::flags::Arm;
use crate::output::Layout;
use crate::session::Session;

/// Under which name a rung's notes are kept beside its finished stages.
const NOTES: &str = "rung";

/// A rung that was built.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) step: Step,
    pub(super) settings: Settings,
    /// The output directory of its build.
    pub(super) directory: PathBuf,
    /// As what it was built there.
    pub(super) arm: Arm,
    pub(super) artifact: Artifact,
    /// Wall time from the sources to the binary, in seconds.
    pub(super) build_s: Option<f64>,
    pub(super) proof: Vec<String>,
}

/// What a build makes.
struct Made {
    arm: Arm,
    artifact: Artifact,
    proof: Vec<String>,
}

/// The last build of a rung.
#[derive(Debug, Serialize, Deserialize)]
struct Notes {
    settings: String,
    sha256: String,
    build_s: Option<f64>,
}

/// Builds a rung without a profile.
///
/// # Errors
/// See [`Session::baseline`].
pub(super) fn plain(step: Step, settings: Settings, session: &mut Session) -> Result<Standing> {
    timed(step, settings, session, |session| {
        Ok(Made {
            arm: Arm::Baseline,
            artifact: session.baseline()?.artifact().clone(),
            proof: Vec::new(),
        })
    })
}

/// Builds a rung with the profile of the declared training.
///
/// # Errors
/// Those of the session's stages.
pub(super) fn trained(step: Step, settings: Settings, session: &mut Session) -> Result<Standing> {
    // What is fetched is no part of the build.
    session.provide()?;
    timed(step, settings, session, |session| {
        let instrumented = session.instrument()?;
        let profiles = session.train(&instrumented)?;
        let profile = session.merge(profiles)?;
        let (candidate, checks) = session.optimize(&profile, &instrumented)?;
        let checks = checks.into_iter().chain(candidate.checks());
        Ok(Made {
            arm: Arm::Candidate {
                profile: candidate.profile().path.clone(),
            },
            artifact: candidate.artifact().clone(),
            proof: checks.map(|check| check.detail).collect(),
        })
    })
}

/// Rewrites the rung `below`, in its own session.
///
/// # Errors
/// See [`Session::rewrite`].
pub(super) fn rewritten(
    below: &Standing,
    tool: &LlvmBolt,
    session: &mut Session,
) -> Result<Standing> {
    let rewritten = session.rewrite(tool, &below.arm, &below.artifact)?;
    Ok(Standing {
        step: Step::Bolt,
        artifact: rewritten.artifact,
        build_s: below.build_s.map(|below| below + rewritten.wall_s),
        proof: vec![format!(
            "by llvm-bolt {}: {}",
            tool.version,
            rewritten.told.sentence()
        )],
        ..below.clone()
    })
}

fn timed(
    step: Step,
    settings: Settings,
    session: &mut Session,
    make: impl FnOnce(&mut Session) -> Result<Made>,
) -> Result<Standing> {
    let key = settings.key(&session.workshop, &host::describe());
    let notes = last(session.output()).filter(|notes| notes.settings == key);
    if notes.is_none() {
        // What an interrupted build, or one of other settings, has left would be time saved.
        session.output().empty()?;
    }
    let started = Instant::now();
    let made = make(session)?;
    let wall_s = started.elapsed().as_secs_f64();
    let notes = Notes {
        build_s: match notes {
            None => Some(wall_s),
            Some(notes) if !compiled(session) && notes.sha256 == made.artifact.sha256 => {
                notes.build_s
            }
            // From the folders of older sources.
            Some(_) => None,
        },
        settings: key,
        sha256: made.artifact.sha256.clone(),
    };
    let text =
        serde_json::to_string_pretty(&notes).map_err(|error| Error::Internal(error.to_string()))?;
    write_atomically(&session.output().stage(NOTES), text.as_bytes())?;
    Ok(Standing {
        step,
        settings,
        directory: session.output().root().to_owned(),
        arm: made.arm,
        artifact: made.artifact,
        build_s: notes.build_s,
        proof: made.proof,
    })
}

/// The notes on the last build in this directory.
fn last(layout: &Layout) -> Option<Notes> {
    let text = std::fs::read_to_string(layout.stage(NOTES)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Whether anything was built or trained anew.
fn compiled(session: &Session) -> bool {
    let works = |kind| matches!(kind, StageKind::Build | StageKind::Train);
    let stages = session.stages.timings().iter();
    stages
        .filter(|stage| works(stage.kind))
        .any(|stage| stage.state == StageState::Ran)
}
