//! What a release needs of a session beyond the stages of a run: builds that tell nothing of this
//! machine, and what is in the candidate.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cargo_metadata::Metadata;

use super::Session;
use crate::cargo::{self, Linked};
use crate::error::{Error, Result};
use crate::flags::{Arm, Rename};
use crate::manifest;
use crate::optimize::Candidate;
use crate::revision::Revision;

/// What to check when cargo cannot answer.
const DECLARED: &str = "check `manifest` and `package` in [target] of the spec";

impl Session {
    /// From here on, binaries do not tell where on this machine they are built, nor when: the same
    /// commit gives the same binary from any directory.
    pub(crate) fn forget_the_machine(&mut self, revision: &Revision) {
        let renames = self.renames(revision);
        let workshop = &mut self.workshop;
        workshop.shared = workshop.shared.clone().renaming(&renames);
        workshop.source_date_s = Some(revision.committed_s);
    }

    /// The repository; the output directory, in which build scripts write sources; cargo's own, with
    /// the packages; and the standard library's sources, which rustc calls by their commit where they
    /// are not installed.
    fn renames(&self, revision: &Revision) -> Vec<Rename> {
        let workshop = &self.workshop;
        let named = |directory: PathBuf, name: &str| Rename {
            directory,
            name: name.to_owned(),
        };
        let cargo_home = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
        let library = workshop.compiler.commit.as_ref().map(|commit| {
            let sources = workshop.compiler.sysroot.join("lib/rustlib/src/rust");
            named(sources, &format!("/rustc/{commit}"))
        });
        let mut renames = vec![
            named(revision.root.clone(), "/source"),
            named(workshop.output.root().to_owned(), "/output"),
        ];
        renames.extend(cargo_home.map(|directory| named(directory, "/cargo")));
        renames.extend(library);
        renames
    }

    /// The packages that are in the candidate.
    ///
    /// # Errors
    /// [`Error::Build`].
    pub(crate) fn linked(&mut self, candidate: &Candidate) -> Result<Vec<Linked>> {
        let arm = Arm::Candidate {
            profile: candidate.profile().path.clone(),
        };
        cargo::linked(&self.workshop, &arm, &mut self.progress)
    }

    /// The version of the package that is built.
    ///
    /// # Errors
    /// [`Error::Usage`] when cargo cannot read the manifest.
    pub(crate) fn package_version(&self) -> Result<String> {
        let target = self.workshop.spec.target();
        let metadata = self.workspace()?;
        let packages = metadata.workspace_packages();
        let package = packages
            .iter()
            .find(|package| package.name == target.package);
        package
            .map(|package| package.version.to_string())
            .ok_or_else(|| Error::Usage {
                message: format!(
                    "cargo does not tell the version of `{}` in `{}`",
                    target.package,
                    self.workshop.spec.manifest().display()
                ),
                hint: DECLARED.to_owned(),
            })
    }

    /// The manifest and the lock file of the workspace; the second need not be there.
    ///
    /// # Errors
    /// [`Error::Usage`] when cargo cannot read the manifest.
    pub(crate) fn workspace_files(&self) -> Result<[PathBuf; 2]> {
        manifest::of_workspace(&self.workshop.spec.manifest(), DECLARED)
    }

    /// cargo's own names for the packages of the workspace.
    ///
    /// # Errors
    /// [`Error::Usage`] when cargo cannot read the manifest.
    pub(crate) fn members(&self) -> Result<BTreeSet<String>> {
        let members = self.workspace()?.workspace_members.into_iter();
        Ok(members.map(|member| member.repr).collect())
    }

    fn workspace(&self) -> Result<Metadata> {
        manifest::members(&self.workshop.spec.manifest(), DECLARED)
    }
}
