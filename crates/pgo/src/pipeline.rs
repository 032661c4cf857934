//! The main job, told as a story: build, train, merge, optimise, verify, measure, judge.
//!
//! Takes [`Options`]; gives a [`Record`]. Rendering and exit codes are the caller's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inferno_measure::campaign::Measured;
use inferno_measure::record::{Audit, ProfileSource, Record, Stage, Suitability};
use inferno_measure::scenario::Judging;
use inferno_measure::verdict;

use crate::assemble;
use crate::cargo::Resolution;
use crate::criterion;
use crate::error::Result;
use crate::instructions::Counting;
use crate::output::OutputDir;
use crate::progress::Progress;
use crate::relink::Layouts;
use crate::session::{Patience, Session, Supplied};
use crate::spec::{Criterion, Spec};
use crate::stage::Reuse;
use crate::suitability;
use crate::suitability::calibration::{self, Identity};
use crate::train::Instrumented;
use crate::verify;

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is built, trained and compared.
    pub spec: Spec,
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
    /// Where the candidate's profile comes from.
    pub profile: ProfileFrom,
    /// Code layouts in which both arms are linked and measured; the arms as they were built where
    /// absent.
    pub layouts: Option<u32>,
    /// Time for counting the instructions of one scenario; they are not counted where absent.
    pub instructions: Option<Duration>,
    /// Whether Criterion looks at the pair as well, where the spec declares it.
    pub criterion: CriterionStage,
    /// What cargo may do to have the dependencies.
    pub resolution: Resolution,
}

/// A finished run. While it lives, no other run can use the output directory.
#[derive(Debug)]
pub struct Finished {
    /// What was found.
    pub record: Record,
    /// Where everything is.
    pub output: OutputDir,
}

/// Whether the baseline is built twice, to learn what a difference proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullRebuild {
    /// It is (`--audit`).
    Built,
    /// It is not.
    Left,
}

/// Where the candidate's profile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileFrom {
    /// The declared training.
    Training,
    /// A profile that was merged elsewhere (`--profile FILE`).
    File(PathBuf),
    /// The profile that is kept beside the spec (`--use-stored`).
    Store,
}

/// Whether Criterion looks at the pair as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CriterionStage {
    /// It does, where the spec declares it.
    Run,
    /// It does not (`--no-criterion`).
    Skipped,
}

/// Time for all sampling, where nothing else is asked.
pub const DEFAULT_BUDGET: Duration = Duration::from_mins(10);

impl Options {
    /// The whole job on `spec`, as the command line does it without options.
    pub fn new(spec: Spec, out: PathBuf) -> Self {
        Self {
            spec,
            out,
            budget: DEFAULT_BUDGET,
            reuse: Reuse::Unchanged,
            samples: Reuse::Unchanged,
            null_rebuild: NullRebuild::Left,
            turn_requests: None,
            only: Vec::new(),
            profile: ProfileFrom::Training,
            layouts: None,
            instructions: None,
            criterion: CriterionStage::Run,
            resolution: Resolution::default(),
        }
    }

    /// The benchmark that is run after the record is written.
    pub fn declared_criterion(&self) -> Option<&Criterion> {
        let declared = self.spec.criterion();
        declared.filter(|_| self.criterion == CriterionStage::Run)
    }

    fn judging(&self) -> Judging {
        let judging = self.spec.judging();
        Judging {
            budget_s: self.budget.as_secs_f64(),
            turn_requests: self.turn_requests.unwrap_or(judging.turn_requests),
            layouts: self.layouts,
            ..judging
        }
    }

    /// Finds everything that a run needs before anything of an earlier run is given up.
    fn open(&self) -> Result<Session> {
        if self.spec.scenario_specs().is_empty() {
            return Err(self.spec.error(
                "there is no [[scenario]]",
                "declare what is to be compared: see docs/spec.md",
            ));
        }
        self.spec.check_filled_in()?;
        let spec = self.spec.clone();
        let mut session = Session::open(spec, &self.out, self.reuse, self.resolution)?;
        session.restrict(&self.only)?;
        session.provide()?;
        if self.profile == ProfileFrom::Store {
            session.stored()?;
        }
        if self.reuse == Reuse::Nothing {
            session.output().empty()?;
        }
        if self.samples == Reuse::Nothing {
            session.output().forget_samples()?;
        }
        Ok(session)
    }
}

/// Runs the whole pipeline and writes `record.json`.
///
/// # Errors
/// Every [`Error`]; what was finished is kept, and the next run goes on from there.
pub fn run(options: &Options) -> Result<Finished> {
    if options.profile == ProfileFrom::Training {
        options.spec.check_training()?;
    }
    let counting = options.instructions.map(Counting::within).transpose()?;
    let mut session = options.open()?;
    let flags = session.shared_flags().as_slice().join(" ");
    session.say(&format!(
        "flags of every arm: {}",
        if flags.is_empty() { "(none)" } else { &flags }
    ));

    let baseline = session.baseline()?;
    let evidence = session.evidence(&baseline, Patience::Companion)?;
    let instrumented = session.instrument()?;
    let supplied = supply(&options.profile, &mut session, &instrumented)?;
    let (candidate, origin) = session.optimize(&supplied.profile, &instrumented)?;
    let pair = session.verify(&baseline, &candidate)?;
    let overlap = session.overlap(&pair, &instrumented)?;
    let hottest = session.hottest(&pair)?;
    let audit = match options.null_rebuild {
        NullRebuild::Built => Some(session.audit(&baseline)?),
        NullRebuild::Left => None,
    };

    let layouts = match options.layouts {
        Some(count) => Some(session.layouts(&pair, count)?),
        None => None,
    };

    let judging = options.judging();
    let measured = session.measure(&pair, layouts.as_ref(), &judging)?;
    let instructions = match &counting {
        Some(counting) => session.instructions(&pair, &measured, counting)?,
        None => BTreeMap::new(),
    };

    let mut checks = supplied.checks;
    checks.extend(origin);
    checks.extend(pair.checks().iter().cloned());
    checks.extend(layouts.as_ref().map(Layouts::check));
    checks.push(verify::overlap_check(overlap.share, &overlap.gathered_on));
    let proof = assemble::Proof {
        instrumented: Some(instrumented.artifact()),
        baseline: pair.baseline(),
        candidate: pair.candidate().artifact(),
        built_with: Some(assemble::BuiltWith {
            candidate: pair.candidate(),
            source: supplied.source,
            holdout_overlap: overlap.share,
            hottest,
        }),
        checks,
        audit,
        evidence: Some(evidence),
        instructions,
    };
    let path = session.output().record();
    finish(session, &proof, &measured, judging, &path)
}

/// The candidate's profile, with what is known of where it comes from.
fn supply(
    from: &ProfileFrom,
    session: &mut Session,
    instrumented: &Instrumented,
) -> Result<Supplied> {
    Ok(match from {
        ProfileFrom::Training => {
            let profiles = session.train(instrumented)?;
            Supplied {
                profile: session.merge(profiles)?,
                source: ProfileSource::Training,
                checks: Vec::new(),
            }
        }
        ProfileFrom::File(path) => Supplied {
            profile: session.adopt(path)?,
            source: ProfileSource::Elsewhere,
            checks: Vec::new(),
        },
        ProfileFrom::Store => {
            let stored = session.stored()?;
            session.use_stored(&stored, instrumented)?
        }
    })
}

/// Lets Criterion look at the pair of a finished run, where that is declared, and adds the stage's
/// time to the record. `None` where it is not.
///
/// # Errors
/// [`Error::Bench`]: record and reports of `finished` stand.
///
/// [`Error::Bench`]: crate::Error::Bench
pub fn run_criterion(options: &Options, finished: Finished) -> Result<Option<Finished>> {
    let Some(declared) = options.declared_criterion() else {
        return Ok(None);
    };
    let Finished { mut record, output } = finished;
    let root = output.root().to_owned();
    // The benchmark holds the directory itself.
    drop(output);
    let mut progress = Progress::on_stderr();
    let started = Instant::now();
    criterion::run(
        &options.spec,
        declared,
        options.resolution,
        &root,
        &mut progress,
    )?;
    let wall_s = started.elapsed().as_secs_f64();
    let output = OutputDir::open(&root, &mut |line| progress.say(line))?;
    // Another run may have gone in between: then the record on the disk is not this one's.
    let is_ours = Record::read(&output.record()).is_ok_and(|found| found == record);
    assemble::add_stage(&mut record.timings, Stage::CRITERION, wall_s);
    if is_ours {
        record.write(&output.record())?;
    } else {
        progress.say("another run has used the output directory meanwhile: its record is left alone, and the time of this stage stands nowhere");
    }
    Ok(is_ours.then_some(Finished { record, output }))
}

/// Builds the baseline alone and predicts what an optimised build would gain.
///
/// # Errors
/// See [`run`].
pub fn predict(
    spec: Spec,
    out: &Path,
    reuse: Reuse,
    resolution: Resolution,
) -> Result<Suitability> {
    spec.check_training()?;
    let mut session = Session::open(spec, out, reuse, resolution)?;
    let baseline = session.baseline()?;
    let evidence = session.evidence(&baseline, Patience::Companion)?;
    Ok(suitability::score(
        &evidence,
        &calibration::embedded()?,
        Identity::of(session.spec()),
        None,
    ))
}

/// Measures the baseline against a byte copy of itself and writes `noise.json`: what this machine
/// can resolve.
///
/// # Errors
/// See [`run`].
pub fn run_noise(options: &Options) -> Result<Finished> {
    let mut session = options.open()?;
    let baseline = session.baseline()?;
    // Both sides would be the same binary in every layout.
    let judging = Judging {
        layouts: None,
        ..options.judging()
    };
    let measured = session.measure_noise(&baseline, &judging)?;
    let proof = assemble::Proof {
        instrumented: None,
        baseline: baseline.artifact(),
        candidate: baseline.artifact(),
        built_with: None,
        checks: Vec::new(),
        audit: None::<Audit>,
        evidence: None,
        instructions: BTreeMap::new(),
    };
    let path = session.output().noise_record();
    finish(session, &proof, &measured, judging, &path)
}

fn finish(
    mut session: Session,
    proof: &assemble::Proof<'_>,
    measured: &[Measured],
    judging: Judging,
    path: &Path,
) -> Result<Finished> {
    let scenarios = verdict::judge(measured, &judging);
    let trends = verdict::judge_trends(&session.spec().declared_trends(), &scenarios, &judging);
    let record = assemble::record(&mut session, proof, judging, scenarios, trends)?;
    record.write(path)?;
    Ok(Finished {
        record,
        output: session.into_output(),
    })
}
