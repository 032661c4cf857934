//! Figures of both arms beside each other: the parts of a cold start, then everything else, and
//! counted instructions.

use std::collections::BTreeSet;

use inferno_measure::record::{InstructionCounts, MetricResult, Record, ScenarioResult};

use super::interval;
use crate::document::{Block, Column, Row, Table, Text, Tone};
use crate::expectations::is_tagged;
use crate::figures::{both_counts, change, value};
use crate::metrics::{COLD_START, CONCURRENCY, Known, known};

/// What every scenario costs, by its name in the record.
const COSTS: [(&str, &str); 5] = [
    ("wall_ns", "wall time (decides)"),
    ("cpu_ns", "CPU time"),
    ("peak_rss_bytes", "peak memory"),
    ("minor_faults", "minor page faults"),
    ("major_faults", "major page faults"),
];

pub(super) fn blocks(record: &Record) -> Vec<Block> {
    let mut blocks = cold_start(record);
    blocks.push(Block::Heading(super::FIGURES));
    blocks.push(Block::Paragraph(
        "Medians are over all samples; the change compares the arms of each pair, as the verdict \
         does, so it may differ from what the medians' ratio says. These intervals hold for one \
         figure each and decide nothing."
            .into(),
    ));
    blocks.push(Block::Table(Table {
        columns: columns(),
        rows: figures(record),
    }));
    blocks.extend(absent(record).map(Block::Paragraph));
    blocks.extend(instructions(record));
    blocks
}

/// Counted instructions, where anybody asked for them.
fn instructions(record: &Record) -> Vec<Block> {
    let item = |scenario: &ScenarioResult| {
        let counts = scenario.instructions.as_ref()?;
        let name = Text::literal(&scenario.scenario.name);
        Some(name.then(": ").then(counted(counts)))
    };
    let items: Vec<Text> = record.scenarios.iter().filter_map(item).collect();
    if items.is_empty() {
        return Vec::new();
    }
    vec![
        Block::Heading("Instructions"),
        Block::Paragraph(
            "Counted by callgrind, in user mode. They are a companion of the times and decide nothing: \
             the processor takes a different time for each instruction, and waits for memory and for \
             branches. With threads that spin while they wait, the counts hold their rounds too."
                .into(),
        ),
        Block::List(items),
    ]
}

/// `instructions: 1.23 G → 0.98 G (0.795)` and of what, or why they are not known.
fn counted(counts: &InstructionCounts) -> Text {
    let figures = (counts.baseline, counts.candidate, counts.ratio);
    let (Some(baseline), Some(candidate), Some(ratio)) = figures else {
        return Text::from(format!("instructions {}.", counts.detail));
    };
    let of = match counts.requests {
        Some(_) => "per request",
        None => "per process",
    };
    format!(
        "instructions: {} ({ratio:.3}) {of}; {}.",
        both_counts(baseline, candidate),
        counts.detail
    )
    .into()
}

/// All figures of `scenario`: the parts of a cold start first, where it has them.
pub(super) fn scenario(scenario: &ScenarioResult) -> Table {
    let cold = has_cold_start(scenario).then(|| cold_start_parts(scenario));
    Table {
        columns: columns(),
        rows: cold
            .into_iter()
            .flatten()
            .chain(scenario_figures(scenario))
            .collect(),
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::words("figure"),
        Column::numbers("baseline (median)"),
        Column::numbers("candidate (median)"),
        Column::numbers("change"),
        Column::numbers("95 % interval"),
    ]
}

/// A part that no log line told is said to be missing, wherever a cold start is measured.
fn cold_start(record: &Record) -> Vec<Block> {
    let cold = record
        .scenarios
        .iter()
        .filter(|scenario| has_cold_start(scenario));
    let rows: Vec<Row> = cold
        .flat_map(|scenario| std::iter::once(group(scenario)).chain(cold_start_parts(scenario)))
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    vec![
        Block::Heading(super::COLD_START),
        Block::Table(Table {
            columns: columns(),
            rows,
        }),
    ]
}

fn has_cold_start(scenario: &ScenarioResult) -> bool {
    is_tagged(scenario, "cold-start") || COLD_START.iter().any(|part| part.is_declared(scenario))
}

fn cold_start_parts(scenario: &ScenarioResult) -> Vec<Row> {
    let part = |part: &Known| match part.of(scenario) {
        Some(metric) => cells(part.label.into(), metric),
        None => not_measured(part.label),
    };
    COLD_START.iter().map(part).collect()
}

fn figures(record: &Record) -> Vec<Row> {
    record
        .scenarios
        .iter()
        .flat_map(|scenario| {
            let rows = scenario_figures(scenario);
            let title = (!rows.is_empty()).then(|| group(scenario));
            title.into_iter().chain(rows).collect::<Vec<Row>>()
        })
        .collect()
}

/// Known metrics in their order, then the spec's others, then the costs.
fn scenario_figures(scenario: &ScenarioResult) -> Vec<Row> {
    let in_order = CONCURRENCY
        .iter()
        .filter_map(|metric| Some(cells(metric.label.into(), metric.of(scenario)?)));
    let others = scenario
        .metrics
        .iter()
        .filter(|(name, _)| known(name).is_none())
        .map(|(name, metric)| cells(Text::literal(name), metric));
    let costs = COSTS
        .iter()
        .filter_map(|(name, label)| Some(cells((*label).into(), scenario.costs.get(*name)?)));
    in_order.chain(others).chain(costs).collect()
}

fn cells(label: Text, metric: &MetricResult) -> Row {
    Row::Cells(vec![
        label,
        value(metric.baseline.median, &metric.unit).into(),
        value(metric.candidate.median, &metric.unit).into(),
        Text::figure(metric.effect.map(change)),
        interval(metric.ci_low, metric.ci_high),
    ])
}

fn not_measured(label: &str) -> Row {
    let absent = Text::absent;
    Row::Cells(vec![
        label.into(),
        Text::not_measured(),
        absent(),
        absent(),
        absent(),
    ])
}

fn group(scenario: &ScenarioResult) -> Row {
    Row::Group(Text::literal(&scenario.scenario.name))
}

/// Names what no scenario measured, so that its absence is not overlooked: of programs that state
/// some of these figures. Of others nothing of the kind is expected.
fn absent(record: &Record) -> Option<Text> {
    let states_some = |scenario| {
        CONCURRENCY
            .iter()
            .any(|metric| metric.is_declared(scenario))
    };
    if !record.scenarios.iter().any(states_some) {
        return None;
    }
    let missing = |metric: &&Known| {
        record
            .scenarios
            .iter()
            .all(|scenario| metric.of(scenario).is_none())
    };
    let labels: BTreeSet<&str> = CONCURRENCY
        .iter()
        .filter(missing)
        .map(|metric| metric.label)
        .collect();
    let labels: Vec<&str> = labels.into_iter().collect();
    (!labels.is_empty()).then(|| {
        Text::toned(
            format!("Not measured in any scenario: {}.", labels.join(", ")),
            Tone::Faint,
        )
    })
}
