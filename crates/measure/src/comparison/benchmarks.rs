//! Two series of benchmarks of another tool, such as two baselines of Criterion.
//!
//! A series is one process that runs one benchmark, so its samples are autocorrelated: frequency,
//! caches and neighbours change slowly. Consecutive samples are put together in [`BLOCKS`] blocks,
//! and the blocks are the units (batch means, as in Law & Kelton, "Simulation Modeling and
//! Analysis"). One process has one memory layout, which no block averages away, and both series ran
//! at their own time: hence they are unpaired, and the drift allowance applies.

use std::collections::BTreeMap;

use super::unpaired::{self, Evidence, Rule};
use super::{COMPARISON_SCHEMA, Comparison, Pairing, Series, Side, Subject, Unit};

/// Blocks per series: enough for a t interval, few enough to hold more than one sample of the 100
/// that Criterion takes by default.
pub const BLOCKS: usize = 10;

/// The raw samples of one benchmark, in the order in which they were taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Benchmark {
    /// Its name, unique in its series.
    pub name: String,
    /// Iterations of each sample.
    pub iterations: Vec<f64>,
    /// Time of each sample, over all its iterations, in nanoseconds.
    pub times_ns: Vec<f64>,
}

impl Benchmark {
    /// ln of each block's total time ÷ its total iterations. Blocks hold equally many samples, the
    /// last ones one more where it does not come out even; fewer samples than blocks are blocks of
    /// their own.
    fn log_blocks(&self) -> Vec<f64> {
        let samples = self.iterations.len().min(self.times_ns.len());
        let blocks = BLOCKS.min(samples);
        let bound = |block: usize| block * samples / blocks.max(1);
        (0..blocks)
            .map(|block| {
                let range = bound(block)..bound(block + 1);
                let time_ns: f64 = self.times_ns[range.clone()].iter().sum();
                let iterations: f64 = self.iterations[range].iter().sum();
                (time_ns / iterations).ln()
            })
            .collect()
    }

    /// Time per iteration of each sample.
    fn per_iteration(&self) -> Vec<f64> {
        let samples = self.times_ns.iter().zip(&self.iterations);
        samples
            .map(|(time_ns, iterations)| time_ns / iterations)
            .collect()
    }
}

/// Compares the benchmarks that both series have. `sides` say what they are, `threshold` and
/// `drift` are shares.
pub fn of_benchmarks(
    older: &[Benchmark],
    newer: &[Benchmark],
    sides: [Side; 2],
    threshold: f64,
    drift: f64,
) -> Comparison {
    let by_name: BTreeMap<&str, &Benchmark> = newer
        .iter()
        .map(|benchmark| (benchmark.name.as_str(), benchmark))
        .collect();
    let common: Vec<(&Benchmark, &Benchmark)> = older
        .iter()
        .filter_map(|a| Some((a, *by_name.get(a.name.as_str())?)))
        .collect();
    let rule = Rule {
        threshold,
        drift,
        rows: common.len().max(1),
    };
    let rows = common
        .iter()
        .map(|(a, b)| unpaired::row(evidence(a, b), rule))
        .collect();
    let [baseline, candidate] = sides;
    Comparison {
        schema: COMPARISON_SCHEMA,
        subject: Subject::Benchmarks,
        notes: notes(older, newer, &common),
        baseline,
        candidate,
        threshold,
        drift: Some(drift),
        rows,
        differences: Vec::new(),
    }
}

fn evidence(a: &Benchmark, b: &Benchmark) -> Evidence {
    let (baseline, candidate) = (a.log_blocks(), b.log_blocks());
    Evidence {
        name: a.name.clone(),
        pairing: Pairing::Unpaired,
        unit: Unit::Block,
        log_times: [baseline.clone(), candidate.clone()],
        baseline,
        candidate,
        samples: Series {
            baseline_ns: a.per_iteration(),
            candidate_ns: b.per_iteration(),
        },
        control: None,
        spoiled: None,
        notes: Vec::new(),
    }
}

fn notes(
    older: &[Benchmark],
    newer: &[Benchmark],
    common: &[(&Benchmark, &Benchmark)],
) -> Vec<String> {
    let mut notes = vec![
        "Criterion keeps neither machine nor flags, so they were not compared.".to_owned(),
        format!(
            "Each series is one process at its own time: samples are judged as {BLOCKS} block \
             means, widened by the drift allowance."
        ),
    ];
    for (all, which) in [(older, "baseline"), (newer, "candidate")] {
        let alone: Vec<&str> = all
            .iter()
            .map(|benchmark| benchmark.name.as_str())
            .filter(|name| !common.iter().any(|(a, _)| a.name == *name))
            .collect();
        if !alone.is_empty() {
            notes.push(format!("Only in the {which}: {}.", alone.join(", ")));
        }
    }
    notes
}
