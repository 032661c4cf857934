//! Reading and writing result files. What is read is not believed: its figures must follow from its
//! samples.

use std::path::Path;

use serde_json::Value;

use super::{PERFORMANCE_SCHEMA, PerformanceBaseline, PerformanceResult, Suite};
use crate::error::{Error, Result};
use crate::storage::{to_json, write_atomically};

/// Depth of the list of requests in a result: result, processes, process, runs, run, requests. What
/// lies deeper stands on one line.
const SPREAD_DEPTH: u32 = 6;

/// In a baseline the results stand in a list of their own.
const BASELINE_SPREAD_DEPTH: u32 = SPREAD_DEPTH + 2;

impl PerformanceResult {
    /// Writes the result to `path`, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, &to_json(self, SPREAD_DEPTH)?)
    }
}

impl PerformanceBaseline {
    /// Writes the baseline to `path`, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, &to_json(self, BASELINE_SPREAD_DEPTH)?)
    }
}

/// The results in `text`, which was read from the file at `path`: one, or those of a baseline.
///
/// # Errors
/// When it is cut off, something else, of another schema version, or says what its samples do not say.
pub fn parse(path: &Path, text: &[u8]) -> Result<Vec<PerformanceResult>> {
    let malformed = |problem: String| Error::MalformedResult {
        path: path.to_owned(),
        problem,
    };
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        malformed(if error.is_eof() {
            format!("it is cut off ({error})")
        } else {
            format!("it is no JSON ({error})")
        })
    })?;
    let kind = value.get("benchmark_type").and_then(Value::as_str);
    let schema = value.get("schema").and_then(Value::as_u64);
    let (Some(kind), Some(schema)) = (kind, schema) else {
        let problem = "it has no `benchmark_type` with a `schema`: another program wrote it";
        return Err(malformed(problem.to_owned()));
    };
    let is_suite = |suite: &Suite| suite.name() == kind;
    if kind != PerformanceBaseline::TYPE && !Suite::ALL.iter().any(is_suite) {
        // It counts its schemas by itself.
        return Err(malformed(format!("`{kind}` is no suite of the benchmarks")));
    }
    if schema != u64::from(PERFORMANCE_SCHEMA) {
        return Err(Error::ResultSchema {
            path: path.to_owned(),
            found: schema,
        });
    }
    let results = if kind == PerformanceBaseline::TYPE {
        serde_json::from_value::<PerformanceBaseline>(value).map(|baseline| baseline.results)
    } else {
        serde_json::from_value::<PerformanceResult>(value).map(|result| vec![result])
    };
    let results = results.map_err(|error| malformed(error.to_string()))?;
    for result in &results {
        if let Some(contradiction) = result.contradiction() {
            return Err(Error::ResultContradiction {
                path: path.to_owned(),
                contradiction,
            });
        }
    }
    Ok(results)
}
