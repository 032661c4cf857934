//! Whether the documents' expectations of a scenario came true.

use super::decide::{Decision, Trust};
use crate::record::{Estimate, ExpectationResult, Verdict};
use crate::scenario::Expectation;

/// Judges an expectation. Of its parts, each that is given must be met:
///
/// - `verdict`: met when it is the verdict, not measured when the verdict is inconclusive,
///   else not met.
/// - `gain` (share of time saved, 1 − effect): not met when the simultaneous interval of
///   the gain and the expected range have no value in common – that contradicts the range
///   even where the interval is too wide for a verdict; else not measured when the verdict
///   is inconclusive; else met.
///
/// An interval that cannot be trusted (not run, too few restarts, the A/A control differs)
/// measures nothing. A part that is not met decides, then one that is not measured.
pub(super) fn judge(
    expected: &Expectation,
    decision: &Decision,
    simultaneous: Option<&Estimate>,
) -> ExpectationResult {
    let Some(interval) = simultaneous.filter(|_| decision.trust == Trust::Sound) else {
        return ExpectationResult::NotMeasured;
    };
    let conclusive = decision.verdict != Verdict::Inconclusive;
    let verdict = expected.verdict.map(|expected| match conclusive {
        false => ExpectationResult::NotMeasured,
        true if expected == decision.verdict => ExpectationResult::Met,
        true => ExpectationResult::NotMet,
    });
    let gain = expected.gain.map(|[least, most]| {
        let (low, high) = (1.0 - interval.ci_high, 1.0 - interval.ci_low);
        if high < least || low > most {
            ExpectationResult::NotMet
        } else if conclusive {
            ExpectationResult::Met
        } else {
            ExpectationResult::NotMeasured
        }
    });
    let parts = [verdict, gain];
    let any = |result| parts.contains(&Some(result));
    if any(ExpectationResult::NotMet) {
        ExpectationResult::NotMet
    } else if any(ExpectationResult::NotMeasured) || parts == [None, None] {
        ExpectationResult::NotMeasured
    } else {
        ExpectationResult::Met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        verdict: Option<Verdict>,
        gain: Option<[f64; 2]>,
        measured: Verdict,
        interval: (f64, f64),
    ) -> ExpectationResult {
        let decision = Decision {
            verdict: measured,
            reason: String::new(),
            remedy: None,
            trust: Trust::Sound,
        };
        let (ci_low, ci_high) = interval;
        let estimate = Estimate {
            effect: f64::midpoint(ci_low, ci_high),
            ci_low,
            ci_high,
        };
        judge(&Expectation { verdict, gain }, &decision, Some(&estimate))
    }

    #[test]
    fn expectations_follow_the_table() {
        use ExpectationResult::{Met, NotMeasured, NotMet};
        use Verdict::{Faster, Inconclusive, NoDifference, Slower};
        let range = Some([0.15, 0.30]);
        for (verdict, gain, measured, interval, expected) in [
            (Some(Faster), None, Faster, (0.80, 0.90), Met),
            (Some(Faster), None, Slower, (1.05, 1.10), NotMet),
            (
                Some(NoDifference),
                None,
                Inconclusive,
                (0.95, 1.05),
                NotMeasured,
            ),
            (None, range, Faster, (0.80, 0.90), Met),
            (None, range, Faster, (0.90, 0.95), NotMet),
            // Too wide for a verdict, yet clear of the expected range.
            (None, range, Inconclusive, (0.98, 1.03), NotMet),
            (None, range, Inconclusive, (0.80, 1.03), NotMeasured),
            // The verdict is as expected, its size is not.
            (Some(Faster), range, Faster, (0.94, 0.97), NotMet),
            (Some(Faster), range, Faster, (0.60, 0.65), NotMet),
            (None, None, Faster, (0.80, 0.90), NotMeasured),
        ] {
            assert_eq!(
                judged(verdict, gain, measured, interval),
                expected,
                "{verdict:?} {gain:?} {measured:?} {interval:?}"
            );
        }
    }

    #[test]
    fn an_untrusted_interval_measures_nothing() {
        let decision = Decision {
            verdict: Verdict::Inconclusive,
            reason: String::new(),
            remedy: None,
            trust: Trust::Unsound,
        };
        let expected = Expectation {
            verdict: None,
            gain: Some([0.15, 0.30]),
        };
        let estimate = Estimate {
            effect: 1.0,
            ci_low: 0.99,
            ci_high: 1.01,
        };
        assert_eq!(
            judge(&expected, &decision, Some(&estimate)),
            ExpectationResult::NotMeasured
        );
        assert_eq!(
            judge(&expected, &decision, None),
            ExpectationResult::NotMeasured
        );
    }
}
