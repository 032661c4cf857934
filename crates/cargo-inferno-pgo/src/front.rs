//! The program that the commands stand in, and the project that they work in.
//!
//! Gives the paths that a person has not named. It creates nothing.

use std::path::{Path, PathBuf};

use inferno_pgo::spec::Spec;
use inferno_pgo::{Error, Result, init, manifest};

/// What differs between `cargo inferno-pgo` and a project's own xtask.
#[derive(Debug, Clone)]
pub struct Front {
    /// How people call the main job, as in `cargo inferno-pgo`: for the next steps that it names.
    pub call: &'static str,
    /// The project whose binaries are looked at.
    pub project: Project,
}

/// The project that commands work in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Project {
    /// That of the current directory: the nearest `pgo.toml` is its spec, and results go where cargo
    /// builds.
    Current,
    /// One project, wherever its commands are called.
    Fixed {
        /// Its directory; results go to `target` in it.
        root: PathBuf,
        /// Its spec.
        spec: PathBuf,
    },
}

impl Front {
    /// The spec of a run that names none.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is none.
    pub(crate) fn default_spec(&self) -> Result<PathBuf> {
        match &self.project {
            Project::Fixed { spec, .. } => Ok(spec.clone()),
            Project::Current => {
                let directory = current_directory()?;
                manifest::nearest(init::FILE_NAME, &directory).ok_or_else(|| Error::Usage {
                    message: format!(
                        "there is no {} in `{}` or above",
                        init::FILE_NAME,
                        directory.display()
                    ),
                    hint: format!(
                        "write a first one with `{} init`, or name one with `--spec FILE`",
                        self.call
                    ),
                })
            }
        }
    }

    /// The output directory of a run of `spec` that names none; each job has its own.
    ///
    /// # Errors
    /// [`Error::Usage`] when cargo does not tell where it builds.
    pub(crate) fn default_out(&self, job: &str, spec: &Spec) -> Result<PathBuf> {
        let target = match &self.project {
            Project::Fixed { root, .. } => root.join("target"),
            Project::Current => manifest::target_directory(&spec.manifest())?,
        };
        Ok(target.join(job).join(spec.name()))
    }

    /// The output directory of a comparison that names none. It need not belong to any package.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no current directory.
    pub(crate) fn default_comparison(&self, name: &str) -> Result<PathBuf> {
        let directory = self.directory()?;
        let target = match &self.project {
            Project::Fixed { .. } => None,
            Project::Current => manifest::nearest(manifest::FILE_NAME, &directory)
                .and_then(|manifest| manifest::target_directory(&manifest).ok()),
        };
        let target = target.unwrap_or_else(|| directory.join("target"));
        Ok(target.join("compare").join(name))
    }

    /// Where the compiler is asked for, and cargo's configuration looked up.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no current directory.
    pub(crate) fn directory(&self) -> Result<PathBuf> {
        match &self.project {
            Project::Fixed { root, .. } => Ok(root.clone()),
            Project::Current => current_directory(),
        }
    }
}

/// The directory in which the command is called.
///
/// # Errors
/// [`Error::Io`] when it was removed.
pub(crate) fn current_directory() -> Result<PathBuf> {
    std::env::current_dir().map_err(|source| Error::Io {
        action: "find",
        path: Path::new(".").to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_project_is_the_same_from_everywhere() {
        let front = Front {
            call: "cargo xtask pgo",
            project: Project::Fixed {
                root: "/project".into(),
                spec: "/project/profiles/main.toml".into(),
            },
        };
        let spec = front.default_spec().expect("a path");
        assert_eq!(spec, Path::new("/project/profiles/main.toml"));
        let out = front.default_comparison("new").expect("a path");
        assert_eq!(out, Path::new("/project/target/compare/new"));
        assert_eq!(front.directory().expect("a path"), Path::new("/project"));
    }
}
