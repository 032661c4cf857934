//! What this process holds: memory, open files, threads.
//!
//! Takes nothing; gives one reading, in which what the platform does not tell is `None`, never 0.
//! Before a reading at rest the allocator gives back what it holds in reserve, where it can be told
//! to ([`IS_TRIMMED`]): else its reserve would grow and shrink in the readings. Nothing here waits
//! for the process to rest; that is the caller's part.

use serde::{Deserialize, Serialize};

use crate::host;

/// Whether the allocator is made to give back its reserve before a reading: glibc's can be.
pub const IS_TRIMMED: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

/// Variable and setting with which a process must be started for its threads to keep no freed blocks
/// for themselves (the GNU C library's manual, "Memory Allocation Tunables"): it cannot be told later.
pub const KEEPS_NO_BLOCKS: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0");

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// Memory that is resident and no mapped file: `RssAnon` of proc(5). It moves by pages.
    pub anonymous_bytes: Option<u64>,
    /// Memory that was asked of the allocator and not given back, by the allocator's own account
    /// (`uordblks` and `hblkhd` of mallinfo(3)). Freed blocks that a thread keeps for itself count as
    /// not given back, and become more for some hundred cycles: [`KEEPS_NO_BLOCKS`] prevents it.
    pub allocated_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

/// What this process holds, after the allocator has given back its reserve.
pub fn at_rest() -> Reading {
    trim();
    Reading {
        anonymous_bytes: host::memory_of_this_program().anonymous_bytes,
        allocated_bytes: allocated_bytes(),
        open_files: open_files(),
        threads: std::fs::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| threads(&status)),
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "malloc_trim has no safe wrapper")]
fn trim() {
    // SAFETY: it takes a number and touches no memory but what is free.
    unsafe { libc::malloc_trim(0) };
}

/// This platform's allocator cannot be told to.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "mallinfo2 has no safe wrapper")]
#[expect(clippy::unnecessary_wraps, reason = "other platforms do not tell")]
fn allocated_bytes() -> Option<u64> {
    // SAFETY: it takes nothing and gives a plain structure.
    let account = unsafe { libc::mallinfo2() };
    Some((account.uordblks + account.hblkhd) as u64)
}

/// This platform's allocator does not tell.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn allocated_bytes() -> Option<u64> {
    None
}

/// The descriptor with which the folder itself is read is not counted.
fn open_files() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    (entries.count() as u64).checked_sub(1)
}

/// `/proc/PID/status`, see proc(5).
fn threads(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_read_from_their_line() {
        assert_eq!(threads("Name:\tx\nThreads:\t12\n"), Some(12));
        assert_eq!(threads("Threads:\tmany\n"), None);
        assert_eq!(threads(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_holds_something() {
        let reading = at_rest();
        assert!(reading.anonymous_bytes > Some(0), "{reading:?}");
        assert!(reading.open_files > Some(0), "{reading:?}");
        assert!(reading.threads > Some(0), "{reading:?}");
        assert_eq!(reading.allocated_bytes.is_some(), IS_TRIMMED);
    }
}
