//! What one process did in the runs that a figure is about.

use super::definitions::Wanted;
use crate::performance::samples::{Process, Request, Run};
use crate::stats;
use crate::stats::trend::trend;
use crate::verdict::ALPHA;

/// Most values between all pairs of which slopes are taken: twice as many have four times the slopes, and
/// the figure is taken anew whenever a result is saved.
const VALUES_MAX: usize = 500;

/// A process and some of its runs, at least one.
pub(in crate::performance) struct Unit<'a> {
    pub(in crate::performance) process: &'a Process,
    pub(in crate::performance) runs: Vec<&'a Run>,
}

/// The processes that have measured runs of the wanted kind.
pub(in crate::performance) fn units(processes: &[Process], wanted: Wanted) -> Vec<Unit<'_>> {
    processes
        .iter()
        .map(|process| Unit {
            process,
            runs: measured(process, wanted),
        })
        .filter(|unit| !unit.runs.is_empty())
        .collect()
}

fn measured(process: &Process, wanted: Wanted) -> Vec<&Run> {
    let runs = process.runs.iter();
    runs.filter(|run| run.is_measured() && wanted.takes(run))
        .collect()
}

/// The answered requests of a unit.
fn served<'a>(unit: &'a Unit<'_>) -> impl Iterator<Item = &'a Request> {
    unit.runs.iter().flat_map(|run| run.served())
}

/// Times of the answered requests.
pub(super) fn latencies_ms(unit: &Unit<'_>) -> Vec<f64> {
    served(unit)
        .map(|request| milliseconds(request.latency_ns))
        .collect()
}

/// Times of those whose answer had been kept.
pub(super) fn hit_latencies_ms(unit: &Unit<'_>) -> Vec<f64> {
    latencies_by_cache_ms(unit, true)
}

/// Times of those whose answer had to be computed.
pub(super) fn miss_latencies_ms(unit: &Unit<'_>) -> Vec<f64> {
    latencies_by_cache_ms(unit, false)
}

fn latencies_by_cache_ms(unit: &Unit<'_>, was_cached: bool) -> Vec<f64> {
    served(unit)
        .filter(|request| request.was_cached == Some(was_cached))
        .map(|request| milliseconds(request.latency_ns))
        .collect()
}

/// Times to the first token.
pub(super) fn first_tokens_ms(unit: &Unit<'_>) -> Vec<f64> {
    served(unit)
        .filter_map(|request| request.first_token_ns)
        .map(milliseconds)
        .collect()
}

/// 1 for each request that was not answered, 0 for each that was.
pub(super) fn errors(unit: &Unit<'_>) -> Vec<f64> {
    let requests: usize = unit.runs.iter().map(|run| run.requests.len()).sum();
    let answered = served(unit).count();
    let mut errors = vec![0.0; answered];
    errors.resize(requests, 1.0);
    errors
}

/// 1 for each request whose answer had been kept, 0 for each that had to be computed.
pub(super) fn hits(unit: &Unit<'_>) -> Vec<f64> {
    served(unit)
        .filter_map(|request| request.was_cached)
        .map(|was_cached| f64::from(u8::from(was_cached)))
        .collect()
}

/// Times between two answers, in seconds, while all clients were at work: after the last request was
/// sent, they had nothing more to send.
pub(super) fn between_answers_s(unit: &Unit<'_>) -> Vec<f64> {
    let mut times = Vec::new();
    for run in &unit.runs {
        let mut before = 0;
        for end in ends_in_window(run) {
            times.push((end - before) as f64 / 1e9);
            before = end;
        }
    }
    times
}

/// Tokens of answers per second of the same time.
pub(super) fn tokens_per_s(unit: &Unit<'_>) -> Option<f64> {
    let (mut tokens, mut seconds) = (0.0, 0.0);
    for run in &unit.runs {
        let end = window_end(run)?;
        for request in run.served().filter(|request| request.end_ns() <= end) {
            tokens += f64::from(request.tokens?);
        }
        seconds += ends_in_window(run).last().copied()? as f64 / 1e9;
    }
    (seconds > 0.0).then(|| tokens / seconds)
}

/// CPU time ÷ (wall time × cores).
pub(super) fn cpu_utilization(unit: &Unit<'_>, cores: Option<u32>) -> Option<f64> {
    let runs = unit.runs.iter();
    let cpu_ns = runs.map(|run| run.cpu_ns).sum::<Option<u64>>()?;
    let wall_ns: u64 = unit.runs.iter().map(|run| run.wall_ns).sum();
    let available_ns = wall_ns as f64 * f64::from(cores?);
    (available_ns > 0.0).then(|| cpu_ns as f64 / available_ns)
}

/// What loading the model and answering took of resident memory, in bytes.
pub(super) fn model_bytes(unit: &Unit<'_>) -> Option<f64> {
    let before = unit.process.before_load.resident_bytes?;
    let after = unit.process.at_rest.resident_bytes?;
    Some(after as f64 - before as f64)
}

/// By how much anonymous memory grows per request, in bytes: the median slope between all pairs of
/// readings, or of blocks of readings where there are many.
pub(super) fn growth_per_request_bytes(unit: &Unit<'_>) -> Option<f64> {
    let readings = unit.runs.iter().flat_map(|run| &run.memory);
    let values: Vec<f64> = readings
        .map(|reading| Some(reading.anonymous_bytes? as f64))
        .collect::<Option<_>>()?;
    let (values, length) = in_blocks(&values);
    Some(trend(&values, ALPHA)?.slope.center / length as f64)
}

/// At most [`VALUES_MAX`] means of equally many neighbours, and how many these are. What is left over at
/// the end is left out.
fn in_blocks(values: &[f64]) -> (Vec<f64>, usize) {
    let length = values.len().div_ceil(VALUES_MAX).max(1);
    let blocks = values.chunks_exact(length);
    (blocks.filter_map(stats::mean).collect(), length)
}

/// When the last request of a run was sent.
fn window_end(run: &Run) -> Option<u64> {
    run.requests.iter().map(|request| request.start_ns).max()
}

/// When the requests ended that were answered by then, in order.
fn ends_in_window(run: &Run) -> Vec<u64> {
    let Some(window_end) = window_end(run) else {
        return Vec::new();
    };
    let mut ends: Vec<u64> = run
        .served()
        .map(Request::end_ns)
        .filter(|end| *end <= window_end)
        .collect();
    ends.sort_unstable();
    ends
}

fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_are_taken_in_blocks_and_few_one_by_one() {
        let line = |count: u32| -> Vec<f64> { (0..count).map(f64::from).collect() };
        let few = line(500);
        assert_eq!(in_blocks(&few), (few.clone(), 1));
        let (blocks, length) = in_blocks(&line(12_345));
        assert!(blocks.len() <= VALUES_MAX && blocks.len() > VALUES_MAX / 2);
        let slope = trend(&blocks, ALPHA).unwrap().slope.center / length as f64;
        assert!((slope - 1.0).abs() < 1e-9, "{slope}");
        assert_eq!(in_blocks(&[]), (Vec::new(), 1));
    }
}
