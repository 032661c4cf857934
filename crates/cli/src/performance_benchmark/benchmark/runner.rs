//! Starts measuring processes, one after the other, and keeps what they tell.
//!
//! Takes jobs; gives processes with their samples. Each is this program again, with the command line
//! that it was started with, so that it finds the same model. None outlives this program. What a
//! process has told is kept however it ends.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inferno_measure::host::BlockProbe;
use inferno_measure::performance::samples::Process;
use inferno_measure::process::{
    Command, ExitKind, Finished, Output, Stdin, install_interrupt_handler,
};
use inferno_measure::scenario::Pin;

use super::job::{self, Job, Line};
use crate::failure::Failure;

/// The option that makes a process of this program a measuring one.
pub(crate) const WORKER: &str = "--worker";

/// Looks at a process while it runs, on a thread of its own.
pub(crate) type Watch = Box<dyn FnMut(&Process) + Send>;

/// Starts processes.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Runner {
    /// For this program and its command line. From now on signals end the processes first.
    pub(crate) fn new() -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|source| inferno_measure::Error::Spawn {
            program: "this program".into(),
            source,
        })?;
        Self::of(program)
    }

    /// For another build of this program, with the command line of this one.
    pub(super) fn of(program: PathBuf) -> Result<Self, Failure> {
        install_interrupt_handler()?;
        let arguments = std::env::args_os().skip(1).chain([OsString::from(WORKER)]);
        Ok(Self {
            program,
            arguments: arguments.collect(),
        })
    }

    /// Lets one process carry out `job`: what it told, and whether it came to its end.
    pub(crate) fn run(
        &self,
        job: &Job,
        number: u32,
        watch: Watch,
    ) -> (Process, Result<(), Failure>) {
        let seen = Arc::new(Mutex::new(Seen {
            process: Process {
                number,
                ..Process::default()
            },
            foreign: None,
        }));
        let probe = BlockProbe::start();
        let finished = self.finished(job, &seen, watch);
        let (mut process, foreign) = {
            let mut seen = lock(&seen);
            (std::mem::take(&mut seen.process), seen.foreign.take())
        };
        let usage = finished.as_ref().ok().map(|finished| finished.usage);
        process.peak_resident_bytes = process
            .at_rest
            .peak_resident_bytes
            .or(usage.map(|usage| usage.peak_rss_bytes));
        let switches = usage.map(|usage| usage.involuntary_switches);
        process.host = Some(probe.finish(switches, Pin::None));
        (
            process,
            finished.and_then(|finished| check(&finished, foreign)),
        )
    }

    fn finished(
        &self,
        job: &Job,
        seen: &Arc<Mutex<Seen>>,
        mut watch: Watch,
    ) -> Result<Finished, Failure> {
        let text =
            serde_json::to_vec(job).map_err(|source| inferno_measure::Error::Encode { source })?;
        let (steps, seen) = (job.clone(), Arc::clone(seen));
        let on_line = move |text: &str| {
            let mut seen = lock(&seen);
            seen.take(&steps, text);
            watch(&seen.process);
        };
        let finished = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdin::Bytes(text))
            .stdout(Output::Lines(Box::new(on_line)))
            .run()?;
        Ok(finished)
    }
}

/// What a process has told so far.
#[derive(Debug)]
struct Seen {
    process: Process,
    /// The first line that is none of a measuring process.
    foreign: Option<String>,
}

impl Seen {
    fn take(&mut self, job: &Job, text: &str) {
        match serde_json::from_str::<Line>(text) {
            Ok(line) => job::take(&mut self.process, job, line),
            Err(_) => {
                self.foreign.get_or_insert_with(|| text.to_owned());
            }
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a process that has ended did what it should.
fn check(finished: &Finished, foreign: Option<String>) -> Result<(), Failure> {
    let problem = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
    match (finished.status, foreign) {
        (ExitKind::Code(0), None) => Ok(()),
        (ExitKind::Code(0), Some(line)) => Err(Failure::Process {
            status: "a line that is no measurement".to_owned(),
            output: line,
            exit_code: crate::exit::INTERNAL,
        }),
        (status, _) => Err(Failure::Process {
            status: status.to_string(),
            output: problem,
            exit_code: match status {
                ExitKind::Code(code) => u8::try_from(code).unwrap_or(crate::exit::INTERNAL),
                ExitKind::Signal(_) | ExitKind::TimedOut => crate::exit::INTERNAL,
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::tests::job;
    use super::*;

    #[test]
    fn a_foreign_line_is_kept_and_ours_are_taken() {
        let mut seen = Seen {
            process: Process::default(),
            foreign: None,
        };
        for text in [r#"{"event":"reference","time_ns":5}"#, "hello", "world"] {
            seen.take(&job(), text);
        }
        assert_eq!(seen.process.references_ns, [5]);
        assert_eq!(seen.foreign.as_deref(), Some("hello"));
    }

    #[test]
    fn how_a_process_ended_is_its_exit_code() {
        let finished = |status| Finished {
            status,
            usage: inferno_measure::process::Usage::default(),
            stdout: Vec::new(),
            stderr: b"error: no model\n  next: fetch one\n".to_vec(),
            wall_ns: 1,
        };
        assert!(check(&finished(ExitKind::Code(0)), None).is_ok());
        for (status, foreign, code) in [
            (ExitKind::Code(20), None, 20),
            (ExitKind::Signal(11), None, 1),
            (ExitKind::Code(0), Some("hello".to_owned()), 1),
        ] {
            let failure = check(&finished(status), foreign).expect_err("an error");
            assert_eq!(failure.exit_code(), code, "{failure}");
        }
        let failure = check(&finished(ExitKind::Code(20)), None).expect_err("an error");
        assert!(failure.to_string().contains("no model"), "{failure}");
    }
}
