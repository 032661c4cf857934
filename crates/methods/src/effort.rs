//! How much a method is asked for, so that its runs take the wall time that is wanted: pure.
//!
//! The same rule for every method: from the median cost of its last runs. A run that something held
//! up for seconds neither starves nor feeds those after it.

use inferno_measure::stats;

use crate::criterion::WARM_UP_S;
use crate::log::Entry;
use crate::outcome::Method;

/// Runs of a method that its next one looks at.
const LOOK_BACK: usize = 5;
/// Least runs per command of hyperfine, and least seconds of Criterion's measurement.
const LEAST_RUNS: f64 = 2.0;
const LEAST_MEASUREMENT_S: f64 = 0.2;
/// Seconds beside measuring that a side of Criterion is assumed to take before any was seen.
const CRITERION_REST_S: f64 = 0.5;
/// Our budget in shares of the wall time: a plan that cannot use more time is not offered it.
const BUDGET_SHARES: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// The effort of the next run, after `before`, for `seconds` of wall time: seconds of budget (ours),
/// runs per command (hyperfine), seconds of measurement of a side (Criterion). `None` where it must be
/// found out first.
pub fn next(method: Method, before: &[Entry], seconds: f64) -> Option<f64> {
    let last: Vec<&Entry> = before
        .iter()
        .rev()
        .filter(|entry| entry.run.method == method)
        .take(LOOK_BACK)
        .collect();
    let median = |cost: fn(&Entry) -> f64| {
        stats::median(&last.iter().map(|entry| cost(entry)).collect::<Vec<_>>())
    };
    // Wall time per unit of effort.
    let rate = median(|entry| entry.wall_s / entry.effort);
    match method {
        Method::Ours => {
            let share = rate.map_or(1.0, |rate| 1.0 / rate);
            Some(seconds * share.clamp(*BUDGET_SHARES.start(), *BUDGET_SHARES.end()))
        }
        Method::Hyperfine | Method::HyperfineOneCore => {
            rate.map(|rate| (seconds / rate).max(LEAST_RUNS))
        }
        Method::Criterion => {
            // Warming up and analysing take what they take.
            let rest_s = median(|entry| entry.wall_s - 2.0 * entry.effort)
                .unwrap_or(2.0 * (WARM_UP_S + CRITERION_REST_S));
            Some(((seconds - rest_s) / 2.0).max(LEAST_MEASUREMENT_S))
        }
    }
}

/// Runs of hyperfine per command when one run takes `each_s` seconds.
pub fn runs_of(each_s: f64, seconds: f64) -> f64 {
    (seconds / each_s / 2.0).max(LEAST_RUNS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::entry_of;

    /// Runs of `method` under `wall_s`, each with the effort that follows from those before it.
    fn efforts(method: Method, first: f64, wall_s: &dyn Fn(u32, f64) -> f64) -> Vec<f64> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut efforts = Vec::new();
        for repetition in 0..12 {
            let effort = next(method, &entries, 10.0)
                .filter(|_| repetition > 0)
                .unwrap_or(first);
            let mut entry = entry_of(method, repetition, 1);
            (entry.effort, entry.wall_s) = (effort, wall_s(repetition, effort));
            entries.push(entry);
            efforts.push(effort);
        }
        efforts
    }

    #[test]
    fn one_run_that_was_held_up_changes_nothing() {
        type Wall = fn(f64) -> f64;
        let methods: [(Method, f64, Wall); 3] = [
            (Method::Ours, 10.0, |budget| 0.7 * budget),
            (Method::Hyperfine, 60.0, |runs| 0.16 * runs),
            (Method::Criterion, 3.5, |seconds| 3.2 + 2.0 * seconds),
        ];
        for (method, first, wall_s) in methods {
            let quiet = efforts(method, first, &|_, effort| wall_s(effort));
            let spiked = |spike: f64| {
                efforts(method, first, &|repetition, effort| {
                    wall_s(effort) + if repetition == 6 { spike } else { 0.0 }
                })
            };
            let settled = *quiet.last().expect("twelve");
            assert!((wall_s(settled) - 10.0).abs() < 1e-6, "{method}: {quiet:?}");
            for spike in [6.6, 60.0] {
                let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
                let held_up = spiked(spike);
                assert!(
                    quiet.iter().zip(&held_up).all(close),
                    "{method}: {held_up:?}"
                );
            }
        }
    }

    #[test]
    fn the_first_run_of_a_method_has_nothing_to_look_at() {
        assert_eq!(next(Method::Ours, &[], 10.0), Some(10.0));
        assert_eq!(next(Method::Hyperfine, &[], 10.0), None);
        assert_eq!(next(Method::Criterion, &[], 10.0), Some(3.5));
        assert!((runs_of(0.1, 10.0) - 50.0).abs() < 1e-9);
        assert!((runs_of(100.0, 10.0) - LEAST_RUNS).abs() < 1e-9);
    }
}
