//! What the log proves of the build: was the profile used, is the binary its product, and could the
//! compilers have told more than they did?
//!
//! Takes a [`BuildLog`] with what its paths lead to; gives findings.

use super::{Finding, VERBOSE};
use crate::audit::build_log::{BuildLog, Code, Compilation, Role, Silence};
use crate::audit::evidence::Evidence;
use crate::audit::left::{Given, Shipped};
use crate::compare::programs::file_name;

/// The compiler's own file name. Of whatever else is started in its place, nothing is known.
const COMPILER: &str = "rustc";

const LOUD: &str = "add -Cllvm-args=-pgo-warn-missing-function and -Cllvm-args=-no-pgo-warn-mismatch-comdat-weak=false to the flags of the optimised build, leave out what silences warnings, and build with -vv: docs/audit.md#what-the-log-must-hold";

pub(super) fn used(evidence: &Evidence) -> Finding {
    let log = &evidence.log;
    if let Some(refusal) = log.said.unreadable.first() {
        return Finding::no(
            format!("the compiler could not read it and built without: {refusal}"),
            "train again with the compiler that builds the program",
        );
    }
    if let Some(failure) = log
        .failure
        .as_ref()
        .filter(|failure| failure.contains("profile-use"))
    {
        return Finding::no(
            format!("the logged build failed: {failure}"),
            "merge the profile before the optimised build, and name it by its absolute path",
        );
    }
    without_profile(log)
        .or_else(|| other_profile(&evidence.given))
        .or_else(|| incomplete(log))
        .or_else(|| wrapped(log))
        .or_else(|| lost_profile(&evidence.given))
        .unwrap_or_else(|| {
            let all = log.compilations.len();
            Finding::yes(format!("{} with this profile", compilations(all)))
        })
}

fn without_profile(log: &BuildLog) -> Option<Finding> {
    let plain: Vec<&Compilation> = log
        .compilations
        .iter()
        .filter(|compilation| compilation.role == Role::Plain)
        .collect();
    let all = log.compilations.len();
    if all == 0 && log.instrumenting > 0 {
        return Some(Finding::no(
            "the log is of the instrumented build",
            "name the log of the build with -Cprofile-use",
        ));
    }
    if all > 0 && plain.len() == all {
        return Some(Finding::no(
            format!("none of {} was given a profile", compilations(all)),
            "look for what replaces the flags: RUSTFLAGS replaces `build.rustflags`, and CARGO_ENCODED_RUSTFLAGS replaces both",
        ));
    }
    let first = plain.first()?;
    Some(Finding::no(
        format!(
            "{} of {} were not given it, such as `{}`",
            plain.len(),
            compilations(all),
            first.crate_name
        ),
        "give the flag by RUSTFLAGS: what follows `--` of `cargo rustc` reaches the last crate alone; and name the log of this build alone",
    ))
}

fn other_profile(given: &[Given]) -> Option<Finding> {
    given.iter().find_map(|given| match given {
        Given::Other(path) => Some(Finding::no(
            format!(
                "the build was given `{}`, whose content is not this profile's",
                path.display()
            ),
            "name that file, or build again; a name with the content's hash keeps them apart",
        )),
        Given::Audited(_) | Given::Rewritten(_) | Given::Gone(_) => None,
    })
}

fn lost_profile(given: &[Given]) -> Option<Finding> {
    given.iter().find_map(|given| match given {
        Given::Rewritten(path) => Some(Finding::cannot_tell(
            format!(
                "the build was given `{}`, which was written again since",
                path.display()
            ),
            "build again before the profile is, or name each profile by the hash of its content; where files are copied, keep their times: docs/audit.md#times",
        )),
        Given::Gone(path) => Some(Finding::cannot_tell(
            format!(
                "the build was given `{}`, which is not there any more",
                path.display()
            ),
            "audit where the build ran, and keep the profile; `maturin --pgo` deletes it: docs/audit.md#maturin",
        )),
        Given::Audited(_) | Given::Other(_) => None,
    })
}

/// Why the log does not show the whole build.
fn incomplete(log: &BuildLog) -> Option<Finding> {
    if let Some(failure) = &log.failure {
        return Some(Finding::cannot_tell(
            format!("the log holds an error, so the binary may be of another build: {failure}"),
            "name the log of a build that succeeded",
        ));
    }
    if log.unreadable_commands > 0 {
        return Some(Finding::cannot_tell(
            format!(
                "{} command lines of the log are cut, or mixed with other output",
                log.unreadable_commands
            ),
            VERBOSE,
        ));
    }
    if log.compilations.is_empty() {
        return Some(Finding::cannot_tell(
            "the log shows no command line of rustc",
            VERBOSE,
        ));
    }
    if log.fresh > 0 {
        return Some(Finding::cannot_tell(
            format!(
                "{} crates are `Fresh`: an earlier build has compiled them, and its log is not this one",
                log.fresh
            ),
            VERBOSE,
        ));
    }
    let incremental = log
        .optimizing()
        .filter(|(compilation, _)| compilation.code == Code::MayBeOld)
        .count();
    if incremental > 0 {
        return Some(Finding::cannot_tell(
            format!(
                "{} may hold code of an earlier profile, by `-Cincremental`: rustc compares the path of a profile, not its content",
                compilations(incremental)
            ),
            "build with CARGO_INCREMENTAL=0, which outweighs `incremental` in the profile of cargo",
        ));
    }
    None
}

/// A wrapper may drop a flag, or answer from a cache that does not know the profile.
fn wrapped(log: &BuildLog) -> Option<Finding> {
    let wrapper = log
        .compilations
        .iter()
        .find(|compilation| compilation.program != COMPILER)?;
    Some(Finding::cannot_tell(
        format!(
            "`{}` stands in the place of rustc, and may drop flags or answer from a cache",
            wrapper.program
        ),
        "build with RUSTC_WRAPPER and RUSTC_WORKSPACE_WRAPPER set to nothing, and without `build.rustc`",
    ))
}

pub(super) fn as_built(shipped: &Shipped) -> Finding {
    match shipped {
        Shipped::AsLinked(path) => Finding::yes(format!(
            "its machine code is that of `{}`, which the build linked",
            file_name(path)
        )),
        Shipped::Otherwise(path) => Finding::no(
            format!(
                "its machine code is not that of `{}`, which the build linked",
                path.display()
            ),
            "ship what the optimised build made: look at what is copied, and whether a later build overwrites it",
        ),
        Shipped::Rewritten(path) => Finding::cannot_tell(
            format!(
                "the build linked `{}`, which was written again after the log had ended",
                path.display()
            ),
            "keep the log of the last build there, and audit before anything else builds, strips or signs in place; where files are copied, keep their times: docs/audit.md#times",
        ),
        Shipped::Gone(path) => Finding::cannot_tell(
            format!(
                "the build linked `{}`, which is not there any more",
                path.display()
            ),
            "audit where the build ran, before its target directory is removed or built again",
        ),
        Shipped::NotLogged => Finding::cannot_tell(
            "the log shows no link of a program or shared library with the profile",
            VERBOSE,
        ),
    }
}

/// Why what the compilers think of the profile need not be in the log; `None` where it is. Beside what
/// silences all warnings, `matters` does.
pub(super) fn unheard(log: &BuildLog, matters: &[Silence]) -> Option<Finding> {
    if let Some(finding) = incomplete(log) {
        return Some(finding);
    }
    if !log.said.unreadable.is_empty() {
        return Some(Finding::cannot_tell(
            "the compiler could not read the profile, so it compared nothing",
            "see the second question",
        ));
    }
    let optimizing: Vec<&Compilation> = log
        .optimizing()
        .map(|(compilation, _)| compilation)
        .collect();
    if optimizing.is_empty() {
        return Some(Finding::cannot_tell(
            "no compilation of the log was given a profile",
            VERBOSE,
        ));
    }
    let always = [
        Silence::CappedLints,
        Silence::AllowedWarnings,
        Silence::ChangedFunctions,
    ];
    always.iter().chain(matters).find_map(|silence| {
        let is_silent = |compilation: &&&Compilation| compilation.silences.contains(silence);
        let silent = optimizing.iter().filter(is_silent).count();
        (silent > 0).then(|| {
            Finding::cannot_tell(
                format!(
                    "{silent} of {} would not have said so: {}",
                    compilations(optimizing.len()),
                    because(*silence)
                ),
                LOUD,
            )
        })
    })
}

fn because(silence: Silence) -> &'static str {
    match silence {
        Silence::CappedLints => "`--cap-lints allow` silences dependencies",
        Silence::AllowedWarnings => {
            "`-Awarnings` silences them, which `warnings = \"allow\"` in `[lints]` sets"
        }
        Silence::ChangedFunctions => "LLVM was told `-no-pgo-warn-mismatch`",
        Silence::SharedFunctions => "LLVM does not tell of changed generic functions by itself",
        Silence::UnknownFunctions => "LLVM does not name unknown functions by itself",
    }
}

fn compilations(count: usize) -> String {
    match count {
        1 => "1 compilation".to_owned(),
        several => format!("{several} compilations"),
    }
}
