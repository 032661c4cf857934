//! Costs and metrics of both arms, with their ratios.

use std::collections::BTreeMap;

use super::{ALPHA, effect_interval, estimate, judged, kind_of, log_ratios, wall_ns};
use crate::record::{Declared, MetricResult, Summary};
use crate::samples::{Arm, Restart, Sample};
use crate::scenario::Better;
use crate::stats;

/// Fewest samples of which a 99th percentile says more than the largest value.
const LEAST_FOR_P99: usize = 100;

type Figure = fn(&Sample) -> Option<f64>;

/// Time and other costs that are measured without asking the program. `strictest` is the error
/// probability with which the scenario's verdict is made.
pub(super) fn costs(restarts: &[&Restart], strictest: f64) -> BTreeMap<String, MetricResult> {
    let figures: [(&str, &str, Figure); 5] = [
        ("wall_ns", "ns", wall_ns),
        ("cpu_ns", "ns", |sample| {
            sample.cpu_ns.map(|value| value as f64)
        }),
        ("peak_rss_bytes", "bytes", |sample| {
            sample.peak_rss_bytes.map(|value| value as f64)
        }),
        ("minor_faults", "faults", |sample| {
            sample.minor_faults.map(|value| value as f64)
        }),
        ("major_faults", "faults", |sample| {
            sample.major_faults.map(|value| value as f64)
        }),
    ];
    figures
        .into_iter()
        .filter_map(|(name, unit, figure)| {
            Some((
                name.to_owned(),
                result(restarts, strictest, unit, Better::Lower, figure)?,
            ))
        })
        .collect()
}

/// The figures that the program reports; `strictest` as for [`costs`].
pub(super) fn metrics(
    declared: &Declared,
    restarts: &[&Restart],
    strictest: f64,
) -> BTreeMap<String, MetricResult> {
    declared
        .metric_definitions
        .iter()
        .filter_map(|metric| {
            let figure = |sample: &Sample| sample.metrics.get(&metric.name).copied();
            Some((
                metric.name.clone(),
                result(restarts, strictest, &metric.unit, metric.better, figure)?,
            ))
        })
        .collect()
}

/// `None` when an arm has no such figure.
fn result(
    restarts: &[&Restart],
    strictest: f64,
    unit: &str,
    better: Better,
    figure: impl Fn(&Sample) -> Option<f64>,
) -> Option<MetricResult> {
    let values = |arm: Arm| -> Vec<f64> {
        let pairs = restarts.iter().flat_map(|restart| judged(restart));
        pairs.filter_map(|pair| figure(pair.sample(arm)?)).collect()
    };
    let (baseline, candidate) = (values(Arm::Baseline), values(Arm::Candidate));
    let control = values(Arm::Control);
    // A ratio needs positive values in all arms; leaving out some would bend it.
    let mut all = baseline.iter().chain(&control).chain(&candidate);
    let positive = all.all(|&value| value > 0.0);
    let ratio = positive
        .then(|| {
            let ratios = log_ratios(restarts, Arm::Candidate, &figure);
            let kind = kind_of(restarts, &ratios, strictest);
            effect_interval(restarts, kind, ALPHA, &figure)
        })
        .flatten()
        .map(estimate);
    Some(MetricResult {
        unit: unit.to_owned(),
        better,
        baseline: summary(baseline)?,
        candidate: summary(candidate)?,
        effect: ratio.map(|ratio| ratio.effect),
        ci_low: ratio.map(|ratio| ratio.ci_low),
        ci_high: ratio.map(|ratio| ratio.ci_high),
    })
}

fn summary(mut values: Vec<f64>) -> Option<Summary> {
    values.sort_by(f64::total_cmp);
    Some(Summary {
        count: u32::try_from(values.len()).unwrap_or(u32::MAX),
        mean: stats::mean(&values)?,
        median: stats::median(&values)?,
        p90: stats::nearest_rank(&values, 0.90)?,
        p99: stats::nearest_rank(&values, 0.99).filter(|_| values.len() >= LEAST_FOR_P99),
        min: *values.first()?,
        max: *values.last()?,
    })
}
