//! The file that says what is fast enough.
//!
//! Takes a JSON object with some of the targets; gives all of them, the others at their defaults. A key
//! that no target has is an error that names the nearest one: a target that is not checked would pass
//! silently. Whether a target is met is decided by `inferno_measure::performance::targets`.

use std::collections::BTreeMap;
use std::path::Path;

use inferno_measure::performance::targets::{TargetOutcome, Targets};
use inferno_measure::write_atomically;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// A key of the file that holds what the targets are about, for people. It is written and not read.
const DEFINITIONS: &str = "definitions";

/// The targets that are shares.
const SHARES: [&str; 3] = ["cache_hit_ratio", "cpu_utilization", "memory_utilization"];

/// Letters in which a key may differ from the one that was meant.
const TYPING_ERRORS_MAX: usize = 6;

/// The targets of the file at `path`, or the defaults.
pub(super) fn read(path: Option<&Path>) -> Result<Targets, Failure> {
    let Some(path) = path else {
        return Ok(Targets::default());
    };
    let text = std::fs::read(path).map_err(|source| Failure::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|Wrong { problem, nearest }| Failure::BadTargets {
        path: path.to_owned(),
        problem,
        nearest,
    })
}

/// What is wrong with a file.
#[derive(Debug)]
struct Wrong {
    problem: String,
    nearest: Option<String>,
}

impl From<String> for Wrong {
    fn from(problem: String) -> Self {
        Self {
            problem,
            nearest: None,
        }
    }
}

fn parse(text: &[u8]) -> Result<Targets, Wrong> {
    let object: Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut values: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for (key, value) in &object {
        if key != DEFINITIONS {
            values.insert(known(key)?, number(key, value)?);
        }
    }
    let defaults = Targets::default();
    let value = |key: &str, default: f64| -> Result<f64, Wrong> {
        match values.get(key) {
            None => Ok(default),
            Some(Some(value)) => Ok(*value),
            Some(None) => {
                Err(format!("{key} is null, which only memory_efficiency_mb may be").into())
            }
        }
    };
    Ok(Targets {
        inference_latency_ms: value("inference_latency_ms", defaults.inference_latency_ms)?,
        memory_efficiency_mb: values.get("memory_efficiency_mb").copied().flatten(),
        throughput_rps: value("throughput_rps", defaults.throughput_rps)?,
        model_loading_time_ms: value("model_loading_time_ms", defaults.model_loading_time_ms)?,
        cache_hit_ratio: value("cache_hit_ratio", defaults.cache_hit_ratio)?,
        cpu_utilization: value("cpu_utilization", defaults.cpu_utilization)?,
        memory_utilization: value("memory_utilization", defaults.memory_utilization)?,
    })
}

/// The target that `key` is.
fn known(key: &str) -> Result<&'static str, Wrong> {
    let found = Targets::KEYS.into_iter().find(|known| *known == key);
    found.ok_or_else(|| Wrong {
        problem: format!("there is no target `{key}`"),
        nearest: nearest(key),
    })
}

fn nearest(key: &str) -> Option<String> {
    let distance = |known: &&str| strsim::osa_distance(key, known);
    let nearest = Targets::KEYS.into_iter().min_by_key(distance)?;
    (distance(&nearest) <= TYPING_ERRORS_MAX).then(|| nearest.to_owned())
}

/// The limit that `value` is; nothing for `null`.
fn number(key: &str, value: &Value) -> Result<Option<f64>, Wrong> {
    if value.is_null() {
        return Ok(None);
    }
    let number = value
        .as_f64()
        .filter(|number| *number > 0.0)
        .ok_or_else(|| format!("{key} is {value}; a number above 0 was expected"))?;
    if SHARES.contains(&key) && number >= 1.0 {
        return Err(format!("{key} is {value}; a share below 1 was expected, as in 0.8").into());
    }
    Ok(Some(number))
}

/// What the file holds.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    targets: &'a Targets,
    definitions: BTreeMap<&'a str, String>,
}

/// Writes `targets` to `path`, with what each is about.
pub(super) fn write(
    path: &Path,
    targets: &Targets,
    outcomes: &[TargetOutcome],
) -> Result<(), Failure> {
    let definitions = outcomes.iter().map(|outcome| {
        let told = format!("{} ({})", outcome.definition, outcome.workload);
        (outcome.key.as_str(), told)
    });
    let document = Document {
        targets,
        definitions: definitions.collect(),
    };
    let mut text = serde_json::to_vec_pretty(&document)
        .map_err(|source| inferno_measure::Error::Encode { source })?;
    text.push(b'\n');
    Ok(write_atomically(path, &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    /// The example of the documents.
    const EXAMPLE: &str = r#"{
        "inference_latency_ms": 80,
        "memory_efficiency_mb": 400,
        "throughput_rps": 1500,
        "model_loading_time_ms": 3000,
        "cache_hit_ratio": 0.85,
        "cpu_utilization": 0.75,
        "memory_utilization": 0.65
    }"#;

    #[test]
    fn the_example_of_the_documents_is_read() {
        let targets = parse(EXAMPLE.as_bytes()).expect("targets");
        let expected = Targets {
            inference_latency_ms: 80.0,
            memory_efficiency_mb: Some(400.0),
            throughput_rps: 1500.0,
            model_loading_time_ms: 3000.0,
            cache_hit_ratio: 0.85,
            cpu_utilization: 0.75,
            memory_utilization: 0.65,
        };
        assert_eq!(targets, expected);
        assert_eq!(parse(b"{}").expect("targets"), Targets::default());
        let some = parse(br#"{"throughput_rps": 5}"#).expect("targets");
        assert!((some.throughput_rps - 5.0).abs() < 1e-12);
        assert_eq!(some.memory_efficiency_mb, None);
    }

    #[test]
    fn a_key_that_no_target_has_names_the_nearest() {
        for (text, nearest) in [
            (r#"{"inference_latency": 80}"#, Some("inference_latency_ms")),
            (r#"{"throughput_rsp": 80}"#, Some("throughput_rps")),
            (r#"{"cache_hit_ration": 0.5}"#, Some("cache_hit_ratio")),
            (r#"{"colour": 80}"#, None),
        ] {
            let wrong = parse(text.as_bytes()).expect_err(text);
            assert_eq!(wrong.nearest.as_deref(), nearest, "{text}");
        }
    }

    #[test]
    fn limits_are_numbers_that_can_be_limits() {
        for text in [
            "",
            "[]",
            r#"{"throughput_rps": "many"}"#,
            r#"{"throughput_rps": 0}"#,
            r#"{"throughput_rps": -1}"#,
            r#"{"throughput_rps": null}"#,
            r#"{"cache_hit_ratio": 80}"#,
        ] {
            let wrong = parse(text.as_bytes()).expect_err(text);
            assert!(!wrong.problem.is_empty());
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let targets = Targets {
            cache_hit_ratio: 0.5,
            ..Targets::default()
        };
        write(file.path(), &targets, &[]).expect("written");
        assert_eq!(read(Some(file.path())).expect("targets"), targets);
        std::fs::write(file.path(), "{").expect("written");
        let failure = read(Some(file.path())).expect_err("no targets");
        assert_eq!(failure.exit_code(), exit::USAGE);
        let name = file.path().display().to_string();
        assert!(failure.to_string().contains(&name), "{failure}");
    }
}
