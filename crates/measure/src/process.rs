//! Children of the program: start, wait with their costs, stop.
//!
//! Takes a [`Command`], gives [`Finished`]. Every child leads its own process
//! group and is registered until it is reaped, so that none outlives the program:
//! not on a time-out, not when a handle is dropped, not on Ctrl-C. Nothing here
//! knows what the children do.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Result;
use crate::scenario::Pin;

mod child;
mod driven;
mod group;
mod interrupt;
mod system;

pub(crate) use child::{Child, Pinning};
pub use driven::{Driven, Undriven, drive};
pub(crate) use interrupt::INTERRUPT_POLL;
pub use interrupt::{Signal, check_interrupted, install_interrupt_handler, interrupted};

/// CPU time that all threads of this program have used, in nanoseconds; `None` where the platform does
/// not tell.
pub fn own_cpu_time_ns() -> Option<u64> {
    system::cpu_time_ns(i32::try_from(std::process::id()).ok()?)
}

/// What a child reads.
#[derive(Debug, Clone, Default)]
pub enum Stdin {
    /// Nothing.
    #[default]
    Null,
    /// A file.
    File(PathBuf),
    /// These bytes, then end of input.
    Bytes(Vec<u8>),
    /// What is sent while it runs; end of input when the handle is dropped.
    #[doc(hidden)]
    Pipe,
}

/// Where a child's output goes.
#[derive(Default)]
pub enum Output {
    /// Nowhere.
    Null,
    /// Into [`Finished`]: the last bytes up to [`Command::CAPTURE_LIMIT_BYTES`].
    #[default]
    Capture,
    /// Into a file, which is truncated.
    File(PathBuf),
    /// To a function, line by line without the line feed, on a thread of its own;
    /// bytes that are not UTF-8 are replaced. Also captured as by `Capture`.
    Lines(Box<dyn FnMut(&str) + Send>),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Capture => f.write_str("Capture"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Lines(_) => f.write_str("Lines(..)"),
        }
    }
}

/// A child that is to be run.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    directory: Option<PathBuf>,
    stdin: Stdin,
    stdout: Output,
    stderr: Output,
    timeout: Option<Duration>,
    capture_limit_bytes: usize,
    pin: Pin,
}

impl Command {
    /// Bytes that are kept of each captured stream; of a longer one, the last.
    pub const CAPTURE_LIMIT_BYTES: usize = 64 << 20;

    /// A child without arguments, with empty input and captured output.
    pub fn new(program: impl AsRef<Path>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            directory: None,
            stdin: Stdin::Null,
            stdout: Output::Capture,
            stderr: Output::Capture,
            timeout: None,
            capture_limit_bytes: Self::CAPTURE_LIMIT_BYTES,
            pin: Pin::None,
        }
    }

    /// A command as it is declared: a program by its name on PATH or by a path in `directory`, where it
    /// is run, and its arguments. `None` for no words.
    pub fn declared(words: &[String], directory: &Path) -> Option<Self> {
        let (program, args) = words.split_first()?;
        let is_path = program.contains('/');
        let program = if is_path {
            directory.join(program)
        } else {
            PathBuf::from(program)
        };
        Some(Self::new(program).args(args).directory(directory))
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets what the child reads.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets where standard output goes.
    #[must_use]
    pub fn stdout(mut self, stdout: Output) -> Self {
        self.stdout = stdout;
        self
    }

    /// Sets where standard error goes.
    #[must_use]
    pub fn stderr(mut self, stderr: Output) -> Self {
        self.stderr = stderr;
        self
    }

    /// After this time the child and its whole group are killed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Keeps the child on one core, the one that pinned workers have.
    #[must_use]
    pub fn pinned(mut self) -> Self {
        self.pin = Pin::OneCore;
        self
    }

    /// Keeps at most this many bytes of each captured stream, the last ones.
    #[must_use]
    pub(crate) fn capture_limit(mut self, limit_bytes: usize) -> Self {
        self.capture_limit_bytes = limit_bytes;
        self
    }

    /// The command line for messages.
    pub fn display(&self) -> String {
        let mut line = self.program.display().to_string();
        for arg in &self.args {
            line.push(' ');
            line.push_str(&arg.to_string_lossy());
        }
        line
    }

    /// Runs the child to its end. A child that fails or is killed by its time-out is
    /// no error here: see [`Finished::status`].
    ///
    /// # Errors
    /// When the child cannot be started or pinned, or a signal asks the program to end.
    pub fn run(self) -> Result<Finished> {
        let pinning = Pinning::of(self.pin, &self.program.display().to_string())?;
        Child::spawn(self, pinning)?.finish()
    }
}

/// A child that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitKind,
    /// What it cost.
    pub usage: Usage,
    /// Captured standard output.
    pub stdout: Vec<u8>,
    /// Captured standard error.
    pub stderr: Vec<u8>,
    /// Time from start to end, in nanoseconds.
    pub wall_ns: u64,
}

impl Finished {
    /// Whether it ended with exit code 0.
    pub fn success(&self) -> bool {
        self.status == ExitKind::Code(0)
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// By itself, with this code.
    Code(i32),
    /// Killed by this signal, which this program did not send.
    Signal(i32),
    /// Killed by this program, because its time was up.
    TimedOut,
}

impl std::fmt::Display for ExitKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::TimedOut => f.write_str("time-out"),
        }
    }
}

/// What a child cost, from the kernel's accounting of it and its waited-for children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time in user mode, in nanoseconds.
    pub user_ns: u64,
    /// CPU time in the kernel, in nanoseconds.
    pub system_ns: u64,
    /// Largest resident set, in bytes.
    pub peak_rss_bytes: u64,
    /// Page faults served without I/O.
    pub minor_faults: u64,
    /// Page faults that needed I/O.
    pub major_faults: u64,
    /// Context switches that the child asked for.
    pub voluntary_switches: u64,
    /// Context switches that the kernel forced.
    pub involuntary_switches: u64,
    /// Time in which the child's first thread could have run and had no core, in nanoseconds;
    /// `None` where the platform does not tell.
    pub waited_ns: Option<u64>,
}

impl Usage {
    /// CPU time in user mode and kernel, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.user_ns + self.system_ns
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        Command::new("/bin/sh").args(["-c", script])
    }

    #[test]
    fn output_exit_code_and_costs_are_told() {
        let finished = shell("echo out; echo err >&2; exit 7").run().unwrap();
        assert_eq!(finished.status, ExitKind::Code(7));
        assert_eq!(finished.stdout, b"out\n");
        assert_eq!(finished.stderr, b"err\n");
        assert!(
            finished.usage.peak_rss_bytes > 100_000,
            "{:?}",
            finished.usage
        );
        assert!(finished.wall_ns > 0);
    }

    #[test]
    fn cpu_time_of_a_busy_child_is_near_its_wall_time() {
        let finished = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
            .run()
            .unwrap();
        assert!(finished.usage.user_ns > 10_000_000, "{:?}", finished.usage);
    }

    #[test]
    fn input_environment_and_directory_are_given() {
        let directory = tempfile::tempdir().unwrap();
        let finished = shell("cat; echo \"$ARM ${HOME-none}\"; pwd")
            .stdin(Stdin::Bytes(b"in\n".to_vec()))
            .env("ARM", "baseline")
            .env_remove("HOME")
            .directory(directory.path())
            .run()
            .unwrap();
        let text = String::from_utf8(finished.stdout).unwrap();
        let real = directory.path().canonicalize().unwrap();
        assert_eq!(text, format!("in\nbaseline none\n{}\n", real.display()));
    }

    #[test]
    fn lines_come_while_the_child_runs_and_are_captured_too() {
        let (sender, lines) = mpsc::channel();
        let finished = shell("echo one; printf two")
            .stdout(Output::Lines(Box::new(move |line| {
                sender.send(line.to_owned()).unwrap();
            })))
            .run()
            .unwrap();
        assert_eq!(lines.iter().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(finished.stdout, b"one\ntwo");
    }

    #[test]
    fn output_goes_to_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        shell("echo kept >&2")
            .stderr(Output::File(path.clone()))
            .run()
            .unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "kept\n");
    }

    #[test]
    fn of_a_long_output_the_end_is_kept() {
        let finished = shell("seq 1 100000").capture_limit(1000).run().unwrap();
        assert!(finished.stdout.len() <= 1000);
        assert!(finished.stdout.ends_with(b"99999\n100000\n"));
    }

    #[test]
    fn a_time_out_kills_the_whole_group() {
        let finished = shell("sleep 600 & echo $!; wait")
            .timeout(Duration::from_millis(200))
            .run()
            .unwrap();
        assert_eq!(finished.status, ExitKind::TimedOut);
        assert_gone(String::from_utf8(finished.stdout).unwrap().trim());
    }

    #[test]
    fn what_a_child_leaves_behind_ends_with_it() {
        let finished = shell("sleep 600 >/dev/null 2>&1 & echo $!").run().unwrap();
        assert_eq!(finished.status, ExitKind::Code(0));
        assert_gone(String::from_utf8(finished.stdout).unwrap().trim());
    }

    #[test]
    fn a_dropped_child_is_dead_even_when_it_was_stopped() {
        let child = Child::spawn(shell("exec sleep 600"), Pinning::Inherited).unwrap();
        let pid = child.id().to_string();
        child.stop().unwrap();
        drop(child);
        assert_gone(&pid);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_stopped_child_uses_no_cpu() {
        let child = Child::spawn(shell("while :; do :; done"), Pinning::Inherited).unwrap();
        child.stop().unwrap();
        let before = child.settled_cpu_time_ns().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(child.cpu_time_ns().unwrap(), before);
        child.resume();
        let deadline = Instant::now() + Duration::from_secs(20);
        while child.cpu_time_ns().unwrap() == before {
            assert!(Instant::now() < deadline, "the child does not go on");
            std::thread::yield_now();
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pinned_child_may_use_one_core() {
        let core = crate::host::core_for_pinning().unwrap();
        let command = Command::new("/bin/grep").args(["Cpus_allowed_list", "/proc/self/status"]);
        let finished = command.pinned().run().unwrap();
        let text = String::from_utf8(finished.stdout).unwrap();
        assert_eq!(
            text.split_whitespace().last(),
            Some(core.to_string().as_str())
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Command::new("/does/not/exist").run().unwrap_err();
        assert!(error.to_string().contains("/does/not/exist"), "{error}");
    }

    /// The process is dead: gone, or a zombie that nobody has reaped yet.
    fn assert_gone(pid: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let listed = std::process::Command::new("ps")
                .args(["-o", "stat=", "-p", pid])
                .output();
            let state = String::from_utf8(listed.unwrap().stdout).unwrap();
            if state.trim().is_empty() || state.trim_start().starts_with('Z') {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "process {pid} is still there: {state}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
