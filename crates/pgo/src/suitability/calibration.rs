//! The calibration rows: evidence and measured effect of programs of different kinds.
//!
//! Takes `calibration/rows.json`; gives [`Row`]s. Coefficients are not kept: they are computed from
//! the rows, so that nothing can drift apart.

use std::collections::BTreeMap;
use std::path::Path;

use inferno_measure::record::{ScenarioResult, Verdict};
use inferno_measure::write_atomically;
use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Input};
use crate::error::{Error, Result};
use crate::spec::Spec;

/// The rows that this program was built with.
const EMBEDDED: &str = include_str!("../../../../calibration/rows.json");

/// One program whose gain was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The program's name in `calibration/programs.toml`.
    pub name: String,
    /// What kind of program it is.
    pub kind: String,
    /// The name of the spec that was run, where it is another than `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// File name of the binary, where it is another than `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    /// Day of the measurement.
    pub date: String,
    /// The processor as it names itself.
    pub cpu_model: String,
    /// `rustc --version`.
    pub rustc: String,
    /// The scenario that was measured.
    pub scenario: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Candidate ÷ baseline of time.
    pub effect: f64,
    /// Lower bound of the 95 % interval of `effect`.
    pub ci_low: f64,
    /// Upper bound of the 95 % interval of `effect`.
    pub ci_high: f64,
    /// Judged pairs.
    pub pairs: u32,
    /// Judged restarts.
    pub restarts: u32,
    /// The inputs that were measured.
    pub inputs: BTreeMap<Input, f64>,
    /// How each of them was measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<Input, String>,
}

/// The program whose gain is to be predicted: by what its own row, if there is one, is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The spec's name.
    pub spec: &'a str,
    /// The binary's file name.
    pub binary: &'a str,
}

impl<'a> Identity<'a> {
    /// The program that a spec builds.
    pub fn of(spec: &'a Spec) -> Self {
        Self {
            spec: spec.name(),
            binary: spec.target().executable(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rows: Vec<Row>,
}

/// Where and when a row was measured.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The program's name.
    pub name: String,
    /// What kind of program it is.
    pub kind: String,
    /// The name of the spec that was run.
    pub spec: String,
    /// File name of the binary.
    pub binary: String,
    /// Day of the measurement.
    pub date: String,
    /// The processor.
    pub cpu_model: String,
    /// The compiler.
    pub rustc: String,
}

impl Row {
    /// The row of a measured scenario.
    ///
    /// # Errors
    /// [`Error::Usage`] when the scenario has no effect.
    pub fn of(origin: Origin, result: &ScenarioResult, evidence: &Evidence) -> Result<Self> {
        let (Some(effect), Some(ci_low), Some(ci_high)) =
            (result.effect, result.ci_low, result.ci_high)
        else {
            return Err(Error::Usage {
                message: format!("{}: no effect was measured: {}", origin.name, result.reason),
                hint: "give it more time with `--budget`".into(),
            });
        };
        let inputs = Input::ALL
            .into_iter()
            .filter_map(|input| Some((input, evidence.value(input)?)));
        let details = Input::ALL.into_iter().filter_map(|input| {
            let measured = evidence.0.get(&input)?;
            Some((input, measured.detail.clone()))
        });
        let other = |name: String| Some(name).filter(|name| *name != origin.name);
        Ok(Self {
            spec: other(origin.spec),
            binary: other(origin.binary),
            details: details.collect(),
            name: origin.name,
            kind: origin.kind,
            date: origin.date,
            cpu_model: origin.cpu_model,
            rustc: origin.rustc,
            scenario: result.scenario.name.clone(),
            verdict: result.verdict,
            effect,
            ci_low,
            ci_high,
            pairs: result.pairs,
            restarts: result.restarts,
            inputs: inputs.collect(),
        })
    }

    /// Whether the row is one of the program itself: what was measured of it must not go into its
    /// own prediction. A name in common is enough; a row too few is better than one's own.
    pub fn is_of(&self, program: Identity<'_>) -> bool {
        let names = [Some(&self.name), self.spec.as_ref(), self.binary.as_ref()];
        let mut names = names.into_iter().flatten();
        names.any(|name| name == program.spec || name == program.binary)
    }

    /// An input's value.
    pub fn value(&self, input: Input) -> Option<f64> {
        self.inputs.get(&input).copied()
    }

    /// What is predicted: −ln(effect), which is positive for a gain and adds up over factors.
    pub fn log_gain(&self) -> f64 {
        -self.effect.ln()
    }
}

/// The rows that this program was built with.
///
/// # Errors
/// [`Error::Internal`] when they cannot be read; a test sees to it that they can.
pub fn embedded() -> Result<Vec<Row>> {
    parse(EMBEDDED).map_err(Error::Internal)
}

/// The rows of a file; none where there is no file.
///
/// # Errors
/// [`Error::Usage`] naming the file and what is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    parse(&text).map_err(|message| Error::Usage {
        message: format!("{}: {message}", path.display()),
        hint: "restore the file, or remove it to calibrate anew".into(),
    })
}

/// Puts a row into a file, in place of the program's earlier one.
///
/// # Errors
/// See [`read`], and [`Error::Measure`] when the file cannot be written.
pub fn put(path: &Path, row: Row) -> Result<()> {
    let mut rows = read(path)?;
    rows.retain(|other| other.name != row.name);
    rows.push(row);
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let text = serde_json::to_string_pretty(&Document { rows })
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(write_atomically(path, (text + "\n").as_bytes())?)
}

fn parse(text: &str) -> Result<Vec<Row>, String> {
    let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for row in &document.rows {
        let finite = [row.effect, row.ci_low, row.ci_high]
            .into_iter()
            .all(|value| value.is_finite() && value > 0.0);
        if !finite || row.ci_low > row.ci_high {
            return Err(format!("`{}` has an impossible effect", row.name));
        }
    }
    Ok(document.rows)
}

#[cfg(test)]
mod tests {
    use super::super::model::{self, Model, PROGRAMS_NEEDED};
    use super::super::points;
    use super::*;
    use crate::calibrate::programs::{self, Source};

    #[test]
    fn the_embedded_rows_can_be_read_and_are_unique() {
        let rows = embedded().expect("valid rows");
        let mut names: Vec<_> = rows.iter().map(|row| &row.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows.len());
    }

    /// What the repository claims of its rows. Until they are measured, that nothing is claimed.
    #[test]
    fn the_embedded_rows_carry_what_is_said_of_them() {
        let rows = embedded().expect("valid rows");
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../calibration");
        let programs = programs::load(&directory.join("programs.toml")).expect("declarations");
        let declared = |name: &str| programs.iter().find(|program| program.name == name);
        if rows.is_empty() {
            let reason = Model::calibrate(&rows).expect_err("no rows").0;
            assert!(reason.starts_with("not calibrated: 0 of"), "{reason}");
            return;
        }
        let complete = model::complete(&rows);
        assert!(complete.len() >= PROGRAMS_NEEDED, "{}", complete.len());
        let of_packages = |row: &&Row| {
            let program = declared(&row.name);
            program.is_some_and(|program| matches!(program.source(), Source::Package(_)))
        };
        assert!(complete.iter().filter(of_packages).count() >= 6);
        Model::calibrate(&rows).expect("a model");
        let unseen = model::unseen(&complete).expect("a skill");
        let controls = complete.iter().zip(&unseen.predicted).filter(|(row, _)| {
            let program = declared(&row.name);
            program.is_some_and(|program| matches!(program.source(), Source::Control(_)))
        });
        let mut seen = 0;
        for (row, predicted) in controls {
            seen += 1;
            let score = points(1.0 - (-predicted).exp());
            assert!(score < 10.0, "{} scores {score}", row.name);
            assert_eq!(row.verdict, Verdict::NoDifference, "{}", row.name);
        }
        assert_eq!(seen, 3, "negative controls with all inputs");
    }

    /// A row that is not known as its own program's would go into that program's score.
    #[test]
    fn every_embedded_row_is_known_as_its_own_programs() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let path = repository.join("calibration/programs.toml");
        let programs = programs::load(&path).expect("declarations");
        for row in embedded().expect("valid rows") {
            let program = programs.iter().find(|program| program.name == row.name);
            let program = program.unwrap_or_else(|| panic!("`{}` is not declared", row.name));
            let Source::Spec { path, .. } = program.source() else {
                continue;
            };
            let spec = Spec::load(&repository.join(path)).expect("a spec");
            assert!(
                row.is_of(Identity::of(&spec)),
                "`{}` needs \"spec\": \"{}\" in calibration/rows.json",
                row.name,
                spec.name()
            );
        }
    }

    #[test]
    fn a_row_takes_the_place_of_the_earlier_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("rows.json");
        let row = |name: &str, effect| Row {
            name: name.into(),
            kind: "parser".into(),
            spec: None,
            binary: None,
            date: "2026-01-01".into(),
            cpu_model: "a processor".into(),
            rustc: "rustc 1.95.0".into(),
            scenario: "cold/holdout".into(),
            verdict: Verdict::Faster,
            effect,
            ci_low: effect - 0.01,
            ci_high: effect + 0.01,
            pairs: 100,
            restarts: 20,
            inputs: [(Input::Calls, 7.5)].into(),
            details: [(Input::Calls, "callgrind".into())].into(),
        };
        for (name, effect) in [("b", 0.9), ("a", 0.8), ("b", 0.7)] {
            put(&path, row(name, effect)).expect("a written row");
        }
        assert_eq!(read(&path).expect("rows"), [row("a", 0.8), row("b", 0.7)]);
    }

    #[test]
    fn damaged_files_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("rows.json");
        assert_eq!(read(&path).expect("no file"), []);
        std::fs::write(&path, "{\"rows\": [").expect("a file");
        let error = read(&path).expect_err("no JSON").to_string();
        assert!(error.contains("rows.json"), "{error}");
    }
}
