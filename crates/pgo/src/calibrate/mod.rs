//! Calibration of the suitability score: real programs, their evidence and their measured gain.
//!
//! Takes `calibration/programs.toml`; gives rows for `calibration/rows.json` and the tables of
//! `docs/suitability.md`. Maintainers run it on a quiet machine; users never need it.

pub mod inputs;
pub mod programs;
pub mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use inferno_measure::Error as MeasureError;
use inferno_measure::record::Record;
use inferno_measure::verdict::judge_again;

use crate::cargo::Resolution;
use crate::compare::programs::file_name;
use crate::error::{Error, Result};
use crate::pipeline::{self, CriterionStage, Options};
use crate::registry;
use crate::session::{Baseline, Patience, Session};
use crate::spec::Spec;
use crate::stage::Reuse;
use crate::suitability::calibration::{self, Origin, Row};
use crate::suitability::evidence::Evidence;

use programs::{Program, Source};

/// The places of a calibration.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// The repository.
    repository: PathBuf,
    /// The programs.
    programs: Vec<Program>,
}

/// A program that is ready to be built.
#[derive(Debug)]
struct Ready {
    spec: Spec,
    out: PathBuf,
}

impl Calibration {
    /// Reads the declarations below `repository`.
    ///
    /// # Errors
    /// [`Error::Usage`] for a wrong declaration, and a name in `only` that is not declared.
    pub fn load(repository: &Path, only: &[String]) -> Result<Self> {
        let mut programs = programs::load(&repository.join("calibration/programs.toml"))?;
        for name in only {
            if !programs.iter().any(|program| program.name == *name) {
                let names: Vec<&str> = programs.iter().map(|program| &*program.name).collect();
                return Err(Error::Usage {
                    message: format!("there is no calibration program `{name}`"),
                    hint: format!("there are: {}", names.join(", ")),
                });
            }
        }
        programs.retain(|program| only.is_empty() || only.contains(&program.name));
        Ok(Self {
            repository: repository.to_owned(),
            programs,
        })
    }

    /// The programs, in their order.
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// The data file.
    pub fn rows_file(&self) -> PathBuf {
        self.repository.join("calibration/rows.json")
    }

    /// The document with the tables.
    pub fn document(&self) -> PathBuf {
        self.repository.join("docs/suitability.md")
    }

    /// Builds and verifies both arms, and gathers the evidence: all that needs no quiet machine.
    ///
    /// # Errors
    /// Every [`Error`] of the pipeline.
    pub fn prepare(&self, program: &Program) -> Result<Evidence> {
        let Ready { spec, out } = self.ready(program)?;
        let mut session = Session::open(spec, &out, Reuse::Unchanged, Resolution::default())?;
        session.restrict(&[program.scenario().to_owned()])?;
        let baseline = session.baseline()?;
        let instrumented = session.instrument()?;
        let profiles = session.train(&instrumented)?;
        let profile = session.merge(profiles)?;
        let (candidate, _) = session.optimize(&profile, &instrumented)?;
        let pair = session.verify(&baseline, &candidate)?;
        session.overlap(&pair, &instrumented)?;
        evidence(&mut session, &baseline)
    }

    /// Measures a program and puts its row into the data file.
    ///
    /// # Errors
    /// Every [`Error`] of the pipeline, and [`Error::Usage`] when no effect was measured.
    pub fn measure(&self, program: &Program, budget: Duration, samples: Reuse) -> Result<Row> {
        // First with all the time that callgrind needs; the run then finds it done.
        let evidence = self.prepare(program)?;
        let Ready { spec, out } = self.ready(program)?;
        let finished = pipeline::run(&Options {
            budget,
            samples,
            only: vec![program.scenario().to_owned()],
            criterion: CriterionStage::Skipped,
            ..Options::new(spec, out)
        })?;
        let row = row(program, &finished.record, &evidence)?;
        calibration::put(&self.rows_file(), row.clone())?;
        Ok(row)
    }

    /// Takes a program's effect from the record of a finished run of its spec, and gathers the
    /// evidence with the baseline in the record's directory.
    ///
    /// # Errors
    /// [`Error::Usage`] when the program has no spec of its own or the record is of another spec.
    pub fn adopt(&self, program: &Program, path: &Path) -> Result<Row> {
        let Source::Spec { path: spec, .. } = program.source() else {
            return Err(Error::Usage {
                message: format!("`{}` has no spec of its own", program.name),
                hint: "measure it: leave out `--record`".into(),
            });
        };
        let record = Record::read(path)?;
        let spec = Spec::load(&self.repository.join(spec))?;
        fits(&record, path, program, &spec)?;
        // Other statistics may have judged it: the row is what the samples say.
        let record = judge_again(&record);
        let out = path.parent().unwrap_or(Path::new("."));
        let mut session = Session::open(spec, out, Reuse::Unchanged, Resolution::default())?;
        let baseline = session.baseline()?;
        if baseline.artifact().sha256 != record.artifacts.baseline.sha256 {
            return Err(Error::Usage {
                message: format!("{} was made with another baseline", path.display()),
                hint: "run the spec again with today's sources".into(),
            });
        }
        let evidence = evidence(&mut session, &baseline)?;
        let row = row(program, &record, &evidence)?;
        calibration::put(&self.rows_file(), row.clone())?;
        Ok(row)
    }

    /// Whether the program has a row.
    ///
    /// # Errors
    /// [`Error::Usage`] when the data file cannot be read.
    pub fn is_measured(&self, program: &Program) -> Result<bool> {
        let rows = calibration::read(&self.rows_file())?;
        Ok(rows.iter().any(|row| row.name == program.name))
    }

    fn ready(&self, program: &Program) -> Result<Ready> {
        let directory = self
            .repository
            .join("target/calibration")
            .join(&program.name);
        let out = directory.join("run");
        let calibration = self.repository.join("calibration");
        let (manifest, package) = match program.source() {
            Source::Spec { path, .. } => {
                let spec = Spec::load(&self.repository.join(path))?;
                return Ok(Ready { spec, out });
            }
            Source::Package(package) => (
                registry::provide(&calibration.join("sources"), package, &directory)?,
                package,
            ),
            Source::Control(_) => (calibration.join("controls/Cargo.toml"), "controls"),
        };
        let inputs = program.write_inputs(&directory, &calibration)?;
        let text = program.spec_text(&manifest.to_string_lossy(), package, &inputs);
        let path = directory.join("pgo.toml");
        inferno_measure::write_atomically(&path, text.as_bytes())?;
        Ok(Ready {
            spec: Spec::load(&path)?,
            out,
        })
    }
}

/// A record that says what it measured, of this spec and of the scenario that counts.
fn fits(record: &Record, path: &Path, program: &Program, spec: &Spec) -> Result<()> {
    let refuse = |message: String, hint: &str| Error::Usage {
        message: format!("{}: {message}", path.display()),
        hint: hint.into(),
    };
    if let Some(contradiction) = record.contradiction() {
        return Err(MeasureError::RecordContradiction {
            path: path.to_owned(),
            contradiction,
        }
        .into());
    }
    if record.name != spec.name() {
        return Err(refuse(
            format!(
                "this is a record of `{}`, not of `{}`",
                record.name,
                spec.name()
            ),
            "name the record of a run of the program's spec",
        ));
    }
    let mut scenarios = record.scenarios.iter();
    if !scenarios.any(|result| result.scenario.name == program.scenario()) {
        return Err(refuse(
            format!("there is no scenario `{}`", program.scenario()),
            "run the spec without `--only`, or with that scenario",
        ));
    }
    Ok(())
}

/// What the run gathers is enough where callgrind had time enough for it.
fn evidence(session: &mut Session, baseline: &Baseline) -> Result<Evidence> {
    let gathered = session.evidence(baseline, Patience::Companion)?;
    if gathered.is_complete() {
        return Ok(gathered);
    }
    session.evidence(baseline, Patience::Calibration)
}

fn row(program: &Program, record: &Record, evidence: &Evidence) -> Result<Row> {
    let result = record
        .scenarios
        .iter()
        .find(|result| result.scenario.name == program.scenario())
        .ok_or_else(|| Error::Internal(format!("no scenario `{}`", program.scenario())))?;
    let origin = Origin {
        name: program.name.clone(),
        kind: program.kind.clone(),
        spec: record.name.clone(),
        binary: file_name(Path::new(&record.artifacts.baseline.path)),
        date: record.created.chars().take(10).collect(),
        cpu_model: record.host.cpu_model.clone().unwrap_or_default(),
        rustc: record
            .toolchain
            .as_ref()
            .map(|toolchain| toolchain.rustc.clone())
            .unwrap_or_default(),
    };
    Row::of(origin, result, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Record);

    #[test]
    fn only_a_record_of_the_programs_own_run_is_adopted() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let calibration = Calibration::load(&repository, &["inference-candle".into()])
            .expect("a declared program");
        let program = &calibration.programs()[0];
        let spec = Spec::load(&repository.join("profiles/concurrent_inference.toml"))
            .expect("the default spec");
        let path = repository.join("profiles/results/2026-11-22-concurrent_inference/record.json");
        let record = judge_again(&Record::read(&path).expect("a record"));
        fits(&record, &path, program, &spec).expect("it fits");

        let changes: [(Change, &str); 3] = [
            (
                |record| record.name = "another".into(),
                "a record of `another`",
            ),
            (
                |record| {
                    record
                        .scenarios
                        .retain(|result| result.scenario.name != "warm/short");
                    *record = judge_again(record);
                },
                "no scenario `warm/short`",
            ),
            (|record| record.scenarios[0].effect = Some(0.5), "effect"),
        ];
        for (change, expected) in changes {
            let mut record = record.clone();
            change(&mut record);
            let error = fits(&record, &path, program, &spec).expect_err("it is refused");
            assert_eq!(error.exit_code(), crate::exit::USAGE);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn a_program_that_is_not_declared_is_named() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let error = Calibration::load(&repository, &["nothing".into()]).expect_err("none");
        assert!(error.to_string().contains("`nothing`"), "{error}");
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("control-sleep"))
        );
    }
}
