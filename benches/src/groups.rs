//! Groups of Criterion's benchmarks that take milliseconds or more each, within a share of the
//! budget.
//!
//! Takes the share; gives a group with the fewest samples that Criterion takes. What cannot have
//! them within its share is left out, and says so.

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};

/// Samples of each benchmark: the fewest that Criterion takes.
const SAMPLES: u32 = 10;

/// Runs of a benchmark, beside those that are counted: the trial, and a warm-up of one or two.
const UNCOUNTED: u32 = 3;

/// A group in which each benchmark has `share`.
pub fn slow<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    share: Duration,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(SAMPLES as usize)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(share / 5)
        .measurement_time(share * 3 / 5);
    group
}

/// Whether enough runs of `work` fit into `share`; it is run once to see. Otherwise says that
/// `name` is left out.
pub fn fits(name: &str, share: Duration, work: impl FnOnce()) -> bool {
    let started = Instant::now();
    work();
    let needed = started.elapsed() * (SAMPLES + UNCOUNTED);
    let is_enough = needed <= share;
    if !is_enough {
        eprintln!(
            "{name}: left out: it needs {:.0} s and has {:.0} s; set INFERNO_BENCH_BUDGET",
            needed.as_secs_f64().ceil(),
            share.as_secs_f64()
        );
    }
    is_enough
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_left_out() {
        let wait = || std::thread::sleep(Duration::from_millis(2));
        assert!(!fits("slow", Duration::from_millis(20), wait));
        assert!(fits("quick", Duration::from_secs(20), wait));
    }
}
