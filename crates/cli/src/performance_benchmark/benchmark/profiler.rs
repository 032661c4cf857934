//! Where the time of a process goes: stacks that are sampled while it works.
//!
//! Takes the time between start and finish; gives a flamegraph (SVG), the samples in the format of
//! `pprof`, and a table of the functions that were found running. Sampling costs time, so nothing that is
//! compared is measured meanwhile. Stacks that end in the C library are not seen: its unwinder cannot be
//! interrupted safely.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use inferno_measure::write_atomically;
use pprof::protos::Message as _;
use pprof::{ProfilerGuard, ProfilerGuardBuilder, Report};

use crate::failure::Failure;

/// Samples per second of CPU time; a prime, so that no regular work is hit always or never.
const FREQUENCY_HZ: i32 = 997;

/// Functions of the table; the others are summed up.
const FUNCTIONS_MAX: usize = 30;

/// What a function without a symbol is called.
const UNKNOWN: &str = "Unknown";

/// Samples this process from now on.
pub(super) struct Profiler {
    guard: ProfilerGuard<'static>,
}

impl Profiler {
    pub(super) fn start() -> Result<Self, Failure> {
        let guard = ProfilerGuardBuilder::default()
            .frequency(FREQUENCY_HZ)
            .blocklist(&["libc", "libgcc", "pthread", "vdso"])
            .build()
            .map_err(|error| Failure::Profile(error.to_string()))?;
        Ok(Self { guard })
    }

    /// Writes the flamegraph to `path`, and beside it the samples (not compressed) with the ending `pb`
    /// and the table with the ending `txt`.
    pub(super) fn finish(self, path: &Path) -> Result<(), Failure> {
        let failed = |error: pprof::Error| Failure::Profile(error.to_string());
        let report = self.guard.report().build().map_err(failed)?;
        if report.data.is_empty() {
            return Err(Failure::Profile("no sample was taken".to_owned()));
        }
        let mut svg = Vec::new();
        report.flamegraph(&mut svg).map_err(failed)?;
        write_atomically(path, &svg)?;
        let samples = report.pprof().map_err(failed)?.encode_to_vec();
        write_atomically(&path.with_extension("pb"), &samples)?;
        let table = table(&innermost(&report));
        write_atomically(&path.with_extension("txt"), table.as_bytes())?;
        Ok(())
    }
}

/// Samples by the function that was running.
fn innermost(report: &Report) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for (stack, count) in &report.data {
        let function = stack.frames.iter().flatten().next();
        let name = function.map_or_else(|| UNKNOWN.to_owned(), pprof::Symbol::name);
        *counts.entry(name).or_insert(0) += count.unsigned_abs() as u64;
    }
    counts
}

/// The functions with most samples, and the share that has no name.
fn table(counts: &HashMap<String, u64>) -> String {
    let total: u64 = counts.values().sum();
    let percent = |count: u64| count as f64 * 100.0 / total.max(1) as f64;
    let mut sorted: Vec<(&String, u64)> =
        counts.iter().map(|(name, count)| (name, *count)).collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let unknown = counts.get(UNKNOWN).copied().unwrap_or(0);
    let mut text = format!(
        "{total} samples at {FREQUENCY_HZ} Hz of CPU time; {:.1} % in functions without a name\n\n",
        percent(unknown)
    );
    for (name, count) in sorted.iter().take(FUNCTIONS_MAX) {
        let _infallible = writeln!(text, "{:>6.2} %  {name}", percent(*count));
    }
    let others: u64 = sorted.iter().skip(FUNCTIONS_MAX).map(|entry| entry.1).sum();
    if others > 0 {
        let count = sorted.len() - FUNCTIONS_MAX;
        let _infallible = writeln!(text, "{:>6.2} %  {count} other functions", percent(others));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_function_comes_first() {
        let counts = HashMap::from([
            ("dot".to_owned(), 60),
            (UNKNOWN.to_owned(), 10),
            ("softmax".to_owned(), 30),
        ]);
        let text = table(&counts);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("100 samples") && lines[0].contains("10.0 %"),
            "{text}"
        );
        assert_eq!(lines[2], " 60.00 %  dot");
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn the_tail_is_summed_up() {
        let counts = (0..40).map(|number| (format!("f{number:02}"), 1)).collect();
        let text = table(&counts);
        assert!(text.ends_with(" 25.00 %  10 other functions\n"), "{text}");
    }
}
