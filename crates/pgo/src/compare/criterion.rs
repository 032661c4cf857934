//! Baselines of Criterion 0.5 to 0.8 on disk: `GROUP/…/BASELINE/{sample.json, benchmark.json}`.
//!
//! Takes Criterion's directory; gives raw samples. Its estimates are not read: they rest on samples
//! that are taken for independent, and these are not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use inferno_measure::comparison::Benchmark;
use serde::Deserialize;

use crate::error::{Error, Result};

const SAMPLES: &str = "sample.json";

/// Deeper than Criterion nests: group, function, value, baseline.
const DEPTH_MAX: usize = 6;

/// `sample.json`: iterations and nanoseconds of each sample.
#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// `benchmark.json`, as far as it is needed.
#[derive(Deserialize)]
struct Identity {
    full_id: String,
}

/// The names of the baselines below `directory`, in alphabetical order.
pub(super) fn baselines(directory: &Path) -> Result<Vec<String>> {
    let names: BTreeSet<String> = sample_files(directory)?
        .iter()
        .filter_map(|path| baseline_of(path))
        .collect();
    Ok(names.into_iter().collect())
}

/// The benchmarks of the baseline `name`, by name.
pub(super) fn read(directory: &Path, name: &str) -> Result<Vec<Benchmark>> {
    let files = sample_files(directory)?;
    let of_name = files
        .iter()
        .filter(|path| baseline_of(path).is_some_and(|baseline| baseline == name));
    let mut benchmarks = of_name
        .map(|path| benchmark(directory, path))
        .collect::<Result<Vec<_>>>()?;
    benchmarks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(benchmarks)
}

fn baseline_of(samples: &Path) -> Option<String> {
    let name = samples.parent()?.file_name()?;
    Some(name.to_string_lossy().into_owned())
}

fn benchmark(directory: &Path, path: &Path) -> Result<Benchmark> {
    let Sample { iters, times } = parsed(path)?;
    let bad = |what: &str| malformed(path, what);
    if iters.len() != times.len() || iters.is_empty() {
        return Err(bad("it does not hold a time for each number of iterations"));
    }
    let is_positive = |value: &f64| value.is_finite() && *value > 0.0;
    if !iters.iter().chain(&times).all(is_positive) {
        return Err(bad(
            "it holds a time or a number of iterations that is not positive",
        ));
    }
    let identity = path.with_file_name("benchmark.json");
    let name = if identity.is_file() {
        parsed::<Identity>(&identity)?.full_id
    } else {
        // GROUP/…/BASELINE/sample.json: what lies between is the benchmark's directory.
        let benchmark = path.parent().and_then(Path::parent).unwrap_or(path);
        let inside = benchmark.strip_prefix(directory).unwrap_or(benchmark);
        inside.display().to_string()
    };
    Ok(Benchmark {
        name,
        iterations: iters,
        times_ns: times,
    })
}

fn parsed<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&text).map_err(|error| malformed(path, &error.to_string()))
}

fn malformed(path: &Path, what: &str) -> Error {
    Error::Usage {
        message: format!("`{}` is not Criterion's: {what}", path.display()),
        hint: "run the benchmark again with `cargo bench --bench BENCH -- --save-baseline NAME`"
            .into(),
    }
}

fn sample_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(directory, DEPTH_MAX, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(directory).map_err(Error::io("read", directory))?;
    for entry in entries {
        let entry = entry.map_err(Error::io("read", directory))?;
        let path = entry.path();
        if entry.file_name() == SAMPLES {
            found.push(path);
        } else if depth > 0 && path.is_dir() {
            collect(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().expect("below")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }

    #[test]
    fn names_come_from_criterion_or_from_the_directories() {
        let scratch = tempfile::tempdir().expect("a directory");
        let root = scratch.path();
        let sample = r#"{"sampling_mode":"Linear","iters":[1.0,2.0],"times":[10.0,20.0]}"#;
        write(&root.join("a_b/f/main/sample.json"), sample);
        let identity = r#"{"group_id":"a/b","function_id":"f","value_str":null,"throughput":null,
            "full_id":"a/b/f","directory_name":"a_b/f","title":"a/b/f"}"#;
        write(&root.join("a_b/f/main/benchmark.json"), identity);
        write(&root.join("g/h/main/sample.json"), sample);
        write(&root.join("g/h/new/sample.json"), sample);
        assert_eq!(baselines(root).expect("readable"), ["main", "new"]);
        let read = read(root, "main").expect("readable");
        let names: Vec<&str> = read
            .iter()
            .map(|benchmark| benchmark.name.as_str())
            .collect();
        assert_eq!(names, ["a/b/f", "g/h"]);
        assert_eq!(read[0].times_ns, [10.0, 20.0]);
    }

    #[test]
    fn broken_samples_are_refused_by_name() {
        for broken in [
            "{\"iters\":[1.0],",
            "{}",
            "{\"iters\":[],\"times\":[]}",
            "{\"iters\":[1.0,1.0],\"times\":[3.0]}",
            "{\"iters\":[1.0],\"times\":[0.0]}",
        ] {
            let scratch = tempfile::tempdir().expect("a directory");
            write(&scratch.path().join("g/main/sample.json"), broken);
            let error = read(scratch.path(), "main").expect_err("it is broken");
            assert!(error.to_string().contains("sample.json"), "{error}");
            assert_eq!(error.exit_code(), crate::exit::USAGE);
        }
    }
}
