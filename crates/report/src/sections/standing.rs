//! Whether the answer may be believed, in a line below it: proof, guards, warning signs, layout.

use inferno_measure::record::{CheckOutcome, Record};
use inferno_measure::scenario::Role;

use super::{ENVIRONMENT, RESULT, VERIFICATION, WARNINGS};
use crate::document::{Standing, Text, Tone};
use crate::figures::plural;
use crate::headline::Counts;
use crate::hints::{Sign, hints};

/// The conditions that can be told of `record`; none of one that measured nothing.
pub(super) fn of(record: &Record) -> Vec<Standing> {
    if record.scenarios.is_empty() {
        return Vec::new();
    }
    [verified(record), guards(record)]
        .into_iter()
        .flatten()
        .chain([warnings(record), layout(record)])
        .collect()
}

fn verified(record: &Record) -> Option<Standing> {
    let checks = &record.verification.checks;
    let with = |outcome| {
        let found = checks.iter().filter(|check| check.outcome == outcome);
        found.count()
    };
    let passed = format!("{} passed", plural(with(CheckOutcome::Passed), "check"));
    let open = [
        (with(CheckOutcome::Warned), "warned"),
        (with(CheckOutcome::NotMeasured), "not measured"),
    ];
    let open: Vec<String> = open
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(", {count} {what}"))
        .collect();
    let tone = if open.is_empty() {
        Tone::Good
    } else {
        Tone::Open
    };
    (!checks.is_empty()).then(|| Standing {
        text: Text::from("Verified: ").then(Text::toned(passed + &open.concat(), tone)),
        section: VERIFICATION,
    })
}

fn guards(record: &Record) -> Option<Standing> {
    let guards = record.scenarios.iter();
    let counts = Counts::of(guards.filter(|scenario| scenario.scenario.role == Role::Guard));
    let all = counts.all();
    let text = match (counts.slower, counts.inconclusive) {
        (0, 0) => Text::toned(format!("{all} of {all} hold"), Tone::Good),
        (0, open) => Text::toned(format!("{open} of {all} open"), Tone::Open),
        (slower, _) => Text::toned(format!("{slower} of {all} slower"), Tone::Bad),
    };
    (all > 0).then(|| Standing {
        text: Text::from("Guards: ").then(text),
        section: RESULT,
    })
}

fn warnings(record: &Record) -> Standing {
    let found = hints(record);
    let warnings = found.iter().filter(|hint| hint.sign == Sign::Warning);
    match warnings.count() {
        0 => Standing {
            text: "No warning signs".into(),
            section: RESULT,
        },
        count => Standing {
            text: Text::toned(plural(count, "warning sign"), Tone::Open),
            section: WARNINGS,
        },
    }
}

fn layout(record: &Record) -> Standing {
    let text = record.judging.layouts.map_or_else(
        || Text::from("Code layout not controlled"),
        |layouts| Text::from(format!("{layouts} code layouts of each arm")),
    );
    Standing {
        text,
        section: ENVIRONMENT,
    }
}
