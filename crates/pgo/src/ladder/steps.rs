//! The steps of a ladder, from the cheapest on, and the settings of the build that each stands on.
//!
//! Takes a spec; gives [`Step`]s and [`Settings`]. Building is the ladder's.

use std::fmt;
use std::str::FromStr;

use inferno_measure::record::Host;

use crate::cargo::Workshop;
use crate::digest::Key;
use crate::spec::{CCompiler, Spec};

/// The processor of the step `target-cpu` where neither the caller nor the spec names one.
const THIS_PROCESSOR: &str = "native";

/// A step of the ladder. Each stands on the one before that could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The spec's build, without the processor that the spec names.
    Release,
    /// Link-time optimisation over all crates, each crate in one unit.
    Lto,
    /// Instructions of one kind of processor.
    TargetCpu,
    /// Profile-guided optimisation of the Rust code.
    Pgo,
    /// The same of C and C++ code as well.
    PgoWithC,
    /// The machine code laid out anew by llvm-bolt.
    Bolt,
}

impl Step {
    /// All steps, from the cheapest on.
    pub const ALL: [Self; 6] = [
        Self::Release,
        Self::Lto,
        Self::TargetCpu,
        Self::Pgo,
        Self::PgoWithC,
        Self::Bolt,
    ];

    /// The step's name on the command line and in directories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Lto => "lto",
            Self::TargetCpu => "target-cpu",
            Self::Pgo => "pgo",
            Self::PgoWithC => "pgo-c",
            Self::Bolt => "bolt",
        }
    }

    /// Why a spec keeps this step from being taken, whatever the machine has.
    pub(super) fn barred(self, spec: &Spec) -> Option<&'static str> {
        match self {
            Self::Pgo | Self::PgoWithC | Self::Bolt if spec.train().is_empty() => {
                Some("the spec declares no [[train]] workload")
            }
            Self::Bolt if !cfg!(target_os = "linux") => {
                Some("llvm-bolt rewrites programs of Linux alone")
            }
            _ => None,
        }
    }

    /// What is done beyond the step below, in a few words. `cpu` is the processor of the step
    /// `target-cpu`, `first` are all flags of the first step.
    pub(super) fn adds(self, cpu: &str, first: &[String]) -> String {
        match self {
            Self::Release => format!(
                "the spec's build, for {}, its C and C++ code as it is",
                processors(first)
            ),
            Self::Lto => "lto = \"fat\", codegen-units = 1".to_owned(),
            Self::TargetCpu => format!("-Ctarget-cpu={cpu}"),
            Self::Pgo => "profile-guided optimisation, by the declared training".to_owned(),
            Self::PgoWithC => {
                "the profile for C and C++ code as well, which clang compiles in this rung: another C compiler, too"
                    .to_owned()
            }
            Self::Bolt => {
                "llvm-bolt, by a profile of its own from the declared training".to_owned()
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = |step: &Self| step.name() == text;
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is none of the rungs {names}")
        })
    }
}

/// How a rung is built: the flags and the C compiler in place of the spec's own, and what is set over
/// the manifest's cargo profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    rustflags: Vec<String>,
    profile: Vec<String>,
    c: Option<CCompiler>,
}

impl Settings {
    /// The first rung's: the spec's own, without a processor, and with C code as it is.
    pub(super) fn first(spec: &Spec) -> Self {
        let (rustflags, _) = without_cpu(&spec.target().rustflags);
        Self {
            rustflags,
            profile: Vec::new(),
            c: None,
        }
    }

    /// These, with link-time optimisation of the cargo profile `profile`.
    pub(super) fn with_lto(&self, profile: &str) -> Self {
        let mut settings = self.clone();
        settings.profile.extend([
            format!("profile.{profile}.lto=\"fat\""),
            format!("profile.{profile}.codegen-units=1"),
        ]);
        settings
    }

    /// These, for the processor `cpu`.
    pub(super) fn with_cpu(&self, cpu: &str) -> Self {
        let mut settings = self.clone();
        settings.rustflags.push(format!("-Ctarget-cpu={cpu}"));
        settings
    }

    /// These, with a C compiler that takes the profile.
    pub(super) fn with_c(&self) -> Self {
        Self {
            c: Some(CCompiler::Clang),
            ..self.clone()
        }
    }

    /// What is built so.
    pub(super) fn of(&self, spec: &Spec) -> Spec {
        spec.rebuilt(&self.rustflags, &self.profile, self.c)
    }

    /// What a build in `workshop`, on the machine `host`, and its time depend on beside the sources.
    pub(super) fn key(&self, workshop: &Workshop, host: &Host) -> String {
        let clang = workshop.c.iter().map(|clang| &clang.version);
        let native = native(workshop.shared.as_slice(), host);
        let all = self.rustflags.iter().chain(&self.profile).chain(clang);
        let all = all.chain(&native);
        all.fold(
            Key::new("rung")
                .part(&workshop.compiler.version)
                .part(format!("{:?}", self.c)),
            Key::part,
        )
        .finish()
    }
}

/// The processor of the step `target-cpu`: the caller's choice, else the spec's, else this one.
pub(super) fn cpu(chosen: Option<&str>, spec: &Spec) -> String {
    let (_, declared) = without_cpu(&spec.target().rustflags);
    chosen
        .map(str::to_owned)
        .or(declared)
        .unwrap_or_else(|| THIS_PROCESSOR.to_owned())
}

/// What `native` stands for on the machine `host`, where `flags` build for that. cargo compares the flag
/// alone: in a directory from another processor it would call that one's build unchanged.
fn native(flags: &[String], host: &Host) -> Option<String> {
    let (_, cpu) = without_cpu(flags);
    let is_native = cpu.as_deref() == Some(THIS_PROCESSOR);
    is_native.then(|| format!("{} {:?}", host.arch, host.cpu_model))
}

/// For which processors a build with `flags` is. Those of RUSTFLAGS and of cargo's configuration are kept
/// in every rung.
fn processors(flags: &[String]) -> String {
    let narrows = |flag: &&str| flag.contains("target-cpu=") || flag.contains("target-feature=");
    let narrowing: Vec<&str> = flags.iter().map(String::as_str).filter(narrows).collect();
    if narrowing.is_empty() {
        return "any processor of the target".to_owned();
    }
    format!("the processors of `{}`", narrowing.join(" "))
}

/// Flags without the processor, and the processor; rustc takes the last one.
fn without_cpu(flags: &[String]) -> (Vec<String>, Option<String>) {
    let mut others: Vec<String> = Vec::new();
    let mut cpu = None;
    for flag in flags {
        let Some((before, named)) = flag.split_once("target-cpu=") else {
            others.push(flag.clone());
            continue;
        };
        // As `-C target-cpu=…` in one or in two.
        if before.is_empty() {
            others.pop();
        }
        cpu = Some(named.to_owned());
    }
    (others, cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::tests::Sample;

    #[test]
    fn what_is_built_for_this_processor_is_not_taken_over_on_another() {
        let sample = Sample::new("");
        let spec = sample.options().spec;
        let host = |model: &str| Host {
            arch: "x86_64".to_owned(),
            cpu_model: Some(model.to_owned()),
            ..Host::default()
        };
        for (cpu, is_taken_over) in [("native", false), ("x86-64-v3", true)] {
            let settings = Settings::first(&spec).with_cpu(cpu);
            let workshop = sample.workshop(&settings.of(&spec));
            let key = |model| settings.key(&workshop, &host(model));
            assert_eq!(key("one"), key("one"));
            assert_eq!(key("one") == key("another"), is_taken_over, "{cpu}");
        }
    }

    #[test]
    fn the_last_processor_among_the_flags_is_the_one_that_counts() {
        let host = Host::default();
        let cases: [(&[&str], bool); 6] = [
            (&[], false),
            (&["-Ctarget-cpu=native"], true),
            (&["-C", "target-cpu=native", "-Copt-level=2"], true),
            (&["-Ctarget-cpu=native", "-Ctarget-cpu=znver4"], false),
            (&["-Ctarget-cpu=znver4", "-Ctarget-cpu=native"], true),
            (&["-Ctarget-feature=+avx2"], false),
        ];
        for (flags, is_native) in cases {
            let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
            assert_eq!(native(&flags, &host).is_some(), is_native, "{flags:?}");
        }
    }

    #[test]
    fn steps_are_known_by_name() {
        for step in Step::ALL {
            assert_eq!(step.name().parse::<Step>(), Ok(step));
        }
        let error = "plo".parse::<Step>().expect_err("no step");
        assert!(error.contains("release, lto, target-cpu, pgo, pgo-c, bolt"));
    }

    #[test]
    fn the_processor_is_taken_out_of_the_flags() {
        type Case<'a> = (&'a [&'a str], &'a [&'a str], Option<&'a str>);
        let split = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
            without_cpu(&flags)
        };
        let cases: [Case<'_>; 5] = [
            (&[], &[], None),
            (&["-Copt-level=2"], &["-Copt-level=2"], None),
            (
                &["-Ctarget-cpu=x86-64-v3", "-Copt-level=2"],
                &["-Copt-level=2"],
                Some("x86-64-v3"),
            ),
            (
                &["-Copt-level=2", "-C", "target-cpu=native"],
                &["-Copt-level=2"],
                Some("native"),
            ),
            (
                &["-C target-cpu=native", "-Ctarget-cpu=znver4"],
                &[],
                Some("znver4"),
            ),
        ];
        for (flags, others, cpu) in cases {
            let (found, named) = split(flags);
            assert_eq!(found, others);
            assert_eq!(named.as_deref(), cpu);
        }
    }

    #[test]
    fn the_first_step_says_for_which_processors_it_is() {
        for (flags, told) in [
            (&["-Copt-level=2"][..], "for any processor of the target,"),
            (
                &["-Ctarget-cpu=native"],
                "for the processors of `-Ctarget-cpu=native`,",
            ),
            (
                &["-C", "target-feature=+avx2", "-Ctarget-cpu=znver4"],
                "`target-feature=+avx2 -Ctarget-cpu=znver4`",
            ),
        ] {
            let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
            let adds = Step::Release.adds("native", &flags);
            assert!(adds.contains(told), "{adds}");
        }
    }

    #[test]
    fn a_step_keeps_what_the_ones_below_have_set() {
        let first = Settings {
            rustflags: vec!["-Cforce-frame-pointers=yes".to_owned()],
            profile: Vec::new(),
            c: None,
        };
        let all = first.with_lto("dist").with_cpu("native").with_c();
        assert_eq!(
            all.rustflags,
            ["-Cforce-frame-pointers=yes", "-Ctarget-cpu=native"]
        );
        assert_eq!(
            all.profile,
            ["profile.dist.lto=\"fat\"", "profile.dist.codegen-units=1"]
        );
        assert_eq!(all.c, Some(CCompiler::Clang));
    }
}
