//! A comparison of results as a document: the answer, a row per figure, what differs, what to know.

use inferno_measure::comparison::Difference;
use inferno_measure::performance::comparison::{
    ChangeScale, Drift, ERROR_THRESHOLD, PerformanceComparison, Row as Judged,
};
use inferno_measure::record::Verdict;

use super::figure::told;
use crate::comparison;
use crate::document::{Block, Column, Document, Row, Table, Text, Tone};
use crate::figures::{JOINER, change, change_interval, limit, plural};
use crate::sections;

/// The document of a comparison.
pub(super) fn document(comparison: &PerformanceComparison) -> Document {
    let mut blocks = vec![
        Block::Heading("Changes"),
        Block::Table(rows(comparison)),
        Block::Paragraph(convention(comparison)),
    ];
    let open = open(comparison);
    if !open.is_empty() {
        blocks.push(Block::Heading("Inconclusive"));
        blocks.push(Block::List(open));
    }
    if !comparison.notes.is_empty() {
        let notes = comparison.notes.iter();
        blocks.push(Block::Heading("Notes"));
        blocks.push(Block::List(
            notes.map(|note| note.as_str().into()).collect(),
        ));
    }
    let differences = comparison::differences(&comparison.differences);
    if !differences.is_empty() {
        blocks.push(Block::Heading("What differs"));
        blocks.extend(differences);
    }
    Document {
        title: Text::from("Performance of ")
            .then(Text::literal(&comparison.current.name))
            .then(" against ")
            .then(Text::literal(&comparison.baseline.name)),
        summary: summary(comparison),
        standing: Vec::new(),
        blocks,
    }
}

/// The answer in a sentence.
fn summary(comparison: &PerformanceComparison) -> Text {
    if comparison.rows.is_empty() {
        return Text::toned(
            "Nothing can be compared: no figure is on both sides.",
            Tone::Strong,
        );
    }
    let of = |verdict| {
        let rows = comparison.rows.iter();
        rows.filter(move |row| row.verdict == verdict).count()
    };
    let counts = [
        (of(Verdict::Slower), "worse"),
        (of(Verdict::Faster), "better"),
        (of(Verdict::NoDifference), "no difference"),
        (of(Verdict::Inconclusive), "inconclusive"),
    ];
    let occurring: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let all = plural(comparison.rows.len(), "figure");
    let told = format!("{all}: {}.", occurring.join(", "));
    let told = Text::toned(told, Tone::Strong);
    let obstacles = comparison.obstacles().count();
    if obstacles == 0 {
        return told;
    }
    let doubt = format!(
        " {} of the circumstances could explain a change.",
        plural(obstacles, "difference")
    );
    told.then(Text::toned(doubt, Tone::Bad))
}

fn rows(comparison: &PerformanceComparison) -> Table {
    let columns = vec![
        Column::words("figure"),
        Column::words("verdict"),
        Column::numbers("change"),
        Column::numbers("95 % interval"),
        Column::numbers("baseline").droppable(1),
        Column::numbers("current").droppable(2),
        Column::words("rests on").droppable(0),
    ];
    let mut rows = Vec::new();
    let mut group = String::new();
    for row in &comparison.rows {
        let name = format!("{} on {}", row.suite, row.backend);
        if name != group {
            rows.push(Row::Group(name.as_str().into()));
            group = name;
        }
        rows.push(self::row(row));
    }
    Table { columns, rows }
}

fn row(row: &Judged) -> Row {
    let value = |value: Option<f64>| Text::figure(value.map(|value| told(value, &row.unit)));
    let interval = row
        .ci_low
        .zip(row.ci_high)
        .map(|(low, high)| match row.scale {
            ChangeScale::Ratio => change_interval(low, high),
            ChangeScale::Difference => format!("{}{JOINER}…{JOINER}{}", points(low), points(high)),
        });
    let changed = row.change.map(|ratio| match row.scale {
        ChangeScale::Ratio => change(ratio),
        ChangeScale::Difference => points(ratio),
    });
    Row::Cells(vec![
        Text::literal(&row.figure),
        verdict(row),
        Text::figure(changed),
        Text::figure(interval),
        value(row.baseline),
        value(row.current),
        rests_on(row).into(),
    ])
}

/// A difference of shares in percentage points.
fn points(difference: f64) -> String {
    let sign = if difference < 0.0 { '−' } else { '+' };
    format!("{sign}{:.2}{JOINER}points", difference.abs() * 100.0)
}

/// Times and rates are faster or slower, everything else is better or worse.
fn verdict(row: &Judged) -> Text {
    let is_speed = row.drift != Drift::Irrelevant;
    match row.verdict {
        Verdict::Faster if !is_speed => Text::toned("better", Tone::Good),
        Verdict::Slower if !is_speed => Text::toned("worse", Tone::Bad),
        verdict => sections::verdict(verdict),
    }
}

fn rests_on(row: &Judged) -> String {
    let units = format!(
        "{} and {} {}",
        row.baseline_units, row.current_units, row.basis
    );
    match row.drift {
        Drift::InTurns => format!("{units}, in turns"),
        Drift::Cancelled => format!("{units}, drift cancelled"),
        Drift::Allowed => format!("{units}, drift allowed for"),
        Drift::Irrelevant => units,
    }
}

fn convention(comparison: &PerformanceComparison) -> Text {
    Text::from(format!(
        "Changes are of the figure, current against baseline. The threshold is {} (of the error rate \
         {}{JOINER}percentage points): a smaller change does not matter. Verdicts use intervals that are \
         simultaneous over all rows. “In turns”: both programs ran in pairs of processes, so that \
         whatever the machine did, it did to both. “Drift cancelled”: the figure is told relative to a \
         fixed computation that was timed beside it, so that a machine that is slower today is no change. \
         “Drift allowed for”: the interval is widened, as absolute times wander from run to run.",
        limit(comparison.threshold),
        comparison.threshold.min(ERROR_THRESHOLD) * 100.0
    ))
}

/// Why rows are open, and what would help.
fn open(comparison: &PerformanceComparison) -> Vec<Text> {
    let open = comparison
        .rows
        .iter()
        .filter(|row| row.verdict == Verdict::Inconclusive);
    open.map(|row| {
        let remedy = row.remedy.as_ref().map_or_else(String::new, |remedy| {
            format!(" To know: {}", sections::closed(remedy))
        });
        let reason = sections::capitalised(&row.reason);
        Text::literal(&row.figure).then(format!(": {reason}{remedy}"))
    })
    .collect()
}

/// The differences for which a comparison says nothing about the programs, in a line each: the text
/// of a refusal.
pub fn obstacles(comparison: &PerformanceComparison) -> Vec<String> {
    let told = |difference: &Difference| {
        format!(
            "{}: {} in the baseline, {} now",
            difference.what, difference.baseline, difference.candidate
        )
    };
    comparison.obstacles().map(told).collect()
}
