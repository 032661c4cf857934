//! The results of earlier runs: each complete run leaves a copy that the next one does not replace.
//!
//! Takes a folder of results; gives those of earlier runs, for the page. A file that cannot be used is
//! left out and told: it must not spoil a run that has just been measured.

use std::path::{Path, PathBuf};

use inferno_measure::performance::PerformanceResult;

use super::{make_folder, read};
use crate::failure::{Failure, describe};

/// Where the copies are, in the folder of results.
const FOLDER: &str = "history";

/// Most results that are read: the page shows no more.
const MOST: usize = 200;

/// Keeps a copy of `result`.
pub(in crate::performance_benchmark) fn keep(
    folder: &Path,
    result: &PerformanceResult,
) -> Result<(), Failure> {
    let history = folder.join(FOLDER);
    make_folder(&history)?;
    // Colons are no good in names of files.
    let timestamp = result.timestamp.replace([':', '-'], "");
    let name = format!("{}_benchmark-{timestamp}.json", result.benchmark_type);
    Ok(result.write(&history.join(name))?)
}

/// The results that were kept in `folder`, and what could not be read.
pub(in crate::performance_benchmark) fn earlier(
    folder: &Path,
) -> (Vec<PerformanceResult>, Vec<String>) {
    let (mut results, mut problems) = (Vec::new(), Vec::new());
    for path in files(&folder.join(FOLDER)) {
        match read(&path) {
            Ok(read) => results.extend(read),
            Err(failure) => problems.push(describe(&failure)),
        }
    }
    (results, problems)
}

/// The files of the history, the latest of them.
fn files(history: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(history).into_iter().flatten().flatten();
    let is_json = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_json).collect();
    files.sort_by_key(|path| {
        std::fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    });
    let first = files.len().saturating_sub(MOST);
    files.split_off(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_history_has_none_and_a_bad_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(earlier(folder.path()).0, []);
        let history = folder.path().join(FOLDER);
        make_folder(&history).expect("a folder");
        std::fs::write(history.join("bad.json"), "{").expect("a file");
        std::fs::write(history.join("notes.txt"), "{").expect("a file");
        let (results, problems) = earlier(folder.path());
        assert_eq!(results, []);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("bad.json"), "{problems:?}");
    }
}
