//! One run's tools and stages, each callable by itself for people who train elsewhere.
//!
//! Takes a spec and an output directory; each stage takes the type that only the stage before can
//! make. The order of the whole is in `pipeline`.

mod instructions;
mod layouts;
mod predict;
mod release;
mod rewriting;
mod sampling;
mod stored;

pub(crate) use instructions::stage as instructions_stage;
pub use predict::Patience;
pub(crate) use sampling::Shown;
pub use stored::Supplied;

use std::path::Path;
use std::time::Instant;

use inferno_measure::process;
use inferno_measure::record::{Audit, Check, HotFunction, StageKind, StageState};
use inferno_measure::scenario::Scenario;

use crate::artifact::{Artifact, Counters};
use crate::assets::Assets;
use crate::c_code;
use crate::cargo::{self, Freshness, Network, Resolution, Workshop};
use crate::clang::Clang;
use crate::digest::{self, Key};
use crate::error::{Error, Result};
use crate::flags::{self, Arm, SharedFlags};
use crate::functions;
use crate::gathered;
use crate::holdout::{self, Overlap};
use crate::merge::{self, MergedProfile};
use crate::optimize::{self, Candidate};
use crate::output::{Layout, OutputDir, Purpose};
use crate::profile::used::ProfileUse;
use crate::progress::Progress;
use crate::spec::{CCompiler, Spec};
use crate::stage::{Reuse, Stages};
use crate::toolchain::{Compiler, LlvmProfdata};
use crate::train::{self, Instrumented, WorkloadProfile};
use crate::verify::{self, VerifiedPair};

/// The state that all stages of a run share.
#[derive(Debug)]
pub struct Session {
    pub(crate) workshop: Workshop,
    pub(crate) stages: Stages,
    pub(crate) progress: Progress,
    pub(crate) started: Instant,
    only: Vec<String>,
    tool: Option<LlvmProfdata>,
    assets: Option<Assets>,
}

/// The baseline binary: built without a profile, and without counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline(Artifact);

impl Baseline {
    /// The binary.
    pub fn artifact(&self) -> &Artifact {
        &self.0
    }
}

impl Session {
    /// Opens the output directory, waiting for another run to leave it. `resolution` says what may be
    /// fetched and written to have the dependencies.
    ///
    /// # Errors
    /// [`Error::Tool`] without a compiler, or without the one that the spec has compile C;
    /// [`Error::Usage`] for a directory that is not ours.
    pub fn open(spec: Spec, out: &Path, reuse: Reuse, resolution: Resolution) -> Result<Self> {
        let mut progress = Progress::on_stderr();
        let config = flags::cargo_config(&spec)?;
        let compiler = Compiler::of(&config, &spec.manifest_directory())?;
        let target = flags::target(&spec, &config, &compiler.host)?;
        let shared = SharedFlags::resolve(&spec, &config, &target)?;
        let c = match (spec.target().c, resolution.network) {
            (Some(CCompiler::Clang), Network::Used) => {
                let mut say = |line: &str| progress.say(line);
                Some(Clang::find_or_fetch(&compiler, &mut say)?)
            }
            (Some(CCompiler::Clang), Network::Unused) => Some(Clang::find(&compiler)?),
            (None, _) => None,
        };
        let output = OutputDir::open(out, &mut |line| progress.say(line))?;
        let stages = Stages::new(Layout::new(output.root()), reuse);
        // Waiting for another run is no part of this one.
        let started = Instant::now();
        let only = Vec::new();
        let (tool, assets) = (None, None);
        let workshop = Workshop {
            spec,
            compiler,
            target,
            shared,
            source_date_s: None,
            c,
            output,
            resolution,
        };
        Ok(Self {
            workshop,
            stages,
            progress,
            started,
            only,
            tool,
            assets,
        })
    }

    /// The spec.
    pub fn spec(&self) -> &Spec {
        &self.workshop.spec
    }

    /// The output directory.
    pub fn output(&self) -> &OutputDir {
        &self.workshop.output
    }

    /// The output directory, still held, when the stages are over.
    pub fn into_output(self) -> OutputDir {
        self.workshop.output
    }

    /// The compiler of every arm.
    pub fn compiler(&self) -> &Compiler {
        &self.workshop.compiler
    }

    /// The compiler of C and C++ in every arm; `None` where that is left as it is.
    pub fn clang(&self) -> Option<&Clang> {
        self.workshop.c.as_ref()
    }

    /// The target of every arm.
    pub fn target(&self) -> &str {
        &self.workshop.target
    }

    /// The flags that every arm shares.
    pub fn shared_flags(&self) -> &SharedFlags {
        &self.workshop.shared
    }

    /// A line for the person who waits.
    pub fn say(&mut self, line: &str) {
        self.progress.say(line);
    }

    /// Finds or fetches the tool and the files that the stages need.
    ///
    /// # Errors
    /// [`Error::Tool`] and [`Error::Provision`], with the next step.
    pub fn provide(&mut self) -> Result<()> {
        let (spec, compiler, progress) = (
            &self.workshop.spec,
            &self.workshop.compiler,
            &mut self.progress,
        );
        let network = self.workshop.resolution.network;
        let provided = self.stages.timed("set-up", StageKind::Other, || {
            let tool = match network {
                Network::Used => {
                    LlvmProfdata::find_or_fetch(compiler, &mut |line| progress.say(line))?
                }
                Network::Unused => LlvmProfdata::find(compiler)?,
            };
            Ok((tool, Assets::provide(spec, network)?))
        })?;
        self.tool = Some(provided.0);
        self.assets = Some(provided.1);
        Ok(())
    }

    /// The matching `llvm-profdata`; fetched at first use.
    ///
    /// # Errors
    /// See [`Self::provide`].
    pub fn tool(&mut self) -> Result<LlvmProfdata> {
        if self.tool.is_none() {
            self.provide()?;
        }
        self.tool
            .clone()
            .ok_or_else(|| Error::Internal("no tool after set-up".into()))
    }

    /// The files that the spec's processes are handed; fetched at first use.
    ///
    /// # Errors
    /// See [`Self::provide`].
    pub fn assets(&mut self) -> Result<Assets> {
        if self.assets.is_none() {
            let workshop = &self.workshop;
            self.assets = Some(Assets::provide(
                &workshop.spec,
                workshop.resolution.network,
            )?);
        }
        self.assets
            .clone()
            .ok_or_else(|| Error::Internal("no assets after set-up".into()))
    }

    /// Restricts verification and sampling to these scenarios; none means all.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that the spec does not have.
    pub fn restrict(&mut self, only: &[String]) -> Result<()> {
        self.workshop.spec.check_names(only)?;
        self.only = only.to_vec();
        Ok(())
    }

    /// The scenarios for the sampler.
    ///
    /// # Errors
    /// See [`Self::provide`] and [`Spec::check_filled_in`].
    pub fn scenarios(&mut self) -> Result<Vec<Scenario>> {
        self.workshop.spec.check_filled_in()?;
        let assets = self.assets()?;
        let mut scenarios = assets.scenarios_of(&self.workshop.spec);
        scenarios.retain(|scenario| self.only.is_empty() || self.only.contains(&scenario.name));
        Ok(scenarios)
    }

    /// Builds the binary as it is shipped today.
    ///
    /// # Errors
    /// [`Error::Build`].
    pub fn baseline(&mut self) -> Result<Baseline> {
        let artifact = self.build(&Arm::Baseline)?;
        if artifact.counters == Counters::Present {
            return Err(Error::Verification {
                check: "baseline-counters",
                message: "the baseline counts its own execution".into(),
                hint: "remove profile flags from cargo's configuration and RUSTFLAGS".into(),
            });
        }
        Ok(Baseline(artifact))
    }

    /// Builds the baseline once more, elsewhere, and compares.
    ///
    /// # Errors
    /// [`Error::Build`].
    pub fn audit(&mut self, baseline: &Baseline) -> Result<Audit> {
        let rebuilt = self.build(&Arm::Audit)?;
        Ok(verify::audit(baseline.artifact(), &rebuilt))
    }

    /// Builds the binary that counts its own execution.
    ///
    /// # Errors
    /// [`Error::Build`], and [`Error::Verification`] when it has no counters, or none in C code that
    /// was to have some.
    pub fn instrument(&mut self) -> Result<Instrumented> {
        let arm = self.instrumented_arm();
        let instrumented = Instrumented::new(self.build(&arm)?)?;
        if self.workshop.c.is_some() {
            c_code::check_counted(instrumented.artifact(), &self.workshop.output, &arm)?;
        }
        Ok(instrumented)
    }

    /// As what the instrumented binary is built.
    pub(crate) fn instrumented_arm(&self) -> Arm {
        Arm::Instrumented {
            raw_profiles: self.workshop.output.untrained(),
        }
    }

    /// Runs every declared training workload.
    ///
    /// # Errors
    /// [`Error::Training`], [`Error::Verification`], [`Error::Usage`] when none is declared.
    pub fn train(&mut self, instrumented: &Instrumented) -> Result<Vec<WorkloadProfile>> {
        self.workshop.spec.check_training()?;
        let workloads = self.workshop.spec.train().to_vec();
        let (tool, assets) = (self.tool()?, self.assets()?);
        let mut profiles = Vec::new();
        for workload in &workloads {
            let (spec, output) = (&self.workshop.spec, &self.workshop.output);
            let inputs = spec.files_of(workload);
            let declared = serde_json::to_string(workload)
                .map_err(|error| Error::Internal(error.to_string()))?;
            let key = Key::new("train")
                .part(&instrumented.artifact().sha256)
                .part(&tool.version)
                .part(declared)
                .files(inputs)?;
            let key = assets.added_to(key).finish();
            self.progress.start(&format!("train {}", workload.name));
            let profile = self.stages.run(
                &format!("train {}", workload.name),
                StageKind::Train,
                &key,
                || {
                    let raw = output.raw_profiles(Purpose::Training, &workload.name);
                    train::run(spec, workload, instrumented, &assets.env, &tool, &raw)
                },
            )?;
            self.progress
                .finish(&format!("{} raw profiles", profile.raw_files));
            profiles.push(profile);
        }
        Ok(profiles)
    }

    /// Merges the profiles of the declared workloads.
    ///
    /// # Errors
    /// [`Error::Verification`].
    pub fn merge(&mut self, profiles: Vec<WorkloadProfile>) -> Result<MergedProfile> {
        self.merge_as("merge", profiles)
    }

    /// The merge as a stage of the name `stage`: what `merge` left is what the candidate is built with.
    fn merge_as(&mut self, stage: &str, profiles: Vec<WorkloadProfile>) -> Result<MergedProfile> {
        let tool = self.tool()?;
        let parts = profiles
            .iter()
            .map(|profile| format!("{} {}", profile.sha256, profile.weight));
        let key = parts.fold(Key::new("merge").part(&tool.version), |key, part| {
            key.part(part)
        });
        let directory = self.workshop.output.profiles();
        self.stages.run(stage, StageKind::Other, &key.finish(), || {
            merge::workloads(profiles, &tool, &directory)
        })
    }

    /// Merges profiles that were gathered elsewhere, by the weights that they were named with.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none, [`Error::Verification`] when one is unusable or they are
    /// of several versions of the program.
    pub fn merge_gathered(&mut self, sources: &[gathered::Source]) -> Result<MergedProfile> {
        let tool = self.tool()?;
        let parts = gathered::parts(sources)?;
        let key = Key::new("merge-gathered").part(&tool.version);
        let key = parts.iter().try_fold(key, |key, part| part.added_to(key))?;
        let output = &self.workshop.output;
        self.stages
            .run("merge", StageKind::Other, &key.finish(), || {
                let profiles = gathered::profiles(&parts, output, &tool)?;
                merge::gathered(profiles, &tool, &output.profiles())
            })
    }

    /// The profile of the last merge.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none.
    pub fn merged(&self) -> Result<MergedProfile> {
        self.stages.last("merge").ok_or_else(|| Error::Usage {
            message: "there is no merged profile".into(),
            hint: "run the step `merge DIR` first, or name one with `--profile FILE`".into(),
        })
    }

    /// Takes over a profile that was merged elsewhere.
    ///
    /// # Errors
    /// [`Error::Verification`] when it is unusable.
    pub fn adopt(&mut self, profile: &Path) -> Result<MergedProfile> {
        if !profile.is_file() {
            return Err(Error::Usage {
                message: format!("there is no file `{}`", profile.display()),
                hint: "name a profile that llvm-profdata has merged".into(),
            });
        }
        let tool = self.tool()?;
        let directory = self.workshop.output.profiles();
        let key = Key::new("adopt")
            .part(digest::file(profile)?)
            .part(&tool.version)
            .finish();
        self.stages.run("merge", StageKind::Other, &key, || {
            merge::adopt(profile, &tool, &directory)
        })
    }

    /// Builds the candidate with `profile`, after proof that it belongs to this program. Gives the
    /// proofs as well.
    ///
    /// # Errors
    /// [`Error::Build`], [`Error::Verification`].
    pub fn optimize(
        &mut self,
        profile: &MergedProfile,
        instrumented: &Instrumented,
    ) -> Result<(Candidate, Vec<Check>)> {
        let tool = self.tool()?;
        let c_is_compiled = self.workshop.c.is_some();
        let (checks, of_c) = self.stages.timed("profile origin", StageKind::Other, || {
            let mut checks = vec![optimize::check_origin(profile, instrumented, &tool)?];
            let mut of_c = ProfileUse::default();
            if c_is_compiled {
                let in_profile = c_code::in_profile(profile, instrumented, &tool)?;
                checks.push(in_profile.check);
                of_c = in_profile.profile_use;
            }
            Ok((checks, of_c))
        })?;
        let started = Instant::now();
        self.progress.start("build candidate");
        let (candidate, freshness) =
            optimize::run(&self.workshop, profile, &of_c, &mut self.progress)?;
        self.built("build candidate", started, freshness, candidate.artifact());
        Ok((candidate, checks))
    }

    /// The candidate of the last optimised build.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none.
    pub fn candidate(&self) -> Result<Candidate> {
        optimize::last(&self.workshop.output).ok_or_else(|| Error::Usage {
            message: "there is no candidate".into(),
            hint: "run the step `optimize` first".into(),
        })
    }

    /// Proves that the arms may be compared.
    ///
    /// # Errors
    /// [`Error::Verification`] for each proof that does not hold, and the scenarios' failures.
    pub fn verify(&mut self, baseline: &Baseline, candidate: &Candidate) -> Result<VerifiedPair> {
        self.check_sources(baseline.artifact())?;
        let scenarios = self.scenarios()?;
        let assets = self.assets()?;
        let grounds = verify::grounds(&self.workshop.spec, &scenarios, &assets)?;
        let key = self
            .holdout_key("verify", &scenarios)?
            .part(&grounds.declared_sha256)
            .part(&baseline.artifact().sha256)
            .part(&candidate.artifact().sha256)
            .part(&candidate.profile().sha256)
            .part(format!("{:?}", self.workshop.spec.output()))
            .finish();
        let (spec, progress) = (&self.workshop.spec, &mut self.progress);
        progress.start("verify");
        let pair = self.stages.run("verify", StageKind::Verify, &key, || {
            verify::run(
                baseline.artifact(),
                candidate,
                &scenarios,
                spec.output(),
                grounds,
                progress,
            )
        })?;
        self.progress
            .finish(&format!("{} checks passed", pair.checks().len()));
        Ok(pair)
    }

    /// Arms of different sources must not be compared: after the last build, the baseline must
    /// still have the same machine code. The file may differ, where a build script writes the time.
    ///
    /// # Errors
    /// [`Error::Verification`] when it has not, [`Error::Build`].
    pub(crate) fn check_sources(&mut self, baseline: &Artifact) -> Result<()> {
        let (workshop, progress) = (&self.workshop, &mut self.progress);
        let again = self.stages.timed("check sources", StageKind::Other, || {
            cargo::rebuild(workshop, &Arm::Baseline, progress)
        })?;
        if again.text_sha256 == baseline.text_sha256 {
            return Ok(());
        }
        Err(Error::Verification {
            check: "same-sources",
            message: "the baseline, built again, has other machine code: the sources changed while the arms were built, or no two builds are alike".into(),
            hint: "run again without touching the sources; `--audit` tells whether two builds are alike".into(),
        })
    }

    /// How much of its counts the training shares with the holdout. A profile of the holdout that
    /// cannot be gathered is no failure of the pair: then the share is not known.
    ///
    /// # Errors
    /// [`Error::Measure`] when interrupted.
    pub fn overlap(&mut self, pair: &VerifiedPair, instrumented: &Instrumented) -> Result<Overlap> {
        let scenarios = self.scenarios()?;
        let tool = self.tool()?;
        let training = pair.candidate().profile();
        let key = self
            .holdout_key("overlap", &scenarios)?
            .part(&instrumented.artifact().sha256)
            .part(&training.sha256)
            .part(&tool.version)
            .finish();
        let timed: Vec<_> = scenarios
            .iter()
            .filter_map(|scenario| Some((scenario, *pair.costs().get(&scenario.name)?)))
            .collect();
        let (output, progress) = (&self.workshop.output, &mut self.progress);
        progress.start("profile the holdout");
        let overlap = self.stages.run("overlap", StageKind::Verify, &key, || {
            holdout::overlap(&timed, instrumented, training, &tool, output, progress)
        });
        let overlap = match overlap {
            Ok(overlap) => overlap,
            Err(error) => {
                process::check_interrupted()?;
                Overlap {
                    share: None,
                    gathered_on: error.to_string(),
                }
            }
        };
        self.progress.finish(&overlap.gathered_on);
        Ok(overlap)
    }

    /// The functions that training ran most, and what became of each.
    ///
    /// # Errors
    /// See [`functions::hottest`] and [`LlvmProfdata::counts`].
    pub fn hottest(&mut self, pair: &VerifiedPair) -> Result<Vec<HotFunction>> {
        let tool = self.tool()?;
        self.stages
            .timed("hottest functions", StageKind::Other, || {
                let counts = tool.counts(&pair.candidate().profile().path)?;
                functions::hottest(
                    &counts,
                    &pair.baseline().path,
                    &pair.candidate().artifact().path,
                )
            })
    }

    /// Key over the scenarios and every file that they read.
    fn holdout_key(&mut self, stage: &str, scenarios: &[Scenario]) -> Result<Key> {
        let assets = self.assets()?;
        let declared =
            serde_json::to_string(scenarios).map_err(|error| Error::Internal(error.to_string()))?;
        let key = Key::new(stage)
            .part(declared)
            .files(self.workshop.spec.holdout_files())?;
        Ok(assets.added_to(key))
    }

    fn build(&mut self, arm: &Arm) -> Result<Artifact> {
        let started = Instant::now();
        let name = format!("build {}", arm.name());
        self.progress.start(&name);
        let built = cargo::build(&self.workshop, arm, &mut self.progress)?;
        self.built(&name, started, built.freshness, &built.artifact);
        Ok(built.artifact)
    }

    fn built(&mut self, name: &str, started: Instant, freshness: Freshness, artifact: &Artifact) {
        let (state, words) = match freshness {
            Freshness::Fresh => (StageState::Reused, "unchanged"),
            Freshness::Compiled => (StageState::Ran, "compiled"),
        };
        self.stages.note(name, StageKind::Build, started, state);
        let size = artifact.size_bytes as f64 / 1e6;
        self.progress.finish(&format!(
            "{words}, {size:.1} MB, sha256 {}",
            &artifact.sha256[..12]
        ));
    }
}
