//! Profiles as source: a merged profile that is kept beside its spec, with a manifest.
//!
//! Takes a merged profile and what it was made of, and writes both; or takes a spec and the build
//! that goes on now, and gives a [`StoredProfile`], which nothing else can make: the files are those
//! that were written, by this compiler, with these flags, for this target. Whether the program has
//! changed since is measured, in [`staleness`]. It must not build, train or merge.

mod manifest;
pub mod staleness;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use inferno_measure::record::{Check, CheckOutcome, Sources, Staleness, Stored};
use inferno_measure::write_atomically;

pub use manifest::{Build, Figures, Manifest, Origin, Part, Renewal};

use crate::assemble;
use crate::digest;
use crate::error::{Error, Result};
use crate::merge::{self, MergedProfile};
use crate::sources::SourceState;
use crate::spec::{ExecutableKind, Spec};
use crate::train::WorkloadProfile;

/// The command that makes a store anew, for hints.
const RENEW: &str = "renew it with the step `refresh`";

/// Where the profile of a spec is kept: `store/NAME/` in the spec's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The store of `spec`, which need not exist.
    pub fn of(spec: &Spec) -> Self {
        Self {
            directory: spec.directory.join("store").join(spec.name()),
        }
    }

    /// The manifest's file.
    pub fn manifest(&self) -> PathBuf {
        self.directory.join("manifest.toml")
    }

    /// The manifest with the digest of its text; `None` where no profile is stored.
    ///
    /// # Errors
    /// [`Error::Verification`] when it is not as it was written.
    pub fn read(&self) -> Result<Option<(Manifest, String)>> {
        let path = self.manifest();
        if !path.exists() {
            return Ok(None);
        }
        let content = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let text = String::from_utf8_lossy(&content);
        let manifest = Manifest::parse(&text).map_err(|message| Error::Verification {
            check: "stored-manifest",
            message: format!("`{}`: {message}", path.display()),
            hint: format!(
                "restore it, as by `git checkout -- {}`; or remove `{}` with all that was gathered elsewhere, and make the profile anew with the step `refresh`",
                path.display(),
                self.directory.display()
            ),
        })?;
        Ok(Some((manifest, digest::bytes(&content))))
    }

    /// Writes `profile` and its manifest. The manifest goes second, and what it named before is
    /// removed last: at any time the manifest names a file that is there.
    ///
    /// # Errors
    /// [`Error::Verification`] when the profile's file has changed, or the manifest that is there is not
    /// as it was written; [`Error::Io`].
    pub(crate) fn write(&self, profile: &MergedProfile, made: Made, name: &str) -> Result<()> {
        let content = std::fs::read(&profile.path).map_err(Error::io("read", &profile.path))?;
        if digest::bytes(&content) != profile.sha256 {
            return Err(refused(
                "stored-profile",
                format!(
                    "`{}` is no longer the profile that was merged",
                    profile.path.display()
                ),
            ));
        }
        let manifest = Manifest {
            schema: manifest::SCHEMA,
            name: name.to_owned(),
            created: assemble::now(),
            profile: Figures::of(profile),
            build: made.build,
            source: made.source,
            parts: made.parts,
        };
        let text = manifest.text()?;
        let before = self.read()?;
        let directory = &self.directory;
        std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
        write_atomically(&self.profile(&profile.sha256), &content)?;
        write_atomically(&self.manifest(), text.as_bytes())?;
        match before.map(|(before, _)| self.profile(&before.profile.sha256)) {
            Some(old) if old != self.profile(&profile.sha256) && old.exists() => {
                std::fs::remove_file(&old).map_err(Error::io("remove", &old))
            }
            _ => Ok(()),
        }
    }

    /// The manifest's file and that of the profile which `manifest` names.
    pub(crate) fn files(&self, manifest: &Manifest) -> [PathBuf; 2] {
        [self.manifest(), self.profile(&manifest.profile.sha256)]
    }

    fn profile(&self, sha256: &str) -> PathBuf {
        self.directory.join(merge::file_name(sha256))
    }
}

/// What a profile that is to be stored was made of and with.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) build: Build,
    pub(crate) source: SourceState,
    pub(crate) parts: Vec<Part>,
}

/// A stored profile that is what its manifest says, and was gathered from a build like the one that
/// goes on now.
#[derive(Debug, Clone)]
pub struct StoredProfile {
    manifest: Manifest,
    manifest_sha256: String,
    content: Vec<u8>,
}

impl StoredProfile {
    /// Opens the profile that is stored for `spec`. `now` is the build that it is to be used in.
    ///
    /// # Errors
    /// [`Error::Usage`] when none is stored; [`Error::Verification`] when profile or manifest is not
    /// as it was written, or when the profile is of another compiler, other flags or another target.
    pub fn open(spec: &Spec, now: &Build) -> Result<Self> {
        let store = Store::of(spec);
        let (manifest, manifest_sha256) = store.read()?.ok_or_else(|| Error::Usage {
            message: format!(
                "there is no stored profile: no `{}`",
                store.manifest().display()
            ),
            hint: "make one with the step `refresh`".into(),
        })?;
        if manifest.name != spec.name() {
            let message = format!(
                "`{}` is of the spec `{}`, not of `{}`",
                store.manifest().display(),
                manifest.name,
                spec.name()
            );
            return Err(refused("stored-manifest", message));
        }
        let path = store.profile(&manifest.profile.sha256);
        let content = std::fs::read(&path).ok();
        let content = content.filter(|content| digest::bytes(content) == manifest.profile.sha256);
        let content = content.ok_or_else(|| {
            let message = format!(
                "`{}` is not the profile that its manifest names, or is missing",
                path.display()
            );
            refused("stored-profile", message)
        })?;
        if let Some((check, message)) = manifest.build.difference(now) {
            return Err(refused(check, message));
        }
        Ok(Self {
            manifest,
            manifest_sha256,
            content,
        })
    }

    /// What it was made of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes the profile that was checked to `directory`, under a name with its hash.
    ///
    /// # Errors
    /// [`Error::Measure`] when it cannot be written.
    pub(crate) fn copy_to(&self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join(merge::file_name(&self.manifest.profile.sha256));
        write_atomically(&path, &self.content)?;
        Ok(path)
    }

    /// Fails when `profile`, which was read from the stored file, is not what the manifest tells.
    ///
    /// # Errors
    /// [`Error::Verification`].
    pub(crate) fn check_figures(&self, profile: &MergedProfile) -> Result<()> {
        if Figures::of(profile) == self.manifest.profile {
            return Ok(());
        }
        Err(refused(
            "stored-manifest",
            "the manifest tells other figures of the stored profile than it has".into(),
        ))
    }

    /// Fails when the stored profile was gathered on other sources than `now`: what is merged with
    /// it would be of another version.
    ///
    /// # Errors
    /// [`Error::Verification`].
    pub(crate) fn check_sources(&self, now: &SourceState) -> Result<()> {
        if self.manifest.source.sha256 == now.sha256 {
            return Ok(());
        }
        Err(Error::Verification {
            check: "stored-sources",
            message: format!(
                "the sources are not those of the stored profile{}",
                at(self.manifest.source.commit.as_deref())
            ),
            hint: "check out the commit on which all of them were gathered, or renew the store first with the step `refresh`".into(),
        })
    }

    /// Fails when one of `profiles` is in the stored profile already: its counts would weigh twice.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(crate) fn check_new(&self, profiles: &[WorkloadProfile]) -> Result<()> {
        let known = |profile: &&WorkloadProfile| {
            let mut parts = self.manifest.parts.iter();
            parts.any(|part| part.sha256 == profile.sha256)
        };
        let Some(known) = profiles.iter().find(known) else {
            return Ok(());
        };
        Err(Error::Usage {
            message: format!("`{}` is part of the stored profile already", known.name),
            hint: "name only what is new".into(),
        })
    }

    /// The whole as one profile among others: with the weight of all that it was merged from, so
    /// that a part weighs the same whether it comes first or later.
    pub(crate) fn as_part(&self, path: PathBuf) -> WorkloadProfile {
        WorkloadProfile {
            name: "stored".into(),
            path,
            sha256: self.manifest.profile.sha256.clone(),
            weight: self.manifest.parts.iter().map(|part| part.weight).sum(),
            counts_total: self.manifest.profile.counts_total,
            raw_files: 1,
            wall_s: 0.0,
        }
    }

    /// What a record tells of it.
    pub(crate) fn told(&self, now: &SourceState, staleness: Option<Staleness>) -> Stored {
        Stored {
            manifest_sha256: self.manifest_sha256.clone(),
            created: self.manifest.created.clone(),
            commit: self.manifest.source.commit.clone(),
            sources: if self.manifest.source.sha256 == now.sha256 {
                Sources::Unchanged
            } else {
                Sources::Changed
            },
            staleness,
        }
    }

    /// The evidence for the record.
    pub(crate) fn check(&self, told: &Stored) -> Check {
        let sources = match told.sources {
            Sources::Unchanged => "the sources are unchanged since",
            Sources::Changed => "sources have changed since",
        };
        Check {
            name: "stored-profile".into(),
            outcome: CheckOutcome::Passed,
            detail: format!(
                "stored {}{}, of {}; as its manifest says, by this compiler and with these flags; {sources}",
                told.created,
                at(told.commit.as_deref()),
                self.manifest.parts_told()
            ),
        }
    }
}

/// Fails for a benchmark: cargo does not list what it was compiled from, so nobody could say whether
/// the sources are still those of its profile.
///
/// # Errors
/// [`Error::Spec`].
pub(crate) fn check_storable(spec: &Spec) -> Result<()> {
    if spec.target().kind() != ExecutableKind::Bench {
        return Ok(());
    }
    Err(spec.error(
        "the profile of a benchmark cannot be stored: cargo does not list its sources",
        "store that of a `bin` or an `example` which does the same work",
    ))
}

/// Fails when training alone cannot renew what is stored: what was gathered elsewhere would be lost.
///
/// # Errors
/// [`Error::Usage`] naming it; [`Error::Verification`] where the manifest does not tell, because it is not
/// as it was written.
pub(crate) fn check_renewable(store: &Store) -> Result<()> {
    let Some((manifest, _)) = store.read()? else {
        return Ok(());
    };
    let Renewal::Gathering(parts) = manifest.renewal() else {
        return Ok(());
    };
    Err(Error::Usage {
        message: format!(
            "training cannot renew {parts}: gathered elsewhere, and part of the stored profile"
        ),
        hint: format!(
            "gather that again, remove `{}`, refresh, and merge it in with the step `merge DIR=WEIGHT --into-stored`",
            store.directory.display()
        ),
    })
}

fn refused(check: &'static str, message: String) -> Error {
    Error::Verification {
        check,
        message,
        hint: format!("{RENEW}; or take back the change: see docs/profiles.md#refused"),
    }
}

/// Where `commit` was checked out, for people.
fn at(commit: Option<&str>) -> String {
    commit.map_or_else(String::new, |commit| {
        let digits: String = commit.chars().take(12).collect();
        format!(" at commit {digits}")
    })
}
