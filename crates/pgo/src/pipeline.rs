//! The main job, told as a story: build, train, merge, optimise, verify, measure, judge.
//!
//! Takes [`Options`]; gives a [`Record`]. Rendering and exit codes are the caller's.

use std::path::PathBuf;
use std::time::Duration;

use inferno_measure::campaign::Measured;
use inferno_measure::record::{Audit, Record};
use inferno_measure::scenario::Judging;
use inferno_measure::verdict;

use crate::assemble;
use crate::error::{Error, Result};
use crate::output::OutputDir;
use crate::session::Session;
use crate::spec::Spec;
use crate::stage::Reuse;
use crate::verify;

/// All sampling of a run, where the command line does not say.
pub const BUDGET_DEFAULT: Duration = Duration::from_mins(10);

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The spec's file.
    pub spec: PathBuf,
    /// The output directory.
    pub out: PathBuf,
    /// Time for all sampling.
    pub budget: Duration,
    /// Whether finished stages are taken over.
    pub reuse: Reuse,
    /// Whether finished samples are taken over.
    pub samples: Reuse,
    /// Whether the baseline is built twice.
    pub null_rebuild: NullRebuild,
    /// Requests per turn of an arm; the sampler's default where absent.
    pub turn_requests: Option<u32>,
    /// The scenarios to verify and sample; all where empty.
    pub only: Vec<String>,
}

/// Whether the baseline is built twice, to learn what a difference proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullRebuild {
    /// It is (`--audit`).
    Built,
    /// It is not.
    Left,
}

impl Options {
    fn judging(&self, spec: &Spec) -> Judging {
        let judging = spec.judging();
        Judging {
            budget_s: self.budget.as_secs_f64(),
            turn_requests: self.turn_requests.unwrap_or(judging.turn_requests),
            ..judging
        }
    }

    fn open(&self) -> Result<Session> {
        let spec = Spec::load(&self.spec)?;
        if spec.scenario_specs().is_empty() {
            return Err(spec.error(
                "there is no [[scenario]]",
                "declare what is to be compared: see docs/spec.md",
            ));
        }
        let mut session = Session::open(spec, &self.out, self.reuse)?;
        session.restrict(&self.only)?;
        if self.samples == Reuse::Nothing {
            forget_samples(session.output())?;
        }
        Ok(session)
    }
}

fn forget_samples(output: &OutputDir) -> Result<()> {
    let samples = output.samples();
    std::fs::remove_dir_all(&samples).map_err(Error::io("remove", &samples))?;
    std::fs::create_dir_all(&samples).map_err(Error::io("create", &samples))
}

/// Runs the whole pipeline and writes `record.json`.
///
/// # Errors
/// Every [`Error`]; what was finished is kept, and the next run goes on from there.
pub fn run(options: &Options) -> Result<Record> {
    let mut session = options.open()?;
    session.provide()?;
    let flags = session.shared_flags().as_slice().join(" ");
    session.say(&format!(
        "flags of every arm: {}",
        if flags.is_empty() { "(none)" } else { &flags }
    ));

    let baseline = session.baseline()?;
    let instrumented = session.instrument()?;
    let profiles = session.train(&instrumented)?;
    let profile = session.merge(profiles)?;
    let (candidate, origin) = session.optimize(&profile, &instrumented)?;
    let pair = session.verify(&baseline, &candidate)?;
    let overlap = session.overlap(&pair, &instrumented)?;
    let audit = match options.null_rebuild {
        NullRebuild::Built => Some(session.audit(&baseline)?),
        NullRebuild::Left => None,
    };

    let judging = options.judging(session.spec());
    let measured = session.measure(&pair, &judging)?;

    let mut checks = vec![origin];
    checks.extend(pair.checks().iter().cloned());
    checks.push(verify::overlap_check(overlap.share, &overlap.gathered_on));
    let proof = assemble::Proof {
        instrumented: Some(instrumented.artifact()),
        baseline: pair.baseline(),
        candidate: pair.candidate().artifact(),
        built_with: Some((pair.candidate(), overlap.share)),
        checks,
        audit,
    };
    finish(
        &mut session,
        &proof,
        &measured,
        judging,
        &options.out.join("record.json"),
    )
}

/// Measures the baseline against a byte copy of itself and writes `noise.json`: what this machine
/// can resolve.
///
/// # Errors
/// See [`run`].
pub fn run_noise(options: &Options) -> Result<Record> {
    let mut session = options.open()?;
    session.provide()?;
    let baseline = session.baseline()?;
    let judging = options.judging(session.spec());
    let measured = session.measure_noise(&baseline, &judging)?;
    let proof = assemble::Proof {
        instrumented: None,
        baseline: baseline.artifact(),
        candidate: baseline.artifact(),
        built_with: None,
        checks: Vec::new(),
        audit: None::<Audit>,
    };
    finish(
        &mut session,
        &proof,
        &measured,
        judging,
        &options.out.join("noise.json"),
    )
}

fn finish(
    session: &mut Session,
    proof: &assemble::Proof<'_>,
    measured: &[Measured],
    judging: Judging,
    path: &std::path::Path,
) -> Result<Record> {
    let scenarios = verdict::judge(measured, &judging);
    let trends = verdict::judge_trends(&session.spec().declared_trends(), &scenarios, &judging);
    let record = assemble::record(session, proof, judging, scenarios, trends)?;
    record.write(path)?;
    Ok(record)
}
