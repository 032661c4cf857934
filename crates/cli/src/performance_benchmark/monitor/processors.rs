//! How many processors a process may use.
//!
//! Takes its number; gives the processors that it may run on, or fewer when its control group limits
//! its time. Nothing where the system does not tell.

use std::path::Path;

/// Where control groups are (version 2).
const GROUPS: &str = "/sys/fs/cgroup";

/// Processors that `pid` may use; not always a whole number.
pub(super) fn usable_by(pid: u32) -> Option<f64> {
    let allowed = allowed(pid)?;
    Some(quota(pid).map_or(allowed, |quota| quota.min(allowed)))
}

#[cfg(target_os = "linux")]
fn allowed(pid: u32) -> Option<f64> {
    use rustix::process::Pid;
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let set = rustix::thread::sched_getaffinity(Some(pid)).ok()?;
    Some(f64::from(set.count()))
}

#[cfg(not(target_os = "linux"))]
fn allowed(_pid: u32) -> Option<f64> {
    None
}

/// The least that any group around `pid` allows; nothing when none limits it.
fn quota(pid: u32) -> Option<f64> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Path::new(group)
        .ancestors()
        .filter_map(|group| {
            let file = Path::new(GROUPS).join(group).join("cpu.max");
            parse_quota(&std::fs::read_to_string(file).ok()?)
        })
        .min_by(f64::total_cmp)
}

/// `cpu.max`: microseconds of CPU time per period of so many microseconds, or `max`.
fn parse_quota(text: &str) -> Option<f64> {
    let (time, period) = text.trim().split_once(' ')?;
    let (time, period): (f64, f64) = (time.parse().ok()?, period.parse().ok()?);
    Some(time / period).filter(|quota| quota.is_finite() && *quota > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_number_of_processors() {
        assert_eq!(parse_quota("150000 100000\n"), Some(1.5));
        for none in ["max 100000\n", "", "0 0", "x 1"] {
            assert_eq!(parse_quota(none), None, "{none}");
        }
    }
}
