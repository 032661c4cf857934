//! What the system tells of a child: `wait4`, which reaps it with its own accounting, and
//! its CPU-time clock. Neither has a safe wrapper.
#![expect(
    unsafe_code,
    reason = "wait4 and clock_getcpuclockid have no safe wrapper"
)]

use std::io;
use std::mem::MaybeUninit;

use super::{ExitKind, Usage};

/// Reaps the child `pid`, which must be a child of this process that nothing else reaps.
pub(super) fn reap(pid: i32) -> io::Result<(ExitKind, Usage)> {
    let mut status: libc::c_int = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are valid for writes for the length of the call.
        let reaped = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        if reaped == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: all-zero bytes are a valid `rusage`, and `wait4` has filled it.
    let usage = unsafe { usage.assume_init() };
    let exit = if libc::WIFEXITED(status) {
        ExitKind::Code(libc::WEXITSTATUS(status))
    } else {
        ExitKind::Signal(libc::WTERMSIG(status))
    };
    Ok((exit, usage_of(&usage)))
}

fn usage_of(usage: &libc::rusage) -> Usage {
    // getrusage(2): kilobytes on Linux, bytes on macOS.
    let rss_unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let count = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
    Usage {
        user_ns: nanoseconds(usage.ru_utime),
        system_ns: nanoseconds(usage.ru_stime),
        peak_rss_bytes: count(usage.ru_maxrss) * rss_unit,
        minor_faults: count(usage.ru_minflt),
        major_faults: count(usage.ru_majflt),
        voluntary_switches: count(usage.ru_nvcsw),
        involuntary_switches: count(usage.ru_nivcsw),
        waited_ns: None,
    }
}

fn nanoseconds(time: libc::timeval) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let microseconds = u64::try_from(time.tv_usec).unwrap_or(0);
    seconds * 1_000_000_000 + microseconds * 1_000
}

/// CPU time that all threads of the process have used, in nanoseconds; `None` where the
/// platform cannot tell or the process is gone.
#[cfg(target_os = "linux")]
pub(super) fn cpu_time_ns(pid: i32) -> Option<u64> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is valid for writes for the length of the call.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: as above.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

/// Not known on this platform.
#[cfg(not(target_os = "linux"))]
pub(super) fn cpu_time_ns(_pid: i32) -> Option<u64> {
    None
}

/// Returns once no thread of the stopped process is on a core or wants one, as far as the
/// kernel tells: it answers what a sleeping thread's system call is only after the thread
/// has left its core.
pub(super) fn wait_until_off_cpu(pid: i32) {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return;
    };
    for task in tasks.flatten() {
        // Where the kernel does not tell, the reader of the clock still sees it move.
        let _told = std::fs::read(task.path().join("syscall"));
    }
}
