//! Two results of earlier runs: records, or baselines of Criterion.
//!
//! Takes files; gives a [`Comparison`]. Nothing is run. A record that contradicts its own samples,
//! and two records whose circumstances differ, are refused unless the caller insists.

use std::path::Path;

use inferno_measure::Error as MeasureError;
use inferno_measure::comparison::{self, Comparison, DRIFT_DEFAULT, Side};
use inferno_measure::record::Record;
use inferno_measure::scenario::Judging;

use super::criterion;
use crate::error::{Error, Result};

/// By what results are compared.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// δ as a share; the newer record's, or the default, where absent.
    pub threshold: Option<f64>,
    /// Drift allowance as a share; [`DRIFT_DEFAULT`] where absent.
    pub drift: Option<f64>,
    /// What happens where a comparison would say nothing about the programs.
    pub obstacles: Obstacles,
}

/// What happens to a comparison whose circumstances differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacles {
    /// It is refused.
    Refuse,
    /// It is made and says so (`--force`).
    Tell,
}

/// Compares two records, the first being the older.
///
/// # Errors
/// [`Error::Usage`] when the records have no scenario in common or differ in their circumstances,
/// [`Error::Measure`] for a file that is no record, or that contradicts itself.
pub fn records(older: &Path, newer: &Path, rule: &Rule) -> Result<Comparison> {
    let names = [older, newer].map(|path| path.display().to_string());
    let mut notes = Vec::new();
    let records = [
        read(older, rule.obstacles, &mut notes)?,
        read(newer, rule.obstacles, &mut notes)?,
    ];
    let threshold = rule.threshold.unwrap_or(records[1].judging.threshold);
    let drift = rule.drift.unwrap_or(DRIFT_DEFAULT);
    let mut comparison = comparison::of_records(
        &records[0],
        &records[1],
        [&names[0], &names[1]],
        threshold,
        drift,
    );
    if comparison.rows.is_empty() {
        return Err(Error::Usage {
            message: format!("{} and {} have no scenario in common", names[0], names[1]),
            hint: "compare records of the same spec".into(),
        });
    }
    comparison.notes.extend(notes);
    comparable(&mut comparison, rule.obstacles)?;
    Ok(comparison)
}

/// Compares two baselines of Criterion, the first being the older.
///
/// # Errors
/// [`Error::Usage`] for samples that are not Criterion's, and when no benchmark is in both.
pub fn baselines(older: (&Path, &str), newer: (&Path, &str), rule: &Rule) -> Result<Comparison> {
    let read = |(directory, name): (&Path, &str)| criterion::read(directory, name);
    let benchmarks = [read(older)?, read(newer)?];
    let sides = [older, newer].map(|(directory, name)| Side {
        name: format!("{}:{name}", directory.display()),
        sha256: None,
        measured: None,
    });
    let mut comparison = comparison::of_benchmarks(
        &benchmarks[0],
        &benchmarks[1],
        sides,
        rule.threshold.unwrap_or(Judging::default().threshold),
        rule.drift.unwrap_or(DRIFT_DEFAULT),
    );
    if comparison.rows.is_empty() {
        let [a, b] = [&comparison.baseline, &comparison.candidate].map(|side| &side.name);
        return Err(Error::Usage {
            message: format!("{a} and {b} have no benchmark in common"),
            hint: "compare baselines of the same benchmarks".into(),
        });
    }
    comparison.notes.push(
        "Criterion's files tell neither machine nor flags: whether both were made alike is not known."
            .to_owned(),
    );
    Ok(comparison)
}

/// A record that agrees with its samples.
pub(super) fn read(path: &Path, obstacles: Obstacles, notes: &mut Vec<String>) -> Result<Record> {
    let record = Record::read(path)?;
    let Some(contradiction) = record.contradiction() else {
        return Ok(record);
    };
    let error = MeasureError::RecordContradiction {
        path: path.to_owned(),
        contradiction,
    };
    if obstacles == Obstacles::Refuse {
        return Err(error.into());
    }
    notes.push(format!("Forced: {error}."));
    Ok(record)
}

fn comparable(comparison: &mut Comparison, obstacles: Obstacles) -> Result<()> {
    let found: Vec<String> = comparison
        .obstacles()
        .map(|difference| {
            let (what, a, b) = (
                &difference.what,
                &difference.baseline,
                &difference.candidate,
            );
            format!("\n  {what}: {a} | {b}")
        })
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    if obstacles == Obstacles::Refuse {
        return Err(Error::Usage {
            message: format!(
                "{} and {} were not made alike; an effect could come from:{}",
                comparison.baseline.name,
                comparison.candidate.name,
                found.concat()
            ),
            hint: "make both on the same machine from the same spec, or insist with --force".into(),
        });
    }
    comparison.notes.push(
        "Forced: the circumstances differ, so an effect need not come from the programs."
            .to_owned(),
    );
    Ok(())
}
