//! Profiles that were gathered elsewhere: on other machines, in production.
//!
//! Takes what the command line names, a file or a directory, with a weight or without; gives a
//! [`WorkloadProfile`] per weight. Nothing is written beside the named files.

use std::path::PathBuf;

use crate::digest::Key;
use crate::error::{Error, Result};
use crate::output::{Layout, Purpose};
use crate::toolchain::LlvmProfdata;
use crate::train::{self, WorkloadProfile};

/// Name of the part that all sources without a weight make.
const UNWEIGHTED: &str = "elsewhere";

/// A file or a directory of profiles, as it was named.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    path: PathBuf,
    weight: Option<f64>,
}

impl Source {
    /// Reads `PATH` or `PATH=WEIGHT`. A path that ends in `=` and a number is written with a slash
    /// after it.
    ///
    /// # Errors
    /// A sentence for a weight that is not a positive number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let weighted = text.rsplit_once('=').and_then(|(path, weight)| {
            let weight: f64 = weight.parse().ok()?;
            Some((path, weight))
        });
        let Some((path, weight)) = weighted else {
            return Ok(Self {
                path: text.into(),
                weight: None,
            });
        };
        if weight > 0.0 && weight.is_finite() && !path.is_empty() {
            return Ok(Self {
                path: path.into(),
                weight: Some(weight),
            });
        }
        Err(format!(
            "`{text}`: write a directory or file, `=` and a positive number, as in `from-server=2`"
        ))
    }

    /// Its profiles: the file itself; of a directory the raw ones, or else the merged ones.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let named = |message: String| {
            Error::Usage {
            message,
            hint: "name the directory into which the instrumented binary wrote, or the files themselves".into(),
        }
        };
        if !self.path.exists() {
            return Err(named(format!("there is no `{}`", self.path.display())));
        }
        if !self.path.is_dir() {
            return Ok(vec![self.path.clone()]);
        }
        let raw = train::raw_files(&self.path)?;
        if !raw.is_empty() {
            return Ok(raw);
        }
        let merged = train::files_of_kind(&self.path, "profdata")?;
        if !merged.is_empty() {
            return Ok(merged);
        }
        Err(named(format!(
            "there is no *.profraw file and no *.profdata file in `{}`",
            self.path.display()
        )))
    }

    /// The last part of the path: what a manifest may tell of a machine's directories.
    fn name(&self) -> String {
        let name = self.path.file_name();
        name.map_or_else(
            || UNWEIGHTED.to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    }
}

/// Files that are merged as they are and weighted as one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    name: String,
    weight: f64,
    files: Vec<PathBuf>,
}

impl Part {
    /// Adds all that the part's profile depends on to a stage's key.
    pub(crate) fn added_to(&self, key: Key) -> Result<Key> {
        key.part(&self.name)
            .part(self.weight.to_string())
            .files(&self.files)
    }

    /// The part's profile, in the output directory; `number` keeps parts of one name apart.
    ///
    /// # Errors
    /// [`Error::Verification`] when a file is unusable, or none of them counted anything.
    fn profile(
        &self,
        number: usize,
        layout: &Layout,
        tool: &LlvmProfdata,
    ) -> Result<WorkloadProfile> {
        let path = layout
            .raw_profiles(Purpose::Elsewhere, &format!("{number} {}", self.name))
            .with_extension("profdata");
        let profile = WorkloadProfile::of_files(&self.name, &self.files, path, tool)?;
        let profile = profile.map(|profile| WorkloadProfile {
            weight: self.weight,
            ..profile
        });
        profile.ok_or_else(|| Error::Verification {
            check: "profile-counts",
            message: format!("the profiles of `{}` count nothing", self.name),
            hint: "the instrumented binary must execute the code that is to be optimised".into(),
        })
    }
}

/// The parts of what was named: each source with a weight is one, and all others together are one.
///
/// # Errors
/// [`Error::Usage`] for a source that is not there or holds no profile.
pub(crate) fn parts(sources: &[Source]) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut unweighted = Vec::new();
    for source in sources {
        let files = source.files()?;
        match source.weight {
            None => unweighted.extend(files),
            Some(weight) => parts.push(Part {
                name: source.name(),
                weight,
                files,
            }),
        }
    }
    if !unweighted.is_empty() {
        parts.push(Part {
            name: UNWEIGHTED.into(),
            weight: 1.0,
            files: unweighted,
        });
    }
    Ok(parts)
}

/// The profile of each part, in the output directory.
///
/// # Errors
/// See [`Part::profile`].
pub(crate) fn profiles(
    parts: &[Part],
    layout: &Layout,
    tool: &LlvmProfdata,
) -> Result<Vec<WorkloadProfile>> {
    let numbered = parts.iter().enumerate();
    numbered
        .map(|(number, part)| part.profile(number, layout, tool))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn weights_stand_after_the_last_sign() {
        for (text, path, weight) in [
            ("raw", "raw", None),
            ("raw=2", "raw", Some(2.0)),
            ("a=b/raw=0.5", "a=b/raw", Some(0.5)),
            ("day=3/", "day=3/", None),
            ("a=b", "a=b", None),
        ] {
            let source = Source::parse(text).expect(text);
            assert_eq!(source.path, Path::new(path), "{text}");
            assert_eq!(source.weight, weight, "{text}");
        }
        for text in ["raw=0", "raw=-1", "raw=inf", "raw=nan", "=2"] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sources_without_a_weight_are_one_part() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for (file, parent) in [
            ("raw/deep/a.profraw", "raw/deep"),
            ("raw/b.profraw", "raw"),
            ("raw/merged.profdata", "raw"),
            ("merged/c.profdata", "merged"),
            ("single.profdata", "."),
        ] {
            std::fs::create_dir_all(path(parent)).expect("a directory");
            std::fs::write(path(file), "").expect("a file");
        }
        let source = |name: &str, weight| Source {
            path: path(name),
            weight,
        };
        let found = parts(&[
            source("single.profdata", None),
            source("raw", Some(3.0)),
            source("merged", None),
        ])
        .expect("all are there");
        let part = |name: &str, weight, files: &[&str]| Part {
            name: name.into(),
            weight,
            files: files.iter().map(|file| path(file)).collect(),
        };
        assert_eq!(
            found,
            [
                part("raw", 3.0, &["raw/b.profraw", "raw/deep/a.profraw"]),
                part("elsewhere", 1.0, &["single.profdata", "merged/c.profdata"]),
            ]
        );
    }

    #[test]
    fn what_holds_no_profile_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        for (path, message) in [
            (directory.path().to_owned(), "there is no *.profraw file"),
            (directory.path().join("absent"), "there is no `"),
        ] {
            let error = parts(&[Source { path, weight: None }]).expect_err(message);
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.exit_code(), crate::exit::USAGE);
        }
    }
}
