//! What a memory profile leaves behind: lines while it runs, and one document, which holds no readings
//! before the end.
//!
//! Takes settings, cycles and judgements; gives JSON. A line is written whole and at once, so that
//! a run that is killed leaves whole lines, but for the last one at most. The document replaces an
//! older one as a whole. What was not measured is `null`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use inferno_measure::leak::reading::IS_TRIMMED;
use inferno_measure::leak::{Cycle, Judgement, Phase, Reading, Verdict};
use inferno_measure::record::Host;
use serde::Serialize;

use super::series::{self, Judgements};

/// What the files say of themselves.
const BENCHMARK_TYPE: &str = "memory_profile";

/// What was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Settings {
    /// The model's name.
    pub(super) model: String,
    /// Cycles with requests.
    pub(super) cycles: usize,
    /// Of these, so many at the beginning are not judged.
    pub(super) warm_up: usize,
    /// Cycles without requests.
    pub(super) control: usize,
    /// Requests of one cycle.
    pub(super) requests_per_cycle: usize,
    /// Tokens of each answer.
    pub(super) max_tokens: usize,
    /// Requests that are computed together.
    pub(super) slots: usize,
    /// Threads that compute.
    pub(super) threads: usize,
    /// Growth per request that would not matter.
    pub(super) tolerance_bytes_per_request: u32,
}

/// One cycle, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct CycleLine {
    cycle: usize,
    phase: Phase,
    #[serde(flatten)]
    reading: Reading,
    /// Change of the anonymous memory since the cycle before.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_delta: Option<i64>,
    /// Change of the allocated memory since the cycle before.
    #[serde(skip_serializing_if = "Option::is_none")]
    allocated_delta: Option<i64>,
}

impl CycleLine {
    /// `cycle`; if `is_tracked`, with what changed since `before`.
    pub(super) fn of(cycle: &Cycle, before: Option<&Cycle>, is_tracked: bool) -> Self {
        let changed = |read: fn(&Reading) -> Option<u64>| {
            let before = before.filter(|_| is_tracked)?;
            difference(read(&cycle.reading)?, read(&before.reading)?)
        };
        Self {
            cycle: cycle.number,
            phase: cycle.phase,
            reading: cycle.reading,
            memory_delta: changed(|reading| reading.anonymous_bytes),
            allocated_delta: changed(|reading| reading.allocated_bytes),
        }
    }
}

fn difference(now: u64, before: u64) -> Option<i64> {
    let (now, before) = (i64::try_from(now).ok()?, i64::try_from(before).ok()?);
    now.checked_sub(before)
}

/// The file of lines: the settings, then a cycle each.
#[derive(Debug)]
pub(super) struct Lines(File);

/// The first line.
#[derive(Serialize)]
struct Head<'a> {
    benchmark_type: &'static str,
    started: String,
    settings: &'a Settings,
}

impl Lines {
    /// Begins the file anew.
    pub(super) fn create(path: &Path, settings: &Settings) -> io::Result<Self> {
        let mut lines = Self(File::create(path)?);
        lines.write(&Head {
            benchmark_type: BENCHMARK_TYPE,
            started: now(),
            settings,
        })?;
        Ok(lines)
    }

    /// Adds a line. It goes to the system at once.
    pub(super) fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.0.write_all(&text)
    }
}

/// The whole result.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    benchmark_type: &'static str,
    /// When it ended.
    timestamp: String,
    /// Whether all cycles were run.
    is_complete: bool,
    settings: Settings,
    host: Host,
    /// Whether the allocator was made to give back its reserve before each reading.
    is_trimmed: bool,
    verdict: Verdict,
    /// A judgement per series.
    series: BTreeMap<&'static str, Option<Judgement>>,
    cycles: Vec<CycleLine>,
}

impl Document {
    /// Puts it together; `is_tracked` says whether changes are told.
    pub(super) fn new(
        settings: &Settings,
        cycles: &[Cycle],
        is_tracked: bool,
        judgements: &Judgements,
        is_complete: bool,
    ) -> Self {
        let before = std::iter::once(None).chain(cycles.iter().map(Some));
        let lines = cycles
            .iter()
            .zip(before)
            .map(|(cycle, before)| CycleLine::of(cycle, before, is_tracked));
        Self {
            benchmark_type: BENCHMARK_TYPE,
            timestamp: now(),
            is_complete,
            settings: settings.clone(),
            host: inferno_measure::host::describe(),
            is_trimmed: IS_TRIMMED,
            verdict: judgements.verdict(),
            series: judgements.by_key(),
            cycles: lines.collect(),
        }
    }

    /// Writes it to `path`, whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        inferno_measure::write_atomically(path, &text).map_err(|error| match error {
            inferno_measure::Error::Io { source, .. } => source,
            other => io::Error::other(other),
        })
    }

    /// What it says, for people.
    pub(super) fn summary(&self, judgements: &Judgements) -> String {
        let Settings {
            model,
            requests_per_cycle,
            ..
        } = &self.settings;
        let judged = self
            .cycles
            .iter()
            .filter(|line| line.phase == Phase::Measured);
        format!(
            "{model}: {} cycles of {requests_per_cycle} requests judged, of {} run{}\n{}verdict: {}\n",
            judged.count(),
            self.cycles.len(),
            if self.is_trimmed {
                ""
            } else {
                "; this platform's allocator cannot be made to give back its reserve"
            },
            judgements.lines(),
            series::name(self.verdict),
        )
    }
}

/// The time, as in `2024-01-01T12:00:00Z`.
fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cycle(number: usize, anonymous_bytes: u64) -> Cycle {
        Cycle {
            number,
            phase: Phase::Measured,
            reading: Reading {
                anonymous_bytes: Some(anonymous_bytes),
                threads: Some(3),
                ..Reading::default()
            },
        }
    }

    fn settings() -> Settings {
        Settings {
            model: "m".to_owned(),
            cycles: 2,
            warm_up: 0,
            control: 0,
            requests_per_cycle: 8,
            max_tokens: 16,
            slots: 4,
            threads: 1,
            tolerance_bytes_per_request: 256,
        }
    }

    fn document(is_tracked: bool) -> Value {
        let cycles = [cycle(0, 8192), cycle(1, 4096)];
        let judgements = Judgements::of(&cycles, 2048.0);
        let document = Document::new(&settings(), &cycles, is_tracked, &judgements, true);
        serde_json::to_value(document).expect("JSON")
    }

    #[test]
    fn each_cycle_tells_what_changed_and_what_was_not_measured() {
        let document = document(true);
        let expected = json!({
            "cycle": 1,
            "phase": "measured",
            "anonymous_bytes": 4096,
            "allocated_bytes": null,
            "open_files": null,
            "threads": 3,
            "memory_delta": -4096,
        });
        assert_eq!(document["cycles"][1], expected);
        assert_eq!(document["cycles"][0]["memory_delta"], Value::Null);
        assert_eq!(document["series"]["allocated_bytes"], Value::Null);
        assert_eq!(document["verdict"], "inconclusive");
        assert_eq!(document["settings"]["requests_per_cycle"], 8);
    }

    #[test]
    fn changes_are_told_only_when_asked_for() {
        assert_eq!(document(false)["cycles"][1].get("memory_delta"), None);
    }

    #[test]
    fn every_line_is_json_and_there_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.cycles.jsonl");
        let mut lines = Lines::create(&path, &settings()).expect("a file");
        let cycle = cycle(0, 4096);
        lines
            .write(&CycleLine::of(&cycle, None, true))
            .expect("room");
        let text = std::fs::read_to_string(&path).expect("the file");
        let values: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(values[0]["benchmark_type"], BENCHMARK_TYPE);
        assert_eq!(values[1]["anonymous_bytes"], 4096);
    }
}
