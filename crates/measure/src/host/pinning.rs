//! Pinning a thread, and with it the children that it starts, to one core.

use std::io;

/// The core for pinned workers: the last that this program may use, because the first
/// cores serve most interrupts. `None` where the platform cannot pin.
#[cfg(target_os = "linux")]
pub(crate) fn core_for_pinning() -> Option<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let allowed = sched_getaffinity(None).ok()?;
    (0..CpuSet::MAX_CPU)
        .rev()
        .find(|&core| allowed.is_set(core))
}

/// Pins the calling thread to `core`.
#[cfg(target_os = "linux")]
pub(crate) fn pin_this_thread(core: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// This platform cannot pin.
#[cfg(not(target_os = "linux"))]
pub(crate) fn core_for_pinning() -> Option<usize> {
    None
}

/// This platform cannot pin.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin_this_thread(_core: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
