//! Somebody else's optimised build, judged from what it left: profile, build log, binary, and a
//! baseline where there is one.
//!
//! Takes the files of a pipeline that this tool did not run; gives [`Findings`]: a question each, with
//! yes, no, or cannot tell. [`evidence`] reads, [`judge`] decides and reads nothing. Nothing is built
//! here, and none of the files is changed. What cannot be told is never told as yes.

mod build_log;
mod evidence;
mod judge;
mod left;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::audit::{AUDIT_SCHEMA, Answer, Answered, Findings, Question};
use inferno_measure::comparison::{self, Comparison};
use inferno_measure::process;
use inferno_measure::record::{self, Profile};
use inferno_measure::scenario::Pin;

use self::evidence::{Effect, Evidence, Sources};
use crate::artifact::Artifact;
use crate::assemble;
use crate::compare::programs::{self, CommandLine};
use crate::digest;
use crate::error::{Error, Result};
use crate::exit;
use crate::progress::Progress;
use crate::stage::Reuse;
use crate::toolchain::{Compiler, LlvmProfdata};

/// Longest time of one process of the workload.
const PROCESS_TIMEOUT: Duration = Duration::from_mins(1);

/// What is audited.
#[derive(Debug, Clone)]
pub struct Options {
    /// The merged profile.
    pub profile: PathBuf,
    /// What the optimised build printed.
    pub build_log: PathBuf,
    /// The binary that is shipped.
    pub binary: PathBuf,
    /// What it is compared with.
    pub against: Option<Against>,
}

/// The same program built without the profile.
#[derive(Debug, Clone)]
pub struct Against {
    /// The binary.
    pub baseline: PathBuf,
    /// What both are measured on.
    pub workload: Option<Workload>,
}

/// What both binaries do while they are measured.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Arguments, written as for a shell.
    pub arguments: String,
    /// Time for all sampling.
    pub budget: Duration,
    /// The measurement's output directory.
    pub out: PathBuf,
}

/// A finished audit.
#[derive(Debug)]
pub struct Audited {
    /// The answers.
    pub findings: Findings,
    /// The measurement; `None` without a workload, and where it failed.
    pub measured: Option<programs::Finished>,
}

/// Reads the evidence, measures where a workload is given, and answers.
///
/// # Errors
/// [`Error::Usage`] for a file that is not there or is no binary, [`Error::Tool`] without an
/// `llvm-profdata` that fits the compiler of the current directory, [`Error::Measure`] when
/// interrupted. A profile that cannot be read and a workload that fails are answers.
pub fn run(options: &Options) -> Result<Audited> {
    let workload = workload(options)?;
    let sources = Sources::read(options)?;
    let here = std::env::current_dir().map_err(Error::io("open", Path::new(".")))?;
    let compiler = Compiler::at(&here)?;
    let mut progress = Progress::on_stderr();
    let tool = LlvmProfdata::find_or_fetch(&compiler, &mut |line| progress.say(line))?;
    let mut evidence = Evidence::read(sources, &tool)?;
    let measured = workload.as_ref().map(programs::run).transpose();
    let (effect, measured) = match measured {
        Ok(None) => (None, None),
        Ok(Some(finished)) => (Some(effect_of(&finished, options)), Some(finished)),
        Err(error) => {
            process::check_interrupted()?;
            (Some(Effect::Failed(error.to_string())), None)
        }
    };
    evidence.effect = effect;
    let findings = findings(&evidence, &compiler, &tool, options)?;
    Ok(Audited { findings, measured })
}

/// The exit code of an audit: a proved fault weighs more than a loss, a loss more than not knowing.
pub fn exit_code(findings: &Findings) -> u8 {
    let is_fault = |answered: &Answered| {
        answered.answer == Answer::No && answered.question != Question::NotSlower
    };
    if findings.answers.iter().any(is_fault) {
        exit::VERIFICATION_FAILED
    } else if findings.count(Answer::No) > 0 {
        exit::SLOWER
    } else if findings.count(Answer::CannotTell) > 0 {
        exit::CANNOT_TELL
    } else {
        exit::ANSWERED
    }
}

/// The measurement that is asked for, checked before anything is read.
fn workload(options: &Options) -> Result<Option<programs::Options>> {
    let Some(against) = &options.against else {
        return Ok(None);
    };
    let Some(workload) = &against.workload else {
        return Ok(None);
    };
    let args = shlex::split(&workload.arguments).ok_or_else(|| Error::Usage {
        message: format!("`{}` has a quote without its end", workload.arguments),
        hint: "write the workload's arguments as for a shell".into(),
    })?;
    Ok(Some(programs::Options {
        baseline: against.baseline.clone(),
        candidate: options.binary.clone(),
        workload: programs::Workload::Command(Box::new(CommandLine {
            args,
            env: BTreeMap::new(),
            stdin: None,
            timeout: PROCESS_TIMEOUT,
            exit: 0,
            pin: Pin::None,
        })),
        name: programs::file_name(&options.binary),
        out: workload.out.clone(),
        budget: workload.budget,
        threshold: None,
        samples: Reuse::Unchanged,
    }))
}

fn effect_of(finished: &programs::Finished, options: &Options) -> Effect {
    let baseline = options.against.as_ref().map(|against| &against.baseline);
    let baseline = baseline.unwrap_or(&options.binary);
    let names = [baseline, &options.binary].map(|path| programs::file_name(path));
    let mut comparison = comparison::of_record(&finished.record, [&names[0], &names[1]]);
    comparison.notes.extend(finished.notes.iter().cloned());
    Effect::Measured(Box::new(comparison))
}

fn findings(
    evidence: &Evidence,
    compiler: &Compiler,
    tool: &LlvmProfdata,
    options: &Options,
) -> Result<Findings> {
    let log = &options.build_log;
    let directory = log.parent().unwrap_or(Path::new(""));
    Ok(Findings {
        schema: AUDIT_SCHEMA,
        created: assemble::now(),
        tool: assemble::tool(),
        rustc: compiler.version.clone(),
        llvm_profdata: tool.version.clone(),
        binary: described(&evidence.binary),
        baseline: evidence
            .against
            .as_ref()
            .map(|against| described(&against.baseline)),
        profile: Profile {
            counts_discarded_share: judge::discarded_share(evidence),
            ..evidence.profile_in_record()
        },
        build_log: assemble::input(log, digest::file(log)?, directory)?,
        answers: judge::answers(evidence),
        comparison: measured(evidence).cloned(),
    })
}

fn measured(evidence: &Evidence) -> Option<&Comparison> {
    match &evidence.effect {
        Some(Effect::Measured(comparison)) => Some(comparison.as_ref()),
        Some(Effect::Failed(_)) | None => None,
    }
}

fn described(artifact: &Artifact) -> record::Artifact {
    record::Artifact {
        path: programs::file_name(&artifact.path),
        sha256: artifact.sha256.clone(),
        text_sha256: Some(artifact.text_sha256.clone()),
        text_size_bytes: Some(artifact.text_size_bytes),
        size_bytes: artifact.size_bytes,
        rustflags: None,
    }
}

#[cfg(test)]
mod tests {
    use inferno_measure::record::Tool;

    use super::*;

    fn with(answers: &[(Question, Answer)]) -> Findings {
        let artifact = record::Artifact {
            path: "gain".into(),
            sha256: "s".into(),
            text_sha256: None,
            text_size_bytes: None,
            size_bytes: 1,
            rustflags: None,
        };
        let answered = |&(question, answer): &(Question, Answer)| Answered {
            question,
            answer,
            why: "so".into(),
            next_step: None,
        };
        Findings {
            schema: AUDIT_SCHEMA,
            created: String::new(),
            tool: Tool {
                name: String::new(),
                version: String::new(),
            },
            rustc: String::new(),
            llvm_profdata: String::new(),
            binary: artifact,
            baseline: None,
            profile: Profile {
                sha256: String::new(),
                functions_covered: None,
                functions_total: None,
                counts_total: None,
                counts_discarded_share: None,
                blocks_for_99_percent: None,
                blocks_total: None,
                holdout_overlap: None,
                workloads: Vec::new(),
                hottest: Vec::new(),
                source: None,
            },
            build_log: record::Input {
                path: String::new(),
                sha256: String::new(),
                size_bytes: 0,
            },
            answers: answers.iter().map(answered).collect(),
            comparison: None,
        }
    }

    #[test]
    fn faults_weigh_more_than_losses_and_losses_more_than_doubt() {
        let (yes, fault) = (
            (Question::ProfileUsed, Answer::Yes),
            (Question::ProfileCurrent, Answer::No),
        );
        let (loss, doubt) = (
            (Question::NotSlower, Answer::No),
            (Question::CountsKept, Answer::CannotTell),
        );
        for (answers, expected) in [
            (vec![yes], exit::ANSWERED),
            (vec![yes, doubt], exit::CANNOT_TELL),
            (vec![yes, doubt, loss], exit::SLOWER),
            (vec![doubt, loss, fault], exit::VERIFICATION_FAILED),
            (
                vec![(Question::NotSlower, Answer::CannotTell)],
                exit::CANNOT_TELL,
            ),
        ] {
            assert_eq!(exit_code(&with(&answers)), expected, "{answers:?}");
        }
    }

    #[test]
    fn a_workload_is_split_as_a_shell_does() {
        let options = |arguments: &str| Options {
            profile: "/p".into(),
            build_log: "/l".into(),
            binary: "/t/gain".into(),
            against: Some(Against {
                baseline: "/t/old".into(),
                workload: Some(Workload {
                    arguments: arguments.into(),
                    budget: Duration::from_secs(1),
                    out: "/o".into(),
                }),
            }),
        };
        let asked = workload(&options("--input 'a b.txt' -n3"))
            .expect("a command line")
            .expect("a measurement");
        let programs::Workload::Command(command) = asked.workload else {
            panic!("a spec");
        };
        assert_eq!(command.args, ["--input", "a b.txt", "-n3"]);
        assert_eq!(asked.name, "gain");
        assert_eq!(asked.baseline, Path::new("/t/old"));
        let error = workload(&options("'open")).expect_err("no end");
        assert_eq!(error.exit_code(), exit::USAGE);
    }
}
