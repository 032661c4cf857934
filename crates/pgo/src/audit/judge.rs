//! From evidence to answers: closed on doubt.
//!
//! Takes [`Evidence`], gives a yes, no or cannot tell per question, each with what it rests on and with
//! the next step. Pure: nothing is read here. "Yes" needs evidence that would have looked otherwise if
//! the answer were no; silence of a log that could not have spoken is no such evidence.

mod build;
mod code;

use inferno_measure::audit::{Answer, Answered, Question};

use self::build::{as_built, unheard, used};
use self::code::{hot_code, not_slower};
use super::build_log::Silence;
use super::evidence::{Evidence, Figures, Functions, ProfileState};
use crate::artifact::Counters;
use crate::optimize::DISCARDED_SHARE_MAX;

/// Share of the profile's functions which the binary has, from which the profile is this program's, and
/// up to which it is another's. Measured on 17 programs (docs/audit.md): own profiles had 0.46 to 1, the
/// rest being inlined; those of the other 16 had 0.10 at most, by crates that both use.
const OWN_FOUND_MIN: f64 = 0.30;
/// See [`OWN_FOUND_MIN`].
const FOREIGN_FOUND_MAX: f64 = 0.15;

/// Share of the binary's own functions that the profile does not know, above which it is of other
/// sources. In the same 17 programs it was 0.4 % at most: what the instrumented link had left out.
const UNKNOWN_SHARE_MAX: f64 = 0.05;

const VERBOSE: &str = "build with `cargo build -vv` into an empty target directory, and keep both of its outputs in one file: docs/audit.md#what-the-log-must-hold";
const SYMBOLS: &str = "audit the binary before it is stripped, or build with `strip = \"debuginfo\"` or none: the symbol table is needed, debug information is not";
const TRAIN: &str = "train again on the sources, and with the flags and the target, that are built";

/// An answer without its question.
#[derive(Debug)]
struct Finding {
    answer: Answer,
    why: String,
    next_step: Option<String>,
}

impl Finding {
    fn yes(why: impl Into<String>) -> Self {
        Self {
            answer: Answer::Yes,
            why: why.into(),
            next_step: None,
        }
    }

    fn no(why: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            answer: Answer::No,
            why: why.into(),
            next_step: Some(next_step.into()),
        }
    }

    fn cannot_tell(why: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            answer: Answer::CannotTell,
            why: why.into(),
            next_step: Some(next_step.into()),
        }
    }
}

/// Every question that the evidence allows to ask, answered.
pub(super) fn answers(evidence: &Evidence) -> Vec<Answered> {
    let against = evidence.against.as_ref();
    let effect = evidence.effect.as_ref();
    let asked = [
        (Question::ProfileReadable, Some(readable(&evidence.profile))),
        (Question::ProfileUsed, Some(used(evidence))),
        (Question::ShippedAsBuilt, Some(as_built(&evidence.shipped))),
        (
            Question::ProfileOfProgram,
            Some(of_program(evidence.functions)),
        ),
        (Question::CountsKept, Some(kept(evidence))),
        (Question::ProfileCurrent, Some(current(evidence))),
        (
            Question::NoCounters,
            Some(no_counters(evidence.binary.counters)),
        ),
        (
            Question::HotCodeDiffers,
            against.map(|against| hot_code(&evidence.binary, evidence.functions, against)),
        ),
        (Question::NotSlower, effect.map(not_slower)),
    ];
    let answered = |(question, finding): (Question, Option<Finding>)| {
        let finding = finding?;
        Some(Answered {
            question,
            answer: finding.answer,
            why: finding.why,
            next_step: finding.next_step,
        })
    };
    asked.into_iter().filter_map(answered).collect()
}

/// Discarded counts as a share of the profile's; `None` where the log could not have shown them all.
pub(super) fn discarded_share(evidence: &Evidence) -> Option<f64> {
    let figures = counted(&evidence.profile)?;
    let heard = unheard(&evidence.log, &[Silence::SharedFunctions]).is_none();
    heard.then(|| evidence.log.said.discarded_share(figures.counts_total))
}

fn counted(profile: &ProfileState) -> Option<&Figures> {
    match profile {
        ProfileState::Counted(figures) => Some(figures),
        ProfileState::NotMerged | ProfileState::Refused(_) | ProfileState::ToolLacks(_) => None,
    }
}

fn readable(profile: &ProfileState) -> Finding {
    match profile {
        ProfileState::Counted(figures) if figures.counts_total == 0 => Finding::no(
            "the profile counts nothing",
            "the training must execute this program's code, and end by itself: docs/troubleshooting.md#no-profile-written",
        ),
        ProfileState::Counted(figures) => Finding::yes(format!(
            "{} of its {} functions ran",
            figures.functions_covered, figures.functions_total
        )),
        ProfileState::NotMerged => Finding::no(
            "it is no merged profile, and the compiler reads no other",
            "merge the raw profiles with `llvm-profdata merge`",
        ),
        ProfileState::Refused(words) => Finding::no(
            format!("llvm-profdata refuses it: {words}"),
            "train again with the compiler that builds the program: docs/troubleshooting.md#profile-unusable",
        ),
        ProfileState::ToolLacks(words) => Finding::cannot_tell(
            format!("this llvm-profdata cannot read it: {words}"),
            "install the compiler's own with `rustup component add llvm-tools`",
        ),
    }
}

fn of_program(functions: Option<Functions>) -> Finding {
    let Some(functions) = functions else {
        return stripped();
    };
    let Functions { covered, found, .. } = functions;
    if covered == 0 {
        return Finding::cannot_tell(
            "no function of the profile ran, but for `main`",
            "the training must execute this program's code",
        );
    }
    let share = found as f64 / covered as f64;
    let why = format!("the binary has {found} of the {covered} functions that ran in training");
    if share >= OWN_FOUND_MIN {
        Finding::yes(why)
    } else if share <= FOREIGN_FOUND_MAX {
        Finding::no(
            why,
            "the profile is of another program, or was trained with another compiler, target or features: train the program that is built",
        )
    } else {
        Finding::cannot_tell(
            format!("{why}: too few for its own profile, too many for another's"),
            TRAIN,
        )
    }
}

fn stripped() -> Finding {
    Finding::cannot_tell("the binary has no symbol table", SYMBOLS)
}

fn kept(evidence: &Evidence) -> Finding {
    let Some(figures) = counted(&evidence.profile) else {
        return no_counts();
    };
    let said = &evidence.log.said;
    let share = said.discarded_share(figures.counts_total);
    let why = format!(
        "{:.3} % of the counts were discarded, since {} functions are no longer what was trained",
        share * 100.0,
        said.functions_mismatched
    );
    // What was heard is proved, whatever else was not.
    if share > DISCARDED_SHARE_MAX {
        return Finding::no(
            format!("{why} (limit {:.0} %)", DISCARDED_SHARE_MAX * 100.0),
            TRAIN,
        );
    }
    unheard(&evidence.log, &[Silence::SharedFunctions]).unwrap_or_else(|| Finding::yes(why))
}

fn no_counts() -> Finding {
    Finding::cannot_tell(
        "the profile's counts are not known",
        "see the first question",
    )
}

fn current(evidence: &Evidence) -> Finding {
    let Some(figures) = counted(&evidence.profile) else {
        return no_counts();
    };
    let log = &evidence.log;
    let changed = log.said.functions_mismatched;
    let share = log.said.discarded_share(figures.counts_total);
    if share > DISCARDED_SHARE_MAX {
        return Finding::no(
            format!("{changed} functions that hold counts have changed since training"),
            TRAIN,
        );
    }
    let Some(functions) = evidence.functions else {
        return stripped();
    };
    let Functions { known, unknown, .. } = functions;
    let own = known + unknown;
    let why = format!("of the binary's functions the profile knows {known} and lacks {unknown}");
    if own > 0 && unknown as f64 / own as f64 > UNKNOWN_SHARE_MAX {
        return Finding::no(why, TRAIN);
    }
    let silences = [Silence::SharedFunctions, Silence::UnknownFunctions];
    if let Some(finding) = unheard(log, &silences) {
        return finding;
    }
    if log.unknown_unnamed > 0 {
        return Finding::cannot_tell(
            format!(
                "cargo-pgo counts {} functions without a profile and does not name them",
                log.unknown_unnamed
            ),
            "set RUST_LOG=cargo_pgo=debug for `cargo pgo optimize`: docs/audit.md#cargo-pgo",
        );
    }
    Finding::yes(format!("{changed} functions have changed; {why}"))
}

fn no_counters(counters: Counters) -> Finding {
    match counters {
        Counters::Absent => {
            Finding::yes("it has neither counters nor the profile's run-time library")
        }
        Counters::Present => Finding::no(
            "it counts its own execution: this is the instrumented binary",
            "ship the binary of the build with -Cprofile-use",
        ),
    }
}

#[cfg(test)]
mod tests;
