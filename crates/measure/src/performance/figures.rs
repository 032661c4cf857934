//! From samples to figures with their 95 % intervals: pure functions.
//!
//! Means and rates count processes: each gives one value, and a t interval is over them. Where there is
//! one process alone, ten blocks of its consecutive requests are counted, which does not hold the luck of
//! a memory layout. Percentiles count requests, by their order; shares by Wilson's score.

mod definitions;
mod unit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::result::{Circumstances, Suite};
use super::samples::Process;
use super::{MEGABYTE, cache};
use crate::comparison::BLOCKS;
use crate::scenario::Better;
use crate::stats::percentile::{PercentileOf, percentile};
use crate::stats::proportion::Proportion;
use crate::stats::{self, Interval};
use crate::verdict::ALPHA;

pub(super) use definitions::{
    Definition, Scale, Statistic, best_at, definitions, hit_ratio_at, lru_at, throughput_at,
};
pub(super) use unit::{Unit, units};

/// Share of the best throughput from which on more clients gain nothing worth waiting for.
const KNEE_SHARE: f64 = 0.95;

/// A figure with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure; `None` where it was not measured, or has too few values.
    pub value: Option<f64>,
    /// Lower bound of its 95 % interval.
    pub low: Option<f64>,
    /// Upper bound of its 95 % interval.
    pub high: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// Which direction is good; `None` where neither is.
    pub better: Option<Better>,
    /// What its interval counts.
    pub basis: Basis,
    /// How many of them there are.
    pub count: u64,
    /// How many it would take, where there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<u64>,
}

/// What an interval counts as one independent value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Processes.
    Processes,
    /// Blocks of consecutive requests of one process.
    Blocks,
    /// Requests.
    Requests,
    /// Nothing: it is computed, not measured, or it has no interval.
    Nothing,
}

impl std::fmt::Display for Basis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Processes => "processes",
            Self::Blocks => "blocks",
            Self::Requests => "requests",
            Self::Nothing => "nothing",
        })
    }
}

/// All figures of a suite, by name.
pub(super) fn of(
    suite: Suite,
    circumstances: &Circumstances,
    processes: &[Process],
) -> BTreeMap<String, Figure> {
    let mut figures: BTreeMap<String, Figure> = definitions(suite, circumstances)
        .iter()
        .map(|definition| (definition.name.clone(), figure(definition, processes)))
        .collect();
    let derived = match suite {
        Suite::Inference => Vec::new(),
        Suite::Memory => vec![("f32_memory_mb".to_owned(), f32_memory(circumstances))],
        Suite::Concurrent => vec![("knee_clients".to_owned(), knee(circumstances, &figures))],
        Suite::Cache => expected(circumstances, &figures),
    };
    figures.extend(derived);
    figures
}

fn figure(definition: &Definition<'_>, processes: &[Process]) -> Figure {
    let units = units(processes, definition.wanted);
    let by_unit: Vec<Vec<f64>> = units
        .iter()
        .map(|unit| (definition.values)(unit))
        .filter(|values| !values.is_empty())
        .collect();
    let estimate = match definition.statistic {
        Statistic::Mean => mean(&by_unit),
        Statistic::Rate => rate(&by_unit),
        Statistic::Percentile(share) => of_percentile(&by_unit.concat(), share),
        Statistic::Share => share(&by_unit.concat()),
    };
    estimate.figure(definition.unit, definition.better)
}

/// A value with its bounds, and what these rest on.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    value: Option<f64>,
    bounds: Option<(f64, f64)>,
    basis: Basis,
    count: usize,
    needs: Option<usize>,
}

impl Estimate {
    /// Nothing was measured that `basis` could count.
    fn none(basis: Basis) -> Self {
        Self {
            value: None,
            bounds: None,
            basis,
            count: 0,
            needs: None,
        }
    }

    fn figure(self, unit: &str, better: Option<Better>) -> Figure {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Figure {
            value: finite(self.value),
            low: finite(self.bounds.map(|bounds| bounds.0)),
            high: finite(self.bounds.map(|bounds| bounds.1)),
            unit: unit.to_owned(),
            better,
            basis: self.basis,
            count: self.count as u64,
            needs: self.needs.map(|count| count as u64),
        }
    }
}

/// What is computed from other figures, and so has no interval of its own.
fn computed(value: Option<f64>, unit: &str) -> Figure {
    Estimate {
        value,
        ..Estimate::none(Basis::Nothing)
    }
    .figure(unit, None)
}

/// The mean of the units' means.
fn mean(by_unit: &[Vec<f64>]) -> Estimate {
    let lowest = by_unit
        .iter()
        .flatten()
        .copied()
        .fold(f64::INFINITY, f64::min);
    // What cannot be negative has no negative bound.
    let floor = if lowest >= 0.0 {
        0.0
    } else {
        f64::NEG_INFINITY
    };
    let bounds = |interval: Interval| (interval.low.max(floor), interval.high);
    level(by_unit, |mean| mean, bounds)
}

/// The mean of the units' rates; their values are times between two events.
fn rate(by_unit: &[Vec<f64>]) -> Estimate {
    if by_unit.len() == 1 {
        return level(by_unit, f64::recip, |interval| {
            // The longest time between events makes the lowest rate. None is too short to be true.
            let shortest = interval.low.max(0.0);
            (interval.high.recip(), shortest.recip())
        });
    }
    let rates: Vec<Vec<f64>> = by_unit
        .iter()
        .filter_map(|values| Some(vec![stats::mean(values)?.recip()]))
        .collect();
    mean(&rates)
}

/// `convert` makes a figure of a mean of values, `bounds` its bounds of an interval of such means.
fn level(
    by_unit: &[Vec<f64>],
    convert: impl Fn(f64) -> f64,
    bounds: impl Fn(Interval) -> (f64, f64),
) -> Estimate {
    let means: Vec<f64> = by_unit
        .iter()
        .filter_map(|values| stats::mean(values))
        .collect();
    // Blocks are what is left where there is one process alone.
    let blocks = match by_unit {
        [only] => Some(block_means(only)).filter(|blocks| blocks.len() > 1),
        _ => None,
    };
    let counted = blocks.as_ref().unwrap_or(&means);
    Estimate {
        value: stats::mean(&means).map(convert),
        bounds: stats::t_interval(counted, ALPHA).map(bounds),
        basis: if blocks.is_some() {
            Basis::Blocks
        } else {
            Basis::Processes
        },
        count: counted.len(),
        needs: None,
    }
}

/// Means of [`BLOCKS`] blocks of consecutive values, of fewer where there are fewer values.
pub(super) fn block_means(values: &[f64]) -> Vec<f64> {
    let blocks = BLOCKS.min(values.len());
    let bound = |block: usize| block * values.len() / blocks.max(1);
    (0..blocks)
        .filter_map(|block| stats::mean(&values[bound(block)..bound(block + 1)]))
        .collect()
}

fn of_percentile(values: &[f64], share: f64) -> Estimate {
    let none = Estimate {
        count: values.len(),
        ..Estimate::none(Basis::Requests)
    };
    match percentile(values, share, ALPHA) {
        PercentileOf::Taken(taken) => Estimate {
            value: Some(taken.value),
            bounds: Some((taken.low, taken.high)),
            ..none
        },
        PercentileOf::Needs { count } => Estimate {
            needs: Some(count),
            ..none
        },
    }
}

/// How many of the values are 1; the others are 0.
pub(super) fn proportion(values: &[f64]) -> Proportion {
    Proportion {
        part: values.iter().filter(|value| **value > 0.5).count() as u64,
        whole: values.len() as u64,
    }
}

fn share(values: &[f64]) -> Estimate {
    let interval = proportion(values).interval(ALPHA);
    Estimate {
        value: interval.map(|interval| interval.center),
        bounds: interval.map(|interval| (interval.low, interval.high)),
        count: values.len(),
        ..Estimate::none(Basis::Requests)
    }
}

fn f32_memory(circumstances: &Circumstances) -> Figure {
    let bytes = circumstances.model.f32_bytes;
    computed(bytes.map(|bytes| bytes as f64 / MEGABYTE), "MB")
}

/// The fewest clients whose throughput is at least [`KNEE_SHARE`] of the best.
fn knee(circumstances: &Circumstances, figures: &BTreeMap<String, Figure>) -> Figure {
    let curve: Vec<(u32, f64)> = circumstances
        .settings
        .clients
        .iter()
        .filter_map(|&clients| {
            let figure = figures.get(&throughput_at(clients))?;
            Some((clients, figure.value?))
        })
        .collect();
    let best = curve.iter().map(|point| point.1).fold(0.0, f64::max);
    let knee = curve
        .iter()
        .filter(|point| point.1 >= KNEE_SHARE * best)
        .map(|point| point.0)
        .min();
    computed(knee.map(f64::from), "clients")
}

/// What theory expects of the caches, and what the headline's cache saved.
fn expected(
    circumstances: &Circumstances,
    figures: &BTreeMap<String, Figure>,
) -> Vec<(String, Figure)> {
    let value = |name: &str| figures.get(name).and_then(|figure| figure.value);
    // Without the cache every request would take as long as one whose answer was not kept.
    let saved = value("avg_latency_ms")
        .zip(value("miss_latency_ms"))
        .map(|(all, missed)| 1.0 - all / missed);
    let mut expected = vec![("latency_saved".to_owned(), computed(saved, "share"))];
    if let Some(settings) = &circumstances.settings.cache {
        let probabilities = cache::zipf(settings.keys, settings.zipf_exponent);
        for &capacity in &settings.capacities {
            let lru = cache::lru_hit_ratio(&probabilities, capacity);
            let best = cache::best_hit_ratio(&probabilities, capacity);
            expected.push((lru_at(capacity), computed(Some(lru), "share")));
            expected.push((best_at(capacity), computed(Some(best), "share")));
        }
    }
    expected
}
