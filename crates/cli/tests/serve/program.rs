//! Starts the binary, and ends what was started however the test ends.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Time for anything that a test waits for: far more than it takes.
pub(crate) const LONG: Duration = Duration::from_secs(50);

/// The binary, without what the environment might say to it.
pub(crate) fn inferno() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inferno"));
    command
        .env_remove("INFERNO_API_KEY")
        .env_remove("INFERNO_LOG_LEVEL")
        .env_remove("INFERNO_MODELS_DIR");
    command
}

/// The synthetic model, written once. Greedy, it goes on until it has as many tokens as asked for.
pub(crate) fn model() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny.gguf");
        inferno_provision::synthetic::write(&path).expect("writing the synthetic model");
        path
    })
}

/// Sends `signal` to `child`.
pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the process is there");
}

/// The exit code of `child`, once it has ended.
pub(crate) fn exit_code(child: &mut Child) -> Option<i32> {
    wait_until("the process ends", || {
        child
            .try_wait()
            .expect("a child")
            .map(|status| status.code())
    })
}

/// What `look` finds, as soon as it finds something.
pub(crate) fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < LONG, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// A server with `options`, which takes requests.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_as(options, |_| {})
    }

    /// The same, after `set_up` had its way with the command.
    pub(crate) fn start_as(options: &[&str], set_up: impl FnOnce(&mut Command)) -> Self {
        let mut command = inferno();
        set_up(&mut command);
        let mut child = command
            .args(["serve", "--port", "0", "--threads", "1", "--model"])
            .arg(model())
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
