//! What cargo says of a manifest: its packages with their targets, and where it builds.
//!
//! Takes the path of a manifest; gives cargo's own answer. It must not build or download anything.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::error::{Error, Result};
use crate::toolchain;

/// The name of every manifest.
pub const FILE_NAME: &str = "Cargo.toml";

/// The packages of the workspace that `manifest` belongs to. `hint` says what to check when there is
/// no answer.
///
/// # Errors
/// [`Error::Usage`] when cargo cannot read the manifest.
pub(crate) fn members(manifest: &Path, hint: &str) -> Result<Metadata> {
    // Without dependencies, cargo reads manifests and nothing else.
    ask(manifest, &["--no-deps", "--offline"]).map_err(|error| Error::Usage {
        message: format!("cargo cannot read `{}`: {error}", manifest.display()),
        hint: hint.to_owned(),
    })
}

/// The manifest and the lock file of the workspace that `manifest` belongs to: cargo takes versions and
/// the settings of the cargo profile from these. The lock file need not be there.
///
/// # Errors
/// See [`members`].
pub(crate) fn of_workspace(manifest: &Path, hint: &str) -> Result<[PathBuf; 2]> {
    let root = members(manifest, hint)?.workspace_root.into_std_path_buf();
    Ok([FILE_NAME, "Cargo.lock"].map(|name| root.join(name)))
}

/// [`members`] with all dependencies, where cargo can tell without downloading anything.
pub(crate) fn with_dependencies(manifest: &Path) -> Option<Metadata> {
    ask(manifest, &["--offline", "--locked"]).ok()
}

/// Where cargo builds what `manifest` describes: results that belong to it are kept there.
///
/// # Errors
/// [`Error::Usage`] when cargo cannot read the manifest.
pub fn target_directory(manifest: &Path) -> Result<PathBuf> {
    let metadata = members(
        manifest,
        "check the manifest, or name a directory with `--out DIR`",
    )?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// The file `name` in `directory`, or else in the nearest directory above.
pub fn nearest(name: &str, directory: &Path) -> Option<PathBuf> {
    let mut files = directory.ancestors().map(|directory| directory.join(name));
    files.find(|file| file.is_file())
}

fn ask(manifest: &Path, options: &[&str]) -> Result<Metadata, cargo_metadata::Error> {
    let directory = manifest.parent().unwrap_or(Path::new("/"));
    let mut command = MetadataCommand::new();
    // As the builds call it: not the outer cargo's own path, and in the manifest's directory.
    command
        .cargo_path("cargo")
        .manifest_path(manifest)
        .current_dir(directory);
    command.other_options(options.iter().map(ToString::to_string).collect::<Vec<_>>());
    if let Some(variable) = toolchain::inherited_selection(directory) {
        command.env_remove(variable);
    }
    command.exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_is_found_from_below() {
        let directory = tempfile::tempdir().expect("a directory");
        let (outer, inner) = (directory.path(), directory.path().join("a/b"));
        std::fs::create_dir_all(&inner).expect("directories");
        assert_eq!(nearest("no-such-file.toml", &inner), None);
        std::fs::write(outer.join("pgo.toml"), "").expect("a file");
        assert_eq!(nearest("pgo.toml", &inner), Some(outer.join("pgo.toml")));
        std::fs::write(inner.join("pgo.toml"), "").expect("a file");
        assert_eq!(nearest("pgo.toml", &inner), Some(inner.join("pgo.toml")));
    }

    #[test]
    fn what_cargo_cannot_read_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let manifest = directory.path().join(FILE_NAME);
        std::fs::write(&manifest, "[package").expect("a file");
        let error = members(&manifest, "mend it").expect_err("it is no manifest");
        assert!(error.to_string().contains("Cargo.toml"), "{error}");
        assert_eq!(error.hint().as_deref(), Some("mend it"));
    }
}
