//! A plot of figures over something: lines with their points, and intervals where there are some.

use inferno_measure::performance::Point;
use maud::{Markup, html};

use crate::html::plot::{WIDTH, number, percent, stretched};
use crate::html::scale::{Scale, number_label, ticks};

/// Height of the plot without its axis, in pixels.
const HEIGHT: f64 = 180.0;
/// Room above the plot, for its highest label.
const TOP: f64 = 18.0;
/// Room for the labels below.
const AXIS: f64 = 40.0;
/// The lines begin and end here, so that labels have room.
const LEFT: f64 = WIDTH * 0.14;
const RIGHT: f64 = WIDTH * 0.97;
/// Labels on an axis; more would touch on a narrow page.
const TICKS_MAX: usize = 5;

/// A line.
pub(super) struct Line<'a> {
    /// What it is, for the legend; without it the legend leaves it out.
    pub(super) name: Option<&'a str>,
    /// The CSS classes that tell it from others.
    pub(super) class: &'static str,
    pub(super) points: Vec<Point>,
    /// Whether its points are drawn as well.
    pub(super) is_dotted: bool,
}

/// What the axes say.
pub(super) struct Axes<'a> {
    /// What runs along the page, with its unit.
    pub(super) x: &'a str,
    /// What runs upwards, with its unit.
    pub(super) y: &'a str,
    /// Whether the axis upwards begins at 0.
    pub(super) has_zero: bool,
    /// The places that are labelled; none: round ones.
    pub(super) places: Vec<f64>,
}

/// The plot; nothing without points. `title` says what it shows.
pub(super) fn plot(title: &str, axes: &Axes<'_>, lines: &[Line<'_>]) -> Markup {
    let Some((x, y)) = scales(axes, lines) else {
        return Markup::default();
    };
    html! {
        (legend(lines))
        svg.plot height=(TOP + HEIGHT + AXIS) role="img" {
            title { (title) }
            (grid(axes, &x, &y))
            (stretched(TOP, HEIGHT, &html! {
                @for line in lines {
                    path class=(format!("curve {}", line.class)) d=(path(line, &x, &y)) {}
                }
            }))
            @for line in lines.iter().filter(|line| line.is_dotted) {
                @for point in &line.points { (mark(point, &x, &y)) }
            }
            text.tick x="100%" y=(TOP + HEIGHT + 36.0) text-anchor="end" { (axes.x) }
            text.tick x="0" y="11" { (axes.y) }
        }
    }
}

/// The axes' scales; nothing without points. Upwards they are relative to [`TOP`].
fn scales(axes: &Axes<'_>, lines: &[Line<'_>]) -> Option<(Scale, Scale)> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let along = bounds(points().map(|point| point.x))?;
    let values = points().flat_map(|point| [Some(point.value), point.low, point.high]);
    let (low, high) = bounds(values.flatten())?;
    let low = if axes.has_zero { low.min(0.0) } else { low };
    Some((
        Scale::new(along, (LEFT, RIGHT)),
        Scale::new((low, high), (HEIGHT, 6.0)),
    ))
}

/// The smallest and the largest value; nothing without values.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |bounds: Option<(f64, f64)>, value| {
        let (low, high) = bounds.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

fn grid(axes: &Axes<'_>, x: &Scale, y: &Scale) -> Markup {
    let upwards = ticks(y.domain.0, y.domain.1, TICKS_MAX);
    let along = ticks(x.domain.0, x.domain.1, TICKS_MAX);
    let places = if axes.places.is_empty() {
        &along.values
    } else {
        &axes.places
    };
    let step = if axes.places.is_empty() {
        along.step
    } else {
        1.0
    };
    html! {
        @for &tick in &upwards.values {
            @let place = TOP + y.at(tick);
            line.grid x1=(percent(LEFT)) x2="100%" y1=(number(place)) y2=(number(place)) {}
            text.tick x="0" y=(number(place + 4.0)) { (number_label(tick, upwards.step)) }
        }
        @for &place in places {
            text.tick x=(percent(x.at(place))) y=(TOP + HEIGHT + 18.0) text-anchor="middle" {
                (number_label(place, step))
            }
        }
    }
}

fn path(line: &Line<'_>, x: &Scale, y: &Scale) -> String {
    let steps = line.points.iter().enumerate().map(|(index, point)| {
        let command = if index == 0 { 'M' } else { 'L' };
        format!(
            "{command}{} {}",
            number(x.at(point.x)),
            number(y.at(point.value))
        )
    });
    steps.collect::<Vec<String>>().concat()
}

/// A point with its interval.
fn mark(point: &Point, x: &Scale, y: &Scale) -> Markup {
    let place = percent(x.at(point.x));
    html! {
        @if let (Some(low), Some(high)) = (point.low, point.high) {
            line.error-bar x1=(place) x2=(place) y1=(number(TOP + y.at(high))) y2=(number(TOP + y.at(low))) {}
        }
        circle.point cx=(place) cy=(number(TOP + y.at(point.value))) r="4" {}
    }
}

fn legend(lines: &[Line<'_>]) -> Markup {
    let named: Vec<(&str, &Line<'_>)> = lines
        .iter()
        .filter_map(|line| Some((line.name?, line)))
        .collect();
    html! {
        @if named.len() > 1 {
            ul.legend {
                @for (name, line) in named {
                    li {
                        svg.key viewBox="0 0 32 16" width="32" height="16" aria-hidden="true" {
                            path class=(format!("curve {}", line.class)) d="M2 8H30" {}
                        }
                        " " (name)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f64]) -> Line<'static> {
        let point = |(index, value): (usize, &f64)| Point {
            x: index as f64,
            value: *value,
            low: Some(value - 1.0),
            high: Some(value + 1.0),
        };
        Line {
            name: None,
            class: "",
            points: values.iter().enumerate().map(point).collect(),
            is_dotted: true,
        }
    }

    fn axes() -> Axes<'static> {
        Axes {
            x: "clients",
            y: "requests/s",
            has_zero: true,
            places: Vec::new(),
        }
    }

    #[test]
    fn every_point_has_its_mark_inside_of_the_plot() {
        let page = plot("Curve", &axes(), &[line(&[5.0, 9.0, 10.0])]).into_string();
        assert_eq!(page.matches("<circle").count(), 3);
        assert_eq!(page.matches("error-bar").count(), 3);
        assert!(page.contains("<title>Curve</title>"), "{page}");
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }

    #[test]
    fn no_points_and_one_point_are_no_trouble() {
        assert_eq!(plot("Curve", &axes(), &[line(&[])]).into_string(), "");
        let one = plot("Curve", &axes(), &[line(&[5.0])]).into_string();
        assert!(one.contains("<circle") && !one.contains("NaN"), "{one}");
    }
}
