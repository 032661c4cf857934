//! A time that several processes share, each of which needs some for itself before it can measure.

use std::time::{Duration, Instant};

/// Below this nothing is measured.
const LEAST: Duration = Duration::from_millis(20);

/// The time of a suite.
#[derive(Debug)]
pub(super) struct Budget {
    deadline: Instant,
    /// What a process takes beside measuring: starting, loading, ending. Unknown before the first.
    overhead: Option<Duration>,
}

/// What the next process has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slice {
    /// Processes that are left, with this one.
    pub(super) of: u32,
    /// Seconds to measure for.
    pub(super) seconds: f64,
}

impl Budget {
    pub(super) fn new(time: Duration) -> Self {
        Self {
            deadline: Instant::now() + time,
            overhead: None,
        }
    }

    /// What the next of `left` processes has; nothing when the time is over.
    pub(super) fn slice(&self, left: u32) -> Option<Slice> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        match self.overhead {
            // Whatever the time, one process measures.
            None => (left > 0).then(|| Slice {
                of: left,
                seconds: (remaining / left).max(LEAST).as_secs_f64(),
            }),
            Some(overhead) => slice(remaining, overhead, left),
        }
    }

    /// An even share of what is left, for one of `left` processes.
    pub(super) fn even(&self, left: u32) -> f64 {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let share = remaining / left.max(1);
        let overhead = self.overhead.unwrap_or_default();
        share.saturating_sub(overhead).max(LEAST).as_secs_f64()
    }

    /// A process has taken `time`, and was to measure for `seconds`.
    pub(super) fn spent(&mut self, time: Duration, seconds: f64) {
        let measured = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.overhead = Some(time.saturating_sub(measured));
    }
}

/// Of at most `left` processes as many as measure for at least as long as they prepare for it.
fn slice(remaining: Duration, overhead: Duration, left: u32) -> Option<Slice> {
    let each = (2 * overhead).max(overhead + LEAST);
    let most = (remaining.as_secs_f64() / each.as_secs_f64()).floor();
    let of = left.min(most as u32);
    let seconds = remaining
        .checked_div(of)?
        .saturating_sub(overhead)
        .as_secs_f64();
    Some(Slice { of, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn there_are_fewer_processes_where_each_takes_long_to_prepare() {
        let found = slice(8 * SECOND, SECOND / 4, 8).expect("a slice");
        assert_eq!(found.of, 8);
        assert!((found.seconds - 0.75).abs() < 1e-9, "{found:?}");
        let found = slice(8 * SECOND, SECOND, 8).expect("a slice");
        assert_eq!(found.of, 4);
        assert!((found.seconds - 1.0).abs() < 1e-9, "{found:?}");
        assert_eq!(slice(SECOND, SECOND, 8), None);
        assert_eq!(slice(8 * SECOND, SECOND, 0), None);
    }

    #[test]
    fn one_process_measures_whatever_the_time() {
        let mut budget = Budget::new(Duration::ZERO);
        assert!(budget.slice(8).is_some_and(|slice| slice.seconds > 0.0));
        assert!(budget.even(4) > 0.0);
        budget.spent(3 * SECOND, 1.0);
        assert_eq!(budget.overhead, Some(2 * SECOND));
        assert_eq!(budget.slice(7), None);
    }
}
