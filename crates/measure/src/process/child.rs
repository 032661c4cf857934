//! A child while it runs.
//!
//! Each child has a thread that waits for its end, so that the end is timed exactly
//! and waiting can be given up. Captured streams have a thread each.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal as Kill, WaitId, WaitIdOptions, waitid};

use super::{
    Command, ExitKind, Finished, INTERRUPT_POLL, Output, Stdin, Usage, group, interrupt, system,
};
use crate::error::{Error, Result};
use crate::host::core_for_pinning;
use crate::scenario::{Pin, Stop};

/// Time to read what is left in the pipes once the whole group is dead.
const DRAIN: Duration = Duration::from_secs(2);
/// Time for the interrupt handler to end the children before the caller is told.
const INTERRUPT_DRAIN: Duration = Duration::from_secs(2);
/// Time in which a stopped process must report that all its threads have stopped.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Looks after which a process that still runs is told again to stop: about 20 ms.
const STOP_AGAIN_POLLS: u32 = 200;

/// A longer line is passed on in parts, so that a child without line feeds fills no memory.
const LINE_LIMIT_BYTES: u64 = 16 << 20;
/// A binary that was just copied counts as busy while another thread's new child still has
/// the copy open for writing, which ends with that child's exec: how often to try again.
const BUSY_ATTEMPTS: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// Pause between two looks at the CPU clock of a stopped process, and how many there are.
const SETTLE_PAUSE: Duration = Duration::from_micros(50);
const SETTLE_ATTEMPTS: u32 = 100;

/// Which cores a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// Those of this program.
    Inherited,
    /// This one.
    Core(usize),
}

impl Pinning {
    /// All pinned children share one core.
    ///
    /// # Errors
    /// [`Error::Invalid`] about `subject` where the platform cannot pin.
    pub(crate) fn of(pin: Pin, subject: &str) -> Result<Self> {
        if pin == Pin::None {
            return Ok(Self::Inherited);
        }
        core_for_pinning()
            .map(Self::Core)
            .ok_or_else(|| Error::Invalid {
                subject: subject.to_owned(),
                problem: "this platform cannot pin a process to a core".to_owned(),
            })
    }
}

/// A child that is registered and will be killed when this handle is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    program: PathBuf,
    pid: i32,
    started: Instant,
    deadline: Option<Instant>,
    exit: Receiver<io::Result<Exit>>,
    /// Set once the exit has been received.
    ended: bool,
    stdin: Option<ChildStdin>,
    stdout: Option<Capture>,
    stderr: Option<Capture>,
}

#[derive(Debug, Clone, Copy)]
struct Exit {
    kind: ExitKind,
    usage: Usage,
    at: Instant,
}

impl Child {
    pub(crate) fn spawn(command: Command, pinning: Pinning) -> Result<Self> {
        let program = command.program.clone();
        let mut process = prepare(&command)?;
        let started = Instant::now();
        let mut child = group::start(
            || start(&mut process, pinning),
            |source| Error::Spawn {
                program: program.clone(),
                source,
            },
        )?;
        let pid = group::process_id(&child);
        let (sender, exit) = mpsc::channel();
        thread::spawn(move || {
            let ended = wait_for_exit(pid);
            let at = Instant::now();
            // Told until the child is reaped, of its first thread alone.
            let waited_ns = crate::host::waited_ns(pid);
            let reaped = group::reap(pid);
            let result = ended.and(reaped).map(|(kind, usage)| Exit {
                kind,
                usage: Usage { waited_ns, ..usage },
                at,
            });
            // The handle may be gone: then nobody wants to know.
            let _unwanted = sender.send(result);
        });
        let limit = command.capture_limit_bytes;
        let stdin = child.stdin.take();
        let stdin = match command.stdin {
            Stdin::Bytes(bytes) => {
                feed(stdin, bytes);
                None
            }
            Stdin::Pipe => stdin,
            Stdin::Null | Stdin::File(_) => None,
        };
        Ok(Self {
            program,
            pid,
            started,
            deadline: command
                .timeout
                .and_then(|timeout| started.checked_add(timeout)),
            exit,
            ended: false,
            stdin,
            stdout: child
                .stdout
                .take()
                .map(|pipe| Capture::start(pipe, command.stdout, limit)),
            stderr: child
                .stderr
                .take()
                .map(|pipe| Capture::start(pipe, command.stderr, limit)),
        })
    }

    /// Waits for the end, killing the group when its time is up.
    pub(crate) fn finish(mut self) -> Result<Finished> {
        let mut timed_out = false;
        let exit = loop {
            let left = match self.deadline {
                Some(deadline) if !timed_out => deadline.saturating_duration_since(Instant::now()),
                _ => INTERRUPT_POLL,
            };
            match self.exit.recv_timeout(left.min(INTERRUPT_POLL)) {
                Ok(exit) => break exit,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break Err(io::ErrorKind::BrokenPipe.into()),
            }
            if self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
                && !timed_out
            {
                timed_out = true;
                self.kill();
            }
        };
        self.ended = true;
        if let Err(interrupted) = interrupt::check_interrupted() {
            group::wait_until_none(INTERRUPT_DRAIN);
            return Err(interrupted);
        }
        let exit = exit.map_err(|source| self.failed("wait for", source))?;
        Ok(Finished {
            status: if timed_out {
                ExitKind::TimedOut
            } else {
                exit.kind
            },
            usage: exit.usage,
            stdout: self.stdout.as_mut().map(Capture::take).unwrap_or_default(),
            stderr: self.stderr.as_mut().map(Capture::take).unwrap_or_default(),
            wall_ns: nanoseconds(exit.at.saturating_duration_since(self.started)),
        })
    }

    /// Closes the child's input and waits at most for `limit`; then it is killed.
    pub(crate) fn close(mut self, limit: Duration) -> Result<Finished> {
        self.stdin = None;
        self.deadline = Instant::now().checked_add(limit);
        self.finish()
    }

    /// Sends bytes to the child's input, which must be [`Stdin::Pipe`].
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(bytes)?;
        stdin.flush()
    }

    /// Asks the child's group to end by itself.
    pub(crate) fn ask_to_end(&self, stop: Stop) {
        let signal = match stop {
            Stop::Interrupt => Kill::INT,
            Stop::Terminate => Kill::TERM,
            Stop::HangUp => Kill::HUP,
        };
        group::send(self.pid, signal);
    }

    /// Kills the child and gives all that it wrote: standard output, then standard error.
    pub(crate) fn kill_for_output(&mut self) -> Vec<u8> {
        self.kill();
        let streams = [&mut self.stdout, &mut self.stderr];
        let captured = streams.into_iter().flatten();
        captured.flat_map(Capture::take).collect()
    }

    /// Kills the child and gives all that it wrote to standard error.
    pub(crate) fn kill_for_stderr(&mut self) -> Vec<u8> {
        self.kill();
        self.stderr.as_mut().map(Capture::take).unwrap_or_default()
    }

    /// How the child ended, if it has ended within `limit`.
    pub(crate) fn exit_within(&mut self, limit: Duration) -> Option<ExitKind> {
        let exit = self.exit.recv_timeout(limit).ok()?;
        self.ended = true;
        exit.ok().map(|exit| exit.kind)
    }

    /// Stops all threads of the child and returns when they have stopped.
    pub(crate) fn stop(&self) -> Result<()> {
        group::send(self.pid, Kill::STOP);
        let deadline = Instant::now() + STOP_LIMIT;
        let mut polls = 0_u32;
        // The kernel reports the stop to the parent once the last thread has stopped;
        // the state in /proc changes earlier, with the first.
        while waitid(
            self.wait_id(),
            WaitIdOptions::STOPPED | WaitIdOptions::NOHANG,
        )
        .map_err(|error| self.failed("stop", error.into()))?
        .is_none()
        {
            if Instant::now() > deadline {
                return Err(self.failed("stop", io::ErrorKind::TimedOut.into()));
            }
            polls += 1;
            if polls.is_multiple_of(STOP_AGAIN_POLLS) {
                // Somebody else has let it go on meanwhile.
                group::send(self.pid, Kill::STOP);
            }
            if polls < 20 {
                thread::yield_now();
            } else {
                thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(())
    }

    /// Lets the stopped child go on.
    pub(crate) fn resume(&self) {
        group::send(self.pid, Kill::CONT);
        // Told at once, and not to be taken for somebody else's.
        let _own = self.was_continued();
    }

    /// Whether the child was stopped and let go on since the last call.
    pub(crate) fn was_continued(&self) -> bool {
        let options = WaitIdOptions::CONTINUED | WaitIdOptions::NOHANG;
        matches!(waitid(self.wait_id(), options), Ok(Some(_)))
    }

    /// CPU time of the child so far, in nanoseconds; `None` where the platform cannot tell.
    pub(crate) fn cpu_time_ns(&self) -> Option<u64> {
        system::cpu_time_ns(self.pid)
    }

    /// CPU time of the stopped child. The kernel reports the stop some microseconds before
    /// the last thread leaves its core, which may be much later when others want that core:
    /// so each thread is waited for, and the clock is read until it stands still.
    pub(crate) fn settled_cpu_time_ns(&self) -> Option<u64> {
        system::wait_until_off_cpu(self.pid);
        let mut settled = self.cpu_time_ns()?;
        for _ in 0..SETTLE_ATTEMPTS {
            thread::sleep(SETTLE_PAUSE);
            let now = self.cpu_time_ns()?;
            if now == settled {
                break;
            }
            settled = now;
        }
        Some(settled)
    }

    /// The process id.
    pub(crate) fn id(&self) -> i32 {
        self.pid
    }

    /// Kills the child's group.
    pub(crate) fn kill(&self) {
        group::send(self.pid, Kill::KILL);
    }

    fn wait_id(&self) -> WaitId<'_> {
        wait_id(self.pid)
    }

    fn failed(&self, action: &'static str, source: io::Error) -> Error {
        Error::Control {
            action,
            program: self.program.clone(),
            source,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.ended {
            self.kill();
            let _exit = self.exit.recv();
        }
    }
}

fn wait_id(pid: i32) -> WaitId<'static> {
    WaitId::Pid(Pid::from_raw(pid).expect("a child's process id is positive"))
}

/// Waits for the child's end without reaping it, so that its number stays taken.
fn wait_for_exit(pid: i32) -> io::Result<()> {
    loop {
        match waitid(wait_id(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn prepare(command: &Command) -> Result<std::process::Command> {
    let mut process = std::process::Command::new(&command.program);
    process.args(&command.args).process_group(0);
    for (name, value) in &command.env {
        match value {
            Some(value) => process.env(name, value),
            None => process.env_remove(name),
        };
    }
    if let Some(directory) = &command.directory {
        process.current_dir(directory);
    }
    process.stdin(match &command.stdin {
        Stdin::Null => Stdio::null(),
        Stdin::Bytes(_) | Stdin::Pipe => Stdio::piped(),
        Stdin::File(path) => Stdio::from(
            std::fs::File::open(path).map_err(|source| Error::io("open", path, source))?,
        ),
    });
    process
        .stdout(output(&command.stdout)?)
        .stderr(output(&command.stderr)?);
    Ok(process)
}

fn output(output: &Output) -> Result<Stdio> {
    Ok(match output {
        Output::Null => Stdio::null(),
        Output::Capture | Output::Lines(_) => Stdio::piped(),
        Output::File(path) => Stdio::from(create(path)?),
    })
}

fn create(path: &Path) -> Result<std::fs::File> {
    std::fs::File::create(path).map_err(|source| Error::io("create", path, source))
}

/// Starts the process. For a pinned one the starting thread pins itself first: the child
/// inherits it, so that none of its threads ever ran elsewhere.
fn start(process: &mut std::process::Command, pinning: Pinning) -> io::Result<std::process::Child> {
    match pinning {
        Pinning::Inherited => spawn_when_free(process),
        Pinning::Core(core) => thread::scope(|scope| {
            scope
                .spawn(move || {
                    crate::host::pin_this_thread(core)?;
                    spawn_when_free(process)
                })
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the starting thread panicked")))
        }),
    }
}

fn spawn_when_free(process: &mut std::process::Command) -> io::Result<std::process::Child> {
    for _ in 0..BUSY_ATTEMPTS {
        match process.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(BUSY_PAUSE);
            }
            started => return started,
        }
    }
    process.spawn()
}

fn feed(stdin: Option<ChildStdin>, bytes: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        // A child that ends without reading all of its input is none of our business.
        thread::spawn(move || drop(stdin.write_all(&bytes)));
    }
}

/// A captured stream.
#[derive(Debug)]
struct Capture {
    limit_bytes: usize,
    kept: Arc<Mutex<Vec<u8>>>,
    done: Receiver<()>,
}

impl Capture {
    fn start(pipe: impl Read + Send + 'static, output: Output, limit_bytes: usize) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (sender, done) = mpsc::channel();
        let keep = {
            let kept = Arc::clone(&kept);
            move |bytes: &[u8]| {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(bytes);
                // Trimmed at twice the limit, so that the cost per byte stays constant.
                if kept.len() > limit_bytes.saturating_mul(2) {
                    let surplus = kept.len() - limit_bytes;
                    kept.drain(..surplus);
                }
            }
        };
        thread::spawn(move || {
            match output {
                Output::Lines(line) => read_lines(pipe, keep, line),
                _ => read_blocks(pipe, keep),
            }
            // The handle may be gone: then nobody wants to know.
            let _unwanted = sender.send(());
        });
        Self {
            limit_bytes,
            kept,
            done,
        }
    }

    /// All that was captured, once the writers are dead.
    fn take(&mut self) -> Vec<u8> {
        let _closed_or_detached = self.done.recv_timeout(DRAIN);
        let mut kept =
            std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let surplus = kept.len().saturating_sub(self.limit_bytes);
        kept.drain(..surplus);
        kept
    }
}

fn read_blocks(mut pipe: impl Read, keep: impl Fn(&[u8])) {
    let mut block = vec![0; 64 << 10];
    loop {
        match pipe.read(&mut block) {
            Ok(0) => return,
            Ok(length) => keep(&block[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn read_lines(pipe: impl Read, keep: impl Fn(&[u8]), mut line: impl FnMut(&str)) {
    let mut pipe = BufReader::new(pipe);
    let mut bytes = Vec::new();
    loop {
        let read = pipe
            .by_ref()
            .take(LINE_LIMIT_BYTES)
            .read_until(b'\n', &mut bytes);
        if !matches!(read, Ok(length) if length > 0) {
            return;
        }
        keep(&bytes);
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        line(&String::from_utf8_lossy(text));
        bytes.clear();
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
