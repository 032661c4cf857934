//! What Criterion left of its benchmarks.
//!
//! Takes Criterion's directory; gives a row per benchmark that ran since a given time, from its
//! files `new/{benchmark,estimates,sample,tukey}.json` and `change/estimates.json`. It estimates
//! nothing itself, and judges nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// One benchmark's figures, as Criterion estimated them.
#[derive(Debug, Clone, PartialEq)]
pub struct Benchmark {
    /// Group and name.
    pub id: String,
    /// Nanoseconds per iteration: the slope where Criterion fitted one, else the mean.
    pub time_ns: Interval,
    /// Change of the mean against the baseline as a share; `None` when there was nothing to
    /// compare with.
    pub change: Option<Interval>,
    /// Samples beyond Tukey's inner fences.
    pub outliers: usize,
    /// Samples.
    pub samples: usize,
}

/// An estimate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub center: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The benchmarks below `home` that ran at `start` or later, by id.
///
/// # Errors
/// When a directory or file of Criterion cannot be read, or is not what Criterion writes.
pub fn since(home: &Path, start: SystemTime) -> Result<Vec<Benchmark>> {
    let mut found = Vec::new();
    visit(home, start, &mut found)?;
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// The files of this name below `home` that were written at `start` or later.
///
/// # Errors
/// When a directory cannot be read.
pub fn files_since(home: &Path, name: &str, start: SystemTime) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in entries(home)? {
        if entry.is_dir() {
            found.extend(files_since(&entry, name, start)?);
        } else if entry.ends_with(name) && is_since(&entry, start) {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}

fn visit(directory: &Path, start: SystemTime, found: &mut Vec<Benchmark>) -> Result<()> {
    if is_since(&directory.join("new/estimates.json"), start) {
        found.push(benchmark(directory, start)?);
    }
    for entry in entries(directory)? {
        if entry.is_dir() {
            visit(&entry, start, found)?;
        }
    }
    Ok(())
}

/// What the directory holds; nothing where there is none.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::io("read", directory, source);
    match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
            .collect(),
    }
}

fn is_since(file: &Path, start: SystemTime) -> bool {
    let written = fs::metadata(file).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written >= start)
}

#[derive(Deserialize)]
struct Named {
    full_id: String,
}

#[derive(Deserialize)]
struct Estimates {
    mean: Estimate,
    slope: Option<Estimate>,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Bounds,
}

#[derive(Deserialize)]
struct Bounds {
    lower_bound: f64,
    upper_bound: f64,
}

#[derive(Deserialize)]
struct Samples {
    iters: Vec<f64>,
    times: Vec<f64>,
}

impl From<Estimate> for Interval {
    fn from(estimate: Estimate) -> Self {
        Self {
            center: estimate.point_estimate,
            low: estimate.confidence_interval.lower_bound,
            high: estimate.confidence_interval.upper_bound,
        }
    }
}

fn benchmark(directory: &Path, start: SystemTime) -> Result<Benchmark> {
    let new = directory.join("new");
    let Named { full_id } = read(&new.join("benchmark.json"))?;
    let Estimates { mean, slope } = read(&new.join("estimates.json"))?;
    let Samples { iters, times } = read(&new.join("sample.json"))?;
    // Outer, inner, inner, outer fence.
    let fences: [f64; 4] = read(&new.join("tukey.json"))?;
    let per_iteration = times.iter().zip(&iters).map(|(time, iters)| time / iters);
    let is_outlier = |time: &f64| *time < fences[1] || *time > fences[2];
    let outliers = per_iteration.filter(is_outlier).count();
    let changed = directory.join("change/estimates.json");
    let change = if is_since(&changed, start) {
        Some(read::<Estimates>(&changed)?.mean.into())
    } else {
        None
    };
    Ok(Benchmark {
        id: full_id,
        time_ns: slope.unwrap_or(mean).into(),
        change,
        outliers,
        samples: times.len(),
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(|source| Error::io("read", path, source))?;
    serde_json::from_slice(&text).map_err(|source| Error::Invalid {
        subject: path.display().to_string(),
        problem: format!("is not what Criterion writes: {source}"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ESTIMATE: &str = r#"{"confidence_interval":{"confidence_level":0.95,"lower_bound":90.0,"upper_bound":120.0},"point_estimate":100.0,"standard_error":1.0}"#;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let mean = format!(r#"{{"mean":{ESTIMATE},"slope":null}}"#);
        write(
            "g/a/new/benchmark.json",
            r#"{"group_id":"g","full_id":"g/a"}"#,
        );
        write("g/a/new/estimates.json", &mean);
        write(
            "g/a/new/sample.json",
            r#"{"sampling_mode":"Flat","iters":[2.0,2.0,2.0],"times":[200.0,210.0,900.0]}"#,
        );
        write("g/a/new/tukey.json", "[50.0,80.0,130.0,160.0]");
        home
    }

    #[test]
    fn figures_are_those_of_the_files() {
        let home = home();
        let found = since(home.path(), SystemTime::UNIX_EPOCH).unwrap();
        let [benchmark] = &found[..] else {
            panic!("one benchmark: {found:?}")
        };
        assert_eq!(benchmark.id, "g/a");
        let interval = Interval {
            center: 100.0,
            low: 90.0,
            high: 120.0,
        };
        assert_eq!(benchmark.time_ns, interval);
        assert_eq!((benchmark.outliers, benchmark.samples), (1, 3));
        assert_eq!(benchmark.change, None);
    }

    #[test]
    fn what_ran_before_is_left_out() {
        let later = SystemTime::now() + Duration::from_mins(1);
        assert_eq!(since(home().path(), later).unwrap(), []);
        assert_eq!(since(Path::new("/does/not/exist"), later).unwrap(), []);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let home = home();
        fs::write(home.path().join("g/a/new/sample.json"), "{").unwrap();
        let error = since(home.path(), SystemTime::UNIX_EPOCH).unwrap_err();
        assert!(error.to_string().contains("sample.json"), "{error}");
    }
}
