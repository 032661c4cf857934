//! The spec: one TOML file that says what is built, what trains it, and what is compared.
//!
//! Takes a path; gives a [`Spec`] in which every reference holds (names are unique, inputs exist,
//! training and holdout are disjoint, patterns compile). It must not build or run anything.

mod check;
mod document;
pub mod duration;
mod scenarios;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use document::{
    CCompiler, Criterion, ExecutableKind, Expect, Judge, MetricSpec, Output, Request, ScenarioKind,
    ScenarioSpec, Store, Target, Train, Trend,
};

use crate::digest;
use crate::error::{Error, Result};
use crate::init;
use document::Document;

/// A checked spec.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The file it was read from, absolute.
    pub path: PathBuf,
    /// The directory in which its paths and processes resolve.
    pub directory: PathBuf,
    /// Its text, as it stands in the record.
    pub text: String,
    /// SHA-256 of the text.
    pub sha256: String,
    document: Document,
}

impl Spec {
    /// Reads and checks the spec at `path`.
    ///
    /// # Errors
    /// [`Error::Spec`] naming the file and, where there is one, the line and the nearest valid key.
    pub fn load(path: &Path) -> Result<Self> {
        let path = path.canonicalize().map_err(|source| Error::Spec {
            path: path.to_owned(),
            line: None,
            message: format!("cannot be read: {source}"),
            hint: Some("name an existing file with `--spec FILE`".into()),
        })?;
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Spec {
            path: path.clone(),
            line: None,
            message: format!("cannot be read: {source}"),
            hint: Some("a spec is a TOML file in UTF-8".into()),
        })?;
        Self::parse(path, text)
    }

    fn parse(path: PathBuf, text: String) -> Result<Self> {
        let document: Document =
            toml::from_str(&text).map_err(|error| check::syntax(&path, &text, &error))?;
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        let sha256 = digest::text(&text);
        let spec = Self {
            path,
            directory,
            text,
            sha256,
            document,
        };
        check::references(&spec)?;
        Ok(spec)
    }

    /// The spec's name; also the name of the default output directory.
    pub fn name(&self) -> &str {
        &self.document.name
    }

    /// What is built.
    pub fn target(&self) -> &Target {
        &self.document.target
    }

    /// How results are judged.
    pub fn judge(&self) -> &Judge {
        &self.document.judge
    }

    /// The training workloads, in file order.
    pub fn train(&self) -> &[Train] {
        &self.document.train
    }

    /// The holdout scenarios, in file order.
    pub fn scenario_specs(&self) -> &[ScenarioSpec] {
        &self.document.scenario
    }

    /// The declared trends.
    pub fn trends(&self) -> &[Trend] {
        &self.document.trend
    }

    /// The benchmark that looks at the verified pair as well.
    pub fn criterion(&self) -> Option<&Criterion> {
        self.document.criterion.as_ref()
    }

    /// When the stored profile is too old.
    pub fn store(&self) -> &Store {
        &self.document.store
    }

    /// What must be equal in both arms on the holdout.
    pub fn output(&self) -> &Output {
        &self.document.verify.output
    }

    /// Environment variables that name fetched files: variable → catalogue entry.
    pub fn assets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.document
            .assets
            .iter()
            .map(|(variable, asset)| (variable.as_str(), asset.as_str()))
    }

    /// `relative` in the spec's directory.
    pub fn resolve(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.directory.join(relative)
    }

    /// The files that a training workload reads, and those that its commands name.
    pub(crate) fn files_of(&self, workload: &Train) -> Vec<PathBuf> {
        let declared = workload.inputs.iter().chain(&workload.stdin);
        let mut files: Vec<PathBuf> = declared.map(|file| self.resolve(file)).collect();
        files.extend(self.named_by([&workload.prepare, &workload.driver]));
        files
    }

    /// The files that commands name: a script and what it is told to read.
    fn named_by(&self, commands: [&Vec<String>; 2]) -> impl Iterator<Item = PathBuf> {
        let words = commands.into_iter().flatten();
        let named = words.filter(|word| !word.is_empty());
        named
            .map(move |word| self.resolve(word))
            .filter(|file| file.is_file())
    }

    /// The files that the scenarios read and their commands name, each once, sorted.
    pub(crate) fn holdout_files(&self) -> Vec<PathBuf> {
        let scenarios = self.scenario_specs().iter();
        let files: BTreeSet<PathBuf> = scenarios
            .flat_map(|scenario| {
                let declared = scenario.inputs.iter().chain(&scenario.stdin);
                declared
                    .map(move |file| self.resolve(file))
                    .chain(self.named_by([&scenario.prepare, &scenario.driver]))
            })
            .collect();
        files.into_iter().collect()
    }

    /// The manifest of the package to build.
    pub fn manifest(&self) -> PathBuf {
        let manifest = self.resolve(&self.document.target.manifest);
        manifest.canonicalize().unwrap_or(manifest)
    }

    /// The directory in which cargo runs.
    pub fn manifest_directory(&self) -> PathBuf {
        let manifest = self.manifest();
        manifest.parent().unwrap_or(Path::new("/")).to_owned()
    }

    /// Refuses a spec that trains nothing, or whose workload is not filled in.
    ///
    /// # Errors
    /// [`Error::Spec`] with the ways out.
    pub fn check_training(&self) -> Result<()> {
        if !self.train().is_empty() {
            return self.check_filled_in();
        }
        Err(self.error(
            "there is no [[train]] workload",
            "declare one, or train elsewhere and name the profile with `--profile FILE`",
        ))
    }

    /// Refuses a spec in which a [`PLACEHOLDER`](init::PLACEHOLDER) is left: what such a program did
    /// would be nobody's workload.
    ///
    /// # Errors
    /// [`Error::Spec`] naming the workload.
    pub fn check_filled_in(&self) -> Result<()> {
        let training = self
            .train()
            .iter()
            .map(|train| ("[[train]]", &train.name, &train.args));
        let scenarios = self
            .scenario_specs()
            .iter()
            .map(|scenario| ("[[scenario]]", &scenario.name, &scenario.args));
        let is_left = |args: &[String]| args.iter().any(|arg| arg == init::PLACEHOLDER);
        let left = training
            .chain(scenarios)
            .find(|(_, _, args)| is_left(args.as_slice()));
        left.map_or(Ok(()), |(section, name, _)| {
            Err(self.error(
                format!(
                    "{section} `{name}` still has the placeholder `{}`",
                    init::PLACEHOLDER
                ),
                "write the program's own arguments there, `args = []` for none",
            ))
        })
    }

    /// Refuses names that no scenario has.
    ///
    /// # Errors
    /// [`Error::Usage`] listing the names there are.
    pub fn check_names(&self, names: &[String]) -> Result<()> {
        let known: Vec<&str> = self
            .scenario_specs()
            .iter()
            .map(|scenario| scenario.name.as_str())
            .collect();
        let unknown = names.iter().find(|name| !known.contains(&name.as_str()));
        unknown.map_or(Ok(()), |unknown| {
            Err(Error::Usage {
                message: format!("the spec has no scenario `{unknown}`"),
                hint: format!("the scenarios are: {}", known.join(", ")),
            })
        })
    }

    /// The same program built in another way: with these flags and this C compiler in place of the
    /// spec's own, and these settings over the manifest's cargo profile. What the spec expects is said
    /// of its own pair, and left out.
    #[must_use]
    pub(crate) fn rebuilt(
        &self,
        rustflags: &[String],
        settings: &[String],
        c: Option<CCompiler>,
    ) -> Self {
        let mut spec = self.clone();
        let target = &mut spec.document.target;
        target.rustflags = rustflags.to_vec();
        target.settings = settings.to_vec();
        target.c = c;
        spec.document.trend.clear();
        for scenario in &mut spec.document.scenario {
            scenario.expect = None;
        }
        spec
    }

    /// An error that points at this spec.
    pub(crate) fn error(&self, message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Spec {
            path: self.path.clone(),
            line: None,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

#[cfg(test)]
mod tests;
