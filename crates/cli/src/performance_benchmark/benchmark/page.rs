//! The HTML page of a folder of results.

use std::path::{Path, PathBuf};

use inferno_measure::performance::targets::TargetOutcome;
use inferno_measure::performance::{PerformanceResult, Suite};
use inferno_measure::write_atomically;
use inferno_report::performance::{BenchmarkPage, Profile, benchmark_html};

use super::relative;
use crate::failure::Failure;
use crate::performance_benchmark::results::history;

/// A flamegraph that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProfileFile {
    /// What was profiled.
    pub(crate) suite: Suite,
    /// The file.
    pub(crate) path: PathBuf,
}

/// Where the page of `folder` is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("benchmark_report.html")
}

/// Writes the page of `folder`: `results`, and earlier ones that are in its history.
pub(crate) fn write(
    folder: &Path,
    results: &[PerformanceResult],
    targets: &[TargetOutcome],
    profiles: &[ProfileFile],
) -> Result<(), Failure> {
    let (earlier, problems) = history::earlier(folder);
    for problem in problems {
        eprintln!("note: left out of the history: {problem}");
    }
    let pictures = profiles
        .iter()
        .map(picture)
        .collect::<Result<Vec<_>, Failure>>()?;
    let profiles: Vec<Profile<'_>> = pictures
        .iter()
        .map(|(name, file, svg)| Profile { name, file, svg })
        .collect();
    let page = benchmark_html(&BenchmarkPage {
        results,
        targets,
        earlier: &earlier,
        profiles: &profiles,
    });
    Ok(write_atomically(&path(folder), page.as_bytes())?)
}

/// The name, the place and the content of a flamegraph.
fn picture(profile: &ProfileFile) -> Result<(String, String, Vec<u8>), Failure> {
    let svg = std::fs::read(&profile.path).map_err(|source| Failure::Read {
        path: profile.path.clone(),
        source,
    })?;
    Ok((profile.suite.to_string(), relative(&profile.path), svg))
}
