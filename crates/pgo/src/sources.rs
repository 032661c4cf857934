//! What a binary was compiled from: a digest over its local files, and the commit that is checked
//! out.
//!
//! Takes a build; gives a [`SourceState`]. It looks at files only: what a change of them means for a
//! profile is measured, in `store::staleness`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::cargo::{self, Workshop};
use crate::digest::{self, Key};
use crate::error::{Error, Result};
use crate::flags::{self, Arm};
use crate::manifest;
use crate::progress::Progress;

/// The sources of a binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceState {
    /// The commit that was checked out, where there is one. The files may have differed from it.
    pub commit: Option<String>,
    /// SHA-256 over the contents of the local files that were compiled, wherever they lie.
    pub sha256: String,
}

impl SourceState {
    /// The sources of `built`, the binary of `arm`.
    ///
    /// # Errors
    /// [`Error::Verification`] when the sources have changed since it was built, [`Error::Build`].
    pub(crate) fn of(
        workshop: &Workshop,
        arm: &Arm,
        built: &Artifact,
        progress: &mut Progress,
    ) -> Result<Self> {
        let again = cargo::rebuild(workshop, arm, progress)?;
        if again.sha256 != built.sha256 {
            return Err(Error::Verification {
                check: "same-sources",
                message: format!(
                    "the sources changed after the {} binary was built",
                    arm.name()
                ),
                hint: "run again without touching the sources".into(),
            });
        }
        let directory = workshop.spec.manifest_directory();
        let configured = flags::cargo_config(&workshop.spec)?.build.dep_info_basedir;
        let base = configured.unwrap_or_else(|| directory.clone());
        let base = base.canonicalize().map_err(Error::io("open", &base))?;
        let files = files(&again.path, &base, workshop.output.root())?;
        let described = described_by(workshop.spec.manifest())?;
        Ok(Self {
            commit: commit(&directory),
            sha256: digest_of(files.into_iter().chain(described))?,
        })
    }
}

/// The local files that cargo lists beside the executable, those of the run itself left out. What is
/// listed relative lies in `base`: cargo's `build.dep-info-basedir`, or else the manifest's directory.
///
/// cargo lists what was compiled, and what build scripts watch. The first is there, as cargo has just
/// found it unchanged. The second may be a directory, or not there yet.
fn files(executable: &Path, base: &Path, run: &Path) -> Result<Vec<PathBuf>> {
    let list = executable.with_extension("d");
    let text = std::fs::read_to_string(&list).map_err(Error::io("read", &list))?;
    let listed = dependencies(&text)
        .into_iter()
        .map(|file| base.join(file))
        .filter(|file| !file.starts_with(run));
    let (files, others): (Vec<PathBuf>, Vec<PathBuf>) = listed.partition(|file| file.is_file());
    let is_source = |file: &&PathBuf| file.extension().is_some_and(|kind| kind == "rs");
    let absent = others.iter().find(|file| is_source(file) && !file.exists());
    absent.map_or(Ok(files), |absent| {
        Err(Error::Verification {
            check: "listed-sources",
            message: format!(
                "cargo lists `{}` among the sources, and it is not there",
                absent.display()
            ),
            hint: "take `build.dep-info-basedir` out of cargo's configuration; where a build script watches the file (`rerun-if-changed`), let it watch one that is there".into(),
        })
    })
}

/// The prerequisites of the first rule in cargo's own makefile syntax: spaces in names stand after a
/// backslash.
fn dependencies(text: &str) -> Vec<PathBuf> {
    let rule = text.lines().next().and_then(|line| line.split_once(": "));
    let Some((_, list)) = rule else {
        return Vec::new();
    };
    list.replace("\\ ", "\0")
        .split(' ')
        .filter(|file| !file.is_empty())
        .map(|file| file.replace('\0', " ").into())
        .collect()
}

/// The manifest, that of the workspace where it is another, and the lock file: they choose versions and
/// settings of the cargo profile.
fn described_by(manifest: PathBuf) -> Result<Vec<PathBuf>> {
    let hint = "check `manifest` in [target] of the spec";
    let [of_workspace, lock] = manifest::of_workspace(&manifest, hint)?;
    let mut files = vec![manifest, of_workspace, lock];
    files.dedup();
    files.retain(|file| file.is_file());
    Ok(files)
}

/// The contents alone, in an order of their own: the same on every machine.
fn digest_of(files: impl Iterator<Item = PathBuf>) -> Result<String> {
    let contents = files
        .map(|file| digest::file(&file))
        .collect::<Result<BTreeSet<String>>>()?;
    let key = contents.iter().fold(Key::new("sources"), Key::part);
    Ok(key.finish())
}

/// `None` outside of a git repository, and where git is not there.
fn commit(directory: &Path) -> Option<String> {
    let mut git = Command::new("git");
    let output = git
        .args(["rev-parse", "--verify", "HEAD"])
        .current_dir(directory)
        .output()
        .ok()?;
    let id = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_rule() {
        for (text, files) in [
            (
                "/t/gain: /s/main.rs /s/a.rs\n",
                &["/s/main.rs", "/s/a.rs"][..],
            ),
            (
                "/t\\ t/gain: /s\\ s/main.rs src/a.rs\n\n/s/a.rs:\n",
                &["/s s/main.rs", "src/a.rs"],
            ),
            ("/t/gain:\n", &[]),
            ("", &[]),
        ] {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            assert_eq!(dependencies(text), files, "{text}");
        }
    }

    #[test]
    fn what_the_run_made_is_no_source() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for name in ["main.rs", "other.rs", "out/generated.rs"] {
            std::fs::create_dir_all(path("out")).expect("a directory");
            std::fs::write(path(name), name).expect("a file");
        }
        let listed = format!(
            "x: main.rs {} {} out directory watched.txt\n",
            path("other.rs").display(),
            path("out/generated.rs").display()
        );
        std::fs::create_dir(path("directory")).expect("a directory");
        std::fs::write(path("x.d"), listed).expect("a file");
        let found = files(&path("x"), directory.path(), &path("out")).expect("a list");
        assert_eq!(found, [path("main.rs"), path("other.rs")]);
    }

    #[test]
    fn a_list_of_sources_that_are_elsewhere_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(path("package/src")).expect("a directory");
        for (file, text) in [
            ("package/src/main.rs", ""),
            ("x.d", "x: package/src/main.rs package/absent.txt\n"),
        ] {
            std::fs::write(path(file), text).expect("a file");
        }
        let found = |base: &Path| files(&path("x"), base, &path("out"));
        let right = found(directory.path()).expect("they are there");
        assert_eq!(right, [path("package/src/main.rs")]);
        let error = found(&path("package")).expect_err("another base");
        assert!(
            error.to_string().contains("package/package/src/main.rs"),
            "{error}"
        );
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("dep-info-basedir"))
        );
    }

    #[test]
    fn the_settings_of_a_workspace_count_for_its_members() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("it is there");
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.with_file_name("")).expect("a directory");
            std::fs::write(&path, text).expect("a file");
            path
        };
        let workspace = "[workspace]\nmembers = [\"a\"]\nresolver = \"3\"\n";
        let of_workspace = write("Cargo.toml", workspace);
        let member = write(
            "a/Cargo.toml",
            "[package]\nname = \"a\"\nedition = \"2024\"\n",
        );
        write("a/src/main.rs", "fn main() {}");
        let described = || described_by(member.clone()).expect("a member");
        assert_eq!(described(), [member.clone(), of_workspace.clone()]);
        let lock = write("Cargo.lock", "version = 4\n");
        assert_eq!(described(), [member.clone(), of_workspace, lock]);

        let digest = || digest_of(described().into_iter()).expect("readable");
        let before = digest();
        write(
            "Cargo.toml",
            &format!("{workspace}[profile.release]\nlto = \"fat\"\n"),
        );
        assert_ne!(digest(), before);

        let alone = write(
            "b/Cargo.toml",
            "[package]\nname = \"b\"\nedition = \"2024\"\n[workspace]\n",
        );
        write("b/src/main.rs", "fn main() {}");
        let described = described_by(alone.clone()).expect("a package of its own");
        assert_eq!(
            described,
            [alone],
            "its manifest once, and no lock file of others"
        );
    }

    #[test]
    fn contents_count_and_places_do_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).expect("a file");
            path
        };
        let digest = |files: &[&PathBuf]| {
            digest_of(files.iter().map(|file| (*file).clone())).expect("readable")
        };
        let (a, b) = (file("a", "one"), file("b", "two"));
        let (moved, changed) = (file("c", "one"), file("d", "three"));
        assert_eq!(digest(&[&a, &b]), digest(&[&b, &moved]));
        assert_ne!(digest(&[&a, &b]), digest(&[&a, &changed]));
    }
}
