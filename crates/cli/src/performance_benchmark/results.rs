//! The files of the benchmarks: where they are, who made them, and reading them without believing them.
//!
//! Takes paths; gives results and the circumstances that new ones are made under. The format and its
//! figures are those of `inferno_measure::performance`; nothing is computed here.
//!
//! - [`fingerprint`]: model, machine and program
//! - [`history`]: the results of earlier runs

pub(super) mod fingerprint;
pub(super) mod history;

use std::path::{Path, PathBuf};

use inferno_measure::performance::{PerformanceResult, Suite, parse};

use crate::failure::Failure;

/// The results in the file at `path`: one, or those of a baseline. Of a folder: those of its suites.
pub(super) fn read(path: &Path) -> Result<Vec<PerformanceResult>, Failure> {
    if path.is_dir() {
        return read_folder(path);
    }
    let text = std::fs::read(path).map_err(|source| Failure::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(parse(path, &text)?)
}

/// The results of the suites that have their files in `folder`.
fn read_folder(folder: &Path) -> Result<Vec<PerformanceResult>, Failure> {
    let files = Suite::ALL.map(|suite| path(folder, suite));
    let mut results = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        results.extend(read(file)?);
    }
    if results.is_empty() {
        return Err(Failure::Measure(inferno_measure::Error::MalformedResult {
            path: folder.to_owned(),
            problem: "the folder holds no suite's file".to_owned(),
        }));
    }
    Ok(results)
}

/// The file of a suite in `folder`.
pub(super) fn path(folder: &Path, suite: Suite) -> PathBuf {
    folder.join(format!("{suite}_benchmark.json"))
}

/// Makes the folder, with those that it is in.
pub(super) fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|source| {
        Failure::Measure(inferno_measure::Error::Io {
            action: "create",
            path: folder.to_owned(),
            source,
        })
    })
}

/// Now, as results say it (RFC 3339, UTC).
pub(super) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// A file's name as people call it in a report: without its folder.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn files_have_the_names_of_the_documents() {
        let found = path(Path::new("benchmark_results"), Suite::Inference);
        assert_eq!(
            found,
            Path::new("benchmark_results/inference_benchmark.json")
        );
        assert_eq!(file_name(&found), "inference_benchmark.json");
        let now = now();
        assert!(now.len() == 20 && now.ends_with('Z'), "{now}");
    }

    #[test]
    fn what_is_no_result_is_wrong_usage_that_names_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let failure = read(folder.path()).expect_err("no suite");
        assert_eq!(failure.exit_code(), exit::USAGE);
        let name = folder.path().display().to_string();
        assert!(failure.to_string().contains(&name), "{failure}");
        let path = folder.path().join("some.json");
        let failure = read(&path).expect_err("no file");
        assert_eq!(failure.exit_code(), exit::USAGE);
        for text in [
            "",
            "{\"schema\": 1",
            "{}",
            "[]",
            "{\"benchmark_type\": \"inference\"}",
        ] {
            std::fs::write(&path, text).expect("a file");
            let failure = read(&path).expect_err("no result");
            assert_eq!(failure.exit_code(), exit::USAGE, "{text}");
            assert!(failure.to_string().contains("some.json"), "{failure}");
            assert!(failure.hint().is_some(), "{failure}");
        }
    }
}
