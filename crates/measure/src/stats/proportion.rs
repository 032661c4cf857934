//! Shares of counted things, with intervals that hold for few of them and for shares of 0 and 1.
//!
//! Takes counts; gives the share and its bounds. Sources: Wilson, "Probable inference, the law of
//! succession, and statistical inference", Journal of the American Statistical Association 22 (1927),
//! 209–212; Newcombe, "Interval estimation for the difference between independent proportions",
//! Statistics in Medicine 17 (1998), 873–890, method 10.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::Interval;

/// Some of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    /// Those that are meant.
    pub part: u64,
    /// All of them.
    pub whole: u64,
}

impl Proportion {
    /// The share with Wilson's score interval of error probability `alpha`; its center is the share
    /// itself, not the middle of the bounds. `None` where there is nothing, or more than all of it.
    pub fn interval(self, alpha: f64) -> Option<Interval> {
        if self.whole == 0 || self.part > self.whole {
            return None;
        }
        let quantile = Normal::standard().inverse_cdf(1.0 - alpha / 2.0);
        let count = self.whole as f64;
        let share = self.part as f64 / count;
        let squared = quantile.powi(2);
        let shrinkage = 1.0 + squared / count;
        let middle = (share + squared / (2.0 * count)) / shrinkage;
        let spread = share * (1.0 - share) / count + squared / (4.0 * count.powi(2));
        let half_width = quantile * spread.sqrt() / shrinkage;
        Some(Interval {
            center: share,
            low: (middle - half_width).max(0.0),
            high: (middle + half_width).min(1.0),
        })
    }
}

/// `newer` − `older` with Newcombe's hybrid score interval of error probability `alpha`. `None` where
/// one of them has no share.
pub fn difference_interval(older: Proportion, newer: Proportion, alpha: f64) -> Option<Interval> {
    let (a, b) = (newer.interval(alpha)?, older.interval(alpha)?);
    let center = a.center - b.center;
    Some(Interval {
        center,
        low: center - (a.center - a.low).hypot(b.high - b.center),
        high: center + (a.high - a.center).hypot(b.center - b.low),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-5, "{found} ≠ {expected}");
    }

    #[test]
    fn shares_have_the_bounds_of_worked_examples() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", table I, method 3.
        for (part, whole, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let interval = Proportion { part, whole }.interval(0.05).unwrap();
            close(interval.low, low);
            close(interval.high, high);
        }
        let all = Proportion {
            part: 20,
            whole: 20,
        }
        .interval(0.05)
        .unwrap();
        close(all.low, 1.0 - 0.1611);
        close(all.high, 1.0);
    }

    #[test]
    fn differences_have_the_bounds_of_worked_examples() {
        // Newcombe 1998, table II, method 10, example (a).
        let of = |part, whole| Proportion { part, whole };
        let interval = difference_interval(of(48, 80), of(56, 70), 0.05).unwrap();
        close(interval.center, 0.2);
        close(interval.low, 0.0524);
        close(interval.high, 0.3339);
        let mirrored = difference_interval(of(56, 70), of(48, 80), 0.05).unwrap();
        close(mirrored.low, -0.3339);
        close(mirrored.high, -0.0524);
    }

    #[test]
    fn nothing_has_no_share() {
        assert_eq!(Proportion { part: 0, whole: 0 }.interval(0.05), None);
        assert_eq!(Proportion { part: 2, whole: 1 }.interval(0.05), None);
    }
}
