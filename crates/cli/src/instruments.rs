//! What is counted and timed while requests are served, and how it is told.
//!
//! Takes finished requests and a reading of the engine; gives Prometheus' text. Values that the
//! engine or the system counts anyway are read when they are asked for, not copied meanwhile.
//! Recording neither waits nor fails: it happens on the thread that computes.
//!
//! - [`labels`]: the values that labels take
//! - [`open_request`]: a request that is counted however it ends
//! - `registry`: a name, a help text and a unit become a handle
//! - `engine`, `process`: readings

mod engine;
mod labels;
mod open_request;
mod process;
mod registry;

use std::sync::Arc;
use std::time::Duration;

use inferno_inference::Error;
use inferno_inference::engine::counts::Counts;
use inferno_inference::engine::{Completion, Source};
use metrics::{Counter, Histogram, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use engine::EngineReadings;
pub(crate) use labels::{ErrorKind, Outcome, Task};
pub(crate) use open_request::OpenRequest;
use process::ProcessReadings;
use registry::Registry;

/// The media type of what [`Instruments::render`] gives.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of times, in seconds: from a short queue to a long answer.
const TIME_BUCKETS: [f64; 17] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0,
];

/// Upper bounds of the time from token to token, in seconds.
const TOKEN_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5,
];

const INTER_TOKEN: &str = "inferno_inter_token_seconds";

/// Everything that is counted and timed; shared by reference.
#[derive(Debug)]
pub(crate) struct Instruments {
    exporter: PrometheusHandle,
    times: Times,
    requests: Vec<(Task, Outcome, Counter)>,
    errors: Vec<(ErrorKind, Counter)>,
    engine: EngineReadings,
    process: ProcessReadings,
}

#[derive(Debug)]
struct Times {
    queue_wait: Histogram,
    first_token: Histogram,
    inter_token: Histogram,
    request: Histogram,
    prefill: Histogram,
    decode: Histogram,
    embedding: Histogram,
}

impl Instruments {
    /// Instruments that have seen nothing. All of them are told from the beginning on, so that
    /// the first value is a growth from 0.
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&TIME_BUCKETS)
            .and_then(|builder| {
                let inter_token = Matcher::Full(INTER_TOKEN.to_owned());
                builder.set_buckets_for_metric(inter_token, &TOKEN_BUCKETS)
            })
            .expect("there are buckets")
            .build_recorder();
        let registry = Registry::new(&recorder);
        Self {
            exporter: recorder.handle(),
            times: Times::new(&registry),
            requests: request_counters(&registry),
            errors: error_counters(&registry),
            engine: EngineReadings::new(&registry),
            process: ProcessReadings::new(&registry),
        }
    }

    /// A request of `task` begins.
    pub(crate) fn begin(self: &Arc<Self>, task: Task) -> OpenRequest {
        OpenRequest::new(Arc::clone(self), task)
    }

    /// Records how a request of `task` ended that the engine had taken.
    pub(crate) fn record(&self, task: Task, result: &Result<Completion, Error>) {
        match result {
            Ok(completion) => {
                self.times.record(completion);
                self.count_request(task, Outcome::Answered);
            }
            Err(Error::Cancelled) => self.count_request(task, Outcome::Cancelled),
            Err(Error::DeadlineExceeded { .. }) => self.count_request(task, Outcome::Expired),
            Err(_) => self.count_request(task, Outcome::Failed),
        }
    }

    /// Records that the texts of a request were embedded in `time`.
    pub(crate) fn record_embedding(&self, time: Duration) {
        self.times.embedding.record(time);
    }

    /// Counts a request.
    pub(crate) fn count_request(&self, task: Task, outcome: Outcome) {
        let counter = self
            .requests
            .iter()
            .find(|(of_task, of_outcome, _)| (*of_task, *of_outcome) == (task, outcome));
        if let Some((_, _, counter)) = counter {
            counter.increment(1);
        }
    }

    /// Counts an error that a client was told.
    pub(crate) fn count_error(&self, kind: ErrorKind) {
        if let Some((_, counter)) = self.errors.iter().find(|(of_kind, _)| *of_kind == kind) {
            counter.increment(1);
        }
    }

    /// Sums up what was recorded, which takes memory until then.
    pub(crate) fn sum_up(&self) {
        self.exporter.run_upkeep();
    }

    /// All values, with `counts` and the process as they are now.
    pub(crate) fn render(&self, counts: &Counts) -> String {
        self.engine.set(counts);
        self.process.set();
        let mut text = self.exporter.render();
        process::write_cpu_time(&mut text);
        text
    }
}

impl Times {
    fn new(registry: &Registry<'_>) -> Self {
        let seconds = |name, help| registry.histogram(name, help, Unit::Seconds);
        Self {
            queue_wait: seconds(
                "inferno_queue_wait_seconds",
                "Time from submission until the sequence joined the batch, in seconds.",
            ),
            first_token: seconds(
                "inferno_first_token_seconds",
                "Time from submission to the first token, in seconds.",
            ),
            inter_token: seconds(
                INTER_TOKEN,
                "Time from a token of an answer to the next, in seconds.",
            ),
            request: seconds(
                "inferno_request_seconds",
                "Time from submission to the last token, in seconds.",
            ),
            prefill: seconds(
                "inferno_prefill_seconds",
                "Time of the passes that took in a prompt, in seconds.",
            ),
            decode: seconds(
                "inferno_decode_seconds",
                "Time of the passes that took in an answer's tokens, in seconds.",
            ),
            embedding: seconds(
                "inferno_embedding_seconds",
                "Time from submission of a request's texts until all are embedded, in seconds.",
            ),
        }
    }

    /// An answer that was kept has waited for nothing and computed nothing: it has no such times. The
    /// tokens of one that was computed for another request are timed there.
    fn record(&self, completion: &Completion) {
        let timings = &completion.timings;
        self.request.record(timings.total);
        self.first_token.record(timings.first_token);
        if completion.source == Source::Cached {
            return;
        }
        self.queue_wait.record(timings.queue_wait);
        if completion.source == Source::Computed {
            self.prefill.record(timings.prefill);
            self.decode.record(timings.decode);
            // A request that joined another one, whose client then left, has tokens from before it came.
            let pairs = completion.token_times.windows(2);
            for pair in pairs.filter(|pair| !pair[0].is_zero()) {
                self.inter_token.record(pair[1].saturating_sub(pair[0]));
            }
        }
    }
}

fn request_counters(registry: &Registry<'_>) -> Vec<(Task, Outcome, Counter)> {
    let counter = |task: Task, outcome: Outcome| {
        registry.labelled_counter(
            "inferno_requests_total",
            "Requests, by what was asked and how it ended.",
            &[("task", task.name()), ("outcome", outcome.name())],
        )
    };
    let pairs = Task::ALL
        .into_iter()
        .flat_map(|task| Outcome::ALL.map(|outcome| (task, outcome)));
    pairs
        .map(|(task, outcome)| (task, outcome, counter(task, outcome)))
        .collect()
}

fn error_counters(registry: &Registry<'_>) -> Vec<(ErrorKind, Counter)> {
    let counter = |kind: ErrorKind| {
        registry.labelled_counter(
            "inferno_errors_total",
            "Errors that clients were told, by kind.",
            &[("kind", kind.name())],
        )
    };
    ErrorKind::ALL.map(|kind| (kind, counter(kind))).to_vec()
}

#[cfg(test)]
mod tests {
    use inferno_inference::engine::{StopReason, Timings};

    use super::*;
    use crate::exposition::{self, Family};

    fn completion(source: Source) -> Completion {
        Completion {
            text: "ab".to_owned(),
            tokens: vec![1, 2],
            token_times: vec![Duration::from_millis(20), Duration::from_millis(24)],
            prompt_tokens: 3,
            reused_tokens: 0,
            stop: StopReason::MaxTokens,
            source,
            timings: Timings {
                queue_wait: Duration::from_millis(2),
                total: Duration::from_millis(24),
                ..Timings::default()
            },
        }
    }

    fn rendered(instruments: &Instruments, counts: &Counts) -> Vec<Family> {
        let text = instruments.render(counts);
        exposition::parse(&text).unwrap_or_else(|invalid| panic!("{invalid}\n{text}"))
    }

    /// The sum over all labels that are not asked for.
    fn value(families: &[Family], sample: &str, label: Option<(&str, &str)>) -> f64 {
        let samples = families.iter().flat_map(|family| &family.samples);
        let values: Vec<f64> = samples
            .filter(|candidate| {
                let fits = label.is_none_or(|(key, value)| candidate.label(key) == Some(value));
                candidate.name == sample && fits
            })
            .map(|sample| sample.value)
            .collect();
        assert!(!values.is_empty(), "{sample} is missing");
        values.iter().sum()
    }

    #[test]
    fn every_value_is_there_from_the_beginning_and_described() {
        let families = rendered(&Instruments::new(), &Counts::default());
        for family in &families {
            assert!(family.help.is_some(), "{}", family.name);
        }
        for name in [
            "inferno_queue_wait_seconds_count",
            "inferno_embedding_seconds_count",
            "inferno_requests_total",
            "inferno_errors_total",
            "inferno_tokens_total",
            "inferno_response_cache_hits_total",
            "inferno_prefix_cache_hits_total",
            "inferno_waiting_requests",
            "inferno_running_sequences",
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
        ] {
            assert!(value(&families, name, None) >= 0.0, "{name}");
        }
    }

    #[test]
    fn an_answer_leaves_its_times() {
        let instruments = Instruments::new();
        instruments.record(Task::Chat, &Ok(completion(Source::Computed)));
        instruments.record(Task::Chat, &Ok(completion(Source::Coalesced)));
        instruments.record(Task::Chat, &Ok(completion(Source::Cached)));
        instruments.record(Task::Chat, &Err(Error::Cancelled));
        let families = rendered(&instruments, &Counts::default());
        for (sample, expected) in [
            ("inferno_request_seconds_count", 3.0),
            ("inferno_queue_wait_seconds_count", 2.0),
            ("inferno_prefill_seconds_count", 1.0),
            ("inferno_inter_token_seconds_count", 1.0),
        ] {
            let actual = value(&families, sample, None);
            assert!((actual - expected).abs() < 1e-9, "{sample}: {actual}");
        }
        let cancelled = value(
            &families,
            "inferno_requests_total",
            Some(("outcome", "cancelled")),
        );
        assert!((cancelled - 1.0).abs() < 1e-9);
    }

    #[test]
    fn tokens_from_before_a_request_are_not_timed() {
        let instruments = Instruments::new();
        let mut inherited = completion(Source::Computed);
        inherited.token_times = [0, 0, 20, 24].map(Duration::from_millis).to_vec();
        instruments.record(Task::Chat, &Ok(inherited));
        let families = rendered(&instruments, &Counts::default());
        let timed = value(&families, "inferno_inter_token_seconds_count", None);
        assert!((timed - 1.0).abs() < 1e-9, "{timed}");
    }

    #[test]
    fn the_engine_is_read_when_it_is_asked_for() {
        let instruments = Instruments::new();
        let counts = Counts {
            answer_tokens: 7,
            running: 2,
            ..Counts::default()
        };
        let families = rendered(&instruments, &counts);
        let tokens = value(&families, "inferno_tokens_total", Some(("kind", "answer")));
        assert!((tokens - 7.0).abs() < 1e-9);
        let running = value(&families, "inferno_running_sequences", None);
        assert!((running - 2.0).abs() < 1e-9);
    }
}
