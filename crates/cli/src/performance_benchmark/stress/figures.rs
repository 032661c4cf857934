//! Figures with intervals, as they are written and as people read them.
//!
//! Takes values and moments; gives percentiles and rates with 95 % intervals. The statistics are those
//! of `inferno-measure`. A figure that too few values carry says how many it takes; a time that did not
//! come to its end counts as longer than any other, so that it is not left out.

use std::time::Duration;

use inferno_measure::stats::percentile::{PercentileOf, percentile};
use inferno_measure::stats::{self, Interval};
use serde::Serialize;

/// Error probability of all intervals.
const ALPHA: f64 = 0.05;

/// Blocks into which a load is cut: the rates in them are what the interval of a rate rests on.
pub(super) const BLOCKS: usize = 10;

/// A figure, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(super) struct Figure {
    /// Nothing when it was not measured, when too few values carry it, or when it is beyond all.
    pub(super) value: Option<f64>,
    /// Lower bound.
    pub(super) low: Option<f64>,
    /// Upper bound; nothing also when it is beyond all values.
    pub(super) high: Option<f64>,
    /// Values that it takes, when there are too few.
    pub(super) needs: Option<usize>,
    /// Whether it lies among the times that did not come to their ends.
    pub(super) is_beyond: bool,
}

impl Figure {
    fn percentile(values: &[f64], share: f64) -> Self {
        match percentile(values, share, ALPHA) {
            PercentileOf::Needs { count } => Self {
                needs: Some(count),
                ..Self::default()
            },
            PercentileOf::Taken(taken) => Self {
                value: finite(taken.value),
                low: finite(taken.low),
                high: finite(taken.high),
                needs: None,
                is_beyond: taken.value.is_infinite(),
            },
        }
    }

    fn interval(interval: Option<Interval>) -> Self {
        interval.map_or_else(Self::default, |interval| Self {
            value: finite(interval.center),
            low: finite(interval.low),
            high: finite(interval.high),
            ..Self::default()
        })
    }

    /// For people: the value and its interval.
    pub(super) fn text(&self) -> String {
        let bound = |bound: Option<f64>| bound.map_or_else(|| "…".to_owned(), number);
        match (self.value, self.needs) {
            (Some(value), _) => {
                let (low, high) = (bound(self.low), bound(self.high));
                format!("{} [{low}, {high}]", number(value))
            }
            (None, Some(needs)) => format!("n/a (needs {needs})"),
            (None, None) if self.is_beyond => "not answered".to_owned(),
            (None, None) => "n/a".to_owned(),
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `value` with three digits that say something.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Percentiles of one kind of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Percentiles {
    /// Half of the times are at most so long.
    pub(super) p50: Figure,
    /// 90 % of them are.
    pub(super) p90: Figure,
    /// 99 % of them are.
    pub(super) p99: Figure,
}

impl Percentiles {
    /// Those of `times`, of which a time without an end is longer than any other.
    pub(super) fn of(times: &[Time]) -> Self {
        let values: Vec<f64> = times.iter().map(Time::milliseconds).collect();
        let at = |share| Figure::percentile(&values, share);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
        }
    }
}

/// A time that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// It came to its end.
    Ended(Duration),
    /// It was given up.
    Endless,
}

impl Time {
    fn milliseconds(&self) -> f64 {
        match self {
            Self::Ended(time) => time.as_secs_f64() * 1e3,
            Self::Endless => f64::INFINITY,
        }
    }
}

/// How many of `moments` lie in each of [`BLOCKS`] equal parts of `length`; what lies behind it is not
/// counted.
pub(super) fn block_counts(moments: impl Iterator<Item = Duration>, length: Duration) -> Vec<f64> {
    let mut counts = vec![0.0; BLOCKS];
    for moment in moments.filter(|moment| *moment < length) {
        let block = moment.as_secs_f64() * BLOCKS as f64 / length.as_secs_f64();
        // Just below the end it may be rounded up.
        let block = (block as usize).min(BLOCKS - 1);
        counts[block] += 1.0;
    }
    counts
}

/// Events per second, by the method of batch means: the blocks' rates with a t interval.
pub(super) fn rate(moments: impl Iterator<Item = Duration>, length: Duration) -> Figure {
    Figure::interval(mean_rate(&block_counts(moments, length), length))
}

/// The mean of what `counts`, one per block of `length`, are per second.
pub(super) fn mean_rate(counts: &[f64], length: Duration) -> Option<Interval> {
    let block_s = length.as_secs_f64() / BLOCKS as f64;
    let rates: Vec<f64> = counts.iter().map(|count| count / block_s).collect();
    stats::t_interval(&rates, ALPHA).filter(|_| !length.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(times: impl Iterator<Item = u64>) -> Vec<Time> {
        times
            .map(|time| Time::Ended(Duration::from_millis(time)))
            .collect()
    }

    #[test]
    fn percentiles_say_what_they_take() {
        let few = Percentiles::of(&milliseconds(1..=30));
        assert_eq!(few.p50.value, Some(15.0));
        assert!(few.p50.low < few.p50.value && few.p50.value < few.p50.high);
        assert_eq!(few.p90.text(), "n/a (needs 36)");
        assert_eq!(few.p99.text(), "n/a (needs 368)");
    }

    #[test]
    fn times_without_an_end_are_longer_than_all_others() {
        let mut times = milliseconds(1..=60);
        times.extend([Time::Endless; 30]);
        let percentiles = Percentiles::of(&times);
        assert_eq!(percentiles.p50.value, Some(45.0));
        assert_eq!(percentiles.p90.text(), "not answered");
        assert!(percentiles.p90.is_beyond && percentiles.p90.value.is_none());
    }

    #[test]
    fn a_rate_counts_what_lies_within_the_length() {
        let length = Duration::from_secs(10);
        // Two in each second, and many behind the end.
        let moments = (0..40).map(|half| Duration::from_millis(500 * half));
        let counts = block_counts(moments.clone(), length);
        assert!(
            counts.iter().all(|count| (count - 2.0).abs() < 1e-9),
            "{counts:?}"
        );
        let rate = rate(moments, length);
        assert_eq!(rate.text(), "2.00 [2.00, 2.00]");
    }

    #[test]
    fn no_length_has_no_rate() {
        let rate = rate(std::iter::empty(), Duration::ZERO);
        assert_eq!(rate.text(), "n/a");
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (1234.4, "1234"),
            (99.96, "100.0"),
            (5.0, "5.00"),
            (0.01, "0.010"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
