//! How disturbed the machine was while a block of samples was taken.

use std::time::Instant;

use crate::samples::HostBlock;
use crate::scenario::Pin;

/// Share of stolen time above which a block counts as disturbed: with 2 % of time gone at
/// random, an effect of the default δ of 1 % cannot be told from it within one block.
const STEAL_LIMIT: f64 = 0.02;
/// Share of time with a task waiting for a core above which a block counts as disturbed.
/// Not applied to pinned workers, whose own threads wait for their one core.
const PRESSURE_LIMIT: f64 = 0.20;

/// Counters at the start of a block.
#[derive(Debug)]
pub struct BlockProbe {
    started: Instant,
    ticks: Option<Ticks>,
    pressure_us: Option<u64>,
}

/// Time of all cores since boot, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    total: u64,
    idle: u64,
    steal: u64,
}

/// Length of a tick of `/proc/stat` in nanoseconds: Linux tells user programs 100 ticks a second
/// on all supported architectures, whatever its own clock does (`USER_HZ`, time(7)).
pub(crate) const TICK_NS: u64 = 10_000_000;

/// Time of all cores since boot that was not idle, in nanoseconds.
pub(super) fn busy_ns() -> Option<u64> {
    let ticks = ticks()?;
    Some((ticks.total - ticks.idle) * TICK_NS)
}

impl BlockProbe {
    /// Begins a block.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            ticks: ticks(),
            pressure_us: pressure_us(),
        }
    }

    /// Ends the block. `involuntary_switches` are those of the measured processes.
    pub fn finish(&self, involuntary_switches: Option<u64>, pin: Pin) -> HostBlock {
        let wall_s = self.started.elapsed().as_secs_f64().max(1e-9);
        let steal_share = self
            .ticks
            .zip(ticks())
            .and_then(|(before, after)| steal(before, after));
        let cpu_pressure_share = self
            .pressure_us
            .zip(pressure_us())
            .map(|(before, after)| after.saturating_sub(before) as f64 / 1e6 / wall_s);
        HostBlock {
            steal_share,
            cpu_pressure_share,
            load_average: read("/proc/loadavg")
                .and_then(|text| text.split_whitespace().next()?.parse().ok()),
            involuntary_switches_per_s: involuntary_switches.map(|count| count as f64 / wall_s),
            disturbed: disturbance(steal_share, cpu_pressure_share, pin),
        }
    }
}

fn disturbance(steal: Option<f64>, pressure: Option<f64>, pin: Pin) -> Option<String> {
    if steal.is_some_and(|share| share > STEAL_LIMIT) {
        return Some(format!(
            "stolen CPU time above {:.0} %",
            STEAL_LIMIT * 100.0
        ));
    }
    let contended = pin == Pin::None && pressure.is_some_and(|share| share > PRESSURE_LIMIT);
    contended.then(|| {
        format!(
            "tasks waiting for a core above {:.0} %",
            PRESSURE_LIMIT * 100.0
        )
    })
}

fn steal(before: Ticks, after: Ticks) -> Option<f64> {
    let total = after
        .total
        .checked_sub(before.total)
        .filter(|&total| total > 0)?;
    Some(after.steal.saturating_sub(before.steal) as f64 / total as f64)
}

fn ticks() -> Option<Ticks> {
    parse_ticks(&read("/proc/stat")?)
}

/// `/proc/stat`, see proc(5): `cpu user nice system idle iowait irq softirq steal guest guest_nice`;
/// guest time is part of user time.
fn parse_ticks(stat: &str) -> Option<Ticks> {
    let values = stat.lines().next()?.strip_prefix("cpu ")?;
    let values: Vec<u64> = values
        .split_whitespace()
        .map_while(|text| text.parse().ok())
        .collect();
    Some(Ticks {
        total: values.get(..8)?.iter().sum(),
        // Waiting for a disk is idle time too.
        idle: values[3] + values[4],
        steal: values[7],
    })
}

fn pressure_us() -> Option<u64> {
    parse_pressure(&read("/proc/pressure/cpu")?)
}

/// `some avg10=… avg60=… avg300=… total=MICROSECONDS`.
fn parse_pressure(text: &str) -> Option<u64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split_whitespace()
        .find_map(|word| word.strip_prefix("total="))?
        .parse()
        .ok()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Context switches that the kernel forced on the living threads of `pid`.
pub(crate) fn involuntary_switches(pid: i32) -> Option<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut sum = 0;
    for task in tasks {
        // A thread that has just ended has no status any more.
        if let Ok(status) = std::fs::read_to_string(task.ok()?.path().join("status")) {
            sum += parse_involuntary_switches(&status)?;
        }
    }
    Some(sum)
}

fn parse_involuntary_switches(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_a_share_of_all_time() {
        let before = parse_ticks("cpu  10 0 10 70 0 0 0 10 5 0\ncpu0 1").unwrap();
        let after = parse_ticks("cpu  20 0 20 140 0 0 0 20 9 0\ncpu0 1").unwrap();
        assert_eq!(
            before,
            Ticks {
                total: 100,
                idle: 70,
                steal: 10
            }
        );
        assert_eq!(steal(before, after), Some(0.1));
        assert_eq!(steal(before, before), None);
    }

    #[test]
    fn pressure_is_read_from_the_line_of_some_tasks() {
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=42\nfull avg10=0.00 total=7\n";
        assert_eq!(parse_pressure(text), Some(42));
        assert_eq!(parse_pressure("full total=7\n"), None);
    }

    #[test]
    fn waiting_threads_of_a_pinned_worker_are_no_disturbance() {
        assert!(disturbance(Some(0.0), Some(0.9), Pin::OneCore).is_none());
        assert!(disturbance(Some(0.0), Some(0.9), Pin::None).is_some());
        assert!(disturbance(Some(0.03), None, Pin::OneCore).is_some());
        assert!(disturbance(None, None, Pin::None).is_none());
    }
}
