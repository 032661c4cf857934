//! From values to places on an axis, and the values at which an axis is labelled.

use std::f64::consts::LN_2;

use crate::figures::JOINER;

/// A linear axis: `domain` is drawn over `range`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) domain: (f64, f64),
    pub(super) range: (f64, f64),
}

impl Scale {
    /// Draws `domain` over `range`; a domain without width is widened, so that its value is in the
    /// middle.
    pub(super) fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        let (low, high) = domain;
        let domain = if high > low {
            domain
        } else {
            let half = (low.abs() * 0.01).max(1e-9);
            (low - half, low + half)
        };
        Self { domain, range }
    }

    /// Where `value` is.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value - self.domain.0) / (self.domain.1 - self.domain.0);
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// Where `value` is, or the end of the axis beyond which it lies.
    pub(super) fn within(&self, value: f64) -> f64 {
        self.at(value.clamp(self.domain.0, self.domain.1))
    }

    /// Whether the axis reaches `value`.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.domain.0..=self.domain.1).contains(&value)
    }
}

/// Values at which an axis is labelled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    /// Distance of two neighbours.
    pub(super) step: f64,
    /// The values, ascending.
    pub(super) values: Vec<f64>,
}

/// At most `at_most` multiples of 1, 2 or 5 times a power of ten between `low` and `high`.
pub(super) fn ticks(low: f64, high: f64, at_most: usize) -> Ticks {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return Ticks {
            step: 1.0,
            values: vec![low],
        };
    }
    let rough = span / at_most.max(1) as f64;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0];
    let steps = nice.map(|factor| factor * magnitude);
    let fits = |step: &f64| multiples(low, high, *step).len() <= at_most;
    let step = steps.into_iter().find(fits).unwrap_or(steps[5]);
    Ticks {
        step,
        values: multiples(low, high, step),
    }
}

/// Changes at which a logarithmic axis from `low` to `high` (ln of ratios) is labelled: round changes
/// where it is nearly linear, doublings where it is not.
pub(super) fn ratio_ticks(low: f64, high: f64, at_most: usize) -> Ticks {
    const NEARLY_LINEAR: f64 = 0.7;
    if high - low < NEARLY_LINEAR {
        return ticks(low.exp_m1(), high.exp_m1(), at_most);
    }
    let doublings = ticks(low / LN_2, high / LN_2, at_most);
    let whole = doublings
        .values
        .into_iter()
        .filter(|power| power.fract().abs() < 1e-9);
    Ticks {
        step: 0.01,
        values: whole.map(|power| power.exp2() - 1.0).collect(),
    }
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    // A hair's breadth, so that rounding does not lose an end that is itself a multiple.
    let hair = 1e-9;
    let first = (low / step - hair).ceil() as i64;
    let last = (high / step + hair).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// A change of time as the label of an axis whose labels are `step` apart: `−10 %`, `0`, `+2.5 %`.
pub(super) fn change_label(change: f64, step: f64) -> String {
    if change.abs() < step / 2.0 {
        return "0".to_owned();
    }
    let sign = if change < 0.0 { '−' } else { '+' };
    let digits = decimals(step * 100.0);
    format!("{sign}{:.digits$}{JOINER}%", change.abs() * 100.0)
}

/// A time as the label of an axis up to `largest_ns`, whose labels are `step_ns` apart.
pub(super) fn time_label(time_ns: f64, largest_ns: f64, step_ns: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let (scale, unit) = UNITS
        .into_iter()
        .find(|(scale, _)| largest_ns >= *scale)
        .unwrap_or((1.0, "ns"));
    let digits = decimals(step_ns / scale);
    format!("{:.digits$}{JOINER}{unit}", time_ns / scale)
}

/// A plain number as the label of an axis whose labels are `step` apart.
pub(super) fn number_label(value: f64, step: f64) -> String {
    let digits = decimals(step);
    let text = format!("{value:.digits$}");
    text.replace('-', "−")
}

/// Decimals that tell values apart that are multiples of `step`.
fn decimals(step: f64) -> usize {
    (0..6)
        .find(|&digits| {
            let scaled = step * 10_f64.powi(digits);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .unwrap_or(6) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_find_their_place() {
        let scale = Scale::new((0.9, 1.1), (0.0, 200.0));
        assert!((scale.at(1.0) - 100.0).abs() < 1e-9);
        assert!((scale.at(1.2) - 300.0).abs() < 1e-9);
        assert!((scale.within(1.2) - 200.0).abs() < 1e-9);
        assert!(scale.holds(1.1) && !scale.holds(1.11));
    }

    #[test]
    fn a_single_value_is_in_the_middle() {
        for value in [0.0, 1.0, -3.0, 85e6] {
            let scale = Scale::new((value, value), (0.0, 100.0));
            assert!((scale.at(value) - 50.0).abs() < 1e-6, "{value}");
        }
    }

    #[test]
    fn ticks_are_round_few_and_inside() {
        for (low, high, at_most) in [
            (-0.15, 0.03, 6),
            (0.0, 1.0, 5),
            (85.1e6, 85.2e6, 4),
            (-0.001, 0.001, 6),
            (0.3, 40.0, 5),
        ] {
            let ticks = ticks(low, high, at_most);
            assert!(
                (2..=at_most).contains(&ticks.values.len()),
                "{low} {high}: {ticks:?}"
            );
            let slack = ticks.step * 1e-6;
            assert!(
                ticks
                    .values
                    .iter()
                    .all(|&tick| tick >= low - slack && tick <= high + slack),
                "{low} {high}: {ticks:?}"
            );
            let leading = ticks.step / 10_f64.powf(ticks.step.log10().floor());
            assert!(
                [1.0, 2.0, 5.0, 10.0]
                    .iter()
                    .any(|nice| (leading - nice).abs() < 1e-6),
                "{ticks:?}"
            );
        }
        assert_eq!(ticks(1.0, 1.0, 5).values, [1.0]);
        assert_eq!(ticks(f64::NAN, 1.0, 5).values.len(), 1);
    }

    #[test]
    fn logarithmic_axes_are_labelled_on_both_sides() {
        let near = ratio_ticks(-0.2, 0.1, 5);
        assert!(near.values.len() >= 3, "{near:?}");
        let far = ratio_ticks(-1.5, 1.2, 5);
        let expected = [-0.75, -0.5, 0.0, 1.0];
        assert_eq!(far.values.len(), expected.len(), "{far:?}");
        for (tick, expected) in far.values.iter().zip(expected) {
            assert!((tick - expected).abs() < 1e-9, "{far:?}");
        }
    }

    #[test]
    fn labels_have_the_decimals_of_their_step() {
        for (change, step, expected) in [
            (-0.1, 0.05, "−10 %"),
            (0.025, 0.025, "+2.5 %"),
            (0.0, 0.05, "0"),
            (1e-18, 0.05, "0"),
            (0.001, 0.0005, "+0.10 %"),
        ] {
            let label = change_label(change, step).replace(JOINER, " ");
            assert_eq!(label, expected, "{change}");
        }
        for (value, step, expected) in [(1500.0, 500.0, "1500"), (-0.5, 0.25, "−0.50")] {
            assert_eq!(number_label(value, step), expected);
        }
        for (time_ns, largest_ns, step_ns, expected) in [
            (250e6, 300e6, 10e6, "250 ms"),
            (1.55e9, 1.7e9, 0.05e9, "1.55 s"),
            (0.5e9, 1.0e9, 0.5e9, "0.5 s"),
            (40.0, 90.0, 10.0, "40 ns"),
        ] {
            let label = time_label(time_ns, largest_ns, step_ns).replace(JOINER, " ");
            assert_eq!(label, expected);
        }
    }
}
