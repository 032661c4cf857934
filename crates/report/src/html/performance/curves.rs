//! What grows with something: throughput with clients, hits with room, memory with requests.

use inferno_measure::performance::{HitRatio, PerformanceResult, Point};
use maud::{Markup, html};

use super::curve::{Axes, Line, plot};
use crate::figures::plural;
use crate::html::blocks::printable;

/// Processes whose memory is drawn; more lines tell no more.
const MEMORY_LINES_MAX: usize = 16;

/// Throughput over the number of clients.
pub(super) fn throughput(result: &PerformanceResult) -> Markup {
    let points = result.throughput_curve();
    if points.len() < 2 {
        return Markup::default();
    }
    let axes = Axes {
        x: "clients",
        y: "requests/s",
        has_zero: true,
        places: points.iter().map(|point| point.x).collect(),
    };
    let knee = result
        .figure("knee_clients")
        .and_then(|figure| figure.value);
    let line = Line {
        name: None,
        class: "",
        points,
        is_dotted: true,
    };
    html! {
        figure {
            figcaption {
                b { (backend(result)) "." }
                " Answered requests per second over the number of clients that wait for their answers; \
                 bars are 95 % intervals."
                @if let Some(knee) = knee {
                    " From " (knee) " clients on, more of them gain less than 5 %."
                }
            }
            (plot("Throughput over clients", &axes, &[line]))
        }
    }
}

/// Hit ratio over room, beside what theory expects.
pub(super) fn hit_ratio(result: &PerformanceResult) -> Markup {
    let curve = result.hit_ratio_curve();
    if curve.is_empty() {
        return Markup::default();
    }
    let axes = Axes {
        x: "answers that there is room for",
        y: "hits, %",
        has_zero: true,
        places: curve.iter().map(|point| point.measured.x).collect(),
    };
    let saved = result
        .figure("latency_saved")
        .and_then(|figure| figure.value);
    html! {
        figure {
            figcaption {
                b { (backend(result)) "." }
                " Share of requests that were answered from the cache, over its room, with 95 % intervals. "
                (workload(result))
                @if let Some(saved) = saved {
                    " With room for half of the prompts the cache saves "
                    (crate::performance::told(saved, "share")) " of the mean latency."
                }
            }
            (plot("Hit ratio over the cache's room", &axes, &lines(&curve)))
        }
    }
}

fn workload(result: &PerformanceResult) -> Markup {
    html! {
        @if let Some(cache) = &result.circumstances.settings.cache {
            (cache.keys) " prompts, asked for by Zipf's law with s = " (cache.zipf_exponent) "."
        }
    }
}

fn lines(curve: &[HitRatio]) -> [Line<'static>; 3] {
    let expected = |value: fn(&HitRatio) -> Option<f64>| -> Vec<Point> {
        curve
            .iter()
            .filter_map(|point| {
                Some(Point {
                    x: point.measured.x,
                    value: value(point)? * 100.0,
                    low: None,
                    high: None,
                })
            })
            .collect()
    };
    let measured = curve.iter().map(|point| Point {
        x: point.measured.x,
        value: point.measured.value * 100.0,
        low: point.measured.low.map(|low| low * 100.0),
        high: point.measured.high.map(|high| high * 100.0),
    });
    [
        Line {
            name: Some("measured"),
            class: "",
            points: measured.collect(),
            is_dotted: true,
        },
        Line {
            name: Some("least recently used, by Che's approximation"),
            class: "expected",
            points: expected(|point| point.least_recently_used),
            is_dotted: false,
        },
        Line {
            name: Some("the best that there can be"),
            class: "best",
            points: expected(|point| point.best),
            is_dotted: false,
        },
    ]
}

/// Anonymous memory over requests, a line per process.
pub(super) fn memory(result: &PerformanceResult) -> Markup {
    let curves = result.memory_curves();
    if curves.iter().all(|curve| curve.points.len() < 2) {
        return Markup::default();
    }
    let axes = Axes {
        x: "requests",
        y: "MB",
        has_zero: false,
        places: Vec::new(),
    };
    let lines: Vec<Line<'_>> = curves
        .iter()
        .take(MEMORY_LINES_MAX)
        .map(|curve| Line {
            name: None,
            class: "one-of-many",
            points: curve.points.iter().map(plain).collect(),
            is_dotted: false,
        })
        .collect();
    html! {
        figure {
            figcaption {
                b { (backend(result)) "." }
                " Anonymous memory after each request, a line for each of "
                (plural(lines.len(), "run")) ". The axis does not begin at 0."
            }
            (plot("Memory over requests", &axes, &lines))
        }
    }
}

fn plain(&(x, value): &(f64, f64)) -> Point {
    Point {
        x,
        value,
        low: None,
        high: None,
    }
}

/// What computed, for a caption.
fn backend(result: &PerformanceResult) -> String {
    printable(&result.circumstances.model.backend)
}
