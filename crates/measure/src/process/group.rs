//! The registry of process groups that this program has started and not yet reaped.
//!
//! Signals are sent under the registry's lock, and a group leaves it before its leader
//! is reaped under the same lock: so no signal can reach a number that the system has
//! given to somebody else.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal as Kill, kill_process_group};

use super::{ExitKind, Usage, interrupt, system};
use crate::error::{Error, Result};

static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
static EMPTIED: Condvar = Condvar::new();

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child by `start` and registers its group, unless a signal has come.
/// A signal that comes meanwhile finds the child registered.
pub(super) fn start(
    start: impl FnOnce() -> io::Result<std::process::Child>,
    failed: impl FnOnce(io::Error) -> Error,
) -> Result<std::process::Child> {
    let mut groups = groups();
    interrupt::check_interrupted()?;
    let child = start().map_err(failed)?;
    groups.insert(process_id(&child));
    Ok(child)
}

/// The child's id in the type of the system calls.
pub(super) fn process_id(child: &std::process::Child) -> i32 {
    i32::try_from(child.id()).expect("the system's process ids fit into pid_t")
}

/// Kills what is left of the group of the ended leader `pid` and reaps the leader.
pub(super) fn reap(pid: i32) -> io::Result<(ExitKind, Usage)> {
    let mut groups = groups();
    signal_group(pid, Kill::KILL);
    let reaped = system::reap(pid);
    groups.remove(&pid);
    if groups.is_empty() {
        EMPTIED.notify_all();
    }
    reaped
}

/// Sends `signal` to the group of `pid`, if it is still registered.
pub(super) fn send(pid: i32, signal: Kill) {
    if groups().contains(&pid) {
        signal_group(pid, signal);
    }
}

/// Sends `signal` to all registered groups.
pub(super) fn send_all(signal: Kill) {
    for &pid in groups().iter() {
        signal_group(pid, signal);
    }
}

/// Waits until no group is registered, at most for `limit`.
pub(super) fn wait_until_none(limit: Duration) {
    let deadline = Instant::now() + limit;
    let mut groups = groups();
    while !groups.is_empty() {
        let Some(left) = deadline.checked_duration_since(Instant::now()) else {
            return;
        };
        groups = EMPTIED
            .wait_timeout(groups, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

fn signal_group(pid: i32, signal: Kill) {
    // A group that is gone already is what we want: nothing to report.
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = kill_process_group(pid, signal);
    }
}
