//! Figures over something, for plots.

use super::MEGABYTE;
use super::PerformanceResult;
use super::figures::{Figure, best_at, hit_ratio_at, lru_at, throughput_at};
use super::samples::{MemoryReading, Process};

/// A figure at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The place.
    pub x: f64,
    /// The figure.
    pub value: f64,
    /// Lower bound of its 95 % interval.
    pub low: Option<f64>,
    /// Upper bound of its 95 % interval.
    pub high: Option<f64>,
}

impl Point {
    fn of(x: f64, figure: &Figure) -> Option<Self> {
        Some(Self {
            x,
            value: figure.value?,
            low: figure.low,
            high: figure.high,
        })
    }
}

/// What a cache did, and what could be expected of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HitRatio {
    /// Over the answers that it has room for.
    pub measured: Point,
    /// Of a cache that evicts what was asked for longest ago.
    pub least_recently_used: Option<f64>,
    /// Of the best cache that there can be.
    pub best: Option<f64>,
}

/// Memory of one process over its measured requests.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryCurve {
    /// The process.
    pub process: u32,
    /// Requests that had ended, and anonymous memory in megabytes.
    pub points: Vec<(f64, f64)>,
}

impl PerformanceResult {
    /// Answered requests per second over the number of clients.
    pub fn throughput_curve(&self) -> Vec<Point> {
        let clients = self.circumstances.settings.clients.iter();
        clients
            .filter_map(|&clients| {
                let figure = self.figure(&throughput_at(clients))?;
                Point::of(f64::from(clients), figure)
            })
            .collect()
    }

    /// Hit ratios over the cache's capacity.
    pub fn hit_ratio_curve(&self) -> Vec<HitRatio> {
        let settings = self.circumstances.settings.cache.as_ref();
        let capacities = settings.map_or(&[][..], |settings| settings.capacities.as_slice());
        let value = |name: String| self.figure(&name).and_then(|figure| figure.value);
        capacities
            .iter()
            .filter_map(|&capacity| {
                let figure = self.figure(&hit_ratio_at(capacity))?;
                Some(HitRatio {
                    measured: Point::of(capacity as f64, figure)?,
                    least_recently_used: value(lru_at(capacity)),
                    best: value(best_at(capacity)),
                })
            })
            .collect()
    }

    /// Anonymous memory over requests, for each process in which it was looked at.
    pub fn memory_curves(&self) -> Vec<MemoryCurve> {
        let curve = |process: &Process| MemoryCurve {
            process: process.number,
            points: process
                .runs
                .iter()
                .filter(|run| run.is_measured())
                .flat_map(|run| &run.memory)
                .filter_map(point)
                .collect(),
        };
        self.processes
            .iter()
            .map(curve)
            .filter(|curve| !curve.points.is_empty())
            .collect()
    }
}

fn point(reading: &MemoryReading) -> Option<(f64, f64)> {
    let megabytes = reading.anonymous_bytes? as f64 / MEGABYTE;
    Some((reading.requests as f64, megabytes))
}
