//! What an engine says about its work: counts that only grow, and what it is doing now.
//!
//! Takes families of Prometheus' text, of a server or of an engine in this process; gives the values
//! that are watched. A value that is not told is nothing.

use std::time::Duration;

use super::process::ProcessReading;
use crate::exposition::{Family, Sample};

/// A reading of an engine's values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ServiceReading {
    /// Requests that were answered.
    pub(super) requests: Option<f64>,
    /// Tokens of answers.
    pub(super) tokens: Option<f64>,
    /// Requests that were timed, and their times together, in seconds.
    pub(super) timed_requests: Option<f64>,
    pub(super) request_seconds: Option<f64>,
    /// Requests that wait now.
    pub(super) waiting: Option<f64>,
    /// Sequences that are computed now.
    pub(super) running: Option<f64>,
    /// Requests that were looked for among kept answers, and those that were found.
    pub(super) cache_lookups: Option<f64>,
    pub(super) cache_hits: Option<f64>,
}

impl ServiceReading {
    /// The values in `families`.
    pub(super) fn of(families: &[Family]) -> Self {
        let plain = |name: &str| sum(families, name, None);
        let cache = |what: &str| plain(&format!("inferno_response_cache_{what}_total"));
        let outcome = Some(("outcome", "answered"));
        Self {
            requests: sum(families, "inferno_requests_total", outcome),
            tokens: sum(families, "inferno_tokens_total", Some(("kind", "answer"))),
            timed_requests: plain("inferno_request_seconds_count"),
            request_seconds: plain("inferno_request_seconds_sum"),
            waiting: plain("inferno_waiting_requests"),
            running: plain("inferno_running_sequences"),
            cache_lookups: ["hits", "misses", "coalesced"].into_iter().map(cache).sum(),
            cache_hits: cache("hits"),
        }
    }
}

/// What the process of an engine says about itself.
pub(super) fn process(families: &[Family]) -> ProcessReading {
    let value = |name: &str| sum(families, name, None).filter(|value| value.is_finite());
    let bytes = |name: &str| value(name).map(|bytes| bytes as u64);
    ProcessReading {
        cpu_time: value("process_cpu_seconds_total")
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        resident_bytes: bytes("process_resident_memory_bytes"),
        anonymous_bytes: bytes("process_anonymous_memory_bytes"),
        threads: None,
    }
}

/// The sum of the samples `name`, of those with `label` when one is given; nothing without any.
fn sum(families: &[Family], name: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let is_meant = |sample: &&Sample| {
        let has_label = label.is_none_or(|(key, value)| sample.label(key) == Some(value));
        sample.name == name && has_label
    };
    let samples = families.iter().flat_map(|family| &family.samples);
    let values: Vec<f64> = samples
        .filter(is_meant)
        .map(|sample| sample.value)
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition;

    const TEXT: &str = "\
# TYPE inferno_requests_total counter
inferno_requests_total{task=\"chat\",outcome=\"answered\"} 3
inferno_requests_total{task=\"completion\",outcome=\"answered\"} 2
inferno_requests_total{task=\"chat\",outcome=\"failed\"} 9
# TYPE inferno_tokens_total counter
inferno_tokens_total{kind=\"prompt\"} 100
inferno_tokens_total{kind=\"answer\"} 40
# TYPE inferno_request_seconds histogram
inferno_request_seconds_bucket{le=\"+Inf\"} 5
inferno_request_seconds_sum 2.5
inferno_request_seconds_count 5
# TYPE inferno_response_cache_hits_total counter
inferno_response_cache_hits_total 1
# TYPE inferno_response_cache_misses_total counter
inferno_response_cache_misses_total 3
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.5
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 4096
# TYPE process_anonymous_memory_bytes gauge
process_anonymous_memory_bytes NaN
";

    #[test]
    fn values_are_summed_over_their_labels_and_missing_ones_are_nothing() {
        let families = exposition::parse(TEXT).expect("a valid text");
        let reading = ServiceReading::of(&families);
        assert_eq!((reading.requests, reading.tokens), (Some(5.0), Some(40.0)));
        assert_eq!(reading.request_seconds, Some(2.5));
        assert_eq!(reading.timed_requests, Some(5.0));
        assert_eq!((reading.waiting, reading.running), (None, None));
        // Without all three kinds of lookups there is no number of them.
        assert_eq!(
            (reading.cache_hits, reading.cache_lookups),
            (Some(1.0), None)
        );
        let process = process(&families);
        assert_eq!(process.cpu_time, Some(Duration::from_millis(1500)));
        assert_eq!(
            (process.resident_bytes, process.anonymous_bytes),
            (Some(4096), None)
        );
    }
}
