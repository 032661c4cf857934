//! A ladder as a document: where to stop, what each rung gains and costs, what was skipped, what is
//! open.
//!
//! Takes a [`Ladder`], gives a [`Document`]. It does not judge.

use inferno_measure::ladder::{Built, Change, Compared, Ladder, Outcome, Rung};
use inferno_measure::record::Verdict;

use crate::document::{Block, Column, Document, Row, Table, Text, Tone};
use crate::figures::{bytes, change, limit, seconds};
use crate::sections;

/// The document of a ladder.
pub(crate) fn document(ladder: &Ladder) -> Document {
    let mut blocks = vec![
        Block::Table(rungs(ladder)),
        Block::Paragraph(costs_convention()),
        Block::Heading("Gains"),
        Block::Table(gains(ladder)),
        Block::Paragraph(gains_convention(ladder)),
    ];
    blocks.extend(list("Skipped", skipped(ladder)));
    blocks.extend(list("Inconclusive", open(ladder)));
    blocks.extend(list("Steps", steps(ladder)));
    blocks.extend(list("Proof", proof(ladder)));
    blocks.push(Block::Heading(sections::ENVIRONMENT));
    blocks.push(Block::Facts(environment(ladder)));
    Document {
        title: Text::from("Ladder of ").then(Text::literal(&ladder.name)),
        summary: summary(ladder),
        standing: Vec::new(),
        blocks,
    }
}

/// Nothing where there is nothing to list.
fn list(heading: &'static str, items: Vec<Text>) -> Vec<Block> {
    if items.is_empty() {
        return Vec::new();
    }
    vec![Block::Heading(heading), Block::List(items)]
}

fn summary(ladder: &Ladder) -> Text {
    let recommendation = &ladder.recommendation;
    Text::toned("Recommended:", Tone::Strong)
        .then(" ")
        .then(Text::literal(&recommendation.rung))
        .then(format!(
            ". {}",
            sections::capitalised(&recommendation.reason)
        ))
}

fn rungs(ladder: &Ladder) -> Table {
    let columns = vec![
        Column::words("rung"),
        Column::words("over the one below"),
        Column::words("over the first"),
        Column::numbers("size"),
        Column::numbers("build time"),
    ];
    let cells = |rung: &Rung| {
        let built = rung.built();
        let told = |compared: Option<&Compared>| compared.map_or_else(Text::absent, answers);
        let size = built.map(|built| bytes(built.artifact.size_bytes as f64));
        let below = match &rung.outcome {
            Outcome::Built(built) => told(built.below.as_ref()),
            Outcome::Skipped { .. } => Text::toned("skipped", Tone::Faint),
        };
        Row::Cells(vec![
            name(rung, ladder),
            below,
            told(built.and_then(|built| built.first.as_ref())),
            Text::figure(size),
            build_time(built),
        ])
    };
    Table {
        columns,
        rows: ladder.rungs.iter().map(cells).collect(),
    }
}

fn name(rung: &Rung, ladder: &Ladder) -> Text {
    let name = Text::literal(&rung.name);
    if rung.name == ladder.recommendation.rung {
        name.then(" ")
            .then(Text::toned("(recommended)", Tone::Strong))
    } else {
        name
    }
}

fn build_time(built: Option<&Built>) -> Text {
    match built {
        None => Text::absent(),
        Some(built) => Text::fact(built.build_s.map(seconds)),
    }
}

/// The verdict, or how many scenarios have which.
fn answers(compared: &Compared) -> Text {
    if let [change] = compared.changes.as_slice() {
        return sections::verdict(change.verdict);
    }
    let verdicts = [
        Verdict::Faster,
        Verdict::Slower,
        Verdict::NoDifference,
        Verdict::Inconclusive,
    ];
    let counted = verdicts.into_iter().filter_map(|verdict| {
        let changes = compared.changes.iter();
        let count = changes.filter(|change| change.verdict == verdict).count();
        (count > 0).then(|| Text::from(format!("{count} ")).then(sections::verdict(verdict)))
    });
    Text::join(counted, ", ")
}

fn costs_convention() -> Text {
    "Size: of the file. Build time: all from the sources to the binary on this machine, training \
     included, from empty build folders."
        .into()
}

/// A row per scenario and rung, against the rung below and against the first.
fn gains(ladder: &Ladder) -> Table {
    let columns = vec![
        Column::words("rung"),
        Column::words("verdict"),
        Column::numbers("change"),
        Column::numbers("95 % interval"),
        Column::numbers("since the first"),
        Column::numbers("interval since").droppable(0),
    ];
    let compared: Vec<(&Rung, &Compared, Option<&Compared>)> = ladder
        .rungs
        .iter()
        .filter_map(|rung| {
            let built = rung.built()?;
            Some((rung, built.below.as_ref()?, built.first.as_ref()))
        })
        .collect();
    let scenarios = compared.first().map_or_else(Vec::new, |(_, below, _)| {
        let changes = below.changes.iter();
        changes.map(|change| change.scenario.as_str()).collect()
    });
    let mut rows = Vec::new();
    for scenario in scenarios {
        rows.push(Row::Group(Text::literal(scenario)));
        for (rung, below, first) in &compared {
            let step = of(below, scenario);
            let since = first.and_then(|first| of(first, scenario));
            rows.push(Row::Cells(vec![
                name(rung, ladder),
                step.map_or_else(Text::absent, |step| sections::verdict(step.verdict)),
                change_of(step),
                interval_of(step),
                change_of(since),
                interval_of(since),
            ]));
        }
    }
    Table { columns, rows }
}

fn of<'a>(compared: &'a Compared, scenario: &str) -> Option<&'a Change> {
    compared
        .changes
        .iter()
        .find(|change| change.scenario == scenario)
}

fn change_of(found: Option<&Change>) -> Text {
    Text::figure(found.and_then(|found| found.effect).map(change))
}

fn interval_of(found: Option<&Change>) -> Text {
    sections::interval(
        found.and_then(|found| found.ci_low),
        found.and_then(|found| found.ci_high),
    )
}

fn gains_convention(ladder: &Ladder) -> Text {
    format!(
        "Verdict, change and interval are of a rung over the one below. Changes are of time: below \
         zero is faster. The threshold is {}; verdicts use intervals that hold for all comparisons \
         of the ladder together; the 95 % intervals shown hold for one each. –: not measured.",
        limit(ladder.judging.threshold)
    )
    .into()
}

fn skipped(ladder: &Ladder) -> Vec<Text> {
    let reason = |rung: &Rung| match &rung.outcome {
        Outcome::Built(_) => None,
        Outcome::Skipped { reason } => {
            let reason = sections::capitalised(reason);
            Some(Text::literal(&rung.name).then(format!(": {reason}")))
        }
    };
    ladder.rungs.iter().filter_map(reason).collect()
}

/// Why steps have no answer, and what would help.
fn open(ladder: &Ladder) -> Vec<Text> {
    let mut items = Vec::new();
    for rung in &ladder.rungs {
        let below = rung.built().and_then(|built| built.below.as_ref());
        let Some(below) = below else {
            continue;
        };
        let changes = below.changes.iter();
        for change in changes.filter(|change| change.verdict == Verdict::Inconclusive) {
            let reason = sections::capitalised(&change.reason);
            let remedy = change.remedy.as_ref();
            let remedy = remedy.map_or_else(String::new, |remedy| {
                format!(" To know: {}", sections::closed(remedy))
            });
            let item = Text::literal(&rung.name)
                .then(" over ")
                .then(Text::literal(&below.against))
                .then(", ")
                .then(Text::literal(&change.scenario))
                .then(format!(": {reason}{remedy}"));
            items.push(item);
        }
    }
    items
}

fn steps(ladder: &Ladder) -> Vec<Text> {
    let step = |rung: &Rung| {
        Text::literal(&rung.name)
            .then(": ")
            .then(Text::literal(&rung.adds))
    };
    ladder.rungs.iter().map(step).collect()
}

fn proof(ladder: &Ladder) -> Vec<Text> {
    let of_rung = |rung: &Rung| {
        let proof = rung.built().map_or(&[][..], |built| built.proof.as_slice());
        let name = rung.name.clone();
        let told = proof.iter().map(move |sentence| {
            let sentence = sections::capitalised(sentence);
            Text::literal(&name).then(format!(": {sentence}"))
        });
        told.collect::<Vec<Text>>()
    };
    ladder.rungs.iter().flat_map(of_rung).collect()
}

fn environment(ladder: &Ladder) -> Vec<(&'static str, Text)> {
    let toolchain = &ladder.toolchain;
    vec![
        ("processor", Text::fact(ladder.host.cpu_model.clone())),
        (
            "cores",
            Text::fact(ladder.host.cores.map(|cores| cores.to_string())),
        ),
        ("target", Text::literal(&toolchain.target)),
        ("compiler", Text::literal(&toolchain.rustc)),
        (
            "budget",
            format!("{} in all", seconds(ladder.judging.budget_s)).into(),
        ),
        ("made", Text::literal(&ladder.created)),
    ]
}
