//! Figures with their intervals, in words.
//!
//! Takes samples; gives text. A figure that a sample cannot carry is `n/a`, with what it would
//! take.

use inferno_measure::stats::Interval;
use inferno_measure::stats::percentile::{PercentileOf, percentile};
use inferno_measure::stats::proportion::Proportion;

/// Error probability of every interval.
pub const ALPHA: f64 = 0.05;

/// A percentile with the interval that order statistics give it.
///
/// # Panics
/// When `share` is not between 0 and 1.
pub fn percentile_text(values: &[f64], share: f64) -> String {
    match percentile(values, share, ALPHA) {
        PercentileOf::Taken(taken) => {
            format!("{:.2} ({:.2} to {:.2})", taken.value, taken.low, taken.high)
        }
        PercentileOf::Needs { count } => format!("n/a (needs {count})"),
    }
}

/// An estimate with its interval.
pub fn interval_text(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "n/a".to_owned(),
        |Interval { center, low, high }| format!("{center:.2} ({low:.2} to {high:.2})"),
    )
}

/// A share in per cent with Wilson's interval.
pub fn share_text(part: u64, whole: u64) -> String {
    interval_text(
        Proportion { part, whole }
            .interval(ALPHA)
            .map(|share| Interval {
                center: share.center * 100.0,
                low: share.low * 100.0,
                high: share.high * 100.0,
            }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_values_say_how_many_it_takes() {
        let values: Vec<f64> = (1..=40).map(f64::from).collect();
        assert!(percentile_text(&values, 0.5).starts_with("20.00 ("));
        assert_eq!(percentile_text(&values, 0.99), "n/a (needs 368)");
    }

    #[test]
    fn shares_are_in_per_cent() {
        assert_eq!(share_text(0, 20), "0.00 (0.00 to 16.11)");
        assert_eq!(share_text(0, 0), "n/a");
    }
}
