//! A comparison as a document: the answer in a sentence, a row per scenario, what differs, what to
//! know.
//!
//! Takes a [`Comparison`], gives a [`Document`]. It does not judge.

use inferno_measure::comparison::{
    Comparison, Difference, Pairing, Row as Judged, Subject, Weight,
};
use inferno_measure::record::Verdict;

use crate::document::{Block, Column, Document, Row, Table, Text, Tone};
use crate::figures::{change, change_interval, limit, plural, seconds};
use crate::sections;

/// The document of a comparison.
pub(crate) fn document(comparison: &Comparison) -> Document {
    let mut blocks = vec![Block::Table(rows(comparison))];
    blocks.push(Block::Paragraph(convention(comparison)));
    blocks.extend(open(comparison));
    blocks.extend(notes(comparison));
    blocks.extend(differences(&comparison.differences));
    Document {
        title: title(comparison),
        summary: sentence(comparison),
        standing: Vec::new(),
        blocks,
    }
}

fn title(comparison: &Comparison) -> Text {
    Text::from("Comparison of ")
        .then(Text::literal(&comparison.baseline.name))
        .then(" and ")
        .then(Text::literal(&comparison.candidate.name))
}

/// The answer in one sentence.
fn sentence(comparison: &Comparison) -> Text {
    let candidate = Text::literal(&comparison.candidate.name);
    let of = |verdict| {
        let rows = comparison.rows.iter();
        rows.filter(|row| row.verdict == verdict).count()
    };
    if let [row] = comparison.rows.as_slice() {
        return single(candidate, row, comparison.threshold);
    }
    let counts = [
        (of(Verdict::Slower), "slower"),
        (of(Verdict::Faster), "faster"),
        (of(Verdict::NoDifference), "no difference"),
        (of(Verdict::Inconclusive), "inconclusive"),
    ];
    let occurring: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let all = comparison.rows.len();
    if all == 0 {
        return strong("Nothing can be compared: no scenario is on both sides.");
    }
    let noun = match comparison.subject {
        Subject::Benchmarks => "benchmark",
        Subject::Programs | Subject::Records => "scenario",
    };
    candidate.then(strong(format!(
        ": {} of {}.",
        occurring.join(", "),
        plural(all, noun)
    )))
}

fn strong(text: impl Into<String>) -> Text {
    Text::toned(text, Tone::Strong)
}

fn single(candidate: Text, row: &Judged, threshold: f64) -> Text {
    let figures = row.effect.zip(row.ci_low).zip(row.ci_high);
    let measured = figures.map_or_else(String::new, |((effect, low), high)| {
        format!(
            " ({}, 95 % interval {})",
            change(effect),
            change_interval(low, high)
        )
    });
    match row.verdict {
        Verdict::Faster => candidate.then(strong(format!(" is faster{measured}."))),
        Verdict::Slower => candidate.then(strong(format!(" is slower{measured}."))),
        Verdict::NoDifference => strong(format!(
            "No difference of {} or more{measured}.",
            limit(threshold)
        )),
        Verdict::Inconclusive => strong(format!("Inconclusive{measured}.")),
    }
}

fn rows(comparison: &Comparison) -> Table {
    let columns = vec![
        Column::words("scenario"),
        Column::words("verdict"),
        Column::numbers("change"),
        Column::numbers("95 % interval"),
        Column::numbers("baseline").droppable(1),
        Column::numbers("candidate").droppable(2),
        Column::words("rests on").droppable(0),
    ];
    let row = |row: &Judged| {
        let time = |time: Option<inferno_measure::comparison::Time>| {
            Text::figure(time.map(|time| seconds(time.typical_ns / 1e9)))
        };
        Row::Cells(vec![
            Text::literal(&row.name),
            sections::verdict(row.verdict),
            Text::figure(row.effect.map(change)),
            sections::interval(row.ci_low, row.ci_high),
            time(row.baseline_time),
            time(row.candidate_time),
            rests_on(row).into(),
        ])
    };
    Table {
        columns,
        rows: comparison.rows.iter().map(row).collect(),
    }
}

fn rests_on(row: &Judged) -> String {
    let unit = row.unit.to_string();
    if row.pairing == Pairing::Paired {
        return format!(
            "{}, {}",
            row.pairing,
            plural(row.candidate_units as usize, &unit)
        );
    }
    format!(
        "{}, {} and {}",
        row.pairing,
        row.baseline_units,
        plural(row.candidate_units as usize, &unit)
    )
}

fn convention(comparison: &Comparison) -> Text {
    let told = format!(
        ": below zero is faster. The threshold is {}; verdicts use intervals that are simultaneous \
         over all rows.",
        limit(comparison.threshold)
    );
    let allowance = comparison.drift.map_or_else(String::new, |drift| {
        let drift = limit(drift);
        format!(
            " Intervals of unpaired rows are widened by the drift allowance of {drift} (--drift)."
        )
    });
    Text::from("Changes are of time, ")
        .then(Text::literal(&comparison.candidate.name))
        .then(" against ")
        .then(Text::literal(&comparison.baseline.name))
        .then(told)
        .then(allowance)
}

/// Why rows are open, and what would help.
fn open(comparison: &Comparison) -> Option<Block> {
    let open = comparison
        .rows
        .iter()
        .filter(|row| row.verdict == Verdict::Inconclusive);
    let items: Vec<Text> = open
        .map(|row| {
            let remedy = row.remedy.as_ref();
            let remedy = remedy.map_or_else(String::new, |remedy| {
                format!(" To know: {}", sections::closed(remedy))
            });
            let reason = sections::capitalised(&row.reason);
            Text::literal(&row.name).then(format!(": {reason}{remedy}"))
        })
        .collect();
    (!items.is_empty()).then_some(Block::List(items))
}

fn notes(comparison: &Comparison) -> Option<Block> {
    let of_rows = comparison.rows.iter().flat_map(|row| {
        let notes = row.notes.iter();
        notes.map(|note| Text::literal(&row.name).then(format!(": {note}")))
    });
    let notes: Vec<Text> = comparison
        .notes
        .iter()
        .map(|note| Text::from(note.as_str()))
        .chain(of_rows)
        .collect();
    (!notes.is_empty()).then_some(Block::List(notes))
}

/// What differs in the circumstances, in a table.
pub(crate) fn differences(differences: &[Difference]) -> Vec<Block> {
    if differences.is_empty() {
        return Vec::new();
    }
    let row = |difference: &Difference| {
        let weight = match difference.weight {
            Weight::Obstacle => Text::toned("could explain an effect", Tone::Bad),
            Weight::Told => Text::toned("for information", Tone::Faint),
        };
        Row::Cells(vec![
            difference.what.as_str().into(),
            Text::literal(&difference.baseline),
            Text::literal(&difference.candidate),
            weight,
        ])
    };
    let columns = vec![
        Column::words("differs"),
        Column::words("baseline"),
        Column::words("candidate"),
        Column::words("weight"),
    ];
    vec![Block::Table(Table {
        columns,
        rows: differences.iter().map(row).collect(),
    })]
}
