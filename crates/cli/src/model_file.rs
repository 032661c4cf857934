//! Finds the model file: a path, a name in the folder of models, or the only model of a folder.
//!
//! Takes what was named and the folder; gives the path of a file that exists. What is in the file
//! is the backend's business.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The GGUF file that `named` is: a path to a file or to a folder with exactly one, or a file's
/// name in `models`, with or without `.gguf`. Without a name: the only model of `models`.
pub(crate) fn locate(named: Option<&Path>, models: Option<&Path>) -> Result<PathBuf, Failure> {
    // An empty variable is a variable that somebody meant to unset.
    let is_given = |path: &&Path| !path.as_os_str().is_empty();
    let models = models.filter(is_given);
    let Some(named) = named.filter(is_given) else {
        return only_model_in(models.ok_or(Failure::NoModel)?);
    };
    if named.is_dir() {
        return only_model_in(named);
    }
    let in_models = models.into_iter().flat_map(|folder| {
        let path = folder.join(named);
        let mut with_extension = path.clone().into_os_string();
        with_extension.push(".gguf");
        [path, PathBuf::from(with_extension)]
    });
    std::iter::once(named.to_owned())
        .chain(in_models)
        .find(|path| path.is_file())
        .ok_or_else(|| Failure::NoSuchModel(named.to_owned()))
}

/// What the model at `path` is called in requests and answers.
pub(crate) fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// What a model of several files is called: as their folder, whether `path` is that or one of them.
/// What looks like an extension is a part of the name: `bge-small-en-v1.5`.
pub(crate) fn folder_name(path: &Path) -> String {
    // A bare file's name says nothing of its folder.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = if path.is_dir() {
        Some(path.as_path())
    } else {
        path.parent()
    };
    let name = folder.and_then(Path::file_name);
    name.unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn only_model_in(directory: &Path) -> Result<PathBuf, Failure> {
    let unreadable = |source| Failure::Read {
        path: directory.to_owned(),
        source,
    };
    let mut models = Vec::new();
    for entry in directory.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "gguf")
        {
            models.push(path);
        }
    }
    let count = models.len();
    models
        .pop()
        .filter(|_| count == 1)
        .ok_or_else(|| Failure::ModelDirectory {
            path: directory.to_owned(),
            count,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        folder
    }

    #[test]
    fn a_path_a_name_and_a_folder_lead_to_the_file() {
        let folder = folder(&["one.gguf", "notes.txt"]);
        let file = folder.path().join("one.gguf");
        for (named, models) in [
            (Some(file.as_path()), None),
            (Some(folder.path()), None),
            (Some(Path::new("one")), Some(folder.path())),
            (Some(Path::new("one.gguf")), Some(folder.path())),
            (None, Some(folder.path())),
        ] {
            let found = locate(named, models).expect("a model");
            assert_eq!(found, file, "{named:?} in {models:?}");
        }
        assert_eq!(name(&file), "one");
    }

    #[test]
    fn a_model_of_several_files_is_called_as_its_folder() {
        let models = tempfile::tempdir().expect("a folder");
        let folder = models.path().join("bge-small-en-v1.5");
        std::fs::create_dir(&folder).expect("a folder");
        let file = folder.join("model.safetensors");
        std::fs::write(&file, "").expect("a file");
        for path in [folder.join(""), folder.join("."), folder, file] {
            assert_eq!(folder_name(&path), "bge-small-en-v1.5", "{path:?}");
        }
        let here = std::env::current_dir().expect("a folder");
        let here = here.file_name().expect("a name").to_string_lossy();
        assert_eq!(folder_name(Path::new("model.onnx")), here);
        assert_eq!(folder_name(Path::new(".")), here);
    }

    #[test]
    fn nothing_is_guessed() {
        let folder = folder(&["one.gguf", "two.gguf"]);
        let several = locate(None, Some(folder.path()));
        assert!(matches!(
            several,
            Err(Failure::ModelDirectory { count: 2, .. })
        ));
        let empty = tempfile::tempdir().expect("a folder");
        let none = locate(None, Some(empty.path())).expect_err("no model");
        assert!(none.hint().is_some_and(|hint| hint.contains("fetch")));
        let other = locate(Some(Path::new("three")), Some(folder.path()));
        assert!(matches!(other, Err(Failure::NoSuchModel(_))));
        assert!(matches!(
            locate(None, Some(Path::new(""))),
            Err(Failure::NoModel)
        ));
    }
}
