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

/// A signal that ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// Exit code of a program that the signal ended: 128 plus the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// The signal that asked the program to end, if any.
pub fn interrupted() -> Option<Signal> {
    None
}

/// Fails with [`crate::Error::Interrupted`] once a signal has come; for long work
/// between children.
///
/// # Errors
/// When a signal has come.
pub fn check_interrupted() -> Result<()> {
    Ok(())
}

/// From now on, SIGINT and SIGTERM end every child, make waiting calls return
/// [`crate::Error::Interrupted`], and end the program after 5 seconds if it has not
/// ended by itself. A second signal ends it at once. Further calls do nothing.
///
/// # Errors
/// When the system refuses a handler.
pub fn install_interrupt_handler() -> Result<()> {
    Ok(())
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
        }
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
    /// When the child cannot be started, or a signal asks the program to end.
    pub fn run(self) -> Result<Finished> {
        todo!()
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
}

impl Usage {
    /// CPU time in user mode and kernel, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.user_ns + self.system_ns
    }
}
