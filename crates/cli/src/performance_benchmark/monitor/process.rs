//! What a process uses of the machine, by its number.
//!
//! Takes a number; gives readings from `/proc` until the process has ended. A number that another
//! process has got meanwhile is not taken for the first one. What the platform does not tell is
//! nothing, and a platform without `/proc` has no processes to watch.

use std::path::PathBuf;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};

use super::processors;

/// A process that is watched.
#[derive(Debug)]
pub(super) struct WatchedProcess {
    folder: PathBuf,
    /// When it was started: with the number, this names it for good.
    started_ticks: u64,
    /// Processors that it may use.
    processors: Option<f64>,
}

/// A reading of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ProcessReading {
    /// CPU time of all threads so far, user and system.
    pub(super) cpu_time: Option<Duration>,
    /// Memory that is resident, mapped files included.
    pub(super) resident_bytes: Option<u64>,
    /// Memory that is resident and no mapped file.
    pub(super) anonymous_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
}

impl WatchedProcess {
    /// The process `pid`; nothing when there is none, or none that may be looked at.
    pub(super) fn find(pid: u32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        Some(Self {
            started_ticks: Stat::parse(&stat)?.started_ticks,
            processors: processors::usable_by(pid),
            folder,
        })
    }

    /// Processors that it may use; a part of one when its time is limited.
    pub(super) fn processors(&self) -> Option<f64> {
        self.processors
    }

    /// A reading; nothing when it has ended.
    pub(super) fn read(&self) -> Option<ProcessReading> {
        let text = std::fs::read_to_string(self.folder.join("stat")).ok()?;
        let stat = Stat::parse(&text).filter(|stat| stat.started_ticks == self.started_ticks)?;
        let memory = std::fs::read_to_string(self.folder.join("statm")).unwrap_or_default();
        let (resident, anonymous) = pages(&memory).unzip();
        let bytes = |pages: u64| pages * page_size() as u64;
        Some(ProcessReading {
            cpu_time: Some(time(stat.cpu_ticks)),
            resident_bytes: resident.map(bytes),
            anonymous_bytes: anonymous.map(bytes),
            threads: Some(stat.threads),
        })
    }
}

fn time(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
}

/// The fields of `/proc/PID/stat` that are read, see proc(5).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    started_ticks: u64,
}

impl Stat {
    /// Nothing for a process that has ended and that nobody has asked about yet.
    fn parse(text: &str) -> Option<Self> {
        // The second field is the name in parentheses, and may have any in itself.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        if matches!(fields.first(), Some(&("Z" | "X" | "x"))) {
            return None;
        }
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started_ticks: field(22)?,
        })
    }
}

/// Pages that are resident, and those among them that are no mapped file: `/proc/PID/statm`.
fn pages(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.split_ascii_whitespace().skip(1);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let (resident, mapped) = (next()?, next()?);
    Some((resident, resident.checked_sub(mapped)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a) b (c) S 1 4242 4242 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 7 0 \
                        98765 1000000 300 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0";

    #[test]
    fn the_name_of_a_process_does_not_shift_its_fields() {
        let expected = Stat {
            cpu_ticks: 200,
            threads: 7,
            started_ticks: 98765,
        };
        assert_eq!(Stat::parse(STAT), Some(expected));
        assert_eq!(Stat::parse(&STAT.replace(") S", ") Z")), None);
        assert_eq!(Stat::parse("4242 (a) S 1"), None);
    }

    #[test]
    fn anonymous_memory_is_what_is_no_file() {
        assert_eq!(pages("1000 300 120 50 0 400 0\n"), Some((300, 180)));
        assert_eq!(pages(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_found_and_a_number_without_one_is_not() {
        let own = WatchedProcess::find(std::process::id()).expect("it runs");
        assert!(own.processors() > Some(0.0));
        let reading = own.read().expect("it runs");
        assert!(reading.resident_bytes >= reading.anonymous_bytes);
        assert!(reading.threads > Some(0));
        // Numbers of processes are smaller.
        assert!(WatchedProcess::find(u32::MAX).is_none());
    }
}
