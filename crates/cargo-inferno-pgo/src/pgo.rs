//! The main job, and its single steps for people who train elsewhere: `cargo inferno-pgo`, or
//! `cargo xtask pgo`.

mod audit;
mod init;
mod judge;
mod ladder;
mod predict;
mod steps;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use inferno_measure::record::{Record, Verdict};
use inferno_pgo::cargo::{LockFile, Network, Resolution};
use inferno_pgo::gathered::Source;
use inferno_pgo::pipeline::{self, CriterionStage, Finished, NullRebuild, Options, ProfileFrom};
use inferno_pgo::plan::Plan;
use inferno_pgo::spec::{Spec, duration};
use inferno_pgo::stage::Reuse;
use inferno_pgo::{Result, exit};

use crate::{Front, reports};

/// Arguments of the main job or of one of its steps.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    step: Option<Step>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Step {
    /// Write a first spec for a package; never over a file that is there
    Init(init::Arguments),
    /// Build the baseline alone and say what gain to expect of an optimised build
    Predict(predict::Arguments),
    /// Climb from a release build over LTO, one processor and PGO to BOLT: what each step gains and
    /// costs, and where to stop
    Ladder(ladder::Arguments),
    /// Build the instrumented binary and say how to train it
    Instrument(Building),
    /// Run the declared training workloads on the instrumented binary
    Train(Building),
    /// Merge profiles: those of the declared training, or what was gathered elsewhere
    Merge {
        #[command(flatten)]
        building: Building,
        /// Profiles, or directories of them, each with its weight; without weights, all together
        /// as one; default: the declared training's
        #[arg(value_name = "DIR[=WEIGHT]", value_parser = Source::parse)]
        sources: Vec<Source>,
        /// Merge them into the stored profile
        #[arg(long, requires = "sources")]
        into_stored: bool,
    },
    /// Train as declared and renew the stored profile
    Refresh(Building),
    /// Build the candidate with the merged profile
    Optimize {
        #[command(flatten)]
        building: Building,
        #[command(flatten)]
        from: ProfileArguments,
    },
    /// Prove that baseline and candidate may be compared
    Verify(Building),
    /// Judge a build of another pipeline: was its profile used, is it stale, does hot code differ? (To
    /// build the baseline twice is the main job's `--audit`)
    Audit(Box<audit::Arguments>),
    /// Judge a saved record again, from its raw samples
    Judge {
        /// The record
        record: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t = judge::Format::Table)]
        format: judge::Format,
    },
    /// Measure the baseline against a copy of itself: what this machine can resolve
    Noise(SamplingArguments),
    /// Say which stages are done
    Status(Place),
    /// Remove the output directory
    Clean(Place),
}

/// Which spec, and where its results go.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The spec; without it, the project's own
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The output directory; without it, one in the target directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Place {
    fn load(&self, front: &Front) -> Result<(Spec, PathBuf)> {
        self.load_for("pgo", front)
    }

    /// The same for another job than the main one.
    fn load_for(&self, job: &str, front: &Front) -> Result<(Spec, PathBuf)> {
        let spec = match &self.spec {
            Some(spec) => Spec::load(spec)?,
            None => Spec::load(&front.default_spec()?)?,
        };
        let out = match &self.out {
            Some(out) => out.clone(),
            None => front.default_out(job, &spec)?,
        };
        Ok((spec, out))
    }
}

/// Spec and output directory for what builds, and what that may fetch and write.
#[derive(Debug, Args)]
pub(crate) struct Building {
    #[command(flatten)]
    place: Place,
    /// Fail where cargo would have to change Cargo.lock
    #[arg(long)]
    locked: bool,
    /// Fetch nothing: no packages, tools or models
    #[arg(long)]
    offline: bool,
}

impl Building {
    fn resolution(&self) -> Resolution {
        Resolution {
            lock_file: if self.locked {
                LockFile::Kept
            } else {
                LockFile::Written
            },
            network: if self.offline {
                Network::Unused
            } else {
                Network::Used
            },
        }
    }
}

/// Where the candidate's profile comes from, if not from training.
#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    /// Build the candidate with a profile that was merged elsewhere, instead of training
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Build the candidate with the profile that is kept beside the spec, after measuring how far it
    /// is from a fresh training
    #[arg(long, conflicts_with = "profile")]
    use_stored: bool,
}

impl ProfileArguments {
    fn profile(&self) -> ProfileFrom {
        match &self.profile {
            Some(file) => ProfileFrom::File(file.clone()),
            None if self.use_stored => ProfileFrom::Store,
            None => ProfileFrom::Training,
        }
    }
}

/// What the main job can be asked.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    sampling: SamplingArguments,
    /// Build the baseline twice, to learn what a differing binary proves (a build of another pipeline
    /// is judged by the step `audit`)
    #[arg(long)]
    audit: bool,
    #[command(flatten)]
    from: ProfileArguments,
    /// Link both arms in K code layouts and measure all of them, so that a gain is called real
    /// only beyond the luck of layout (at least 8; needs lld)
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(8..=999))]
    layout_control: Option<u32>,
    /// Count the instructions of both arms with callgrind, at most TIME per scenario (default 5m):
    /// a companion that decides nothing (needs valgrind)
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "5m", value_parser = duration::parse)]
    instructions: Option<Duration>,
    /// Leave out the benchmark that the spec declares in [criterion]
    #[arg(long)]
    no_criterion: bool,
    /// Print the plan and stop
    #[arg(long)]
    dry_run: bool,
}

/// What every command that samples can be asked.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct SamplingArguments {
    #[command(flatten)]
    building: Building,
    /// Time for all sampling, as in `5m`; the benchmark of [criterion] has a budget of its own
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    budget: Duration,
    /// Start over: keep nothing of earlier runs
    #[arg(long)]
    fresh: bool,
    /// Sample again, with the binaries of earlier runs
    #[arg(long)]
    remeasure: bool,
    /// Verify and sample this scenario alone (repeatable)
    #[arg(long, value_name = "SCENARIO")]
    only: Vec<String>,
    /// Requests that a warm worker answers before another has its turn
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    turn_requests: Option<u32>,
    /// Exit with 10 when a scenario is slower, with 11 when one is inconclusive
    #[arg(long)]
    gate: bool,
    /// How to print the record
    #[arg(long, value_enum, default_value_t = judge::Format::Table)]
    format: judge::Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl SamplingArguments {
    fn format(&self) -> judge::Format {
        if self.json {
            judge::Format::Json
        } else {
            self.format
        }
    }

    fn options(&self, front: &Front) -> Result<Options> {
        let (spec, out) = self.building.place.load(front)?;
        Ok(Options {
            budget: self.budget,
            reuse: Reuse::unless(self.fresh),
            samples: Reuse::unless(self.remeasure),
            turn_requests: self.turn_requests,
            only: self.only.clone(),
            criterion: CriterionStage::Skipped,
            resolution: self.building.resolution(),
            ..Options::new(spec, out)
        })
    }

    /// A loss weighs more than not knowing.
    fn exit_code(&self, record: &Record) -> u8 {
        let any = |verdict| {
            record
                .scenarios
                .iter()
                .any(|scenario| scenario.verdict == verdict)
        };
        if self.gate && any(Verdict::Slower) {
            exit::SLOWER
        } else if self.gate && any(Verdict::Inconclusive) {
            exit::INCONCLUSIVE
        } else {
            exit::ANSWERED
        }
    }
}

impl RunArguments {
    fn options(&self, front: &Front) -> Result<Options> {
        Ok(Options {
            null_rebuild: if self.audit {
                NullRebuild::Built
            } else {
                NullRebuild::Left
            },
            profile: self.from.profile(),
            layouts: self.layout_control,
            instructions: self.instructions,
            criterion: if self.no_criterion {
                CriterionStage::Skipped
            } else {
                CriterionStage::Run
            },
            ..self.sampling.options(front)?
        })
    }
}

/// Does the main job, or one of its steps; gives the exit code of the answer.
///
/// # Errors
/// Every [`inferno_pgo::Error`].
pub fn run(arguments: Arguments, front: &Front) -> Result<u8> {
    match arguments.step {
        None => whole(&arguments.run, front),
        Some(chosen) => step(chosen, front),
    }
}

pub(crate) fn step(step: Step, front: &Front) -> Result<u8> {
    match step {
        Step::Init(arguments) => init::run(&arguments, front),
        Step::Predict(arguments) => predict::run(&arguments, front),
        Step::Ladder(arguments) => ladder::run(&arguments, front),
        Step::Instrument(building) => steps::instrument(&building, front),
        Step::Train(building) => steps::train(&building, front),
        Step::Merge {
            building,
            sources,
            into_stored,
        } if into_stored => steps::merge_into_stored(&building, &sources, front),
        Step::Merge {
            building, sources, ..
        } => steps::merge(&building, &sources, front),
        Step::Refresh(building) => steps::refresh(&building, front),
        Step::Optimize { building, from } => steps::optimize(&building, &from.profile(), front),
        Step::Verify(building) => steps::verify(&building, front),
        Step::Audit(arguments) => audit::run(&arguments, front),
        Step::Judge { record, format } => judge::run(&record, format),
        Step::Noise(arguments) => noise(&arguments, front),
        Step::Status(place) => steps::status(&place, front),
        Step::Clean(place) => steps::clean(&place, front),
    }
}

pub(crate) fn whole(arguments: &RunArguments, front: &Front) -> Result<u8> {
    let options = arguments.options(front)?;
    let plan = Plan::of(&options)?;
    eprint!("{plan}");
    if arguments.dry_run {
        return Ok(exit::ANSWERED);
    }
    let finished = pipeline::run(&options)?;
    let Finished { record, output } = &finished;
    reports::write(record, output)?;
    judge::print(record, arguments.sampling.format())?;
    reports::tell(output);
    let code = arguments.sampling.exit_code(record);
    criterion(&options, finished, code)
}

/// The last stage, which has no verdict: `code` is the answer's. A gate that the answer has closed
/// stays closed, whatever comes of this.
fn criterion(options: &Options, finished: Finished, code: u8) -> Result<u8> {
    let looked = pipeline::run_criterion(options, finished).and_then(|finished| {
        if let Some(Finished { record, output }) = &finished {
            reports::write(record, output)?;
        }
        Ok(finished.is_some())
    });
    match looked {
        Ok(true) => eprintln!(
            "Criterion's report is in criterion/report/index.html of the benchmark's target directory, or where CRITERION_HOME points"
        ),
        Ok(false) => {}
        Err(error) if code == exit::ANSWERED => return Err(error),
        Err(error) => {
            inferno_measure::process::check_interrupted()?;
            crate::tell(&error, error.hint().as_deref());
        }
    }
    Ok(code)
}

fn noise(arguments: &SamplingArguments, front: &Front) -> Result<u8> {
    let Finished { record, output } = pipeline::run_noise(&arguments.options(front)?)?;
    inferno_measure::write_atomically(
        &output.noise_page(),
        inferno_report::html(&record).as_bytes(),
    )?;
    judge::print(&record, arguments.format())?;
    eprintln!("record: {}", output.noise_record().display());
    eprintln!("page: {}", output.noise_page().display());
    Ok(arguments.exit_code(&record))
}
