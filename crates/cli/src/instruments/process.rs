//! What this process uses of the machine: memory and CPU time.
//!
//! The names are those that other programs' clients of Prometheus use for the same values.

use std::fmt::Write as _;
use std::time::Duration;

use metrics::{Gauge, Unit};
use rustix::time::{ClockId, clock_gettime};

use super::registry::Registry;

/// Handles that are set from the system's own account.
#[derive(Debug)]
pub(super) struct ProcessReadings {
    resident: Gauge,
    anonymous: Gauge,
}

impl ProcessReadings {
    pub(super) fn new(registry: &Registry<'_>) -> Self {
        Self {
            resident: registry.gauge(
                "process_resident_memory_bytes",
                "Memory that is resident, mapped files included, in bytes.",
                Unit::Bytes,
            ),
            anonymous: registry.gauge(
                "process_anonymous_memory_bytes",
                "Memory that is resident and no mapped file, in bytes.",
                Unit::Bytes,
            ),
        }
    }

    /// A system that does not say (it is not Linux) leaves no number instead of a wrong one.
    pub(super) fn set(&self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        self.resident
            .set(bytes(&status, "VmRSS:").unwrap_or(f64::NAN));
        self.anonymous
            .set(bytes(&status, "RssAnon:").unwrap_or(f64::NAN));
    }
}

/// The value of `field`, which is in kibibytes there.
fn bytes(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes as f64 * 1024.0)
}

/// Appends the CPU time of all threads. It is a count with a fraction, which the facade does not
/// have: its counters are whole numbers.
pub(super) fn write_cpu_time(text: &mut String) {
    let name = "process_cpu_seconds_total";
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "# HELP {name} CPU time of all threads, user and system, in seconds.\n\
         # TYPE {name} counter\n\
         {name} {}",
        cpu_time().as_secs_f64()
    );
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // The clock counts up from zero: neither part is ever negative.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_its_line() {
        let status = "VmHWM:\t  900 kB\nVmRSS:\t  12 kB\nRssAnon:\t 3 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(12288.0));
        assert_eq!(bytes(status, "RssAnon:"), Some(3072.0));
        assert_eq!(bytes(status, "RssFile:"), None);
    }
}
