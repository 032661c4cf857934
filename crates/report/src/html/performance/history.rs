//! How a suite's latency changed from run to run.
//!
//! Absolute times wander with the machine: a step here is a reason to compare, not a verdict. Runs on
//! another machine or with other settings are not shown: their step would be no reason.

use inferno_measure::performance::comparison::are_of_one_history;
use inferno_measure::performance::{PerformanceResult, Point};
use maud::{Markup, html};

use super::curve::{Axes, Line, plot};
use crate::html::blocks::printable;

/// The figure that is followed.
const FIGURE: &str = "avg_latency_ms";

/// A plot for each of `results` that `earlier` has other runs of, under the same circumstances.
pub(super) fn plots(results: &[PerformanceResult], earlier: &[PerformanceResult]) -> Markup {
    html! { @for result in results { (one(result, earlier)) } }
}

fn one(result: &PerformanceResult, earlier: &[PerformanceResult]) -> Markup {
    let mut runs: Vec<&PerformanceResult> = earlier
        .iter()
        .filter(|other| are_of_one_history(result, other) && other.timestamp != result.timestamp)
        .collect();
    runs.push(result);
    runs.sort_by(|a, b| a.timestamp.cmp(&b.timestamp));
    runs.dedup_by(|a, b| a.timestamp == b.timestamp);
    let points: Vec<Point> = runs
        .iter()
        .enumerate()
        .filter_map(|(index, run)| point(index, run))
        .collect();
    if points.len() < 2 {
        return Markup::default();
    }
    let axes = Axes {
        x: "run",
        y: "ms",
        has_zero: false,
        places: Vec::new(),
    };
    let line = Line {
        name: None,
        class: "",
        points,
        is_dotted: true,
    };
    html! {
        figure {
            figcaption {
                b { "The " (result.benchmark_type) " suite on " (printable(&result.circumstances.model.backend)) "." }
                " Mean latency of " (runs.len()) " runs, from "
                (printable(&runs[0].timestamp)) " to " (printable(&runs[runs.len() - 1].timestamp))
                ", with 95 % intervals. The machine's own speed is in it: `compare` tells it apart."
            }
            (plot("Mean latency from run to run", &axes, &[line]))
        }
    }
}

fn point(index: usize, run: &PerformanceResult) -> Option<Point> {
    let figure = run.figure(FIGURE)?;
    Some(Point {
        x: (index + 1) as f64,
        value: figure.value?,
        low: figure.low,
        high: figure.high,
    })
}
