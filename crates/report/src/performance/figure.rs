//! Figures of results as people read them.

use inferno_measure::performance::Figure;

use crate::document::{Text, Tone};
use crate::figures::{JOINER, percent, value};

/// A figure in its unit; shares as per cent.
pub(crate) fn told(figure: f64, unit: &str) -> String {
    match unit {
        "share" => percent(figure),
        unit => value(figure, unit),
    }
}

/// The figure, or what it would take to have it.
pub(super) fn cell(figure: &Figure) -> Text {
    match (figure.value, figure.needs) {
        (Some(value), _) => told(value, &figure.unit).into(),
        (None, Some(needed)) => Text::toned(format!("n/a (needs{JOINER}{needed})"), Tone::Open),
        (None, None) => Text::not_measured(),
    }
}

/// An interval in the figure's unit.
pub(super) fn interval(low: Option<f64>, high: Option<f64>, unit: &str) -> Text {
    let bounds = low
        .zip(high)
        .map(|(low, high)| format!("{}{JOINER}…{JOINER}{}", told(low, unit), told(high, unit)));
    Text::figure(bounds)
}

#[cfg(test)]
mod tests {
    use inferno_measure::performance::Basis;

    use super::*;

    #[test]
    fn what_is_missing_says_what_it_takes() {
        let mut figure = Figure {
            value: None,
            low: None,
            high: None,
            unit: "ms".into(),
            better: None,
            basis: Basis::Requests,
            count: 100,
            needs: Some(368),
        };
        let text = |figure: &Figure| -> String {
            let cell = cell(figure);
            let spans = cell
                .spans()
                .iter()
                .map(|span| span.text.replace(JOINER, " "));
            spans.collect()
        };
        assert_eq!(text(&figure), "n/a (needs 368)");
        figure.needs = None;
        assert_eq!(text(&figure), "not measured");
        figure.value = Some(45.23);
        assert_eq!(text(&figure), "45.2 ms");
        figure.unit = "share".into();
        figure.value = Some(0.5);
        assert_eq!(text(&figure), "50.0 %");
    }
}
