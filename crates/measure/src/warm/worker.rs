//! One worker and its protocol: a JSON object per line on stdin and stdout.
//!
//! To the worker: the scenario's request plus `seq`. From it: first
//! `{"ready": true, "startup_ns": …}`, then per request
//! `{"seq", "wall_ns", "cpu_ns", "output_sha256", "metrics"}` or `{"seq", "error"}`.
//! Unknown keys are ignored. The end of its input ends the worker with exit code 0.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::workload;
use crate::cold::{pinning, tail};
use crate::error::{Error, Result};
use crate::host::{Own, Watch, waited_ns};
use crate::process::{Child, Command, ExitKind, INTERRUPT_POLL, Output, Stdin, check_interrupted};
use crate::samples::{Arm, Sample, Surroundings};
use crate::scenario::{Kind, Scenario};

/// Time for a worker that closed its output to end, so that the error can say how.
const EXIT_GRACE: Duration = Duration::from_millis(500);
/// Bytes kept of a worker's streams, for errors.
const CAPTURE_BYTES: usize = 64 << 10;
/// Longest request line: what a pipe holds on Linux (pipe(7)), so that sending never waits for
/// a worker that does not read.
const REQUEST_LIMIT_BYTES: usize = 64 << 10;
/// Characters of a malformed line that an error quotes.
const QUOTED_CHARACTERS: usize = 200;

/// What is needed to start a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch<'a> {
    /// Command line, environment and directory.
    pub(crate) scenario: &'a Scenario,
    /// The binary.
    pub(crate) binary: &'a Path,
    /// Which arm it is.
    pub(crate) arm: Arm,
    /// Longest time until it is ready, and until it has ended after its last request.
    pub(crate) timeout: Duration,
}

/// A running worker. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Worker {
    arm: Arm,
    child: Child,
    lines: Receiver<String>,
    timeout: Duration,
    startup_ns: u64,
    /// CPU time when it was last stopped; `None` while it runs or where it is not known.
    paused_at_cpu_ns: Option<u64>,
    idle_cpu_ns: Option<u64>,
    surroundings: Surroundings,
}

/// An answer of a worker.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) sample: Sample,
    pub(crate) output_sha256: String,
}

#[derive(Debug, Deserialize)]
struct Ready {
    ready: bool,
    startup_ns: u64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Reply {
    Failed {
        seq: u64,
        error: String,
    },
    Answered {
        seq: u64,
        wall_ns: u64,
        cpu_ns: u64,
        output_sha256: String,
        #[serde(default)]
        metrics: BTreeMap<String, serde_json::Value>,
    },
}

impl Worker {
    /// Starts the worker and waits until it is ready.
    pub(crate) fn start(launch: &Launch<'_>) -> Result<Self> {
        let scenario = launch.scenario;
        let (sender, lines) = mpsc::channel();
        let mut command = Command::new(launch.binary)
            .args(&scenario.args)
            .directory(&scenario.directory)
            .stdin(Stdin::Pipe)
            .stdout(Output::Lines(Box::new(move |line| {
                // The session may be gone: then nobody wants to know.
                let _unwanted = sender.send(line.to_owned());
            })))
            .capture_limit(CAPTURE_BYTES);
        for (name, value) in &scenario.env {
            command = command.env(name, value);
        }
        let child = Child::spawn(command, pinning(launch.scenario)?)?;
        let mut worker = Self {
            arm: launch.arm,
            child,
            lines,
            timeout: launch.timeout,
            startup_ns: 0,
            paused_at_cpu_ns: None,
            idle_cpu_ns: Some(0),
            surroundings: Surroundings::default(),
        };
        let line = worker.receive(&scenario.name, launch.timeout, "become ready")?;
        let Ok(Ready {
            ready: true,
            startup_ns,
        }) = serde_json::from_str(&line)
        else {
            let expected = "{\"ready\": true, \"startup_ns\": …}";
            let problem = format!("says {} first, not {expected}", quoted(&line));
            return Err(worker.failed(&scenario.name, &problem));
        };
        worker.startup_ns = startup_ns;
        Ok(worker)
    }

    pub(crate) fn arm(&self) -> Arm {
        self.arm
    }

    pub(crate) fn id(&self) -> i32 {
        self.child.id()
    }

    /// Start-up time as the worker states it.
    pub(crate) fn startup_ns(&self) -> u64 {
        self.startup_ns
    }

    /// CPU time that the worker used while it was stopped, since [`Self::reset_idle`].
    pub(crate) fn idle_cpu_ns(&self) -> Option<u64> {
        self.idle_cpu_ns
    }

    /// Its counters so far, for [`Watch`].
    pub(crate) fn own(&self) -> Own {
        Own {
            used_ns: self.child.cpu_time_ns(),
            waited_ns: waited_ns(self.child.id()),
        }
    }

    /// Adds the turn that `watch` has seen.
    pub(crate) fn note_turn(&mut self, watch: &Watch) {
        let own = self.own();
        watch.add_to(&mut self.surroundings, own);
    }

    /// What went on around it during its turns, since [`Self::reset_surroundings`].
    pub(crate) fn surroundings(&self) -> Surroundings {
        self.surroundings
    }

    /// Starts counting its surroundings anew.
    pub(crate) fn reset_surroundings(&mut self) {
        self.surroundings = Surroundings::default();
    }

    /// Starts counting idle CPU time of the stopped worker anew.
    pub(crate) fn reset_idle(&mut self) {
        self.settle_idle();
        self.idle_cpu_ns = Some(0);
    }

    /// Adds what the stopped worker has used since it was stopped, or since the last call.
    pub(crate) fn settle_idle(&mut self) {
        let now = self.child.cpu_time_ns();
        let used = now
            .zip(self.paused_at_cpu_ns)
            .map(|(now, then)| now.saturating_sub(then));
        self.idle_cpu_ns = self.idle_cpu_ns.zip(used).map(|(idle, used)| idle + used);
        self.paused_at_cpu_ns = now;
    }

    /// Sends one request and waits for its answer.
    pub(crate) fn request(&mut self, scenario: &Scenario, seq: u64) -> Result<Answer> {
        let sent = Instant::now();
        let name = &scenario.name;
        if let Err(error) = self.child.send(&encode(scenario, seq)?) {
            check_interrupted()?;
            return Err(self.ended(name, &format!("cannot be sent a request ({error})")));
        }
        let line = self.receive(name, scenario.timeout, "answer")?;
        self.surroundings.stops += u32::from(self.child.was_continued());
        let round_trip_ns = u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (output_sha256, mut sample) =
            Self::answer(scenario, seq, &line).map_err(|problem| self.failed(name, &problem))?;
        if let Some(problem) = implausible(sample.wall_ns, round_trip_ns) {
            return Err(self.failed(name, &problem));
        }
        sample.round_trip_ns = Some(round_trip_ns);
        Ok(Answer {
            sample,
            output_sha256,
        })
    }

    /// Reads the answer to request `seq`; the error says what the worker did.
    fn answer(scenario: &Scenario, seq: u64, line: &str) -> Result<(String, Sample), String> {
        let reply = serde_json::from_str(line)
            .map_err(|_| format!("answers with a malformed line: {}", quoted(line)))?;
        let (Reply::Failed { seq: answered, .. } | Reply::Answered { seq: answered, .. }) = &reply;
        if *answered != seq {
            return Err(format!("answers request {answered} instead of {seq}"));
        }
        match reply {
            Reply::Failed { error, .. } => Err(format!("answers with an error: {error}")),
            Reply::Answered { wall_ns: 0, .. } => {
                Err("answers with wall_ns 0, which is no time".to_owned())
            }
            Reply::Answered {
                wall_ns,
                cpu_ns,
                output_sha256,
                metrics,
                ..
            } => {
                let metrics = declared_metrics(scenario, &metrics)?;
                let sample = Sample {
                    wall_ns,
                    cpu_ns: Some(cpu_ns),
                    metrics,
                    ..Sample::default()
                };
                Ok((output_sha256, sample))
            }
        }
    }

    /// Stops the worker and returns when all its threads have stopped.
    pub(crate) fn pause(&mut self, scenario: &str) -> Result<()> {
        if let Err(error) = self.child.stop() {
            check_interrupted()?;
            if let Some(exit) = self.child.exit_within(EXIT_GRACE) {
                return Err(self.failed(scenario, &format!("ended with {exit} between requests")));
            }
            return Err(error);
        }
        self.paused_at_cpu_ns = self.child.settled_cpu_time_ns();
        Ok(())
    }

    /// Lets the worker go on, having noted what it used meanwhile.
    pub(crate) fn resume(&mut self) {
        self.settle_idle();
        self.paused_at_cpu_ns = None;
        self.child.resume();
    }

    /// Ends the worker by the end of its input.
    pub(crate) fn close(self, scenario: &str) -> Result<()> {
        self.child.resume();
        let (arm, timeout) = (self.arm, self.timeout);
        let finished = self.child.close(timeout)?;
        let problem = match finished.status {
            ExitKind::Code(0) => return Ok(()),
            ExitKind::TimedOut => {
                format!("did not end within {timeout:?} after the end of its input")
            }
            status => {
                format!("ended with {status} instead of exit code 0 after the end of its input")
            }
        };
        Err(workload(
            scenario,
            arm,
            problem,
            tail(&String::from_utf8_lossy(&finished.stderr)),
        ))
    }

    /// The next line from the worker.
    fn receive(&mut self, scenario: &str, timeout: Duration, purpose: &str) -> Result<String> {
        let started = Instant::now();
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            match self.lines.recv_timeout(left.min(INTERRUPT_POLL)) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    check_interrupted()?;
                    return Err(self.ended(scenario, &format!("did not {purpose}")));
                }
            }
            check_interrupted()?;
            if left.is_zero() {
                self.child.kill();
                return Err(self.failed(scenario, &format!("did not {purpose} within {timeout:?}")));
            }
        }
    }

    /// An error for a worker that closed its streams.
    fn ended(&mut self, scenario: &str, what: &str) -> Error {
        let problem = match self.child.exit_within(EXIT_GRACE) {
            Some(exit) => format!("{what}: it ended with {exit}"),
            None => format!("{what}: it closed its standard output"),
        };
        self.failed(scenario, &problem)
    }

    /// An error that says what the worker did and wrote last; the worker is killed.
    fn failed(&mut self, scenario: &str, problem: &str) -> Error {
        let stderr = self.child.kill_for_stderr();
        workload(
            scenario,
            self.arm,
            format!("the worker {problem}"),
            tail(&String::from_utf8_lossy(&stderr)),
        )
    }
}

/// A worker cannot have taken longer than its answer was waited for. One that says so times with a
/// clock that was set meanwhile, or makes its times up.
fn implausible(wall_ns: u64, round_trip_ns: u64) -> Option<String> {
    (wall_ns > round_trip_ns).then(|| {
        format!(
            "states wall_ns {wall_ns}, but its answer came after {round_trip_ns} ns: it must time \
             with a monotonic clock"
        )
    })
}

fn declared_metrics(
    scenario: &Scenario,
    answered: &BTreeMap<String, serde_json::Value>,
) -> Result<BTreeMap<String, f64>, String> {
    let number = |name: &String| answered.get(name).and_then(serde_json::Value::as_f64);
    scenario
        .metrics
        .iter()
        .map(|metric| match number(&metric.name) {
            Some(value) => Ok((metric.name.clone(), value)),
            None => Err(format!(
                "answers without a number {:?} in `metrics`",
                metric.name
            )),
        })
        .collect()
}

/// Refuses a scenario whose requests are too long to be sent.
pub(crate) fn check_request(scenario: &Scenario) -> Result<()> {
    encode(scenario, u64::MAX).map(drop)
}

fn encode(scenario: &Scenario, seq: u64) -> Result<Vec<u8>> {
    let mut request = match &scenario.kind {
        Kind::Warm { request, .. } => request.clone(),
        Kind::Cold { .. } => serde_json::Map::new(),
    };
    request.insert("seq".to_owned(), seq.into());
    let mut line = serde_json::to_vec(&request).map_err(|source| Error::Encode { source })?;
    line.push(b'\n');
    if line.len() > REQUEST_LIMIT_BYTES {
        return Err(Error::Invalid {
            subject: format!("scenario {:?}", scenario.name),
            problem: format!(
                "`request` takes {} bytes as a line, at most {REQUEST_LIMIT_BYTES} can be sent; \
                 let the worker read long inputs from a file",
                line.len()
            ),
        });
    }
    Ok(line)
}

fn quoted(line: &str) -> String {
    let start: String = line.chars().take(QUOTED_CHARACTERS).collect();
    let more = if start.len() < line.len() { "…" } else { "" };
    format!("{start:?}{more}")
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
