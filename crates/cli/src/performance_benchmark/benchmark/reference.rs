//! A fixed computation, timed beside the requests: how fast the machine is at that moment.
//!
//! Takes a number of threads; gives a time. It is done by a process of its own, so that its memory is
//! not taken for the engine's. It must never change: results of different versions are compared by it.
//! Whatever makes the machine slower for both is then told apart from a slower engine. Threads do not
//! meet in it as the engine's do: what that costs changes from minute to minute on virtual machines, and
//! is not seen here.

mod sums;

use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroUsize;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Args;

use crate::exit;
use crate::failure::Failure;
use sums::Sums;

/// The command that makes a process of this program do nothing but the computation.
pub(in crate::performance_benchmark) const COMMAND: &str = "fixed-computation";

/// How the process is called.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Threads that compute
    #[arg(long)]
    threads: NonZeroUsize,
}

/// Does it once for each line on stdin; gives the exit code. A line of the answer is the time in
/// nanoseconds until the last thread was done.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let sums = Sums::new(arguments.threads);
    for line in std::io::stdin().lock().lines() {
        line.map_err(Failure::Input)?;
        let started = Instant::now();
        sums.compute();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", started.elapsed().as_nanos())
            .and_then(|()| out.flush())
            .map_err(Failure::Output)?;
    }
    Ok(exit::ANSWERED)
}

/// The process. It ends when this is dropped, or whoever has it dies.
pub(super) struct Reference {
    child: Child,
    /// What is asked and answered; nothing when it is to end.
    streams: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Reference {
    /// Starts it.
    ///
    /// # Errors
    /// When this program cannot be started again.
    pub(super) fn start(threads: NonZeroUsize) -> Result<Self, Failure> {
        let failed = |source| inferno_measure::Error::Spawn {
            program: "this program".into(),
            source,
        };
        let program = std::env::current_exe().map_err(failed)?;
        let spawned = Command::new(program)
            .args(["performance-benchmark", COMMAND, "--threads"])
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(failed)?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let streams = streams.map(|(requests, answers)| (requests, BufReader::new(answers)));
        Ok(Self {
            child,
            streams: Mutex::new(streams),
        })
    }

    /// Has it done once; nothing when the process is gone.
    pub(super) fn time(&self) -> Option<Duration> {
        let mut streams = self.streams.lock().ok()?;
        let (requests, answers) = streams.as_mut()?;
        requests.write_all(b"\n").ok()?;
        let mut line = String::new();
        answers.read_line(&mut line).ok()?;
        line.trim_end().parse().ok().map(Duration::from_nanos)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // The end of its input is its end.
        if let Ok(streams) = self.streams.get_mut() {
            *streams = None;
        }
        let _ = self.child.wait();
    }
}
