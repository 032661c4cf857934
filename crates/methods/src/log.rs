//! The log of runs: a JSON object per line, the first of which holds the settings and the machine.
//!
//! A run is written when it has ended. A line that a kill has cut is dropped, and its run is taken
//! again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use inferno_measure::record::Host;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::outcome::{Method, Table};
use crate::raw::Raw;
use crate::schedule::Run;

/// What all runs of a log have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The table that they are for.
    pub table: Table,
    /// Wall time that each run of a method is given, in seconds.
    pub seconds: f64,
    /// SHA-256 of the binaries before they are patched.
    pub binaries_sha256: String,
    /// The machine on which all runs were taken.
    pub host: Host,
    /// Share of the baseline's time that the patched constant does not change: starting and ending
    /// the program. The true ratio at a difference d is 1 + d (1 − share).
    pub unchanged_share: f64,
}

/// One run with what it left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which run.
    pub run: Run,
    /// The day on which it was taken, such as `2000-12-31`, in UTC.
    pub taken: String,
    /// The method's version.
    pub version: String,
    /// What it was asked for: seconds of budget (ours), runs per command (hyperfine), seconds of
    /// measurement of a side (Criterion).
    pub effort: f64,
    /// Wall time that it took, in seconds.
    pub wall_s: f64,
    /// What came out.
    pub raw: Raw,
}

/// The open log.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log at `path` with what is there, or begins it.
    ///
    /// # Errors
    /// When it holds outcomes of other settings or a malformed line, or cannot be read or written.
    pub fn open(path: &Path, settings: &Settings) -> Result<(Self, Vec<Entry>)> {
        let failed = |source| Error::io("write", path, source);
        let found = read(path)?;
        let entries = if let Some((known, entries, whole_bytes)) = found {
            check(path, &known, settings)?;
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            file.set_len(whole_bytes).map_err(failed)?;
            entries
        } else {
            inferno_measure::write_atomically(path, &line(settings))?;
            Vec::new()
        };
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let path = path.to_owned();
        Ok((Self { path, file }, entries))
    }

    /// Adds a run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        self.file
            .write_all(&line(entry))
            .map_err(|source| Error::io("write", &self.path, source))
    }
}

/// Settings and entries of the log at `path`, and the length of its whole lines in bytes; `None`
/// when there is no log.
///
/// # Errors
/// When a whole line is malformed, or the file cannot be read.
pub fn read(path: &Path) -> Result<Option<(Settings, Vec<Entry>, u64)>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let whole = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |last| last + 1);
    let mut lines = (1..).zip(text[..whole].split_inclusive(|&byte| byte == b'\n'));
    let Some((number, first)) = lines.next() else {
        return Ok(None);
    };
    let settings = parse(path, number, first)?;
    let entries = lines
        .map(|(number, line)| parse(path, number, line))
        .collect::<Result<_>>()?;
    Ok(Some((settings, entries, whole as u64)))
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, line: usize, text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| Error::MalformedLog {
        path: path.to_owned(),
        line,
        problem: error.to_string(),
    })
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("plain data");
    line.push(b'\n');
    line
}

fn check(path: &Path, known: &Settings, wanted: &Settings) -> Result<()> {
    let difference = if known.table != wanted.table {
        format!("table {:?} instead of {:?}", known.table, wanted.table)
    } else if (known.seconds - wanted.seconds).abs() > 1e-9 {
        format!("{} s a run instead of {} s", known.seconds, wanted.seconds)
    } else if known.binaries_sha256 != wanted.binaries_sha256 {
        "the fixture was built otherwise".to_owned()
    } else if machine(&known.host) != machine(&wanted.host) {
        format!(
            "it was taken on another machine ({})",
            known
                .host
                .cpu_model
                .as_deref()
                .unwrap_or("unknown processor")
        )
    } else {
        return Ok(());
    };
    Err(Error::OtherSettings {
        path: path.to_owned(),
        difference,
    })
}

fn machine(host: &Host) -> (&str, &str, Option<&str>, Option<u32>) {
    (&host.os, &host.arch, host.cpu_model.as_deref(), host.cores)
}

/// Refuses runs of another version of a method: they would be counted together.
///
/// # Errors
/// When there is one.
pub fn check_versions(
    path: &Path,
    entries: &[Entry],
    versions: &BTreeMap<Method, String>,
) -> Result<()> {
    let differs = |entry: &&Entry| {
        let version = versions.get(&entry.run.method);
        version.is_some_and(|version| *version != entry.version)
    };
    match entries.iter().find(differs) {
        Some(entry) => Err(Error::OtherSettings {
            path: path.to_owned(),
            difference: format!(
                "{} {} instead of {}",
                entry.run.method, entry.version, versions[&entry.run.method]
            ),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::criterion::Said;
    use crate::outcome::Claim;

    pub(crate) fn settings() -> Settings {
        Settings {
            table: Table::Cold,
            seconds: 10.0,
            binaries_sha256: "ab".to_owned(),
            host: inferno_measure::host::describe(),
            unchanged_share: 0.0,
        }
    }

    /// A run with an interval of 1.00 to 1.02.
    pub(crate) fn entry_of(method: Method, repetition: u32, difference: u32) -> Entry {
        Entry {
            run: Run {
                repetition,
                difference,
                method,
            },
            taken: "2000-01-01".to_owned(),
            version: "1".to_owned(),
            effort: 10.0,
            wall_s: 9.5,
            raw: Raw::Criterion(Said {
                ratio: 1.01,
                low: 1.0,
                high: 1.02,
                samples: 50,
                verdict: Claim::Unsure,
            }),
        }
    }

    fn entry(repetition: u32) -> Entry {
        entry_of(Method::Ours, repetition, 1)
    }

    #[test]
    fn runs_of_another_version_of_a_method_are_refused() {
        let entries = [entry(0), entry_of(Method::Hyperfine, 0, 1)];
        let versions = |version: &str| BTreeMap::from([(Method::Ours, version.to_owned())]);
        let path = Path::new("cold.jsonl");
        check_versions(path, &entries, &versions("1")).unwrap();
        let error = check_versions(path, &entries, &versions("2")).unwrap_err();
        assert!(error.to_string().contains("ours 1 instead of 2"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_log_goes_on_where_a_kill_has_cut_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cold.jsonl");
        let (mut log, entries) = Log::open(&path, &settings()).unwrap();
        assert!(entries.is_empty());
        log.append(&entry(0)).unwrap();
        log.file.write_all(b"{\"run\": {\"rep").unwrap();
        let (mut log, entries) = Log::open(&path, &settings()).unwrap();
        assert_eq!(entries, [entry(0)]);
        log.append(&entry(1)).unwrap();
        let (_, entries) = Log::open(&path, &settings()).unwrap();
        assert_eq!(entries, [entry(0), entry(1)]);
    }

    #[test]
    fn a_log_of_other_settings_is_kept_and_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cold.jsonl");
        Log::open(&path, &settings()).unwrap();
        let before = std::fs::read(&path).unwrap();
        for other in [
            Settings {
                table: Table::Warm,
                ..settings()
            },
            Settings {
                seconds: 5.0,
                ..settings()
            },
            Settings {
                binaries_sha256: "cd".to_owned(),
                ..settings()
            },
            Settings {
                host: Host::default(),
                ..settings()
            },
        ] {
            let error = Log::open(&path, &other).unwrap_err();
            assert!(matches!(error, Error::OtherSettings { .. }), "{error}");
            assert_eq!((error.exit_code(), error.hint().is_some()), (2, true));
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_malformed_line_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cold.jsonl");
        let (mut log, _) = Log::open(&path, &settings()).unwrap();
        log.file.write_all(b"nonsense\n").unwrap();
        let error = Log::open(&path, &settings()).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
