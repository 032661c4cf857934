//! What the server's process holds when it has nothing to do.
//!
//! Takes a server; gives its memory and open files as the system tells them. A system that does not
//! tell (it is not Linux) gives nothing, and nothing is asserted then.

use std::thread;
use std::time::Duration;

use crate::http::metric;
use crate::program::{Server, wait_until};

/// Time that a server is left alone before it is looked at: longer than an idle thread of its lives
/// (10 s, tokio's default for blocking ones) and than recorded times wait to be summed up (5 s).
const REST: Duration = Duration::from_secs(12);

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Resident memory that is no mapped file: the model's file does not count.
    pub(super) anonymous_bytes: u64,
    pub(super) open_files: usize,
}

/// Waits until `server` has nothing to do, and then for what it gives back on its own.
pub(super) fn at_rest(server: &Server) -> Option<Reading> {
    for gauge in ["inferno_running_sequences", "inferno_waiting_requests"] {
        wait_until("nothing runs and nothing waits", || {
            (metric(server.address, gauge) == 0.0).then_some(())
        });
    }
    thread::sleep(REST);
    read(server.child.id())
}

fn read(pid: u32) -> Option<Reading> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Reading {
        anonymous_bytes: kibibytes * 1024,
        open_files: std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
    })
}
