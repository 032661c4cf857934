//! The manifest of a stored profile: what it was made of and with, for people and for the checks.
//!
//! Takes and gives TOML. Its first line is a seal, the SHA-256 of all that follows it: a slip of the
//! pen, or a merge of two manifests, is noticed. It is no signature. Nothing here reads a profile.

use inferno_measure::record::Toolchain;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::error::{Error, Result};
use crate::merge::MergedProfile;
use crate::sources::SourceState;
use crate::spec::Target;
use crate::train::WorkloadProfile;

/// Version of this format; raised when a field changes its meaning or goes away.
pub(super) const SCHEMA: u32 = 1;

/// The comment below the seal.
const HEADER: &str = "\
# What the profile beside this file was made of. The seal is the SHA-256 of all lines below it.
# Not to be edited: the step `refresh` makes both anew (docs/profiles.md).
";

/// What a stored profile was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub(super) schema: u32,
    /// Name of the spec.
    pub name: String,
    /// When it was stored (RFC 3339, UTC).
    pub created: String,
    /// The profile.
    pub profile: Figures,
    /// What the instrumented binary was built with.
    pub build: Build,
    /// What it was built from.
    pub source: SourceState,
    /// What the profile was merged from.
    #[serde(rename = "part")]
    pub parts: Vec<Part>,
}

/// The stored file and its coverage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Functions with counters.
    pub functions_total: u64,
    /// Functions that ran.
    pub functions_covered: u64,
    /// Sum of all counts, after weighting.
    pub counts_total: u64,
    /// Blocks with counters.
    pub blocks_total: u64,
    /// The fewest blocks that hold 99 % of the counts.
    pub blocks_for_99_percent: u64,
}

impl Figures {
    /// Those of `profile`.
    pub(crate) fn of(profile: &MergedProfile) -> Self {
        Self {
            sha256: profile.sha256.clone(),
            functions_total: profile.functions_total,
            functions_covered: profile.functions_covered,
            counts_total: profile.counts_total,
            blocks_total: profile.blocks_total,
            blocks_for_99_percent: profile.blocks_for_99_percent,
        }
    }
}

/// What decides the names and control flows of the functions that a profile counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The flags that every arm shares, without the machine's directories.
    pub flags: Vec<String>,
    /// The compiler and the tool that merged.
    pub toolchain: Toolchain,
    /// What was built.
    pub target: Target,
}

impl Build {
    /// In what `self` is not the build that goes on `now`: the name of the check, and a sentence.
    /// The version of the tool that merged does not matter.
    pub(super) fn difference(&self, now: &Self) -> Option<(&'static str, String)> {
        let (stored, found) = (&self.toolchain, &now.toolchain);
        let compiler = |toolchain: &Toolchain| {
            let c = toolchain.c.as_ref();
            let c = c.map_or_else(String::new, |c| format!(" and clang {}", c.clang));
            format!(
                "{}{c} (LLVM {}, {})",
                toolchain.rustc, toolchain.llvm, toolchain.target
            )
        };
        if compiler(stored) != compiler(found) {
            let (stored, found) = (compiler(stored), compiler(found));
            return Some((
                "stored-toolchain",
                format!("the stored profile is of {stored}, and this is {found}"),
            ));
        }
        if self.flags != now.flags {
            let flags = |flags: &[String]| match flags {
                [] => "no flags".to_owned(),
                flags => format!("`{}`", flags.join(" ")),
            };
            let (stored, found) = (flags(&self.flags), flags(&now.flags));
            return Some((
                "stored-flags",
                format!("the stored profile was gathered with {stored}, and every arm has {found}"),
            ));
        }
        (self.target != now.target).then(|| {
            let message = "the stored profile was gathered on another [target] than the spec names";
            ("stored-target", message.to_owned())
        })
    }
}

/// Where the counts of a part come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A declared training workload.
    Training,
    /// Profiles that were gathered elsewhere: training cannot renew them.
    Elsewhere,
}

/// What makes a stored profile anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// Training alone.
    Training,
    /// Other machines as well, for the parts that are named here for people.
    Gathering(String),
}

/// One of the profiles that were merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The workload's name, or that of the directory or file.
    pub name: String,
    /// Where its counts come from.
    pub origin: Origin,
    /// Its weight after all parts were normalised to equal totals.
    pub weight: f64,
    /// Sum of its counts before weighting.
    pub counts_total: u64,
    /// Profiles that it was merged from.
    pub files: u32,
    /// SHA-256 of its profile.
    pub sha256: String,
}

impl Part {
    /// What `profile` is as a part.
    pub(crate) fn of(profile: &WorkloadProfile, origin: Origin) -> Self {
        Self {
            name: profile.name.clone(),
            origin,
            weight: profile.weight,
            counts_total: profile.counts_total,
            files: profile.raw_files,
            sha256: profile.sha256.clone(),
        }
    }
}

impl Manifest {
    /// The parts for people, as in `chat × 1, production × 2 (elsewhere)`.
    pub(crate) fn parts_told(&self) -> String {
        let told = self.parts.iter().map(|part| {
            let origin = match part.origin {
                Origin::Training => "",
                Origin::Elsewhere => " (elsewhere)",
            };
            format!("{} × {}{origin}", part.name, part.weight)
        });
        told.collect::<Vec<String>>().join(", ")
    }

    /// What makes the profile anew.
    pub fn renewal(&self) -> Renewal {
        let parts = self.parts.iter();
        let elsewhere = parts.filter(|part| part.origin == Origin::Elsewhere);
        let names: Vec<String> = elsewhere.map(|part| format!("`{}`", part.name)).collect();
        if names.is_empty() {
            Renewal::Training
        } else {
            Renewal::Gathering(names.join(", "))
        }
    }

    /// The text of the file, sealed.
    ///
    /// # Errors
    /// [`Error::Internal`] for what could not be read again.
    pub(super) fn text(&self) -> Result<String> {
        let body = toml::to_string(self).map_err(|error| Error::Internal(error.to_string()))?;
        let sealed = format!("{HEADER}{body}");
        let text = format!("seal = \"{}\"\n{sealed}", digest::text(&sealed));
        match Self::parse(&text) {
            Ok(again) if again == *self => Ok(text),
            Ok(_) => Err(Error::Internal("the manifest reads otherwise".into())),
            Err(message) => Err(Error::Internal(message)),
        }
    }

    /// Reads the text of a manifest file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (first, sealed) = text.split_once('\n').unwrap_or_default();
        let seal = first
            .strip_prefix("seal = \"")
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or("it does not begin with its seal")?;
        if seal != digest::text(sealed) {
            return Err("it is not as it was written: its seal is broken".into());
        }
        let schema = toml::from_str::<toml::Table>(sealed)
            .ok()
            .and_then(|table| table.get("schema")?.as_integer());
        if let Some(found) = schema.filter(|&found| found != i64::from(SCHEMA)) {
            return Err(format!(
                "it has schema {found}, this program reads {SCHEMA}"
            ));
        }
        toml::from_str(sealed).map_err(|error| error.message().to_owned())
    }
}
