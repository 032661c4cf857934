//! Rising rates, and the last one that the target keeps up with: the knee.
//!
//! Takes the outcomes of one step; says why the step falls short, if it does. Pure functions. A step is
//! kept up with when all of its requests are served, when no more of them pile up than chance explains,
//! and when enough of them meet the objective.

use std::time::Duration;

use inferno_measure::stats::Interval;
use serde::Serialize;

use super::figures::{block_counts, mean_rate, number};
use super::summary::{Summary, Validity};
use crate::load::Outcome;
use crate::load::generator::Finished;

/// Share of requests that must meet the objective.
const GOOD_SHARE: f64 = 0.9;

/// One rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) rate_per_client: f64,
    /// Why it is not kept up with; nothing when it is.
    pub(super) falls_short: Option<String>,
    /// The file of its outcomes.
    pub(super) outcomes: String,
    pub(super) summary: Summary,
}

/// The rates that were tried, in their order, up to the first that is not kept up with.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Ramp {
    pub(super) steps: Vec<Step>,
}

impl Ramp {
    /// The last rate that was kept up with.
    pub(super) fn knee(&self) -> Option<f64> {
        let mut kept_up = self.steps.iter().filter(|step| step.falls_short.is_none());
        kept_up.next_back().map(|step| step.rate_per_client)
    }

    /// Whether a rate was found that is too much.
    pub(super) fn has_found_too_much(&self) -> bool {
        self.steps.iter().any(|step| step.falls_short.is_some())
    }
}

/// Rates that rise to `top` in `count` equal steps.
pub(super) fn rates(top: f64, count: u32) -> impl Iterator<Item = f64> {
    (1..=count).map(move |step| top * f64::from(step) / f64::from(count))
}

/// Why a step is not kept up with.
pub(super) fn falls_short(
    finished: &Finished,
    summary: &Summary,
    objective: Option<Duration>,
) -> Option<String> {
    if summary.arrivals == 0 {
        return Some("no request was due: the step is too short for its rate".to_owned());
    }
    if let Validity::Invalid(reason) = summary.validity() {
        return Some(reason);
    }
    let not_served = summary.arrivals - summary.endings.served;
    if not_served > 0 {
        return Some(format!(
            "{not_served} of {} requests were not served",
            summary.arrivals
        ));
    }
    if let Some(growth) = growth(&finished.outcomes, finished.length).filter(|it| it.low > 0.0) {
        return Some(format!(
            "requests pile up, {} more each second",
            number(growth.center)
        ));
    }
    let objective_ms = objective?.as_secs_f64() * 1e3;
    let share = summary.goodput.and_then(|goodput| goodput.share)?;
    (share < GOOD_SHARE).then(|| {
        format!(
            "{:.0} % of requests met {objective_ms} ms, fewer than {:.0} %",
            share * 100.0,
            GOOD_SHARE * 100.0
        )
    })
}

/// By how many per second the requests on their way become more. The first block is left out: a load
/// begins with none. The same arrivals are in both counts, so their chance is not in the difference.
fn growth(outcomes: &[Outcome], length: Duration) -> Option<Interval> {
    let came = block_counts(outcomes.iter().map(|outcome| outcome.due), length);
    let went = block_counts(outcomes.iter().filter_map(|outcome| outcome.ended), length);
    let more: Vec<f64> = came
        .iter()
        .zip(&went)
        .skip(1)
        .map(|(came, went)| came - went)
        .collect();
    mean_rate(&more, length)
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{finished, outcome};
    use super::*;
    use crate::load::Ending;

    /// Ten seconds of ten requests a second; number n takes `latency_ms(n)`.
    fn step(latency_ms: impl Fn(u64) -> u64) -> Finished {
        let outcomes = (0..100)
            .map(|number| outcome(number * 100, latency_ms(number), Ending::Served))
            .collect();
        finished(outcomes, 10)
    }

    fn verdict(finished: &Finished, objective_ms: Option<u64>) -> Option<String> {
        let objective = objective_ms.map(Duration::from_millis);
        falls_short(finished, &Summary::of(finished, objective), objective)
    }

    #[test]
    fn rates_rise_in_equal_steps() {
        let rates: Vec<f64> = rates(10.0, 4).collect();
        assert_eq!(rates, [2.5, 5.0, 7.5, 10.0]);
    }

    #[test]
    fn a_steady_step_is_kept_up_with() {
        assert_eq!(verdict(&step(|_| 50), None), None);
        // A second on the way is no backlog that grows.
        assert_eq!(verdict(&step(|_| 950), None), None);
        assert_eq!(verdict(&step(|_| 950), Some(1000)), None);
    }

    #[test]
    fn a_backlog_that_grows_is_found() {
        // Each request takes 25 ms longer than the one before: 8 of 10 are answered in time.
        let reason = verdict(&step(|number| 50 + 25 * number), None).expect("a reason");
        assert!(reason.contains("pile up"), "{reason}");
    }

    #[test]
    fn an_objective_that_is_missed_and_a_request_that_is_not_served_are_found() {
        let reason = verdict(&step(|_| 950), Some(900)).expect("a reason");
        assert!(reason.contains("900 ms"), "{reason}");
        let mut one_dropped = step(|_| 50);
        one_dropped.outcomes[3].ending = Ending::Dropped;
        let reason = verdict(&one_dropped, None).expect("a reason");
        assert!(reason.starts_with("1 of 100"), "{reason}");
        assert!(verdict(&finished(Vec::new(), 10), None).is_some());
    }

    #[test]
    fn the_knee_is_the_last_rate_that_is_kept_up_with() {
        let summary = Summary::of(&step(|_| 50), None);
        let step = |rate_per_client, falls_short: Option<&str>| Step {
            rate_per_client,
            falls_short: falls_short.map(str::to_owned),
            outcomes: String::new(),
            summary: summary.clone(),
        };
        let mut ramp = Ramp::default();
        assert_eq!(ramp.knee(), None);
        ramp.steps = vec![step(1.0, None), step(2.0, None)];
        assert!(ramp.knee() == Some(2.0) && !ramp.has_found_too_much());
        ramp.steps.push(step(3.0, Some("too much")));
        assert!(ramp.knee() == Some(2.0) && ramp.has_found_too_much());
    }
}
