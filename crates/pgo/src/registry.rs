//! The sources of programs that come from the package registry.
//!
//! Takes a package whose lock file pins them, as `calibration/sources` is, or a name and a version;
//! gives the manifest of a copy. cargo downloads into its own cache; nothing is built or changed there.

use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};
use inferno_measure::process::Command;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::init::quoted;

/// A small library: cargo tells where it has unpacked it, and with it all other packages.
const ANCHOR: &str = "cfg-if";

#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
    /// Names, with the version where the lock file has several of them.
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The manifest of a copy of `package` below `directory`, with its dependencies fetched: at `version`,
/// or at the newest there is.
///
/// # Errors
/// [`Error::Usage`] when the registry has no such package or cannot be reached, and when the package
/// has no lock file.
pub fn fetch_package(package: &str, version: Option<&str>, directory: &Path) -> Result<PathBuf> {
    let place = std::env::temp_dir();
    let sources = tempfile::tempdir().map_err(Error::io("write", &place))?;
    let manifest = sources.path().join("Cargo.toml");
    let version = version.map_or_else(|| "*".to_owned(), |version| format!("={version}"));
    let mut text = format!(
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n[workspace]\n\n[dependencies]\n{} = {}\n",
        quoted(package),
        quoted(&version)
    );
    if package != ANCHOR {
        text.push_str(ANCHOR);
        text.push_str(" = \"1\"\n");
    }
    for (file, text) in [("Cargo.toml", text.as_str()), ("lib.rs", "")] {
        let path = sources.path().join(file);
        std::fs::write(&path, text).map_err(Error::io("write", &path))?;
    }
    let command = Command::new("cargo").args(["generate-lockfile", "--quiet", "--manifest-path"]);
    run(command.arg(&manifest), package)?;
    provide(sources.path(), package, directory)
}

/// The manifest of `package`'s copy below `directory`, with its dependencies fetched.
pub(crate) fn provide(sources: &Path, package: &str, directory: &Path) -> Result<PathBuf> {
    let lock = locked(sources, package)?;
    let copy = directory.join(format!("source-{}", lock.version));
    let manifest = copy.join("Cargo.toml");
    let marker = copy.join(".complete");
    let wanted = lock.checksum.unwrap_or_default();
    if std::fs::read_to_string(&marker).is_ok_and(|checksum| checksum == wanted) {
        return Ok(manifest);
    }
    fetch(&sources.join("Cargo.toml"), package)?;
    let original = registry(sources)?.join(format!("{package}-{}", lock.version));
    if !original.join("Cargo.lock").is_file() {
        return Err(Error::Usage {
            message: format!(
                "`{}` is not there, or has no Cargo.lock that pins its dependencies",
                original.display()
            ),
            hint: "take another version of it, or another program".into(),
        });
    }
    crate::train::recreate(&copy)?;
    copy_tree(&original, &copy)?;
    // The copy may lie below a workspace, and is no member of it.
    let text = std::fs::read_to_string(&manifest).map_err(Error::io("read", &manifest))?;
    if !text.lines().any(|line| line.trim() == "[workspace]") {
        let text = format!("{text}\n[workspace]\n");
        inferno_measure::write_atomically(&manifest, text.as_bytes())?;
    }
    fetch(&manifest, package)?;
    inferno_measure::write_atomically(&marker, wanted.as_bytes())?;
    Ok(manifest)
}

fn locked(sources: &Path, package: &str) -> Result<Locked> {
    let path = sources.join("Cargo.lock");
    let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let lock: Lock = toml::from_str(&text).map_err(|error| Error::Usage {
        message: format!("{}: {error}", path.display()),
        hint: "restore the file".into(),
    })?;
    pinned(lock, package).ok_or_else(|| Error::Usage {
        message: format!("{} does not pin `{package}`", path.display()),
        hint: format!("cargo add {package}, in {}", sources.display()),
    })
}

/// The package as the lock file's own packages depend on it. A program may depend on an older version of
/// itself, which is then locked as well.
fn pinned(lock: Lock, package: &str) -> Option<Locked> {
    let (registry, own): (Vec<Locked>, Vec<Locked>) = lock
        .package
        .into_iter()
        .partition(|locked| locked.checksum.is_some());
    let is_direct = |locked: &Locked| {
        let with_version = format!("{} {}", locked.name, locked.version);
        let mut direct = own.iter().flat_map(|locked| &locked.dependencies);
        direct.any(|name| *name == locked.name || *name == with_version)
    };
    registry
        .into_iter()
        .find(|locked| locked.name == package && is_direct(locked))
}

fn fetch(manifest: &Path, package: &str) -> Result<()> {
    let command = Command::new("cargo").args(["fetch", "--locked", "--quiet", "--manifest-path"]);
    run(command.arg(manifest), package)
}

fn run(command: Command, package: &str) -> Result<()> {
    let finished = command.run()?;
    if finished.success() {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!(
            "the sources of `{package}` cannot be fetched:\n{}",
            String::from_utf8_lossy(&finished.stderr).trim()
        ),
        hint: "check name and version; the package registry must be reachable once".into(),
    })
}

/// Where cargo has unpacked packages of the registry. Packages without a library are in no answer
/// of cargo's, but lie beside those that are.
fn registry(sources: &Path) -> Result<PathBuf> {
    let metadata: Metadata = MetadataCommand::new()
        .manifest_path(sources.join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(vec!["--locked".into(), "--quiet".into()])
        .exec()
        .map_err(|error| Error::Internal(error.to_string()))?;
    metadata
        .packages
        .iter()
        .find(|package| package.source.is_some())
        .and_then(|package| package.manifest_path.parent()?.parent())
        .map(|directory| directory.as_std_path().to_owned())
        .ok_or_else(|| Error::Internal("cargo names no package of the registry".into()))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for entry in std::fs::read_dir(from).map_err(Error::io("read", from))? {
        let entry = entry.map_err(Error::io("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            copy_tree(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).map_err(Error::io("copy", &source))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"sources\"\nversion = \"0.0.0\"\n\
                        dependencies = [\"tool\"]\n\n\
                        [[package]]\nname = \"tool\"\nversion = \"1.2.3\"\nchecksum = \"abc\"\n";

    #[test]
    fn what_is_not_pinned_is_not_provided() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        let error = provide(root, "tool", root).expect_err("no lock file");
        assert!(error.to_string().contains("Cargo.lock"), "{error}");
        std::fs::write(root.join("Cargo.lock"), LOCK).expect("a file");
        // The package itself has no checksum: it comes from no registry.
        for package in ["other", "sources"] {
            let error = provide(root, package, root).expect_err("no pin");
            let expected = format!("does not pin `{package}`");
            assert!(error.to_string().contains(&expected), "{error}");
        }
        std::fs::write(root.join("Cargo.lock"), "[[package").expect("a file");
        let error = provide(root, "tool", root).expect_err("no lock file");
        assert_eq!(error.exit_code(), crate::exit::USAGE);
    }

    #[test]
    fn an_older_version_that_the_program_uses_itself_is_not_taken() {
        let package = |name: &str, version: &str, checksum: Option<&str>, uses: &[&str]| Locked {
            name: name.into(),
            version: version.into(),
            checksum: checksum.map(str::to_owned),
            dependencies: uses.iter().map(|&name| name.to_owned()).collect(),
        };
        let lock = Lock {
            package: vec![
                package("sources", "0.0.0", None, &["tool 2.0.0"]),
                package("tool", "1.9.0", Some("abc"), &[]),
                package("tool", "2.0.0", Some("def"), &["tool 1.9.0"]),
            ],
        };
        let found = pinned(lock, "tool").expect("it is pinned");
        assert_eq!(found.version, "2.0.0");
    }

    #[test]
    fn a_copy_of_another_checksum_is_not_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        std::fs::write(root.join("Cargo.lock"), LOCK).expect("a file");
        let copy = root.join("source-1.2.3");
        std::fs::create_dir(&copy).expect("a directory");
        std::fs::write(copy.join(".complete"), "abc").expect("a file");
        let manifest = provide(root, "tool", root).expect("it is there");
        assert_eq!(manifest, copy.join("Cargo.toml"));
        std::fs::write(copy.join(".complete"), "another").expect("a file");
        // There is no Cargo.toml to fetch by.
        let error = provide(root, "tool", root).expect_err("it is fetched anew");
        assert!(error.to_string().contains("cannot be fetched"), "{error}");
    }

    /// A program without a library: cargo tells of it only where it has put it.
    #[test]
    fn slow_a_program_of_the_registry_is_copied_once() {
        if std::env::var_os("INFERNO_TEST_NETWORK").is_none_or(|value| value != "1") {
            eprintln!("SKIPPED: set INFERNO_TEST_NETWORK=1 to fetch a package");
            return;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let fetch = |version| fetch_package("rustfilt", Some(version), directory.path());
        let manifest = fetch("0.2.2").expect("a package");
        assert!(manifest.ends_with("source-0.2.2/Cargo.toml"));
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        assert!(text.contains("name = \"rustfilt\""), "{text}");
        assert_eq!(fetch("0.2.2").expect("the same"), manifest);
        let error = fetch("0.0.999").expect_err("no such version");
        assert!(error.to_string().contains("rustfilt"), "{error}");
        assert_eq!(error.exit_code(), crate::exit::USAGE);
    }
}
