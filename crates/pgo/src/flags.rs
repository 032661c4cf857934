//! The one place where compiler flags are composed: every build of a run takes its flags from here.
//!
//! Takes the user's configuration, the spec and an [`Arm`]; gives the full list. Arms must differ
//! only in `-Cprofile-generate` / `-Cprofile-use` and the llvm-args that concern the profile, and
//! where clang compiles C, in the same of clang's.

use std::path::PathBuf;

use cargo_config2::{Config, Flags};

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
                // What the compiler says about the profile are warnings, and a package or a user
                // may have silenced them.
                "-Wwarnings".into(),
            ],
        }
    }

    /// The flags of clang that no other arm has, where the spec has it compile C: the same
    /// instrumentation and the same profile as rustc's.
    ///
    /// Counters are no more atomic than rustc's: a lock for each would slow kernels on many threads
    /// down out of proportion.
    pub fn own_c_flags(&self) -> Vec<String> {
        let (kind, option) = match self {
            Self::Baseline | Self::Audit => return Vec::new(),
            Self::Instrumented { raw_profiles } => (
                format!("-fprofile-generate={}", raw_profiles.display()),
                "-enable-name-compression=false",
            ),
            Self::Candidate { profile } => (
                format!("-fprofile-use={}", profile.display()),
                // Build scripts that try a flag take any warning for a refusal of it, and the
                // candidate would be compiled with other flags than the baseline.
                "-no-pgo-warn-mismatch",
            ),
        };
        // A local function is known by its file: by the name alone, since code that is generated or
        // copied has another directory in each arm.
        let name = "-static-func-full-module-prefix=false";
        let llvm = [option, name].map(|option| ["-mllvm".to_owned(), option.to_owned()]);
        [vec![kind], llvm.concat()].concat()
    }
}

/// Flags that every arm shares: the user's own, then the spec's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFlags {
    flags: Vec<String>,
    /// What binaries call this machine's directories. Changes no code but the paths that it tells.
    renames: Vec<String>,
}

/// A directory of this machine, and what binaries call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The directory, absolute.
    pub directory: PathBuf,
    /// Its name in binaries.
    pub name: String,
}

impl SharedFlags {
    /// Resolves the user's flags as cargo does for `target` in the manifest's directory:
    /// `CARGO_ENCODED_RUSTFLAGS`, else `RUSTFLAGS`, else `target.*.rustflags`, else
    /// `build.rustflags`.
    ///
    /// # Errors
    /// [`Error::Usage`] when the configuration cannot be read, already asks for a profile, or
    /// silences the compiler.
    pub fn resolve(spec: &Spec, config: &Config, target: &str) -> Result<Self> {
        let user = config
            .rustflags(target)
            .map_err(|error| unreadable(spec, &error))?;
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
        if let Some(flag) = flags.iter().find(|flag| flag.contains("cap-lints")) {
            return Err(Error::Usage {
                message: format!("`{flag}` silences what the compiler says about the profile"),
                hint: "remove it from RUSTFLAGS, cargo's configuration or the spec".into(),
            });
        }
        Ok(Self {
            flags,
            renames: Vec::new(),
        })
    }

    /// The same flags, and `renames` for what paths in binaries begin with, so that the same sources
    /// give the same binary wherever they lie. Of several that fit a path, rustc takes the last.
    #[must_use]
    pub fn renaming(self, renames: &[Rename]) -> Self {
        let renames = renames.iter().map(|Rename { directory, name }| {
            format!("--remap-path-prefix={}={name}", directory.display())
        });
        Self {
            renames: renames.collect(),
            ..self
        }
    }

    /// All flags of `arm`.
    pub fn of(&self, arm: &Arm) -> Vec<String> {
        [self.flags.clone(), self.renames.clone(), arm.own_flags()].concat()
    }

    /// The flags common to every arm, but for the names of directories.
    pub fn as_slice(&self) -> &[String] {
        &self.flags
    }
}

/// cargo's configuration as it applies in the manifest's directory.
///
/// # Errors
/// [`Error::Usage`] when it cannot be read.
pub fn cargo_config(spec: &Spec) -> Result<Config> {
    Config::load_with_cwd(spec.manifest_directory()).map_err(|error| unreadable(spec, &error))
}

/// The one target of every arm: the spec's, else the user's, where there is one, else the host.
///
/// # Errors
/// [`Error::Usage`] for several targets, and for one whose programs this machine cannot run.
pub fn target(spec: &Spec, config: &Config, host: &str) -> Result<String> {
    let configured = config
        .build_target_for_cli(&spec.target().triple)
        .map_err(|error| unreadable(spec, &error))?;
    let usage = |message: String| {
        Error::Usage {
        message,
        hint: "set `triple` in [target], CARGO_BUILD_TARGET, or `build.target` in cargo's configuration to one target that this machine runs".into(),
    }
    };
    match configured.as_slice() {
        [] => Ok(host.to_owned()),
        [target] if runs_on(target, host) => Ok(target.clone()),
        [target] => Err(usage(format!(
            "programs for the target `{target}` do not run on `{host}`"
        ))),
        targets => Err(usage(format!(
            "several targets are configured: {}",
            targets.join(", ")
        ))),
    }
}

/// Same processor and same operating system: `x86_64-unknown-linux-musl` on `…-gnu`.
fn runs_on(target: &str, host: &str) -> bool {
    let parts = |triple: &str| {
        let parts: Vec<&str> = triple.split('-').collect();
        (
            parts.first().map(ToString::to_string),
            parts.get(2).map(ToString::to_string),
        )
    };
    parts(target) == parts(host)
}

fn unreadable(spec: &Spec, error: &cargo_config2::Error) -> Error {
    Error::Usage {
        message: format!(
            "cargo's configuration for `{}` cannot be read: {error}",
            spec.manifest_directory().display()
        ),
        hint: "check .cargo/config.toml there and above".into(),
    }
}

/// `CARGO_ENCODED_RUSTFLAGS`: the only form that carries flags with spaces.
///
/// # Errors
/// [`Error::Usage`] when a flag contains the separator.
pub fn encode(flags: &[String]) -> Result<String> {
    let mut all = Flags::default();
    for flag in flags {
        all.push(flag);
    }
    all.encode().map_err(|error| Error::Usage {
        message: format!("the compiler's flags cannot be handed to cargo: {error}"),
        hint: "remove the character U+001F from the flags".into(),
    })
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
                        || flag.contains("-name-compression")
                        || flag == "-Wwarnings",
                    "{flag}"
                );
            }
        }
    }

    #[test]
    fn directories_are_renamed_alike_in_every_arm() {
        let renames = [
            ("/home/me/source", "/source"),
            ("/home/me/.cargo", "/cargo"),
        ];
        let renames = renames.map(|(directory, name)| Rename {
            directory: directory.into(),
            name: name.into(),
        });
        let renamed = shared().renaming(&renames);
        assert_eq!(renamed.as_slice(), shared().as_slice());
        let profile = PathBuf::from("/merged.profdata");
        for arm in [Arm::Baseline, Arm::Candidate { profile }] {
            assert_eq!(
                renamed.of(&arm)[2..4],
                [
                    "--remap-path-prefix=/home/me/source=/source",
                    "--remap-path-prefix=/home/me/.cargo=/cargo"
                ]
            );
        }
    }

    #[test]
    fn clang_gets_the_profile_that_rustc_gets() {
        let instrumented = Arm::Instrumented {
            raw_profiles: "/raw".into(),
        };
        let candidate = Arm::Candidate {
            profile: "/merged.profdata".into(),
        };
        for (arm, flag) in [
            (instrumented, "profile-generate=/raw"),
            (candidate, "profile-use=/merged.profdata"),
        ] {
            assert_eq!(arm.own_flags()[0], format!("-C{flag}"));
            let of_c = arm.own_c_flags();
            assert_eq!(of_c[0], format!("-f{flag}"));
            assert!(
                of_c[1..].chunks(2).all(|pair| pair[0] == "-mllvm"),
                "{of_c:?}"
            );
        }
        for arm in [Arm::Baseline, Arm::Audit] {
            assert!(arm.own_c_flags().is_empty());
        }
    }

    #[test]
    fn a_profile_in_the_users_flags_is_refused() {
        let user = Flags::from_space_separated("-Cprofile-use=/other.profdata");
        let error = SharedFlags::compose(Some(user), &[]).expect_err("two profiles");
        assert!(error.to_string().contains("-Cprofile-use=/other.profdata"));
    }

    #[test]
    fn silenced_warnings_are_refused() {
        let user = Flags::from_space_separated("--cap-lints=allow");
        assert!(SharedFlags::compose(Some(user), &[]).is_err());
    }

    #[test]
    fn targets_of_the_same_system_run() {
        let host = "x86_64-unknown-linux-gnu";
        assert!(runs_on("x86_64-unknown-linux-musl", host));
        assert!(!runs_on("aarch64-unknown-linux-gnu", host));
        assert!(!runs_on("x86_64-pc-windows-msvc", host));
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
