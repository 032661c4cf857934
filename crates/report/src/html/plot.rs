//! What the plots share: a coordinate system that stretches with the page, dots, and which values
//! an axis must reach.
//!
//! Places along the page are shares of its width, so that text and marks keep their size at any
//! width; places across it are pixels.

use std::collections::BTreeSet;

use maud::{Markup, html};

/// Width of the coordinate system in which paths are drawn; the page stretches it.
pub(super) const WIDTH: f64 = 1000.0;

/// A place along the page as an SVG length.
pub(super) fn percent(x: f64) -> String {
    format!("{:.2}%", x / WIDTH * 100.0)
}

/// Paths of `height` pixels that are stretched over the whole width.
pub(super) fn stretched(top: f64, height: f64, paths: &Markup) -> Markup {
    html! {
        svg x="0" y=(top) width="100%" height=(height) viewBox=(format!("0 0 {WIDTH} {height}"))
            preserveAspectRatio="none" {
            (paths)
        }
    }
}

/// Path data of a dot per point. Points that fall on the same spot, a pixel wide, are drawn once: a
/// hundred thousand samples need no more room than the page has spots.
pub(super) fn dots(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let spots: BTreeSet<(i64, i64)> = points
        .into_iter()
        .map(|(x, y)| (x.round() as i64, y.round() as i64))
        .collect();
    let dots = spots.into_iter().map(|(x, y)| format!("M{x} {y}h0"));
    dots.collect::<Vec<String>>().concat()
}

/// A coordinate without decimals that no screen shows.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// How far beyond the middle of the values an axis reaches, in widths of the middle 90 %.
const REACH: f64 = 1.5;

/// The part of an axis that `sorted` needs. Values far outside of the middle would press the others
/// together: they are drawn at the end of the axis, and counted beside it.
pub(super) fn reach(sorted: &[f64]) -> Option<(f64, f64)> {
    let (&least, &most) = (sorted.first()?, sorted.last()?);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let (low, high) = (at(0.05), at(0.95));
    let slack = (high - low) * REACH;
    if slack <= 0.0 {
        return Some((least, most));
    }
    Some((least.max(low - slack), most.min(high + slack)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_on_one_spot_are_drawn_once() {
        let path = dots([(1.0, 2.0), (1.3, 2.4), (500.0, 2.0)]);
        assert_eq!(path, "M1 2h0M500 2h0");
    }

    #[test]
    fn many_samples_stay_within_the_spots_of_the_page() {
        let many = (0..1_000_000).map(|index| (f64::from(index % 1000), 5.0));
        assert!(dots(many).len() < 10_000);
    }

    #[test]
    fn an_axis_reaches_all_but_the_far_values() {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(reach(&values), Some((0.0, 99.0)));
        values.push(10_000.0);
        let (low, high) = reach(&values).expect("values");
        assert!(low.abs() < 1e-9 && (99.0..300.0).contains(&high), "{high}");
        assert_eq!(reach(&[]), None);
        assert_eq!(reach(&[5.0, 5.0]), Some((5.0, 5.0)));
    }
}
