//! What an archive holds and what it was made of, for programs and for whoever builds it again.
//!
//! Plain data without anything that was measured, and without the machine: two builds of the same
//! commit give the same text.

use std::path::Path;

use inferno_measure::record::{Check, CheckOutcome};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::spec::Target;

/// Name of the file in an archive.
pub(super) const FILE: &str = "manifest.json";

/// Version of the format; raised when a field changes its meaning or goes away.
pub(super) const SCHEMA: u32 = 1;

/// The manifest of an archive, as it is written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Manifest {
    /// [`SCHEMA`].
    pub(super) schema: u32,
    /// Name of the spec.
    pub(super) name: String,
    /// Version of the package.
    pub(super) version: String,
    /// Target triple.
    pub(super) target: String,
    /// What it was built from.
    pub(super) source: Source,
    /// The program.
    pub(super) program: Program,
    /// SHA-256 of the profile that it was optimised with.
    pub(super) profile_sha256: String,
    /// What it was built with.
    pub(super) build: Build,
    /// Names of the checks that passed before it was packed.
    pub(super) checks: Vec<String>,
    /// What did not pass and is packed all the same: what the spec leaves unchecked, and warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unproved: Vec<Unproved>,
}

/// A check that did not pass and does not keep a program from being packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Unproved {
    /// Its name.
    pub(super) check: String,
    /// Why, in one sentence.
    pub(super) reason: String,
}

/// The names of those that passed.
pub(super) fn passed(checks: &[Check]) -> Vec<String> {
    let passed = checks
        .iter()
        .filter(|check| check.outcome == CheckOutcome::Passed);
    passed.map(|check| check.name.clone()).collect()
}

/// All others.
pub(super) fn unproved(checks: &[Check]) -> Vec<Unproved> {
    let others = checks
        .iter()
        .filter(|check| check.outcome != CheckOutcome::Passed);
    let told = others.map(|check| Unproved {
        check: check.name.clone(),
        reason: check.detail.clone(),
    });
    told.collect()
}

/// The sources.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Source {
    /// The commit.
    pub(super) commit: String,
    /// Its time in seconds since 1970; also the time stamp of every file in the archive.
    pub(super) committed_s: u64,
    /// SHA-256 of the spec.
    pub(super) spec_sha256: String,
}

/// The program in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    /// Its name there.
    pub(super) file: String,
    /// SHA-256 of the file.
    pub(super) sha256: String,
    /// SHA-256 of its machine code.
    pub(super) text_sha256: String,
    /// The file's size in bytes.
    pub(super) size_bytes: u64,
}

/// Compiler, cargo target and flags.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Build {
    /// `rustc --version`.
    pub(super) rustc: String,
    /// LLVM version of rustc.
    pub(super) llvm: String,
    /// clang's version, where it compiled C and C++.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clang: Option<String>,
    /// What cargo built.
    pub(super) target: Target,
    /// The flags beside those that name the profile and this machine's directories.
    pub(super) rustflags: Vec<String>,
}

/// What is read of the manifest of an earlier release: how it was built does not matter, so that may
/// have changed its form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Told {
    schema: u32,
    /// Name of the spec.
    pub(super) name: String,
    /// Version of the package.
    pub(super) version: String,
    /// Target triple.
    pub(super) target: String,
    /// The program.
    pub(super) program: Program,
}

impl Manifest {
    /// The text of the file.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(super) fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        Ok(text.map_err(|error| Error::Internal(error.to_string()))? + "\n")
    }
}

impl Told {
    /// Reads the text of the file in `archive`.
    ///
    /// # Errors
    /// [`Error::Verification`] when it is none, or of another version.
    pub(super) fn parse(text: &[u8], archive: &Path) -> Result<Self> {
        let refused = |message: String| Error::Verification {
            check: "release-manifest",
            message: format!("{FILE} in `{}`: {message}", archive.display()),
            hint: "take a release that `cargo xtask dist` wrote".into(),
        };
        let told: Self =
            serde_json::from_slice(text).map_err(|error| refused(error.to_string()))?;
        if told.schema == SCHEMA {
            return Ok(told);
        }
        Err(refused(format!(
            "it has schema {}, this program reads {SCHEMA}",
            told.schema
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Output;
    use crate::verify;

    #[test]
    fn what_the_spec_leaves_unchecked_is_told_apart_from_what_passed() {
        let checks =
            [&Output::Stdout, &Output::Unchecked].map(|output| verify::outputs_check(output, 1));
        assert_eq!(passed(&checks), ["outputs-agree"]);
        let found = unproved(&checks);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].check, "outputs-agree");
        assert!(found[0].reason.contains("output = \"none\""), "{found:?}");
    }
}
