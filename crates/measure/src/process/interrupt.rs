//! SIGINT, SIGTERM and SIGHUP: end the children, tell the waiting calls, end the program.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal as Kill;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::group;
use crate::error::{Error, Result};

/// How often a waiting call looks whether a signal has come.
pub(crate) const INTERRUPT_POLL: Duration = Duration::from_millis(20);
/// Time that children have to end by themselves (cargo removes half-written files).
const GRACE: Duration = Duration::from_secs(1);
/// Time after the first signal until the program is ended from outside its main thread.
const WATCHDOG: Duration = Duration::from_secs(5);

/// Exit code of the signal that came, or zero.
static RECEIVED: AtomicU8 = AtomicU8::new(0);
static INSTALLED: OnceLock<()> = OnceLock::new();

/// A signal that ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM, or SIGHUP, which a closing terminal sends.
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
    match RECEIVED.load(Ordering::SeqCst) {
        0 => None,
        130 => Some(Signal::Interrupt),
        _ => Some(Signal::Terminate),
    }
}

/// Fails with [`Error::Interrupted`] once a signal has come; for long work between children.
///
/// # Errors
/// When a signal has come.
pub fn check_interrupted() -> Result<()> {
    match interrupted() {
        Some(signal) => Err(Error::Interrupted { signal }),
        None => Ok(()),
    }
}

/// From now on, SIGINT, SIGTERM and SIGHUP end every child, make waiting calls return
/// [`Error::Interrupted`], and end the program after 5 seconds if it has not ended by
/// itself. A second signal ends it at once. Further calls do nothing.
///
/// # Errors
/// When the system refuses a handler.
pub fn install_interrupt_handler() -> Result<()> {
    if INSTALLED.set(()).is_err() {
        return Ok(());
    }
    let failed = |source| Error::Control {
        action: "handle signals in",
        program: "this program".into(),
        source,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for number in signals.forever() {
                on_signal(if number == SIGINT {
                    Signal::Interrupt
                } else {
                    Signal::Terminate
                });
            }
        })
        .map_err(failed)?;
    Ok(())
}

fn on_signal(signal: Signal) {
    let first = RECEIVED
        .compare_exchange(0, signal.exit_code(), Ordering::SeqCst, Ordering::SeqCst)
        .is_ok();
    if !first {
        end_now(signal);
    }
    // A stopped process handles no signal but SIGKILL and SIGCONT.
    group::send_all(Kill::TERM);
    group::send_all(Kill::CONT);
    thread::spawn(move || {
        group::wait_until_none(GRACE);
        group::send_all(Kill::KILL);
        thread::sleep(WATCHDOG.saturating_sub(GRACE));
        end_now(signal);
    });
}

fn end_now(signal: Signal) -> ! {
    group::send_all(Kill::KILL);
    signal_hook::low_level::exit(i32::from(signal.exit_code()))
}
