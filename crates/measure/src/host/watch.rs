//! What goes on around one arm while it has its turn: who else computes, and whether it must wait.
//!
//! A load that is there for both arms alike does no harm. One that comes and goes with one arm
//! looks like slower code, and only here can it be told from it. Gives counters; decides nothing.

use std::time::Instant;

use super::block::busy_ns;
use crate::samples::Surroundings;

/// Counters at the start of a turn.
#[derive(Debug)]
pub(crate) struct Watch {
    started: Instant,
    busy_ns: Option<u64>,
    own: Own,
}

/// What the kernel tells of the arm itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Own {
    /// CPU time so far, in nanoseconds.
    pub(crate) used_ns: Option<u64>,
    /// Time without a core so far, in nanoseconds.
    pub(crate) waited_ns: Option<u64>,
}

impl Watch {
    /// `own`: the arm's counters before its turn.
    pub(crate) fn start(own: Own) -> Self {
        Self {
            busy_ns: busy_ns(),
            own,
            started: Instant::now(),
        }
    }

    /// Adds the turn to `sum`; `own` is counted as at the start.
    pub(crate) fn add_to(&self, sum: &mut Surroundings, own: Own) {
        let wall_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let first = sum.wall_ns == 0;
        let add = |sum: Option<u64>, before: Option<u64>, after: Option<u64>| {
            let known = if first { Some(0) } else { sum };
            Some(known? + after?.saturating_sub(before?))
        };
        sum.used_ns = add(sum.used_ns, self.own.used_ns, own.used_ns);
        sum.waited_ns = add(sum.waited_ns, self.own.waited_ns, own.waited_ns);
        sum.busy_ns = add(sum.busy_ns, self.busy_ns, busy_ns());
        sum.wall_ns += wall_ns;
    }
}

/// Time in which the living threads of a process could have run and had no core, in
/// nanoseconds: the second figure of `/proc/PID/task/TID/schedstat`, see the kernel's
/// Documentation/scheduler/sched-stats.rst.
pub(crate) fn waited_ns(pid: i32) -> Option<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut sum = 0;
    for task in tasks {
        // A thread that has just ended has no figures any more.
        if let Ok(text) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) {
            sum += parse_waited_ns(&text)?;
        }
    }
    Some(sum)
}

fn parse_waited_ns(text: &str) -> Option<u64> {
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_time_is_the_second_figure() {
        assert_eq!(parse_waited_ns("70345 12 3\n"), Some(12));
        assert_eq!(parse_waited_ns("70345\n"), None);
    }

    #[test]
    fn a_figure_that_was_missing_once_stays_missing() {
        let own = |used_ns| Own {
            used_ns,
            waited_ns: Some(5),
        };
        let mut sum = Surroundings::default();
        Watch::start(own(Some(1))).add_to(&mut sum, own(Some(4)));
        assert_eq!((sum.used_ns, sum.waited_ns), (Some(3), Some(0)));
        Watch::start(own(None)).add_to(&mut sum, own(Some(9)));
        Watch::start(own(Some(9))).add_to(&mut sum, own(Some(9)));
        assert_eq!((sum.used_ns, sum.waited_ns), (None, Some(0)));
        assert!(sum.wall_ns > 0);
    }
}
