//! Records of one pair from several hosts.
//!
//! Takes files; gives a [`HostComparison`]. Nothing is run. Records that are not of the same pair and
//! the same question are refused unless the caller insists; a record that is given twice always is.

use std::path::{Path, PathBuf};

use inferno_measure::comparison::hosts::{self, HostComparison, HostRecord};
use inferno_measure::samples::Samples;

use super::operand::{Operand, RECORD, usage};
use super::results::{self, Obstacles};
use crate::error::Result;

/// Puts the records at `paths` side by side and pools them. `threshold` is δ as a share; the first
/// record's where absent.
///
/// # Errors
/// [`Error::Usage`] for a path that is no record, for a record that is there twice, when no scenario
/// is in two of several records, and when they differ in more than the machine; [`Error::Measure`] for
/// a record that contradicts itself.
///
/// [`Error::Usage`]: crate::Error::Usage
/// [`Error::Measure`]: crate::Error::Measure
pub fn merge(
    paths: &[PathBuf],
    threshold: Option<f64>,
    obstacles: Obstacles,
) -> Result<HostComparison> {
    let mut notes = Vec::new();
    let mut records = Vec::new();
    for (label, path) in labels(paths).into_iter().zip(paths) {
        let record = results::read(&record_at(path)?, obstacles, &mut notes)?;
        records.push(HostRecord { label, record });
    }
    let Some(first) = records.first() else {
        return Err(usage(
            "no record is named".to_owned(),
            "name the records of one pair, one per host",
        ));
    };
    let threshold = threshold.unwrap_or(first.record.judging.threshold);
    refuse_twice(&records)?;
    let mut comparison = hosts::of_hosts(&records, threshold);
    let shared = comparison.scenarios.iter().any(|one| one.rows.len() > 1);
    if records.len() > 1 && !shared {
        return Err(usage(
            "no scenario is in two of the records".to_owned(),
            "merge records of the same spec",
        ));
    }
    comparison.notes.extend(notes);
    one_question(&mut comparison, obstacles)?;
    Ok(comparison)
}

fn record_at(path: &Path) -> Result<PathBuf> {
    match Operand::of(path)? {
        Operand::Record(path) => Ok(path),
        Operand::Program(_) | Operand::Baseline { .. } => Err(usage(
            format!("`{}` is no record", path.display()),
            "merge takes records that the main job or `compare` wrote",
        )),
    }
}

/// What people call the hosts: the files' names, or their directories' where files are called like
/// an output directory's record; the whole paths where these do not tell them apart.
fn labels(paths: &[PathBuf]) -> Vec<String> {
    let name = |path: &PathBuf| {
        let own = if path.file_name().is_some_and(|name| name == RECORD) {
            path.parent().and_then(Path::file_name)
        } else if path.extension().is_some_and(|kind| kind == "json") {
            path.file_stem()
        } else {
            path.file_name()
        };
        own.map(|name| name.to_string_lossy().into_owned())
    };
    let names: Vec<Option<String>> = paths.iter().map(name).collect();
    let labelled = paths.iter().zip(&names).map(|(path, name)| {
        let alike = names.iter().filter(|other| *other == name).count();
        match name {
            Some(text) if alike == 1 => text.clone(),
            _ => path.display().to_string(),
        }
    });
    labelled.collect()
}

/// One host that counts twice would make the pooled interval narrower than it is.
fn refuse_twice(records: &[HostRecord]) -> Result<()> {
    let samples: Vec<Vec<&Samples>> = records
        .iter()
        .map(|host| {
            let results = host.record.scenarios.iter();
            let measured = results.filter(|result| result.restarts > 0);
            measured.map(|result| &result.samples).collect()
        })
        .collect();
    for (index, own) in samples.iter().enumerate() {
        let twin = samples[..index]
            .iter()
            .position(|other| !own.is_empty() && other == own);
        if let Some(twin) = twin {
            let (a, b) = (&records[twin].label, &records[index].label);
            return Err(usage(
                format!("the records of {a} and {b} hold the same samples"),
                "name each record once: a host must not count twice",
            ));
        }
    }
    Ok(())
}

fn one_question(comparison: &mut HostComparison, obstacles: Obstacles) -> Result<()> {
    let found: Vec<String> = comparison
        .obstacles()
        .map(|one| {
            format!(
                "\n  {} ({}): {} | {}",
                one.what, one.host, one.first, one.value
            )
        })
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    if obstacles == Obstacles::Refuse {
        return Err(usage(
            format!(
                "the records are not of one pair and one question; they differ from that of {} in:{}",
                comparison
                    .hosts
                    .first()
                    .map_or("the first", |host| host.label.as_str()),
                found.concat()
            ),
            "measure the same two programs with the same spec on each host, or insist with --force",
        ));
    }
    comparison.notes.push(
        "Forced: the records differ in more than the machine, so the spread between hosts holds that as \
         well."
            .to_owned(),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_called_by_what_tells_them_apart() {
        for (paths, expected) in [
            (["r/amd.json", "r/intel.json"], ["amd", "intel"]),
            (["r/amd/record.json", "r/arm/record.json"], ["amd", "arm"]),
            (["a/x.json", "b/x.json"], ["a/x.json", "b/x.json"]),
            (["record.json", "r/amd-24.04"], ["record.json", "amd-24.04"]),
        ] {
            assert_eq!(labels(&paths.map(PathBuf::from)), expected);
        }
    }

    #[test]
    fn nothing_and_what_is_no_record_are_refused() {
        let program = std::env::current_exe().expect("this test");
        for (paths, message) in [
            (vec![], "no record is named"),
            (vec![program], "is no record"),
            (vec!["/nowhere/record.json".into()], "there is no"),
        ] {
            let error = merge(&paths, None, Obstacles::Refuse).expect_err("refused");
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.exit_code(), crate::exit::USAGE);
            assert!(error.hint().is_some());
        }
    }
}
