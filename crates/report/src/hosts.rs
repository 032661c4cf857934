//! One pair on several hosts as a document: the pooled answer in a sentence, the machines, each
//! scenario host by host with what the hosts say together, how far they differ.
//!
//! Takes a [`HostComparison`], gives a [`Document`]. It does not judge.

use inferno_measure::comparison::Weight;
use inferno_measure::comparison::hosts::{
    HostComparison, HostDifference, HostRow, HostScenario, HostSide, PooledRow,
};
use inferno_measure::record::Verdict;

use crate::document::{Block, Column, Document, Row, Table, Text, Tone};
use crate::figures::{bytes, change, change_interval, limit, percent, plural};
use crate::sections;

/// The document of one pair on several hosts.
pub(crate) fn document(comparison: &HostComparison) -> Document {
    let mut blocks = vec![
        Block::Table(machines(&comparison.hosts)),
        Block::Table(scenarios(comparison)),
        Block::Paragraph(convention(comparison)),
    ];
    blocks.extend(disagreements(comparison));
    blocks.extend(spreads(comparison));
    blocks.extend(open(comparison));
    blocks.extend(notes(comparison));
    blocks.extend(differences(&comparison.differences));
    Document {
        title: Text::literal(&comparison.name)
            .then(" on ")
            .then(plural(comparison.hosts.len(), "host")),
        summary: sentence(comparison),
        standing: Vec::new(),
        blocks,
    }
}

/// The answer over hosts in one sentence.
fn sentence(comparison: &HostComparison) -> Text {
    let pooled: Vec<&PooledRow> = comparison
        .scenarios
        .iter()
        .filter_map(|scenario| scenario.pooled.as_ref())
        .collect();
    let told = match pooled.as_slice() {
        [] => "No scenario was measured on two hosts or more: there is nothing to pool.".to_owned(),
        [row] => single(row, comparison.threshold),
        rows => format!(
            "Over the hosts: {} of {}.",
            counts(rows),
            plural(rows.len(), "scenario")
        ),
    };
    Text::toned(told, Tone::Strong)
}

fn single(row: &PooledRow, threshold: f64) -> String {
    let effect = row.effect;
    let measured = format!(
        "({}, 95 % interval {})",
        change(effect.effect),
        change_interval(effect.ci_low, effect.ci_high)
    );
    let over = format!("over {}", plural(row.hosts as usize, "host"));
    match row.verdict {
        Verdict::Faster => format!("The candidate is faster {over} {measured}."),
        Verdict::Slower => format!("The candidate is slower {over} {measured}."),
        Verdict::NoDifference => format!(
            "No difference of {} or more {over} {measured}.",
            limit(threshold)
        ),
        Verdict::Inconclusive => format!("Inconclusive {over} {measured}."),
    }
}

fn counts(rows: &[&PooledRow]) -> String {
    let named = [
        (Verdict::Slower, "slower"),
        (Verdict::Faster, "faster"),
        (Verdict::NoDifference, "no difference"),
        (Verdict::Inconclusive, "inconclusive"),
    ];
    let occurring: Vec<String> = named
        .into_iter()
        .filter_map(|(verdict, name)| {
            let count = rows.iter().filter(|row| row.verdict == verdict).count();
            (count > 0).then(|| format!("{count} {name}"))
        })
        .collect();
    occurring.join(", ")
}

fn machines(hosts: &[HostSide]) -> Table {
    let row = |side: &HostSide| {
        let host = &side.host;
        Row::Cells(vec![
            Text::literal(&side.label),
            Text::fact(host.cpu_model.clone()),
            Text::figure(host.cores.map(|cores| cores.to_string())),
            Text::figure(host.memory_bytes.map(|size_bytes| bytes(size_bytes as f64))),
            Text::fact(host.kernel.clone()),
            side.measured.as_str().into(),
        ])
    };
    Table {
        columns: vec![
            Column::words("host"),
            Column::words("processor"),
            Column::numbers("cores"),
            Column::numbers("memory").droppable(1),
            Column::words("kernel").droppable(0),
            Column::words("measured").droppable(2),
        ],
        rows: hosts.iter().map(row).collect(),
    }
}

fn scenarios(comparison: &HostComparison) -> Table {
    let rows = comparison.scenarios.iter().flat_map(|scenario| {
        let title = Row::Group(Text::literal(&scenario.name));
        let together = scenario.pooled.as_ref().map(pooled);
        std::iter::once(title)
            .chain(scenario.rows.iter().map(host))
            .chain(together)
    });
    Table {
        columns: vec![
            Column::words("scenario and host"),
            Column::words("verdict"),
            Column::numbers("change"),
            Column::numbers("95 % interval"),
            Column::numbers("MDE").droppable(1),
            Column::numbers("n").droppable(0),
        ],
        rows: rows.collect(),
    }
}

fn host(row: &HostRow) -> Row {
    let units = (row.units > 0).then(|| plural(row.units as usize, &row.unit.to_string()));
    Row::Cells(vec![
        Text::literal(&row.host),
        sections::verdict(row.verdict),
        Text::figure(row.effect.map(change)),
        sections::interval(row.ci_low, row.ci_high),
        Text::figure(row.mde.map(percent)),
        Text::figure(units),
    ])
}

fn pooled(row: &PooledRow) -> Row {
    let hosts = plural(row.hosts as usize, "host");
    Row::Cells(vec![
        Text::toned(format!("over {hosts}"), Tone::Strong),
        sections::verdict(row.verdict),
        change(row.effect.effect).into(),
        sections::interval(Some(row.effect.ci_low), Some(row.effect.ci_high)),
        Text::absent(),
        hosts.into(),
    ])
}

fn convention(comparison: &HostComparison) -> Text {
    let told = format!(
        "Changes are of time, candidate against baseline: below zero is faster. The threshold is {}; \
         verdicts use intervals that are simultaneous over the scenarios.",
        limit(comparison.threshold)
    );
    let over = if pooled_rows(comparison).next().is_some() {
        " Intervals over hosts hold the spread between hosts (random effects, Paule–Mandel and \
         Hartung–Knapp); with few hosts they are wide."
    } else {
        ""
    };
    Text::from(told).then(over)
}

fn pooled_rows(comparison: &HostComparison) -> impl Iterator<Item = (&HostScenario, &PooledRow)> {
    let scenarios = comparison.scenarios.iter();
    scenarios.filter_map(|scenario| Some((scenario, scenario.pooled.as_ref()?)))
}

/// Scenarios that are faster on one host and slower on another.
fn disagreements(comparison: &HostComparison) -> Option<Block> {
    let on = |scenario: &HostScenario, verdict: Verdict| -> Vec<Text> {
        let rows = scenario.rows.iter().filter(|row| row.verdict == verdict);
        rows.map(|row| Text::literal(&row.host)).collect()
    };
    let items: Vec<Text> = comparison
        .scenarios
        .iter()
        .filter_map(|scenario| {
            let [faster, slower] =
                [Verdict::Faster, Verdict::Slower].map(|verdict| on(scenario, verdict));
            if faster.is_empty() || slower.is_empty() {
                return None;
            }
            let told = Text::literal(&scenario.name)
                .then(": hosts contradict each other, faster on ")
                .then(Text::join(faster, ", "))
                .then(" and slower on ")
                .then(Text::join(slower, ", "))
                .then(".");
            Some(told)
        })
        .collect();
    (!items.is_empty()).then_some(Block::List(items))
}

/// How far the hosts differ, and what another host may find.
fn spreads(comparison: &HostComparison) -> Option<Block> {
    let rows: Vec<Row> = pooled_rows(comparison)
        .map(|(scenario, row)| {
            let new_host = row.new_host;
            Row::Cells(vec![
                Text::literal(&scenario.name),
                percent(row.spread.exp_m1()).into(),
                percent(row.spread_share).into(),
                sections::interval(
                    new_host.map(|found| found.ci_low),
                    new_host.map(|found| found.ci_high),
                ),
            ])
        })
        .collect();
    let columns = vec![
        Column::words("scenario"),
        Column::numbers("spread between hosts (τ)"),
        Column::numbers("share of variation (I²)"),
        Column::numbers("95 % on another host"),
    ];
    (!rows.is_empty()).then_some(Block::Table(Table { columns, rows }))
}

/// Why answers over hosts are open, and which hosts are not in them.
fn open(comparison: &HostComparison) -> Option<Block> {
    let pooled = pooled_rows(comparison)
        .filter(|(_, row)| row.verdict == Verdict::Inconclusive)
        .map(|(scenario, row)| {
            let remedy = row.remedy.as_ref().map_or_else(String::new, |remedy| {
                format!(" To know: {}", sections::closed(remedy))
            });
            let reason = sections::capitalised(&row.reason);
            Text::literal(&scenario.name).then(format!(": {reason}{remedy}"))
        });
    let left_out = comparison.scenarios.iter().flat_map(|scenario| {
        scenario.rows.iter().filter_map(|row| {
            let reason = sections::closed(row.left_out.as_ref()?);
            let told = Text::literal(&scenario.name)
                .then(" on ")
                .then(Text::literal(&row.host))
                .then(format!(" is not pooled: {reason}"));
            Some(told)
        })
    });
    let items: Vec<Text> = pooled.chain(left_out).collect();
    (!items.is_empty()).then_some(Block::List(items))
}

fn notes(comparison: &HostComparison) -> Option<Block> {
    let notes: Vec<Text> = comparison
        .notes
        .iter()
        .map(|note| note.as_str().into())
        .collect();
    (!notes.is_empty()).then_some(Block::List(notes))
}

fn differences(differences: &[HostDifference]) -> Option<Block> {
    let row = |difference: &HostDifference| {
        let weight = match difference.weight {
            Weight::Obstacle => Text::toned("another question", Tone::Bad),
            Weight::Told => Text::toned("for information", Tone::Faint),
        };
        Row::Cells(vec![
            difference.what.as_str().into(),
            Text::literal(&difference.first),
            Text::literal(&difference.host),
            Text::literal(&difference.value),
            weight,
        ])
    };
    let columns = vec![
        Column::words("differs"),
        Column::words("first record"),
        Column::words("host"),
        Column::words("its record"),
        Column::words("weight"),
    ];
    (!differences.is_empty()).then(|| {
        Block::Table(Table {
            columns,
            rows: differences.iter().map(row).collect(),
        })
    })
}
