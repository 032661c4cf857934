//! Mean and percentiles of a suite's latency on one axis, each with its interval.

use inferno_measure::performance::{Figure, PerformanceResult};
use maud::{Markup, html};

use crate::figures::JOINER;
use crate::html::blocks::printable;
use crate::html::plot::{WIDTH, number, percent};
use crate::html::scale::{Scale, ticks, time_label};
use crate::performance::told;

/// Height of a row, in pixels.
const ROW: f64 = 30.0;
/// Room for the labels below.
const AXIS: f64 = 26.0;
/// The axis begins and ends here, so that labels have room.
const LEFT: f64 = WIDTH * 0.2;
const RIGHT: f64 = WIDTH * 0.95;
/// Labels on the axis; more would touch on a narrow page.
const TICKS_MAX: usize = 4;

/// What is drawn, and what it is called there.
const ROWS: [(&str, &str); 4] = [
    ("avg_latency_ms", "mean"),
    ("p50_latency_ms", "p50"),
    ("p90_latency_ms", "p90"),
    ("p99_latency_ms", "p99"),
];

/// The plot; nothing where nothing was measured.
pub(super) fn plot(result: &PerformanceResult) -> Markup {
    let rows: Vec<(&str, &Figure)> = ROWS
        .into_iter()
        .filter_map(|(name, label)| Some((label, result.figure(name)?)))
        .collect();
    let bounds = rows
        .iter()
        .flat_map(|(_, figure)| [figure.value, figure.low, figure.high]);
    let known: Vec<f64> = bounds.flatten().collect();
    let (Some(low), Some(high)) = (
        known.iter().copied().reduce(f64::min),
        known.iter().copied().reduce(f64::max),
    ) else {
        return Markup::default();
    };
    let scale = Scale::new((low, high), (LEFT, RIGHT));
    let height = ROW * rows.len() as f64;
    let suite = result.benchmark_type;
    let backend = printable(&result.circumstances.model.backend);
    html! {
        figure {
            figcaption { b { "The " (suite) " suite on " (backend) "." } " Latency with 95 % intervals." }
            svg.plot height=(height + AXIS) role="img" {
                title { "Latency of the " (suite) " suite" }
                (axis(&scale, height))
                @for (index, (label, figure)) in rows.iter().enumerate() {
                    (row(label, figure, &scale, (index as f64 + 0.5) * ROW))
                }
            }
        }
    }
}

fn axis(scale: &Scale, height: f64) -> Markup {
    let (low, high) = scale.domain;
    let ticks = ticks(low, high, TICKS_MAX);
    html! {
        @for &tick in &ticks.values {
            @let x = percent(scale.at(tick));
            line.grid x1=(x) x2=(x) y1="0" y2=(height) {}
            text.tick x=(x) y=(height + 18.0) text-anchor="middle" {
                (time_label(tick * 1e6, high * 1e6, ticks.step * 1e6))
            }
        }
    }
}

fn row(label: &str, figure: &Figure, scale: &Scale, middle: f64) -> Markup {
    let x = |value: f64| percent(scale.within(value));
    html! {
        text.tick x="0" y=(number(middle + 4.0)) { (label) }
        @match (figure.value, figure.needs) {
            (Some(value), _) => {
                @if let (Some(low), Some(high)) = (figure.low, figure.high) {
                    line.error-bar x1=(x(low)) x2=(x(high)) y1=(number(middle)) y2=(number(middle)) {}
                }
                circle.point cx=(x(value)) cy=(number(middle)) r="4" {
                    title { (label) ": " (told(value, &figure.unit)) }
                }
            }
            (None, Some(needed)) => {
                text.tick x=(percent(LEFT)) y=(number(middle + 4.0)) {
                    (format!("n/a: needs{JOINER}{needed} requests"))
                }
            }
            (None, None) => {
                text.tick x=(percent(LEFT)) y=(number(middle + 4.0)) { "not measured" }
            }
        }
    }
}
