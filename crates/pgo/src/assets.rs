//! Files that the spec's processes need from outside, handed to them by environment variable.
//!
//! Takes the spec's `[assets]`; gives the environment and the files behind it. A variable that the
//! user has set wins: nothing is fetched for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use inferno_measure::process;
use inferno_measure::scenario::Scenario;
use inferno_provision::State;
use inferno_provision::catalogue::Source;
use inferno_provision::progress::{Progress as FetchProgress, StderrProgress};

use crate::cargo::Network;
use crate::digest::{self, Key};
use crate::error::{Error, Result};
use crate::spec::Spec;

/// What the spec's processes get beyond the user's environment.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// Variables with absolute paths.
    pub env: BTreeMap<String, String>,
    /// The files behind them.
    pub files: Vec<AssetFile>,
}

/// A file from outside. It may be large, so it is hashed once per run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFile {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub sha256: String,
}

impl Assets {
    /// Finds or fetches what the spec names.
    ///
    /// # Errors
    /// [`Error::Usage`] when the user's own path is no file, [`Error::Provision`] when a file cannot
    /// be had, [`Error::Tool`] when it would have to be fetched and must not be.
    pub fn provide(spec: &Spec, network: Network) -> Result<Self> {
        let mut assets = Self::default();
        for (variable, name) in spec.assets() {
            let path = match std::env::var_os(variable) {
                Some(own) => chosen(variable, Path::new(&own))?,
                None => model(name, network)?,
            };
            assets
                .env
                .insert(variable.to_owned(), path.display().to_string());
            let sha256 = digest::file(&path)?;
            assets.files.push(AssetFile { path, sha256 });
        }
        Ok(assets)
    }
}

impl Assets {
    /// The scenarios of `spec` for the sampler, with these files.
    pub(crate) fn scenarios_of(&self, spec: &Spec) -> Vec<Scenario> {
        let mut scenarios = spec.scenarios(&self.env);
        for scenario in &mut scenarios {
            // A cold page cache is cold for the model too.
            let files = self.files.iter().map(|file| file.path.clone());
            scenario.inputs.extend(files);
        }
        scenarios
    }

    /// Adds what the files contain to a stage's key.
    pub(crate) fn added_to(&self, key: Key) -> Key {
        self.files
            .iter()
            .fold(key, |key, file| key.part(&file.sha256))
    }
}

/// The model `name`, fetched where that is allowed.
fn model(name: &str, network: Network) -> Result<PathBuf> {
    if network == Network::Unused {
        let local = inferno_provision::model(name)?;
        if local.state == State::Missing && local.model.source != Source::Synthetic {
            return Err(Error::Tool {
                message: format!("the model `{name}` is not here, and `--offline` fetches nothing"),
                hint: "run once without `--offline`, or name a file of your own by its variable in [assets]".into(),
            });
        }
    }
    fetch(|progress| inferno_provision::fetch_model(name, progress))
}

/// Processes run in the spec's directory, so a relative path must not reach them.
fn chosen(variable: &str, path: &Path) -> Result<PathBuf> {
    let usage = |message: String| Error::Usage {
        message,
        hint: format!(
            "set {variable} to an existing file, or unset it to have the spec's own fetched"
        ),
    };
    let path = path
        .canonicalize()
        .map_err(|error| usage(format!("{variable} = `{}`: {error}", path.display())))?;
    if path.is_file() {
        return Ok(path);
    }
    Err(usage(format!(
        "{variable} = `{}` is not a file",
        path.display()
    )))
}

/// Runs a fetch that shows its progress and ends on a signal.
///
/// # Errors
/// [`Error::Provision`], or [`Error::Measure`] when interrupted.
pub fn fetch<T>(
    work: impl FnOnce(&dyn FetchProgress) -> Result<T, inferno_provision::Error>,
) -> Result<T> {
    let fetched = work(&Interruptible(StderrProgress::default()));
    process::check_interrupted()?;
    Ok(fetched?)
}

/// Progress on standard error that also ends when a signal has come.
struct Interruptible(StderrProgress);

impl FetchProgress for Interruptible {
    fn say(&self, line: &str) {
        self.0.say(line);
    }

    fn advance(&self, what: &str, done_bytes: u64, total_bytes: u64) {
        self.0.advance(what, done_bytes, total_bytes);
    }

    fn finish(&self) {
        self.0.finish();
    }

    fn interrupted(&self) -> bool {
        process::interrupted().is_some()
    }
}
