//! ONNX Runtime's shared library, of which a process has one.
//!
//! Takes the path of the library; gives the environment in which models are loaded. Everything
//! that could go wrong in loading is found out here, because the crate `ort` panics when it has to
//! load the library by itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use super::NAME;
use crate::error::Error;

/// Names the library, whatever the program says.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The library that was loaded, and what it gave.
struct Loaded {
    library: PathBuf,
    environment: Environment,
}

/// Kept until the process ends: a second environment cannot be made, even after the first is gone.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

/// The environment of the library that [`VARIABLE`] names, else of the one at `given`.
///
/// # Errors
/// [`Error::MissingLibrary`] when it is not there, is no ONNX Runtime, is too old, or when another
/// one has been loaded.
pub(super) fn environment(given: &Path) -> Result<Environment, Error> {
    let library = library_path(std::env::var_os(VARIABLE), given)?;
    let mut kept = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = kept.as_ref() {
        if loaded.library != library {
            return Err(missing(format!(
                "{} cannot be loaded, because {} is: a process has one",
                library.display(),
                loaded.library.display()
            )));
        }
        return Ok(loaded.environment.clone());
    }
    let environment = load(&library)?;
    *kept = Some(Loaded {
        library,
        environment: environment.clone(),
    });
    Ok(environment)
}

fn load(library: &Path) -> Result<Environment, Error> {
    if !library.is_file() {
        return Err(missing(format!(
            "there is no file at {}",
            library.display()
        )));
    }
    ort::init_from(library)
        .map_err(|error| missing(error.to_string()))?
        .with_name("inferno")
        .with_telemetry(false)
        .build()
        .map_err(Error::backend)
}

/// The chosen path, made absolute: a relative one would be taken for one beside the program.
fn library_path(chosen: Option<OsString>, given: &Path) -> Result<PathBuf, Error> {
    let path = chosen
        .filter(|path| !path.is_empty())
        .map_or_else(|| given.to_owned(), PathBuf::from);
    std::path::absolute(&path).map_err(|error| {
        missing(format!(
            "its path {:?} is unusable: {error}",
            path.display()
        ))
    })
}

fn missing(problem: String) -> Error {
    Error::MissingLibrary {
        backend: NAME,
        what: "ONNX Runtime's shared library, version 1.24 or later",
        problem,
        hint: "get it by `cargo xtask model fetch onnxruntime`, then pass the path that it prints \
               or set ORT_DYLIB_PATH to it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_comes_before_the_program() {
        let path = |chosen: Option<&str>, given: &str| {
            library_path(chosen.map(OsString::from), Path::new(given)).expect("a path")
        };
        assert_eq!(path(Some("/a/lib.so"), "/b/lib.so"), Path::new("/a/lib.so"));
        assert_eq!(path(None, "/b/lib.so"), Path::new("/b/lib.so"));
        assert_eq!(path(Some(""), "/b/lib.so"), Path::new("/b/lib.so"));
        assert!(path(None, "lib.so").is_absolute());
    }

    #[test]
    fn a_library_that_cannot_be_loaded_is_an_error_with_a_next_step() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let text = directory.path().join("libonnxruntime.so");
        std::fs::write(&text, "not a library").expect("writing");
        for path in [directory.path().join("nothing.so"), text] {
            let error = load(&path).expect_err("no library");
            assert!(matches!(error, Error::MissingLibrary { .. }), "{error:?}");
            assert!(error.to_string().contains(".so"), "{error}");
            let hint = error.hint().expect("a next step");
            assert!(hint.contains("fetch onnxruntime"), "{hint}");
            assert_eq!(error.exit_code(), 20);
        }
        let nowhere = library_path(None, Path::new(""));
        assert!(
            matches!(nowhere, Err(Error::MissingLibrary { .. })),
            "{nowhere:?}"
        );
    }
}
