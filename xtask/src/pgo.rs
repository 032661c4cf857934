//! `cargo xtask pgo`: the main job, and its single steps for people who train elsewhere.

mod audit;
mod judge;
mod ladder;
mod predict;
mod steps;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use inferno_measure::record::{Record, Verdict};
use inferno_pgo::exit;
use inferno_pgo::gathered::Source;
use inferno_pgo::pipeline::{self, CriterionStage, Finished, NullRebuild, Options, ProfileFrom};
use inferno_pgo::plan::Plan;
use inferno_pgo::spec::{Spec, duration};
use inferno_pgo::stage::Reuse;

use crate::error::{Error, Result};
use crate::{project, reports};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    step: Option<Step>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Build the baseline alone and say what gain to expect of an optimised build
    Predict(predict::Arguments),
    /// Climb from a release build over LTO, one processor and PGO to BOLT: what each step gains and
    /// costs, and where to stop
    Ladder(ladder::Arguments),
    /// Build the instrumented binary and say how to train it
    Instrument(Place),
    /// Run the declared training workloads on the instrumented binary
    Train(Place),
    /// Merge profiles: those of the declared training, or what was gathered elsewhere
    Merge {
        #[command(flatten)]
        place: Place,
        /// Profiles, or directories of them, each with its weight; without weights, all together
        /// as one; default: the declared training's
        #[arg(value_name = "DIR[=WEIGHT]", value_parser = Source::parse)]
        sources: Vec<Source>,
        /// Merge them into the stored profile
        #[arg(long, requires = "sources")]
        into_stored: bool,
    },
    /// Train as declared and renew the stored profile
    Refresh(Place),
    /// Build the candidate with the merged profile
    Optimize {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        from: ProfileArguments,
    },
    /// Prove that baseline and candidate may be compared
    Verify(Place),
    /// Judge a build of another pipeline: was its profile used, is it stale, does hot code differ? (To
    /// build the baseline twice is `cargo xtask pgo --audit`)
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
struct Place {
    /// The spec; without it, the inference engine's
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The output directory; without it, one below target/pgo
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Place {
    fn load(&self) -> Result<(Spec, PathBuf)> {
        let spec = Spec::load(&self.spec.clone().unwrap_or_else(project::default_spec))?;
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| project::default_out(spec.name()));
        Ok((spec, out))
    }
}

/// Where the candidate's profile comes from, if not from training.
#[derive(Debug, Args)]
struct ProfileArguments {
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

#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    sampling: SamplingArguments,
    /// Build the baseline twice, to learn what a differing binary proves (a build of another pipeline
    /// is judged by `cargo xtask pgo audit`)
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
struct SamplingArguments {
    #[command(flatten)]
    place: Place,
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

    fn options(&self) -> Result<Options> {
        let reuse = |again| {
            if again {
                Reuse::Nothing
            } else {
                Reuse::Unchanged
            }
        };
        let (spec, out) = self.place.load()?;
        Ok(Options {
            spec,
            out,
            budget: self.budget,
            reuse: reuse(self.fresh),
            samples: reuse(self.remeasure),
            null_rebuild: NullRebuild::Left,
            turn_requests: self.turn_requests,
            only: self.only.clone(),
            profile: ProfileFrom::Training,
            layouts: None,
            instructions: None,
            criterion: CriterionStage::Skipped,
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
    fn options(&self) -> Result<Options> {
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
            ..self.sampling.options()?
        })
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<u8> {
    match arguments.step {
        None => whole(&arguments.run),
        Some(Step::Predict(arguments)) => predict::run(&arguments),
        Some(Step::Ladder(arguments)) => ladder::run(&arguments),
        Some(Step::Instrument(place)) => steps::instrument(&place),
        Some(Step::Train(place)) => steps::train(&place),
        Some(Step::Merge {
            place,
            sources,
            into_stored,
        }) if into_stored => steps::merge_into_stored(&place, &sources),
        Some(Step::Merge { place, sources, .. }) => steps::merge(&place, &sources),
        Some(Step::Refresh(place)) => steps::refresh(&place),
        Some(Step::Optimize { place, from }) => steps::optimize(&place, &from.profile()),
        Some(Step::Verify(place)) => steps::verify(&place),
        Some(Step::Audit(arguments)) => audit::run(&arguments),
        Some(Step::Judge { record, format }) => judge::run(&record, format),
        Some(Step::Noise(arguments)) => noise(&arguments),
        Some(Step::Status(place)) => steps::status(&place),
        Some(Step::Clean(place)) => steps::clean(&place),
    }
}

fn whole(arguments: &RunArguments) -> Result<u8> {
    let options = arguments.options()?;
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
        Err(error) if code == exit::ANSWERED => return Err(error.into()),
        Err(error) => {
            inferno_measure::process::check_interrupted()?;
            Error::from(error).tell();
        }
    }
    Ok(code)
}

fn noise(arguments: &SamplingArguments) -> Result<u8> {
    let Finished { record, output } = pipeline::run_noise(&arguments.options()?)?;
    inferno_measure::write_atomically(
        &output.noise_page(),
        inferno_report::html(&record).as_bytes(),
    )?;
    judge::print(&record, arguments.format())?;
    eprintln!("record: {}", output.noise_record().display());
    eprintln!("page: {}", output.noise_page().display());
    Ok(arguments.exit_code(&record))
}
