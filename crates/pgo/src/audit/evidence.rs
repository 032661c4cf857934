//! What the files of somebody else's pipeline say, read.
//!
//! Takes paths and an `llvm-profdata`; gives [`Evidence`] for the judge. What is damaged or missing
//! within a file is evidence as well; only a file that is not there is an error. It must not judge.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use inferno_measure::comparison::Comparison;
use inferno_measure::record::{HotFunction, Profile};

use super::Options;
use super::build_log::BuildLog;
use super::left::{self, Given, Shipped, Written};
use crate::artifact::{Artifact, Counters};
use crate::digest;
use crate::error::{Error, Result};
use crate::functions::{self, FullNames, Sizes};
use crate::profile::counts::Counts;
use crate::toolchain::LlvmProfdata;

/// How a merged profile begins (LLVM `InstrProfData.inc`, `INSTR_PROF_INDEXED_MAGIC`). The tool also
/// reads raw profiles and text, the compiler does not.
const MERGED_MAGIC: [u8; 8] = *b"\xfflprofi\x81";

/// Symbols of the run-time library that writes profiles.
const RUNTIME: &str = "__llvm_profile_";

/// C's entry point: every program has one, so it tells none apart.
const ENTRY: &str = "main";

/// All that an audit judges.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) profile: ProfileState,
    pub(super) profile_sha256: String,
    pub(super) log: BuildLog,
    /// The profiles that compilations were given, each once.
    pub(super) given: Vec<Given>,
    pub(super) shipped: Shipped,
    pub(super) binary: Artifact,
    /// `None` where the symbol table was stripped.
    pub(super) functions: Option<Functions>,
    /// `None` without a baseline.
    pub(super) against: Option<Against>,
    /// `None` without a workload.
    pub(super) effect: Option<Effect>,
}

/// What `llvm-profdata` says of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProfileState {
    /// It is a merged profile with these figures.
    Counted(Figures),
    /// It is a raw profile, or text.
    NotMerged,
    /// The tool refuses it, in these words.
    Refused(String),
    /// The tool lacks what it takes to read it, in these words.
    ToolLacks(String),
}

/// The size of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) functions_total: u64,
    pub(super) functions_covered: u64,
    pub(super) counts_total: u64,
    pub(super) blocks_total: u64,
    pub(super) blocks_for_99_percent: u64,
}

/// The functions of the binary beside those of the profile, by their full names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Functions {
    /// Functions of the profile that ran, but for `main`.
    pub(super) covered: u64,
    /// Those of them that the binary has.
    pub(super) found: u64,
    /// Functions of the binary that the profile knows, run or not.
    pub(super) known: u64,
    /// Functions of the binary that the compiler said the profile does not know.
    pub(super) unknown: u64,
    /// Whether the binary tells their sizes.
    pub(super) sizes: Sizes,
}

/// The baseline, and what became of the hottest functions.
#[derive(Debug, Clone)]
pub(super) struct Against {
    pub(super) baseline: Artifact,
    pub(super) hottest: Vec<HotFunction>,
}

/// What measuring gave.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// One scenario, judged.
    Measured(Box<Comparison>),
    /// It failed, in these words.
    Failed(String),
}

/// The files, read as far as no tool is needed.
#[derive(Debug)]
pub(super) struct Sources {
    profile: PathBuf,
    log_text: String,
    log_written: Written,
    binary: Artifact,
    baseline: Option<Artifact>,
}

impl Sources {
    /// # Errors
    /// [`Error::Usage`] for a file that is not there or is no binary, [`Error::Io`].
    pub(super) fn read(options: &Options) -> Result<Self> {
        let against = options.against.as_ref();
        let log = present(&options.build_log, "what the optimised build printed")?;
        Ok(Self {
            profile: present(&options.profile, "the profile that the build was given")?.to_owned(),
            log_text: text(log)?,
            log_written: Written::of(log).map_err(Error::io("read", log))?,
            binary: binary(&options.binary)?,
            baseline: against
                .map(|against| binary(&against.baseline))
                .transpose()?,
        })
    }
}

impl Evidence {
    /// Reads all but the effect, which is measured.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Measure`] when the tool cannot be run.
    pub(super) fn read(sources: Sources, tool: &LlvmProfdata) -> Result<Self> {
        let Sources {
            profile,
            log_text,
            log_written,
            mut binary,
            baseline,
        } = sources;
        let (state, counts) = profile_state(&profile, tool)?;
        let profile_sha256 = digest::file(&profile)?;
        let log = BuildLog::parse(&log_text);
        let symbols = functions::full_names(&binary.path)?;
        let mut names = symbols.iter().flat_map(|symbols| &symbols.names);
        if names.any(|name| name.starts_with(RUNTIME)) {
            binary.counters = Counters::Present;
        }
        let hottest =
            |baseline: &Artifact| functions::hottest(&counts, &baseline.path, &binary.path);
        let against = baseline.map(|baseline| {
            Ok::<_, Error>(Against {
                hottest: hottest(&baseline)?,
                baseline,
            })
        });
        Ok(Self {
            against: against.transpose()?,
            given: left::given(&log, log_written, &profile_sha256),
            shipped: left::shipped(&log, log_written, &binary),
            functions: symbols.map(|symbols| beside(&counts, &symbols, &log.unknown_functions)),
            profile: state,
            profile_sha256,
            log,
            binary,
            effect: None,
        })
    }

    /// The profile as a record has it. Whether the log shows what was discarded is for the judge.
    pub(super) fn profile_in_record(&self) -> Profile {
        let figures = match &self.profile {
            ProfileState::Counted(figures) => Some(figures),
            ProfileState::NotMerged | ProfileState::Refused(_) | ProfileState::ToolLacks(_) => None,
        };
        let against = self.against.as_ref();
        Profile {
            sha256: self.profile_sha256.clone(),
            functions_covered: figures.map(|figures| figures.functions_covered),
            functions_total: figures.map(|figures| figures.functions_total),
            counts_total: figures.map(|figures| figures.counts_total),
            counts_discarded_share: None,
            blocks_for_99_percent: figures.map(|figures| figures.blocks_for_99_percent),
            blocks_total: figures.map(|figures| figures.blocks_total),
            holdout_overlap: None,
            workloads: Vec::new(),
            hottest: against.map_or_else(Vec::new, |against| against.hottest.clone()),
            source: None,
        }
    }
}

fn present<'a>(path: &'a Path, what: &str) -> Result<&'a Path> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Usage {
        message: format!("there is no file `{}`", path.display()),
        hint: format!("name {what}: docs/audit.md"),
    })
}

/// Compilers and build scripts print what they like.
fn text(path: &Path) -> Result<String> {
    let content = std::fs::read(path).map_err(Error::io("read", path))?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

fn binary(path: &Path) -> Result<Artifact> {
    let path = present(path, "the executable or shared library as it is shipped")?;
    Artifact::read(path, Vec::new()).map_err(|error| match error {
        Error::Verification { message, .. } => Error::Usage {
            message,
            hint: "name an ELF or Mach-O executable or shared library; take it out of its archive or wheel first".into(),
        },
        other => other,
    })
}

/// What the tool says, and the counts; none where it refuses.
fn profile_state(path: &Path, tool: &LlvmProfdata) -> Result<(ProfileState, Counts)> {
    let content = std::fs::read(path).map_err(Error::io("read", path))?;
    if !content.is_empty() && !content.starts_with(&MERGED_MAGIC) {
        return Ok((ProfileState::NotMerged, Counts::default()));
    }
    match tool.counts(path) {
        Ok(counts) => {
            let figures = Figures {
                functions_total: counts.functions_total(),
                functions_covered: counts.functions_covered(),
                counts_total: counts.total(),
                blocks_total: counts.blocks_total(),
                blocks_for_99_percent: counts.blocks_for_99_percent(),
            };
            Ok((ProfileState::Counted(figures), counts))
        }
        // A tool without zlib cannot tell a good compressed profile from a bad one.
        Err(Error::Verification { message, .. }) if message.contains("zlib") => {
            Ok((ProfileState::ToolLacks(message), Counts::default()))
        }
        Err(Error::Verification { message, .. }) => {
            Ok((ProfileState::Refused(message), Counts::default()))
        }
        Err(other) => Err(other),
    }
}

fn beside(counts: &Counts, symbols: &FullNames, unknown: &HashSet<String>) -> Functions {
    let names = &symbols.names;
    let mut of_profile = HashSet::new();
    let (mut covered, mut found) = (0, 0);
    for (symbol, count) in counts.by_function() {
        let name = functions::full_name(symbol);
        if count > 0 && name != ENTRY {
            covered += 1;
            found += u64::from(names.contains(&name));
        }
        of_profile.insert(name);
    }
    Functions {
        covered,
        found,
        known: of_profile.intersection(names).count() as u64,
        unknown: unknown.intersection(names).count() as u64,
        sizes: symbols.sizes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(functions: &[(&str, u64)]) -> Counts {
        let shown = functions.iter().map(|(name, count)| {
            format!("  {name}:\n    Hash: 0x1\n    Counters: 1\n    Block counts: [{count}]\n")
        });
        Counts::parse(&shown.collect::<Vec<_>>().concat())
    }

    fn set(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn functions_of_profile_and_binary_are_matched_by_their_whole_name() {
        let counts = counts(&[
            ("main", 1),
            ("u.0;_ZN1a3run17h0123456789abcdefE", 90),
            ("_ZN1a4walk17h0123456789abcdefE", 5),
            ("_ZN1a5never17h0123456789abcdefE", 0),
        ]);
        let names = set(&[
            "main",
            "a::run::h0123456789abcdef",
            "a::walk::hfedcba9876543210",
            "a::never::h0123456789abcdef",
            "a::new::h0123456789abcdef",
        ]);
        let symbols = FullNames {
            names,
            sizes: Sizes::Told,
        };
        let unknown = set(&["a::new::h0123456789abcdef", "a::gone::h0123456789abcdef"]);
        assert_eq!(
            beside(&counts, &symbols, &unknown),
            Functions {
                covered: 2,
                found: 1,
                known: 3,
                unknown: 1,
                sizes: Sizes::Told
            }
        );
    }

    #[test]
    fn what_is_not_there_or_no_binary_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "#!/bin/sh\n").expect("written");
        for path in [file.path(), Path::new("/nowhere/at/all")] {
            let error = binary(path).expect_err("no binary");
            assert_eq!(error.exit_code(), crate::exit::USAGE);
            assert!(error.to_string().contains(&path.display().to_string()));
            assert!(error.hint().is_some());
        }
    }
}
