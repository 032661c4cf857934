//! Two programs, unmodified, measured now: in pairs, with a byte copy of the first as A/A control.
//!
//! Takes two files and a workload, from the command line or from a spec; gives a [`Record`]. The
//! programs run from copies whose paths have equal length. It must not judge.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use inferno_measure::arms::Arms;
use inferno_measure::campaign::{self, Campaign, KnownCost, Measured};
use inferno_measure::record::{
    self, Artifacts, Check, CheckOutcome, Input, Record, ScenarioResult, StageKind, Verdict,
    Verification,
};
use inferno_measure::samples::Arm;
use inferno_measure::scenario::{Judging, Kind, PageCache, Pin, Role, Scenario};
use inferno_measure::{host, verdict};

use super::surroundings;
use crate::artifact::{Artifact, Counters};
use crate::assemble;
use crate::assets::Assets;
use crate::cargo::Network;
use crate::digest::{self, Key};
use crate::error::{Error, Result};
use crate::output::{Layout, OutputDir};
use crate::progress::Progress;
use crate::session::Shown;
use crate::spec::{Output, Spec};
use crate::stage::{Reuse, Stages};
use crate::verify::{self, Agreement};

/// What is to be compared.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is there today.
    pub baseline: PathBuf,
    /// What may replace it.
    pub candidate: PathBuf,
    /// What both do.
    pub workload: Workload,
    /// Name of the record.
    pub name: String,
    /// The output directory.
    pub out: PathBuf,
    /// Time for all sampling.
    pub budget: Duration,
    /// δ as a share; the spec's, or the default, where absent.
    pub threshold: Option<f64>,
    /// Whether an interrupted run of the same comparison is continued. A finished one never is.
    pub samples: Reuse,
}

/// What both programs do.
#[derive(Debug, Clone)]
pub enum Workload {
    /// One process per sample, as on a command line.
    Command(Box<CommandLine>),
    /// The scenarios of a spec: all, or those that are named.
    Spec {
        /// The spec. What it builds and trains is not looked at.
        spec: Box<Spec>,
        /// Names of scenarios; all where empty.
        only: Vec<String>,
    },
}

/// How a program is called.
#[derive(Debug, Clone)]
pub struct CommandLine {
    /// Arguments.
    pub args: Vec<String>,
    /// Variables beside the caller's own.
    pub env: BTreeMap<String, String>,
    /// File for standard input.
    pub stdin: Option<PathBuf>,
    /// Longest time of one process.
    pub timeout: Duration,
    /// Exit code that each process must end with.
    pub exit: i32,
    /// Which cores the processes may use.
    pub pin: Pin,
}

/// A finished comparison. While it lives, no other run can use the output directory.
#[derive(Debug)]
pub struct Finished {
    /// What was found.
    pub record: Record,
    /// What the reader must know beside it.
    pub notes: Vec<String>,
    /// Where everything is.
    pub output: OutputDir,
}

/// Measures the two programs and writes `record.json`.
///
/// # Errors
/// [`Error::Usage`] for files that cannot be run, [`Error::Verification`] when outputs that a spec
/// wants to be equal differ, and the sampler's; what was sampled is kept, and the next run goes on.
pub fn run(options: &Options) -> Result<Finished> {
    let programs = [
        Program::read(&options.baseline)?,
        Program::read(&options.candidate)?,
    ];
    check_name(&options.name)?;
    let mut progress = Progress::on_stderr();
    let output = OutputDir::open(&options.out, &mut |line| progress.say(line))?;
    // What is reported as measured now must be: only a run that did not come to its end goes on.
    if options.samples == Reuse::Nothing || output.finished_samples().exists() {
        output.forget_samples()?;
    }
    let started = Instant::now();
    let mut run = Run {
        options,
        stages: Stages::new(Layout::new(output.root()), Reuse::Unchanged),
        programs,
        progress,
        output,
    };
    let task = run.task()?;
    let directory = run.output.sampling_arms();
    let arms = Arms::with_control(&run.programs[0].path, &run.programs[1].path, &directory)?;
    for arm in arms.present() {
        let program = match arm {
            Arm::Baseline | Arm::Control => &run.programs[0],
            Arm::Candidate => &run.programs[1],
        };
        digest::check_copy(arms.path(arm), &program.path, &program.sha256)?;
    }
    let (costs, checks) = run.verify(&task, &arms)?;
    let measured = run.measure(&task, &arms, costs)?;
    run.finish(task, checks, &measured, started)
}

struct Run<'a> {
    options: &'a Options,
    stages: Stages,
    programs: [Program; 2],
    progress: Progress,
    output: OutputDir,
}

/// What is to be run, and by what it is judged.
struct Task {
    scenarios: Vec<Scenario>,
    judging: Judging,
    /// What must be equal; `None` where nothing was declared, so that a difference is told.
    declared_output: Option<Output>,
    inputs: Vec<Input>,
    workloads: BTreeMap<String, String>,
    /// What the samples depend on beyond programs and inputs.
    surroundings: Key,
}

impl Run<'_> {
    fn task(&self) -> Result<Task> {
        let mut task = match &self.options.workload {
            Workload::Command(command) => command_task(command, &self.options.name)?,
            Workload::Spec { spec, only } => spec_task(spec, only)?,
        };
        task.judging = Judging {
            threshold: self.options.threshold.unwrap_or(task.judging.threshold),
            budget_s: self.options.budget.as_secs_f64(),
            ..task.judging
        };
        Ok(task)
    }

    /// Runs each scenario once on each arm: does it run at all, what does it cost, and do both put
    /// out the same?
    fn verify(
        &mut self,
        task: &Task,
        arms: &Arms,
    ) -> Result<(BTreeMap<String, KnownCost>, Vec<Check>)> {
        let [baseline, candidate] = &self.programs;
        let mut checks = vec![difference(baseline, candidate)];
        checks.extend(counters(&self.programs));
        let progress = &mut self.progress;
        progress.start("verify");
        let [baseline, candidate] = [Arm::Baseline, Arm::Candidate].map(|arm| arms.path(arm));
        let mut costs = BTreeMap::new();
        let mut outputs = Vec::new();
        self.stages.timed("verify", StageKind::Verify, || {
            for scenario in &task.scenarios {
                progress.note(&scenario.name);
                let output = task.declared_output.as_ref();
                let cost = if let Some(output) = output {
                    verify::outputs_agree(baseline, candidate, scenario, output)?
                } else {
                    let (cost, agreement) =
                        verify::trial_of(baseline, candidate, scenario, &Output::Stdout)?;
                    outputs.push(agreement);
                    cost
                };
                costs.insert(scenario.name.clone(), cost.known());
            }
            Ok(())
        })?;
        checks.push(match &task.declared_output {
            Some(output) => verify::outputs_check(output, task.scenarios.len()),
            None => told_outputs(&outputs),
        });
        self.progress.finish("both programs run");
        let warnings = checks
            .iter()
            .filter(|check| check.outcome == CheckOutcome::Warned);
        for check in warnings {
            self.progress.say(&format!("warning: {}", check.detail));
        }
        Ok((costs, checks))
    }

    fn measure(
        &mut self,
        task: &Task,
        arms: &Arms,
        known_costs: BTreeMap<String, KnownCost>,
    ) -> Result<Vec<Measured>> {
        let hashes = task.inputs.iter().map(|input| &input.sha256);
        let key = hashes.fold(task.surroundings.clone(), Key::part);
        let samples = self.output.samples().join("pair/samples.jsonl");
        if let Some(taken) = last_change(&samples) {
            self.progress.say(&format!(
                "if nothing has changed, the run that was interrupted at {taken} goes on; `--remeasure` samples again"
            ));
        }
        let campaign = Campaign {
            scenarios: &task.scenarios,
            arms: std::slice::from_ref(arms),
            judging: &task.judging,
            directory: self.output.samples().join("pair"),
            key: key
                .part(&self.programs[0].sha256)
                .part(&self.programs[1].sha256)
                .finish(),
            known_costs,
        };
        let progress = &mut self.progress;
        progress.start("measure");
        let measured = self.stages.timed("measure", StageKind::Measure, || {
            Ok(campaign::measure(&campaign, &mut Shown(progress))?)
        })?;
        let samples = measured
            .iter()
            .map(|measured| (measured.scenario.name.as_str(), &measured.samples));
        if let Some(output) = &task.declared_output {
            verify::sampled_outputs_agree(samples, output)?;
        }
        self.progress
            .finish(&format!("{} scenarios", measured.len()));
        Ok(measured)
    }

    fn finish(
        self,
        task: Task,
        checks: Vec<Check>,
        measured: &[Measured],
        started: Instant,
    ) -> Result<Finished> {
        let scenarios = verdict::judge(measured, &task.judging);
        let (spec, trends) = match &self.options.workload {
            Workload::Command(_) => (None, Vec::new()),
            Workload::Spec { spec, .. } => (Some(assemble::told(spec)), spec.declared_trends()),
        };
        let warned = checks
            .iter()
            .filter(|check| check.outcome == CheckOutcome::Warned);
        let mut notes: Vec<String> = warned.map(|check| check.detail.clone()).collect();
        if matches!(self.options.workload, Workload::Command(_)) {
            notes.extend(scenarios.iter().find_map(pin_advice));
        }
        let record = Record {
            schema: record::SCHEMA_VERSION,
            name: self.options.name.clone(),
            created: assemble::now(),
            tool: assemble::tool(),
            spec,
            host: host::describe(),
            toolchain: None,
            artifacts: Artifacts {
                baseline: self.programs[0].described(),
                instrumented: None,
                candidate: self.programs[1].described(),
            },
            inputs: task.inputs,
            profile: None,
            verification: Verification {
                checks,
                audit: None,
            },
            workloads: task.workloads,
            judging: task.judging,
            statistics: verdict::STATISTICS,
            trends: verdict::judge_trends(&trends, &scenarios, &task.judging),
            scenarios,
            hints: Vec::new(),
            suitability: None,
            timings: assemble::timings(&self.stages, started),
        };
        record.write(&self.output.record())?;
        let finished = self.output.finished_samples();
        inferno_measure::write_atomically(&finished, record.created.as_bytes())?;
        Ok(Finished {
            record,
            notes,
            output: self.output,
        })
    }
}

/// CPU time ÷ wall time of a program that may have one busy thread: with less it waits for something
/// else, with more it has several.
const ONE_BUSY_CORE: std::ops::RangeInclusive<f64> = 0.8..=1.05;

/// What would narrow the interval of a program that could be kept on one core, and was not.
fn pin_advice(result: &ScenarioResult) -> Option<String> {
    let median = |cost: &str| Some(result.costs.get(cost)?.baseline.median);
    let cores_busy = median("cpu_ns")? / median("wall_ns")?;
    let may_help = cfg!(target_os = "linux")
        && result.verdict == Verdict::Inconclusive
        && result.scenario.pin.is_none()
        && ONE_BUSY_CORE.contains(&cores_busy);
    may_help.then(|| {
        format!(
            "the program keeps {cores_busy:.2} cores busy on average: if it has one busy thread, `--pin` \
             keeps it on one core, and narrows the interval where cores differ in speed"
        )
    })
}

fn command_task(command: &CommandLine, name: &str) -> Result<Task> {
    let directory = std::env::current_dir().map_err(Error::io("open", Path::new(".")))?;
    let stdin = command
        .stdin
        .as_ref()
        .map(|path| path.canonicalize().map_err(Error::io("read", path)))
        .transpose()?;
    // What an argument names is part of the workload: other content is another measurement.
    let named = || surroundings::named(&command.args, &directory);
    let files: BTreeSet<PathBuf> = named()
        .filter(|path| path.is_file())
        .chain(stdin.clone())
        .collect();
    let inputs = files
        .iter()
        .map(|path| assemble::input(path, digest::file(path)?, &directory))
        .collect::<Result<_>>()?;
    let surroundings = surroundings::directories(surroundings_of(), named());
    let files: Vec<PathBuf> = files.into_iter().collect();
    let run = serde_json::json!({
        "args": command.args,
        "env": command.env,
        "stdin": stdin.as_deref().map(digest::file).transpose()?,
        "exit": command.exit,
    });
    Ok(Task {
        workloads: [(name.to_owned(), digest::text(&run.to_string()))].into(),
        scenarios: vec![Scenario {
            name: name.to_owned(),
            group: name.to_owned(),
            kind: Kind::Cold {
                cache: PageCache::Warm,
                pin: command.pin,
            },
            args: command.args.clone(),
            env: command.env.clone(),
            stdin,
            directory,
            inputs: files,
            timeout: command.timeout,
            exit: command.exit,
            prepare: Vec::new(),
            server: None,
            class: Vec::new(),
            role: Role::Primary,
            expect: None,
            metrics: Vec::new(),
        }],
        judging: Judging::default(),
        declared_output: None,
        inputs,
        surroundings,
    })
}

fn surroundings_of() -> Key {
    surroundings::environment(Key::new("compare"), std::env::vars_os())
}

/// When a file was last changed, for people; `None` where there is none.
fn last_change(path: &Path) -> Option<String> {
    let changed = std::fs::metadata(path).ok()?.modified().ok()?;
    let changed = jiff::Timestamp::try_from(changed).ok()?;
    Some(changed.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The name becomes a directory's, where none is given.
fn check_name(name: &str) -> Result<()> {
    let is_path = name.is_empty() || name == "." || name == ".." || name.contains('/');
    if !is_path {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!("`{name}` is no name of a comparison"),
        hint: "leave out slashes; `--out DIR` says where the report goes".into(),
    })
}

fn spec_task(spec: &Spec, only: &[String]) -> Result<Task> {
    spec.check_names(only)?;
    spec.check_filled_in()?;
    let assets = Assets::provide(spec, Network::Used)?;
    let mut scenarios = assets.scenarios_of(spec);
    scenarios.retain(|scenario| only.is_empty() || only.contains(&scenario.name));
    if scenarios.is_empty() {
        let hint = "declare what is to be compared: see docs/spec.md";
        return Err(spec.error("there is no [[scenario]]", hint));
    }
    let own = spec.holdout_files();
    let own = own
        .iter()
        .map(|path| assemble::input(path, digest::file(path)?, &spec.directory));
    let outside = assets
        .files
        .iter()
        .map(|file| assemble::input(&file.path, file.sha256.clone(), &spec.directory));
    Ok(Task {
        inputs: own.chain(outside).collect::<Result<_>>()?,
        workloads: spec.workloads(),
        scenarios,
        judging: spec.judging(),
        declared_output: Some(spec.output().clone()),
        surroundings: surroundings_of(),
    })
}

/// A file that can be run, with what can be told of it.
#[derive(Debug, Clone)]
struct Program {
    path: PathBuf,
    sha256: String,
    size_bytes: u64,
    /// `None` for scripts.
    binary: Option<Artifact>,
}

impl Program {
    fn read(path: &Path) -> Result<Self> {
        let path = path.canonicalize().map_err(|error| Error::Usage {
            message: format!("`{}`: {error}", path.display()),
            hint: "name two programs that exist".into(),
        })?;
        let binary = Artifact::read(&path, Vec::new()).ok();
        let metadata = std::fs::metadata(&path).map_err(Error::io("read", &path))?;
        Ok(Self {
            sha256: digest::file(&path)?,
            size_bytes: metadata.len(),
            binary,
            path,
        })
    }

    fn described(&self) -> record::Artifact {
        let binary = self.binary.as_ref();
        record::Artifact {
            path: file_name(&self.path),
            sha256: self.sha256.clone(),
            text_sha256: binary.map(|binary| binary.text_sha256.clone()),
            text_size_bytes: binary.map(|binary| binary.text_size_bytes),
            size_bytes: self.size_bytes,
            rustflags: None,
        }
    }
}

/// The file's own name: a record tells no directories.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn difference(baseline: &Program, candidate: &Program) -> Check {
    let codes = [baseline, candidate].map(|program| {
        let binary = program.binary.as_ref();
        binary.map(|binary| binary.text_sha256.clone())
    });
    let (outcome, detail) = if baseline.sha256 == candidate.sha256 {
        (
            CheckOutcome::Warned,
            "both programs are the same file: this is an A/A comparison, and finds noise"
                .to_owned(),
        )
    } else if codes[0].is_some() && codes[0] == codes[1] {
        (
            CheckOutcome::Warned,
            "the files differ, their machine code does not".to_owned(),
        )
    } else {
        let hashes = [baseline, candidate].map(|program| verify::short(&program.sha256).to_owned());
        let detail = format!("files {} and {}", hashes[0], hashes[1]);
        (CheckOutcome::Passed, detail)
    };
    Check {
        name: "binaries-differ".into(),
        outcome,
        detail,
    }
}

/// A program that counts its own execution is slowed by it.
fn counters(programs: &[Program; 2]) -> Option<Check> {
    let counting = |program: &&Program| {
        let binary = program.binary.as_ref();
        binary.is_some_and(|binary| binary.counters == Counters::Present)
    };
    let counting: Vec<String> = programs
        .iter()
        .filter(counting)
        .map(|program| file_name(&program.path))
        .collect();
    (!counting.is_empty()).then(|| Check {
        name: "profile-counters".into(),
        outcome: CheckOutcome::Warned,
        detail: format!(
            "{} counts its own execution for a profile, which makes it slower",
            counting.join(" and ")
        ),
    })
}

/// Without a declaration, outputs that differ stop nothing: two versions may print their own name.
fn told_outputs(found: &[Agreement]) -> Check {
    let (outcome, detail) = if found.contains(&Agreement::Differ) {
        (
            CheckOutcome::Warned,
            "the two programs put out different results: they may not do the same work",
        )
    } else if found.contains(&Agreement::Unrepeatable) {
        (
            CheckOutcome::Warned,
            "two runs of the baseline put out different results, so the programs' outputs cannot be compared",
        )
    } else {
        (CheckOutcome::Passed, "standard outputs are equal")
    };
    Check {
        name: "outputs-agree".into(),
        outcome,
        detail: detail.into(),
    }
}
