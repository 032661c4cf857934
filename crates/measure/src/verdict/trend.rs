//! Declared tendencies over scenarios, such as "the gain grows with concurrency".

use crate::record::{ExpectationResult, ScenarioResult, TrendResult, TrendValue};
use crate::scenario::{Direction, Judging, Trend};

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy)]
struct Known {
    value: f64,
    low: f64,
    high: f64,
}

impl Known {
    fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Judges the declared tendencies on judged scenarios.
///
/// With D the step from the first to the last value in the expected direction, and H its
/// half-width (the root of the sum of both half-widths squared: scenarios are independent):
///
/// - not measured when a scenario is missing or was not measured, or its interval cannot be
///   trusted (too few restarts, the A/A control differs);
/// - not met when a step between neighbours goes the other way beyond its own half-width,
///   or when D + H is below the threshold δ: there is no tendency as large as matters;
/// - met when D − H is above zero;
/// - else not measured: the intervals are too wide.
pub fn judge_trends(
    trends: &[Trend],
    scenarios: &[ScenarioResult],
    judging: &Judging,
) -> Vec<TrendResult> {
    trends
        .iter()
        .map(|trend| judge_trend(trend, scenarios, judging))
        .collect()
}

fn judge_trend(trend: &Trend, scenarios: &[ScenarioResult], judging: &Judging) -> TrendResult {
    let measured = super::count_measured(scenarios);
    let known: Vec<Option<Known>> = trend
        .over
        .iter()
        .map(|name| {
            let result = scenarios
                .iter()
                .find(|result| result.scenario.name == *name)
                .filter(|result| super::distrust(result, judging, measured).is_none())?;
            value_of(&trend.metric, result)
        })
        .collect();
    let values = trend
        .over
        .iter()
        .zip(&known)
        .map(|(name, known)| TrendValue {
            scenario: name.clone(),
            value: known.map(|known| known.value),
            low: known.map(|known| known.low),
            high: known.map(|known| known.high),
        })
        .collect();
    let (result, detail) = match known.into_iter().collect::<Option<Vec<Known>>>() {
        Some(known) => compare(trend, &known, judging.threshold),
        None => (
            ExpectationResult::NotMeasured,
            "not every scenario has a result that can be trusted".to_owned(),
        ),
    };
    TrendResult {
        trend: trend.clone(),
        values,
        result,
        detail,
    }
}

fn value_of(metric: &str, result: &ScenarioResult) -> Option<Known> {
    if metric == "gain" {
        return Some(Known {
            value: 1.0 - result.effect?,
            low: 1.0 - result.ci_high?,
            high: 1.0 - result.ci_low?,
        });
    }
    let metric = result.metrics.get(metric)?;
    Some(Known {
        value: metric.effect?,
        low: metric.ci_low?,
        high: metric.ci_high?,
    })
}

fn compare(trend: &Trend, known: &[Known], threshold: f64) -> (ExpectationResult, String) {
    let (Some(first), Some(last)) = (known.first(), known.last().filter(|_| known.len() >= 2))
    else {
        return (
            ExpectationResult::NotMeasured,
            "a tendency needs two scenarios".to_owned(),
        );
    };
    let (step, half_width) = step(trend.expect, first, last);
    let range = format!("{step:+.4} ± {half_width:.4}");
    for (names, pair) in trend.over.windows(2).zip(known.windows(2)) {
        let (step, half_width) = self::step(trend.expect, &pair[0], &pair[1]);
        if step + half_width < 0.0 {
            let detail = format!("{} to {} goes the other way", names[0], names[1]);
            return (ExpectationResult::NotMet, detail);
        }
    }
    if step - half_width > 0.0 {
        let detail = format!("from first to last {range} in the expected direction");
        (ExpectationResult::Met, detail)
    } else if step + half_width < threshold {
        let detail = format!("from first to last only {range}, below the threshold {threshold}");
        (ExpectationResult::NotMet, detail)
    } else {
        let detail = format!("from first to last {range}: too uncertain to tell");
        (ExpectationResult::NotMeasured, detail)
    }
}

/// Step in the expected direction, and its half-width.
fn step(expect: Direction, from: &Known, to: &Known) -> (f64, f64) {
    let step = to.value - from.value;
    let step = match expect {
        Direction::Increasing => step,
        Direction::Decreasing => -step,
    };
    (step, from.half_width().hypot(to.half_width()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(expect: Direction, values: &[(f64, f64)]) -> ExpectationResult {
        let over = (0..values.len()).map(|i| format!("s{i}")).collect();
        let trend = Trend {
            metric: "gain".to_owned(),
            over,
            expect,
        };
        let known: Vec<Known> = values
            .iter()
            .map(|&(value, half)| Known {
                value,
                low: value - half,
                high: value + half,
            })
            .collect();
        compare(&trend, &known, 0.01).0
    }

    #[test]
    fn trends_follow_the_table() {
        use Direction::{Decreasing, Increasing};
        use ExpectationResult::{Met, NotMeasured, NotMet};
        for (expect, values, expected) in [
            (
                Increasing,
                vec![(0.05, 0.01), (0.10, 0.01), (0.20, 0.01)],
                Met,
            ),
            (Decreasing, vec![(0.05, 0.01), (0.10, 0.01)], NotMet),
            (Decreasing, vec![(0.20, 0.01), (0.10, 0.01)], Met),
            // One step back beyond its uncertainty, though the ends rise.
            (
                Increasing,
                vec![(0.05, 0.01), (0.20, 0.01), (0.12, 0.01)],
                NotMet,
            ),
            // One step back within its uncertainty.
            (
                Increasing,
                vec![(0.05, 0.01), (0.20, 0.02), (0.19, 0.02)],
                Met,
            ),
            // Flat, and known well enough to say so.
            (Increasing, vec![(0.001, 0.003), (0.002, 0.003)], NotMet),
            (Increasing, vec![(0.00, 0.03), (0.02, 0.03)], NotMeasured),
            (Increasing, vec![(0.00, 0.03)], NotMeasured),
        ] {
            assert_eq!(trend(expect, &values), expected, "{expect:?} {values:?}");
        }
    }
}
