//! What the profile changed: hot code, and time.
//!
//! Takes the hottest functions in both binaries, and a comparison of them; gives findings.

use inferno_measure::comparison::{Comparison, Row};
use inferno_measure::record::{FunctionCode, HotFunction, Verdict};

use super::{Finding, SYMBOLS};
use crate::artifact::Artifact;
use crate::audit::evidence::{Against, Effect, Functions};
use crate::functions::Sizes;

pub(super) fn hot_code(
    binary: &Artifact,
    functions: Option<Functions>,
    against: &Against,
) -> Finding {
    if binary.text_sha256 == against.baseline.text_sha256 {
        return Finding::no(
            "its machine code is the baseline's",
            "the profile has changed nothing: docs/troubleshooting.md#identical-binaries",
        );
    }
    let hottest = &against.hottest;
    if hottest.is_empty() {
        return Finding::cannot_tell(
            "the profile names no hot function",
            "see the first question",
        );
    }
    if functions.is_some_and(|functions| functions.sizes == Sizes::NotTold) {
        return Finding::cannot_tell(
            "sizes of functions are not told on this platform",
            "leave --baseline out, or see by --workload what the profile changed",
        );
    }
    let not_known = |function: &HotFunction| {
        [function.baseline, function.candidate].contains(&FunctionCode::NotKnown)
    };
    if hottest.iter().any(not_known) {
        return Finding::cannot_tell("the binary or the baseline has no symbol table", SYMBOLS);
    }
    let changed: Vec<&HotFunction> = hottest.iter().filter(|one| has_changed(one)).collect();
    let share: f64 = changed.iter().map(|function| function.counts_share).sum();
    let why = format!(
        "{} of {} hot functions, with {:.1} % of all counts, have another size or were inlined otherwise",
        changed.len(),
        hottest.len(),
        share * 100.0
    );
    if changed.is_empty() {
        Finding::cannot_tell(
            format!("{why}; code of the same size may still differ"),
            "see that the baseline is this program, built without the profile",
        )
    } else {
        Finding::yes(why)
    }
}

/// Addresses in the code differ between any two links, sizes do not.
fn has_changed(function: &HotFunction) -> bool {
    match (function.baseline, function.candidate) {
        (
            FunctionCode::Own {
                size_bytes: before, ..
            },
            FunctionCode::Own {
                size_bytes: after, ..
            },
        ) => before != after,
        (FunctionCode::Own { .. }, FunctionCode::InlinedOrGone)
        | (FunctionCode::InlinedOrGone, FunctionCode::Own { .. }) => true,
        _ => false,
    }
}

pub(super) fn not_slower(effect: &Effect) -> Finding {
    match effect {
        Effect::Failed(words) => Finding::cannot_tell(
            format!("measuring failed: {words}"),
            "see that both programs run with these arguments and end with exit code 0; the command `compare` has more options",
        ),
        Effect::Measured(comparison) => measured(comparison),
    }
}

fn measured(comparison: &Comparison) -> Finding {
    let [row] = comparison.rows.as_slice() else {
        return Finding::cannot_tell("nothing was measured", "give more time with --budget");
    };
    let why = change(row);
    match row.verdict {
        Verdict::Faster => Finding::yes(format!("faster: {why}")),
        Verdict::NoDifference => Finding::yes(format!(
            "no difference of {:.1} % or more: {why}",
            comparison.threshold * 100.0
        )),
        Verdict::Slower => Finding::no(
            format!("slower: {why}"),
            "see docs/troubleshooting.md#slower",
        ),
        Verdict::Inconclusive => {
            let remedy = row.remedy.clone();
            Finding::cannot_tell(
                format!("inconclusive: {}", row.reason),
                remedy.unwrap_or_else(|| "give more time with --budget".into()),
            )
        }
    }
}

fn change(row: &Row) -> String {
    let percent = |ratio: f64| format!("{:+.1} %", (ratio - 1.0) * 100.0);
    let figures = row.effect.zip(row.ci_low).zip(row.ci_high);
    figures.map_or_else(
        || "not measured".to_owned(),
        |((effect, low), high)| {
            format!(
                "the time changes by {} (95 % interval {} … {})",
                percent(effect),
                percent(low),
                percent(high)
            )
        },
    )
}
