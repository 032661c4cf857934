//! What happened between two readings: one line of the output.
//!
//! Takes two readings; gives rates and values, and writes them as JSON or CSV. What was not
//! measured is `null` or an empty cell, never zero; a count that went down, because the server was
//! started again, has no rate.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::process::ProcessReading;
use super::service::ServiceReading;
use crate::performance_benchmark::results;

/// Everything that is read at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reading {
    /// From the start on.
    pub(super) at: Duration,
    pub(super) process: ProcessReading,
    pub(super) service: ServiceReading,
    /// Why something could not be read.
    pub(super) problem: Option<String>,
}

/// One interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// When it ended (RFC 3339, UTC).
    pub(super) timestamp: String,
    /// What is watched.
    pub(super) source: String,
    /// Its end, from the start on.
    pub(super) at_s: f64,
    pub(super) interval_s: f64,
    /// Processors that were busy with the process, on average.
    pub(super) cpu_cores: Option<f64>,
    /// The same as a share of those that it may use.
    pub(super) cpu_share: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) anonymous_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) requests_per_s: Option<f64>,
    pub(super) tokens_per_s: Option<f64>,
    /// Of the requests that ended in the interval.
    pub(super) mean_latency_ms: Option<f64>,
    pub(super) waiting: Option<f64>,
    pub(super) running: Option<f64>,
    /// Of the requests that were looked for in the interval.
    pub(super) cache_hit_ratio: Option<f64>,
    pub(super) problem: Option<String>,
}

impl Row {
    /// What happened from `earlier` to `later` in a process that may use `processors`.
    pub(super) fn between(
        earlier: &Reading,
        later: &Reading,
        processors: Option<f64>,
        source: &str,
    ) -> Self {
        let interval_s = later.at.saturating_sub(earlier.at).as_secs_f64();
        let (old, new) = (&earlier.service, &later.service);
        let per_second = |old, new| Some(growth(old, new)? / interval_s);
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let cpu = [earlier, later].map(|reading| seconds(reading.process.cpu_time));
        let cpu_cores = per_second(cpu[0], cpu[1]).and_then(finite);
        let time = growth(old.request_seconds, new.request_seconds);
        let timed = growth(old.timed_requests, new.timed_requests);
        let hits = growth(old.cache_hits, new.cache_hits);
        let lookups = growth(old.cache_lookups, new.cache_lookups);
        Self {
            timestamp: results::now(),
            source: source.to_owned(),
            at_s: later.at.as_secs_f64(),
            interval_s,
            cpu_cores,
            cpu_share: ratio(cpu_cores, processors),
            resident_bytes: later.process.resident_bytes,
            anonymous_bytes: later.process.anonymous_bytes,
            threads: later.process.threads,
            requests_per_s: per_second(old.requests, new.requests).and_then(finite),
            tokens_per_s: per_second(old.tokens, new.tokens).and_then(finite),
            mean_latency_ms: ratio(time, timed).map(|seconds| seconds * 1e3),
            waiting: new.waiting.and_then(finite),
            running: new.running.and_then(finite),
            cache_hit_ratio: ratio(hits, lookups),
            problem: later.problem.clone(),
        }
    }

    /// All values with their names, in the order of CSV's columns.
    fn values(&self) -> [(&'static str, Value); 16] {
        [
            ("timestamp", json!(self.timestamp)),
            ("source", json!(self.source)),
            ("at_s", json!(self.at_s)),
            ("interval_s", json!(self.interval_s)),
            ("cpu_cores", json!(self.cpu_cores)),
            ("cpu_share", json!(self.cpu_share)),
            ("resident_bytes", json!(self.resident_bytes)),
            ("anonymous_bytes", json!(self.anonymous_bytes)),
            ("threads", json!(self.threads)),
            ("requests_per_s", json!(self.requests_per_s)),
            ("tokens_per_s", json!(self.tokens_per_s)),
            ("mean_latency_ms", json!(self.mean_latency_ms)),
            ("waiting", json!(self.waiting)),
            ("running", json!(self.running)),
            ("cache_hit_ratio", json!(self.cache_hit_ratio)),
            ("problem", json!(self.problem)),
        ]
    }

    /// One line with a JSON document.
    pub(super) fn json_line(&self) -> String {
        let document: Map<String, Value> = self
            .values()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        format!("{}\n", Value::Object(document))
    }

    /// One line of CSV (RFC 4180).
    pub(super) fn csv_line(&self) -> String {
        let cells = self.values().map(|(_, value)| cell(&value));
        format!("{}\n", cells.join(","))
    }

    /// The line of CSV above all others.
    pub(super) fn csv_header() -> String {
        let nothing = Reading::default();
        let names = Self::between(&nothing, &nothing, None, "")
            .values()
            .map(|(name, _)| name);
        format!("{}\n", names.join(","))
    }
}

/// By how much a count grew; nothing when it is not told or was begun anew.
fn growth(earlier: Option<f64>, later: Option<f64>) -> Option<f64> {
    Some(later? - earlier?).filter(|growth| *growth >= 0.0)
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `part` of `whole`; nothing of nothing is no ratio.
fn ratio(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    finite(part? / whole.filter(|whole| *whole > 0.0)?)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains([',', '"', '\r', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at_s: u64, cpu_ms: u64, requests: f64) -> Reading {
        Reading {
            at: Duration::from_secs(at_s),
            process: ProcessReading {
                cpu_time: Some(Duration::from_millis(cpu_ms)),
                resident_bytes: Some(2048),
                anonymous_bytes: Some(1024),
                threads: Some(3),
            },
            service: ServiceReading {
                requests: Some(requests),
                timed_requests: Some(requests),
                request_seconds: Some(requests / 4.0),
                cache_hits: Some(requests / 2.0),
                cache_lookups: Some(requests),
                ..ServiceReading::default()
            },
            problem: None,
        }
    }

    #[test]
    fn rates_are_those_of_the_interval() {
        let row = Row::between(
            &reading(10, 1000, 4.0),
            &reading(12, 2500, 12.0),
            Some(2.0),
            "x",
        );
        assert_eq!((row.cpu_cores, row.cpu_share), (Some(0.75), Some(0.375)));
        assert_eq!(row.requests_per_s, Some(4.0));
        assert_eq!(row.mean_latency_ms, Some(250.0));
        assert_eq!(row.cache_hit_ratio, Some(0.5));
        assert_eq!((row.tokens_per_s, row.waiting), (None, None));
        assert_eq!(row.anonymous_bytes, Some(1024));
    }

    #[test]
    fn what_did_not_happen_has_no_mean_and_what_began_anew_no_rate() {
        let quiet = Row::between(&reading(0, 0, 4.0), &reading(1, 0, 4.0), Some(2.0), "x");
        assert_eq!(
            (quiet.requests_per_s, quiet.mean_latency_ms),
            (Some(0.0), None)
        );
        assert_eq!(quiet.cache_hit_ratio, None);
        let anew = Row::between(&reading(0, 900, 4.0), &reading(1, 100, 1.0), None, "x");
        assert_eq!(
            (anew.requests_per_s, anew.cpu_cores, anew.cpu_share),
            (None, None, None)
        );
    }

    #[test]
    fn a_line_of_json_has_every_name_and_null_for_what_is_not_known() {
        let row = Row::between(
            &reading(0, 0, 0.0),
            &reading(1, 100, 2.0),
            None,
            "process 1",
        );
        let line = row.json_line();
        assert!(line.ends_with("}\n") && !line.trim_end().contains('\n'));
        let document: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(document["source"], "process 1");
        assert_eq!(document["requests_per_s"], 2.0);
        assert_eq!(document["tokens_per_s"], Value::Null);
        assert!(document.get("cpu_share").is_some_and(Value::is_null));
    }

    #[test]
    fn lines_of_csv_have_as_many_cells_as_the_header() {
        let mut row = Row::between(
            &reading(0, 0, 0.0),
            &reading(1, 100, 2.0),
            None,
            "process 1",
        );
        let count = |line: &str| line.matches(',').count();
        let header = Row::csv_header();
        assert!(header.starts_with("timestamp,source,at_s"), "{header}");
        assert_eq!(count(&row.csv_line()), count(&header));
        row.problem = Some("a \"b\", c".to_owned());
        assert!(row.csv_line().ends_with(",\"a \"\"b\"\", c\"\n"));
    }
}
