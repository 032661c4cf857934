//! The one place where compiler flags are composed: every build of a run takes its flags from here.
//!
//! Takes the user's configuration, the spec and an [`Arm`]; gives the full list. Arms must differ
//! only in `-Cprofile-generate` / `-Cprofile-use` and the llvm-args that concern the profile.

use std::path::{Path, PathBuf};

use cargo_config2::{Config, Flags, ResolveOptions};

use crate::error::{Error, Result};
use crate::spec::Spec;

/// What a build is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arm {
    /// The binary as it is shipped today.
    Baseline,
    /// The baseline built again elsewhere, to learn whether builds are reproducible.
    Audit,
    /// Counts its own execution.
    Instrumented {
        /// Where a process writes when `LLVM_PROFILE_FILE` is not set.
        raw_profiles: PathBuf,
    },
    /// Built with the merged profile.
    Candidate {
        /// The profile; its file name carries its content's hash.
        profile: PathBuf,
    },
}

impl Arm {
    /// The arm's name in messages, directories and the record.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Audit => "audit",
            Self::Instrumented { .. } => "instrumented",
            Self::Candidate { .. } => "candidate",
        }
    }

    /// The flags that no other arm has.
    pub fn own_flags(&self) -> Vec<String> {
        match self {
            Self::Baseline | Self::Audit => Vec::new(),
            Self::Instrumented { raw_profiles } => vec![
                format!("-Cprofile-generate={}", raw_profiles.display()),
                // An llvm-profdata built without zlib cannot read compressed names.
                "-Cllvm-args=-enable-name-compression=false".into(),
            ],
            Self::Candidate { profile } => vec![
                format!("-Cprofile-use={}", profile.display()),
                "-Cllvm-args=-pgo-warn-missing-function".into(),
                // LLVM is silent about mismatches in generic functions without this.
                "-Cllvm-args=-no-pgo-warn-mismatch-comdat-weak=false".into(),
            ],
        }
    }
}

/// Flags that every arm shares: the user's own, then the spec's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFlags(Vec<String>);

impl SharedFlags {
    /// Resolves the user's flags as cargo does for `target` in the manifest's directory:
    /// `CARGO_ENCODED_RUSTFLAGS`, else `RUSTFLAGS`, else `target.*.rustflags`, else
    /// `build.rustflags`.
    ///
    /// # Errors
    /// [`Error::Usage`] when the configuration cannot be read, or already asks for a profile.
    pub fn resolve(spec: &Spec, target: &str) -> Result<Self> {
        let manifest = spec.manifest();
        let directory = manifest.parent().unwrap_or(Path::new("/"));
        let config = Config::load_with_options(directory, ResolveOptions::default());
        let user = config
            .and_then(|config| config.rustflags(target))
            .map_err(|error| Error::Usage {
                message: format!(
                    "cargo's configuration for `{}` cannot be read: {error}",
                    directory.display()
                ),
                hint: "check .cargo/config.toml there and above".into(),
            })?;
        Self::compose(user, &spec.target().rustflags)
    }

    fn compose(user: Option<Flags>, of_spec: &[String]) -> Result<Self> {
        let mut flags = user.map(|flags| flags.flags).unwrap_or_default();
        flags.extend(of_spec.iter().cloned());
        let profiling =
            |flag: &&String| flag.contains("profile-generate") || flag.contains("profile-use");
        if let Some(flag) = flags.iter().find(profiling) {
            return Err(Error::Usage {
                message: format!("the flags of every arm already contain `{flag}`"),
                hint: "remove it from RUSTFLAGS, cargo's configuration or the spec: the pipeline adds it".into(),
            });
        }
        Ok(Self(flags))
    }

    /// All flags of `arm`.
    pub fn of(&self, arm: &Arm) -> Vec<String> {
        [self.0.clone(), arm.own_flags()].concat()
    }

    /// The flags common to every arm.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// `CARGO_ENCODED_RUSTFLAGS`: the only form that carries flags with spaces.
///
/// # Errors
/// [`Error::Usage`] when a flag contains the separator.
pub fn encode(flags: &[String]) -> Result<String> {
    if let Some(flag) = flags.iter().find(|flag| flag.contains('\u{1f}')) {
        return Err(Error::Usage {
            message: format!("the flag {flag:?} contains the separator U+001F"),
            hint: "remove the character from the flag".into(),
        });
    }
    Ok(flags.join("\u{1f}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> SharedFlags {
        let user = Flags::from_space_separated("-Cforce-frame-pointers=yes");
        SharedFlags::compose(Some(user), &["-Ctarget-cpu=x86-64-v3".into()]).expect("plain flags")
    }

    #[test]
    fn arms_differ_only_in_the_profile() {
        let shared = shared();
        let arms = [
            Arm::Baseline,
            Arm::Audit,
            Arm::Instrumented {
                raw_profiles: "/raw".into(),
            },
            Arm::Candidate {
                profile: "/merged.profdata".into(),
            },
        ];
        for arm in arms {
            let flags = shared.of(&arm);
            assert_eq!(
                flags[..2],
                ["-Cforce-frame-pointers=yes", "-Ctarget-cpu=x86-64-v3"]
            );
            for flag in &flags[2..] {
                assert!(
                    flag.contains("profile-")
                        || flag.contains("-pgo-")
                        || flag.contains("-name-compression"),
                    "{flag}"
                );
            }
        }
    }

    #[test]
    fn a_profile_in_the_users_flags_is_refused() {
        let user = Flags::from_space_separated("-Cprofile-use=/other.profdata");
        let error = SharedFlags::compose(Some(user), &[]).expect_err("two profiles");
        assert!(error.to_string().contains("-Cprofile-use=/other.profdata"));
    }

    #[test]
    fn encoding_keeps_spaces() {
        let flags = [
            "-Clink-arg=-L/with space".to_owned(),
            "-Copt-level=3".to_owned(),
        ];
        assert_eq!(
            encode(&flags).expect("no separator"),
            "-Clink-arg=-L/with space\u{1f}-Copt-level=3"
        );
        assert!(encode(&["a\u{1f}b".into()]).is_err());
    }
}
