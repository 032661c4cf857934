//! A ladder of builds: release, LTO, one processor, PGO, PGO of C and C++ as well, BOLT. What does
//! each step gain, what does it cost, and where does one stop?
//!
//! Takes [`Options`]; gives a [`Ladder`] and leaves a record per comparison. Each rung has an output
//! directory of its own, is built by the session's stages, and must put out what the first one does.
//! A step that cannot be taken here is skipped, with the reason. Judging is
//! `inferno_measure::ladder`'s, rendering the caller's.

mod assemble;
mod build;
mod comparisons;
mod steps;

use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::ladder::Ladder;
use inferno_measure::record::CCompiler;
use inferno_measure::{process, write_atomically};

use self::build::Standing;
use self::steps::Settings;
pub use self::steps::Step;

use crate::assemble::{c_compiler, without_directories};
use crate::assets::Assets;
use crate::bolt::LlvmBolt;
use crate::cargo::Resolution;
use crate::clang::Clang;
use crate::error::{Error, Result};
use crate::exit;
use crate::flags::{self, SharedFlags};
use crate::output::{Layout, OutputDir};
use crate::progress::Progress;
use crate::session::Session;
use crate::spec::Spec;
use crate::stage::{Reuse, Stages};
use crate::toolchain::Compiler;
use crate::verify;

/// What a ladder is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is built, trained and compared.
    pub spec: Spec,
    /// The output directory.
    pub out: PathBuf,
    /// Time for all sampling.
    pub budget: Duration,
    /// The steps to take beside the first one; all where empty.
    pub steps: Vec<Step>,
    /// The processor of the step `target-cpu`; the spec's, else this machine's, where absent.
    pub target_cpu: Option<String>,
    /// The scenarios to compare on; all where empty.
    pub only: Vec<String>,
    /// Whether finished builds are taken over.
    pub reuse: Reuse,
    /// Whether finished comparisons are taken over.
    pub samples: Reuse,
    /// What cargo may do to have the dependencies.
    pub resolution: Resolution,
}

/// A finished ladder. While it lives, no other run can use the output directory.
#[derive(Debug)]
pub struct Finished {
    /// What was found.
    pub ladder: Ladder,
    /// Where everything is.
    pub output: OutputDir,
}

/// Builds and compares all rungs, and writes `ladder.json`.
///
/// # Errors
/// Those of the first rung's build and of the comparisons. A later rung that fails is skipped.
pub fn run(options: &Options) -> Result<Finished> {
    let mut climb = Climb::open(options)?;
    let attempts = climb.build()?;
    let rungs: Vec<&Standing> = attempts.iter().filter_map(Attempt::standing).collect();
    climb.check_sources(&rungs)?;
    let records = climb.compare(&rungs)?;
    let ladder = climb.assemble(&attempts, &rungs, &records)?;
    let text = serde_json::to_string_pretty(&ladder)
        .map_err(|error| Error::Internal(error.to_string()))?;
    write_atomically(&climb.output.ladder(), text.as_bytes())?;
    Ok(Finished {
        ladder,
        output: climb.output,
    })
}

/// The state that all rungs share.
struct Climb<'a> {
    options: &'a Options,
    compiler: Compiler,
    target: String,
    /// The processor of the step `target-cpu`.
    cpu: String,
    /// The flags of the first rung, which every rung has.
    first_flags: SharedFlags,
    /// Known once a rung was trained.
    llvm_profdata: Option<String>,
    /// Known once clang has compiled C for a rung.
    c: Option<CCompiler>,
    /// What the spec's processes need from outside; hashed once, as it may be large.
    assets: Assets,
    stages: Stages,
    progress: Progress,
    output: OutputDir,
}

/// What became of a step.
struct Attempt {
    step: Step,
    /// The rung, or why there is none.
    outcome: Result<Standing, String>,
}

impl Attempt {
    fn standing(&self) -> Option<&Standing> {
        self.outcome.as_ref().ok()
    }
}

impl<'a> Climb<'a> {
    /// Finds out whether the spec can be used, and finds or fetches its models, before anything of an
    /// earlier run is given up. The tools of a single rung are looked for later: without them it is skipped.
    fn open(options: &'a Options) -> Result<Self> {
        let spec = &options.spec;
        if spec.scenario_specs().is_empty() {
            return Err(spec.error(
                "there is no [[scenario]]",
                "declare what is to be compared: see docs/spec.md",
            ));
        }
        spec.check_filled_in()?;
        spec.check_names(&options.only)?;
        let config = flags::cargo_config(spec)?;
        let compiler = Compiler::of(&config, &spec.manifest_directory())?;
        let target = flags::target(spec, &config, &compiler.host)?;
        let first = Settings::first(spec).of(spec);
        let first_flags = SharedFlags::resolve(&first, &config, &target)?;
        let mut progress = Progress::on_stderr();
        let output = OutputDir::open(&options.out, &mut |line| progress.say(line))?;
        let assets = Assets::provide(spec, options.resolution.network)?;
        if options.reuse == Reuse::Nothing {
            output.empty()?;
        }
        Ok(Self {
            options,
            compiler,
            target,
            cpu: steps::cpu(options.target_cpu.as_deref(), spec),
            first_flags,
            llvm_profdata: None,
            c: None,
            assets,
            stages: Stages::new(Layout::new(output.root()), options.samples),
            progress,
            output,
        })
    }

    /// The first step, and those that are wanted.
    fn steps(&self) -> Vec<Step> {
        let wanted = &self.options.steps;
        let is_taken =
            |step: &Step| *step == Step::Release || wanted.is_empty() || wanted.contains(step);
        Step::ALL.into_iter().filter(is_taken).collect()
    }

    fn build(&mut self) -> Result<Vec<Attempt>> {
        let mut attempts: Vec<Attempt> = Vec::new();
        for step in self.steps() {
            self.progress.say(&format!("== {step}"));
            let built: Vec<&Standing> = attempts.iter().filter_map(Attempt::standing).collect();
            let outcome = match (built.first(), built.last()) {
                (Some(first), Some(below)) => self.attempt(step, first, below)?,
                _ => Ok(self.first()?),
            };
            if let Err(reason) = &outcome {
                self.progress.say(&format!("{step} is skipped: {reason}"));
            }
            attempts.push(Attempt { step, outcome });
        }
        Ok(attempts)
    }

    fn first(&self) -> Result<Standing> {
        let settings = Settings::first(&self.options.spec);
        let mut session = self.session(&settings, &self.output.rung(Step::Release.name()))?;
        build::plain(Step::Release, settings, &mut session)
    }

    /// The rung, or why it is skipped.
    fn attempt(
        &mut self,
        step: Step,
        first: &Standing,
        below: &Standing,
    ) -> Result<Result<Standing, String>> {
        if let Some(reason) = step.barred(&self.options.spec) {
            return Ok(Err(reason.to_owned()));
        }
        let rung = match self.raise(step, below) {
            Ok(rung) => rung,
            Err(error) => return self.skipped(error).map(Err),
        };
        if rung.artifact.text_sha256 == below.artifact.text_sha256 {
            return Ok(Err(format!(
                "its machine code is that of {}: there is nothing to compare",
                below.step
            )));
        }
        match self.same_outputs(first, &rung) {
            Ok(()) => Ok(Ok(rung)),
            Err(error) => self.skipped(error).map(Err),
        }
    }

    fn raise(&mut self, step: Step, below: &Standing) -> Result<Standing> {
        let spec = &self.options.spec;
        let settings = match step {
            Step::Lto => below.settings.with_lto(&spec.target().profile),
            Step::TargetCpu => below.settings.with_cpu(&self.cpu),
            Step::PgoWithC => below.settings.with_c(),
            Step::Release | Step::Pgo | Step::Bolt => below.settings.clone(),
        };
        if step == Step::Bolt {
            let tool = LlvmBolt::find(self.compiler.llvm_major()?)?;
            let mut session = self.session(&settings, &below.directory)?;
            return build::rewritten(below, &tool, &mut session);
        }
        if step == Step::PgoWithC {
            // Before the session, which would fetch one: no step fetches a compiler.
            Clang::find(&self.compiler)?;
        }
        let mut session = self.session(&settings, &self.output.rung(step.name()))?;
        if !matches!(step, Step::Pgo | Step::PgoWithC) {
            return build::plain(step, settings, &mut session);
        }
        let rung = build::trained(step, settings, &mut session)?;
        self.llvm_profdata = Some(session.tool()?.version);
        self.c = c_compiler(
            &session.workshop,
            &self.output,
            Some(session.instrumented_arm()),
            Some(rung.arm.clone()),
        );
        Ok(rung)
    }

    fn session(&self, settings: &Settings, directory: &Path) -> Result<Session> {
        let spec = settings.of(&self.options.spec);
        let resolution = self.options.resolution;
        Session::open(spec, directory, Reuse::Unchanged, resolution)
    }

    /// A rung that puts out something else than the first one is not the same program.
    fn same_outputs(&mut self, first: &Standing, rung: &Standing) -> Result<()> {
        let spec = &self.options.spec;
        let mut scenarios = self.assets.scenarios_of(spec);
        let only = &self.options.only;
        scenarios.retain(|scenario| only.is_empty() || only.contains(&scenario.name));
        self.progress.start("verify");
        for scenario in &scenarios {
            self.progress.note(&scenario.name);
            verify::outputs_agree(
                &first.artifact.path,
                &rung.artifact.path,
                scenario,
                spec.output(),
            )?;
        }
        self.progress.finish("it puts out what the first rung does");
        Ok(())
    }

    /// Why a rung is skipped. What is no matter of the rung ends the run.
    fn skipped(&self, error: Error) -> Result<String> {
        process::check_interrupted()?;
        let is_of_the_rung = matches!(
            error.exit_code(),
            exit::TOOL_MISSING
                | exit::BUILD_FAILED
                | exit::VERIFICATION_FAILED
                | exit::WORKLOAD_FAILED
        );
        if !is_of_the_rung {
            return Err(error);
        }
        let reason = match error.hint() {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        };
        let spec = &self.options.spec;
        Ok(without_directories(&reason, spec, &self.output))
    }

    /// Rungs of different sources must not be compared: the first one, built again after the last,
    /// must have the same machine code.
    fn check_sources(&self, rungs: &[&Standing]) -> Result<()> {
        let Some(first) = rungs.first() else {
            return Ok(());
        };
        self.session(&first.settings, &first.directory)?
            .check_sources(&first.artifact)
    }
}

#[cfg(test)]
mod tests;
