//! What the outcomes of one load come to.
//!
//! Takes outcomes; gives figures, and whether they can be trusted. Pure functions. Latency counts from
//! the moment a request was due, and service time from the moment it was sent; a request that was given
//! up counts as longer than any that was answered. Requests that were refused, failed or were never
//! sent have no time: they are counted apart, and goodput counts them as not good.

use std::time::Duration;

use serde::Serialize;

use super::figures::{self, Figure, Percentiles, Time};
use crate::load::generator::Finished;
use crate::load::{Ending, Outcome};

/// Share of the median latency above which the generator's own delay spoils a run. Where most requests
/// were given up, the longest latency of an answer stands for the median, which lies beyond it.
const LAG_SHARE: f64 = 0.1;

/// How many requests ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Endings {
    pub(super) served: u64,
    pub(super) refused: u64,
    pub(super) timed_out: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
    pub(super) unfinished: u64,
}

impl Endings {
    /// Those of `outcomes`.
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let mut endings = Self::default();
        for outcome in outcomes {
            let count = match outcome.ending {
                Ending::Served => &mut endings.served,
                Ending::Refused => &mut endings.refused,
                Ending::TimedOut => &mut endings.timed_out,
                Ending::Failed => &mut endings.failed,
                Ending::Dropped => &mut endings.dropped,
                Ending::Unfinished => &mut endings.unfinished,
            };
            *count += 1;
        }
        endings
    }

    /// Each kind with its name.
    pub(super) fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("served", self.served),
            ("refused", self.refused),
            ("timed out", self.timed_out),
            ("failed", self.failed),
            ("dropped", self.dropped),
            ("unfinished", self.unfinished),
        ]
    }
}

/// What went wrong, by the first request of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FirstError {
    pub(super) ending: Ending,
    pub(super) error: String,
}

/// Requests that were answered in time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Goodput {
    pub(super) objective_ms: f64,
    /// Share of the requests that were due; nothing when none was.
    pub(super) share: Option<f64>,
    pub(super) requests_per_s: Figure,
}

/// How late requests were sent, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Lag {
    #[serde(flatten)]
    pub(super) percentiles: Percentiles,
    /// The longest.
    pub(super) max: Option<f64>,
}

/// The figures of one load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Summary {
    /// For how long requests were due.
    pub(super) length_s: f64,
    /// Requests that were due.
    pub(super) arrivals: u64,
    pub(super) endings: Endings,
    /// From being due to the end.
    pub(super) latency_ms: Percentiles,
    /// The longest of an answer.
    pub(super) longest_latency_ms: Option<f64>,
    /// From being sent to the end.
    pub(super) service_time_ms: Percentiles,
    /// From being due to the first token.
    pub(super) first_token_ms: Percentiles,
    /// Mean time from a token of an answer to the next, one value per answer.
    pub(super) token_gap_ms: Percentiles,
    /// Requests that were due.
    pub(super) arrivals_per_s: Figure,
    /// Answers that were complete before the end of the load.
    pub(super) requests_per_s: Figure,
    /// Tokens that came before the end of the load.
    pub(super) tokens_per_s: Figure,
    pub(super) goodput: Option<Goodput>,
    pub(super) lag_ms: Lag,
    /// CPU time of what sends and receives.
    pub(super) generator_cpu_s: Option<f64>,
    pub(super) first_errors: Vec<FirstError>,
}

/// Whether a run says what it is meant to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Validity {
    /// It does.
    Valid,
    /// It does not, because of this.
    Invalid(String),
    /// Nothing can be said, because of this.
    NotJudged(String),
}

impl Summary {
    /// The figures of `finished`, with goodput when there is an `objective`.
    pub(super) fn of(finished: &Finished, objective: Option<Duration>) -> Self {
        let outcomes = &finished.outcomes;
        let length = finished.length;
        let served = || {
            outcomes
                .iter()
                .filter(|outcome| outcome.ending == Ending::Served)
        };
        let tokens = outcomes
            .iter()
            .flat_map(|outcome| outcome.token_times.iter().copied());
        let lags: Vec<Duration> = outcomes.iter().filter_map(Outcome::lag).collect();
        let longest = served().filter_map(Outcome::latency).max();
        let lag_times: Vec<Time> = lags.iter().copied().map(Time::Ended).collect();
        Self {
            length_s: length.as_secs_f64(),
            arrivals: outcomes.len() as u64,
            endings: Endings::of(outcomes),
            latency_ms: percentiles(outcomes, Outcome::latency),
            longest_latency_ms: longest.map(|latency| latency.as_secs_f64() * 1e3),
            service_time_ms: percentiles(outcomes, Outcome::service_time),
            first_token_ms: percentiles(outcomes, first_token_latency),
            token_gap_ms: Percentiles::of(&served().filter_map(token_gap).collect::<Vec<_>>()),
            arrivals_per_s: figures::rate(outcomes.iter().map(|outcome| outcome.due), length),
            requests_per_s: figures::rate(served().filter_map(|outcome| outcome.ended), length),
            tokens_per_s: figures::rate(tokens, length),
            goodput: objective.map(|objective| goodput(outcomes, objective, length)),
            lag_ms: Lag {
                percentiles: Percentiles::of(&lag_times),
                max: lags.iter().max().map(|lag| lag.as_secs_f64() * 1e3),
            },
            generator_cpu_s: finished.cpu_time.map(|time| time.as_secs_f64()),
            first_errors: first_errors(outcomes),
        }
    }

    /// Whether the generator kept to its schedule so well that latencies say something of the target.
    pub(super) fn validity(&self) -> Validity {
        let median = self.latency_ms.p50;
        let (compared, latency) = if median.is_beyond {
            ("longest latency of an answer", self.longest_latency_ms)
        } else {
            ("median latency", median.value)
        };
        // With few values the largest one stands for the percentile, which is at most that large.
        let p99 = self.lag_ms.percentiles.p99;
        let (name, lag) = match p99.value {
            Some(value) => ("p99", Some(value)),
            None => ("largest", self.lag_ms.max),
        };
        match (latency, lag) {
            _ if self.arrivals > 0 && self.endings.served == 0 => {
                Validity::NotJudged("no request was served".to_owned())
            }
            (Some(latency), Some(lag)) if lag > LAG_SHARE * latency => Validity::Invalid(format!(
                "requests were sent late: the {name} lag, {} ms, is more than {:.0} % of the \
                 {compared}, {} ms",
                figures::number(lag),
                LAG_SHARE * 100.0,
                figures::number(latency),
            )),
            (Some(_), Some(_)) => Validity::Valid,
            _ => Validity::NotJudged("too few requests were answered".to_owned()),
        }
    }
}

/// Percentiles of a time that answered requests have and given up ones never came to the end of.
fn percentiles(outcomes: &[Outcome], time: impl Fn(&Outcome) -> Option<Duration>) -> Percentiles {
    let times: Vec<Time> = outcomes
        .iter()
        .filter_map(|outcome| match outcome.ending {
            Ending::Served => time(outcome).map(Time::Ended),
            Ending::TimedOut | Ending::Unfinished => Some(Time::Endless),
            Ending::Refused | Ending::Failed | Ending::Dropped => None,
        })
        .collect();
    Percentiles::of(&times)
}

fn first_token_latency(outcome: &Outcome) -> Option<Duration> {
    Some(outcome.first_token?.saturating_sub(outcome.due))
}

/// The mean time from token to token; nothing for an answer with less than two.
fn token_gap(outcome: &Outcome) -> Option<Time> {
    let times = &outcome.token_times;
    let gaps = u32::try_from(times.len()).ok()?.checked_sub(1)?;
    let whole = times.last()?.saturating_sub(*times.first()?);
    whole.checked_div(gaps).map(Time::Ended)
}

/// Whether `outcome` was answered within `objective`.
pub(super) fn is_good(outcome: &Outcome, objective: Duration) -> bool {
    let in_time = outcome
        .latency()
        .is_some_and(|latency| latency <= objective);
    outcome.ending == Ending::Served && in_time
}

fn goodput(outcomes: &[Outcome], objective: Duration, length: Duration) -> Goodput {
    let good = || {
        outcomes
            .iter()
            .filter(|outcome| is_good(outcome, objective))
    };
    let share = good().count() as f64 / outcomes.len() as f64;
    Goodput {
        objective_ms: objective.as_secs_f64() * 1e3,
        share: share.is_finite().then_some(share),
        requests_per_s: figures::rate(good().filter_map(|outcome| outcome.ended), length),
    }
}

fn first_errors(outcomes: &[Outcome]) -> Vec<FirstError> {
    let mut errors: Vec<FirstError> = Vec::new();
    for outcome in outcomes {
        let is_known = errors.iter().any(|known| known.ending == outcome.ending);
        if let Some(error) = outcome.error.as_ref().filter(|_| !is_known) {
            errors.push(FirstError {
                ending: outcome.ending,
                error: error.clone(),
            });
        }
    }
    errors
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A request that was due and sent at `due_ms`, and ended after `latency_ms`.
    pub(in super::super) fn outcome(due_ms: u64, latency_ms: u64, ending: Ending) -> Outcome {
        let due = Duration::from_millis(due_ms);
        let ended = due + Duration::from_millis(latency_ms);
        let is_sent = ending != Ending::Dropped;
        Outcome {
            number: due_ms,
            client: 0,
            due,
            sent: is_sent.then_some(due),
            first_token: is_sent.then_some(ended),
            ended: is_sent.then_some(ended),
            token_times: Vec::new(),
            prompt_tokens: None,
            answer_tokens: None,
            was_cached: None,
            ending,
            error: (ending == Ending::Failed).then(|| format!("broken at {due_ms}")),
        }
    }

    pub(in super::super) fn finished(outcomes: Vec<Outcome>, length_s: u64) -> Finished {
        Finished {
            outcomes,
            length: Duration::from_secs(length_s),
            cpu_time: None,
            is_stopped: false,
        }
    }

    fn close(figure: Option<f64>, expected: f64) {
        let value = figure.expect("a value");
        assert!((value - expected).abs() < 1e-6, "{value} ≠ {expected}");
    }

    #[test]
    fn all_endings_are_counted_and_the_first_error_is_kept() {
        let outcomes = vec![
            outcome(0, 10, Ending::Served),
            outcome(1, 10, Ending::Failed),
            outcome(2, 10, Ending::Failed),
            outcome(3, 10, Ending::Dropped),
            outcome(4, 10, Ending::Refused),
            outcome(5, 10, Ending::TimedOut),
            outcome(6, 10, Ending::Unfinished),
        ];
        let summary = Summary::of(&finished(outcomes, 1), None);
        let sum: u64 = summary.endings.named().iter().map(|(_, count)| count).sum();
        assert_eq!((sum, summary.arrivals), (7, 7));
        assert_eq!(summary.endings.failed, 2);
        assert_eq!(summary.first_errors[0].error, "broken at 1");
        assert_eq!(summary.first_errors.len(), 1);
    }

    #[test]
    fn latency_counts_from_the_due_moment_and_service_from_the_sent_one() {
        let outcomes: Vec<_> = (0..20)
            .map(|number| Outcome {
                sent: Some(Duration::from_millis(number * 100 + 30)),
                ..outcome(number * 100, 80, Ending::Served)
            })
            .collect();
        let summary = Summary::of(&finished(outcomes, 10), Some(Duration::from_millis(70)));
        close(summary.latency_ms.p50.value, 80.0);
        close(summary.service_time_ms.p50.value, 50.0);
        close(summary.lag_ms.max, 30.0);
        close(summary.requests_per_s.value, 2.0);
        close(summary.goodput.expect("an objective").share, 0.0);
        assert!(matches!(summary.validity(), Validity::Invalid(_)));
    }

    #[test]
    fn requests_that_were_given_up_are_not_left_out() {
        let mut outcomes: Vec<_> = (0..10)
            .map(|number| outcome(number, 5, Ending::Served))
            .collect();
        outcomes.extend((10..40).map(|number| outcome(number, 5, Ending::TimedOut)));
        let summary = Summary::of(&finished(outcomes, 1), Some(Duration::from_millis(5)));
        assert!(summary.latency_ms.p50.is_beyond);
        close(summary.goodput.expect("an objective").share, 0.25);
        assert_eq!(summary.validity(), Validity::Valid);
    }

    #[test]
    fn a_late_load_is_invalid_also_where_most_of_it_was_given_up() {
        let late = |number: u64, ending| Outcome {
            sent: Some(Duration::from_millis(number + 30)),
            ..outcome(number, 80, ending)
        };
        let mut outcomes: Vec<_> = (0..10).map(|number| late(number, Ending::Served)).collect();
        outcomes.extend((10..40).map(|number| late(number, Ending::TimedOut)));
        let summary = Summary::of(&finished(outcomes, 1), None);
        assert!(summary.latency_ms.p50.is_beyond);
        close(summary.longest_latency_ms, 80.0);
        assert!(matches!(summary.validity(), Validity::Invalid(_)));
    }

    #[test]
    fn a_load_of_which_nothing_was_answered_is_not_judged() {
        let outcomes = (0..40).map(|number| outcome(number, 5, Ending::TimedOut));
        let summary = Summary::of(&finished(outcomes.collect(), 1), None);
        assert!(summary.latency_ms.p50.is_beyond);
        let told = Validity::NotJudged("no request was served".to_owned());
        assert_eq!(summary.validity(), told);
    }

    #[test]
    fn a_load_without_requests_is_not_judged() {
        let summary = Summary::of(&finished(Vec::new(), 1), Some(Duration::from_millis(5)));
        assert!(matches!(summary.validity(), Validity::NotJudged(_)));
        assert_eq!(summary.goodput.expect("an objective").share, None);
    }

    #[test]
    fn the_gap_between_tokens_is_a_mean_per_answer() {
        let times = |times: &[u64]| Outcome {
            token_times: times.iter().copied().map(Duration::from_millis).collect(),
            ..outcome(0, 100, Ending::Served)
        };
        let gap = token_gap(&times(&[10, 20, 50]));
        assert_eq!(gap, Some(Time::Ended(Duration::from_millis(20))));
        assert_eq!(token_gap(&times(&[10])), None);
        assert_eq!(token_gap(&times(&[])), None);
    }
}
