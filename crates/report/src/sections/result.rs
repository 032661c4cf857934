//! The answer: one sentence, the counts, a row per scenario, and what is still open.

use inferno_measure::record::{Record, ScenarioResult, Verdict};
use inferno_measure::scenario::Role;

use super::scenario::reason;
use super::{interval, outcome, see, share, verdict};
use crate::document::{Block, Column, Row, Table, Text, Tone};
use crate::figures::{change, limit};
use crate::headline::{self, Counts};

/// The run in a sentence or two.
pub(super) fn summary(record: &Record) -> Text {
    let sentence = Text::toned(headline::sentence(record), Tone::Strong);
    match headline::largest_change(record) {
        Some(change) => sentence.then(" ").then(change),
        None => sentence,
    }
}

pub(super) fn blocks(record: &Record) -> Vec<Block> {
    let mut blocks = Vec::new();
    if record.scenarios.is_empty() {
        return blocks;
    }
    let counts = Counts::of(&record.scenarios);
    blocks.push(Block::Counts(counts));
    blocks.push(Block::Heading(super::RESULT));
    blocks.push(Block::Table(scenarios(record)));
    blocks.push(Block::Paragraph(convention(record)));
    blocks.extend(below_mde(record).map(Block::Paragraph));
    blocks.extend(guards(record).map(Block::Paragraph));
    blocks.extend(open_questions(record));
    blocks
}

/// Whether the scenarios that must not get slower have kept their time.
fn guards(record: &Record) -> Option<Text> {
    let guards: Vec<&ScenarioResult> = record
        .scenarios
        .iter()
        .filter(|scenario| scenario.scenario.role == Role::Guard)
        .collect();
    let named = guards.iter().map(|guard| {
        Text::literal(&guard.scenario.name)
            .then(" ")
            .then(verdict(guard.verdict))
    });
    (!guards.is_empty()).then(|| {
        Text::from("Guards, which must not get slower: ")
            .then(Text::join(named, ", "))
            .then(".")
    })
}

fn scenarios(record: &Record) -> Table {
    let columns = vec![
        Column::words("scenario"),
        Column::words("verdict"),
        Column::numbers("change").droppable(3),
        Column::numbers("95 % interval"),
        Column::words("kind").droppable(0),
        Column::numbers("n").droppable(1),
        Column::numbers("MDE"),
        Column::numbers("noise floor").droppable(2),
        Column::words("expectation"),
    ];
    let mut rows = Vec::new();
    let mut group = None;
    for scenario in &record.scenarios {
        let declared = &scenario.scenario;
        if group != Some(&declared.group) {
            group = Some(&declared.group);
            if declared.group != declared.name {
                rows.push(Row::Group(Text::literal(&declared.group)));
            }
        }
        rows.push(Row::Cells(vec![
            Text::literal(&declared.name),
            verdict(scenario.verdict),
            Text::figure(scenario.effect.map(change)),
            interval(scenario.ci_low, scenario.ci_high),
            declared.kind.to_string().into(),
            pairs_and_restarts(scenario),
            share(scenario.mde),
            share(scenario.noise_floor),
            scenario
                .expectation
                .map_or_else(|| Text::toned("none", Tone::Faint), outcome),
        ]));
    }
    Table { columns, rows }
}

/// Pairs are counted over all restarts; per restart is what the plan says.
fn pairs_and_restarts(scenario: &ScenarioResult) -> Text {
    match (scenario.pairs, scenario.restarts) {
        (0, _) | (_, 0) => Text::absent(),
        (pairs, restarts) if pairs.is_multiple_of(restarts) => {
            format!("{} × {restarts}", pairs / restarts).into()
        }
        (pairs, restarts) => format!("{pairs} in {restarts}").into(),
    }
}

fn convention(record: &Record) -> Text {
    let threshold = limit(record.judging.threshold);
    format!(
        "Changes are changes of time, candidate against baseline: below zero is faster. \
         A verdict needs a change of at least {threshold} (δ), and uses intervals that hold \
         for all scenarios together; the 95 % intervals shown hold for one scenario each. \
         n: pairs × restarts. MDE: the change that such a sample finds in 80 % of cases. \
         Noise floor: how far the interval of the baseline against a copy of itself reaches; \
         it is no bar that a change must clear. –: not measured."
    )
    .into()
}

/// Found, though such a sample often misses a change of this size: no contradiction, but little
/// reserve.
fn below_mde(record: &Record) -> Option<Text> {
    let is_small = |scenario: &&ScenarioResult| {
        let changed = matches!(scenario.verdict, Verdict::Faster | Verdict::Slower);
        let size = scenario.effect.map(|effect| (effect - 1.0).abs());
        changed && size.zip(scenario.mde).is_some_and(|(size, mde)| size < mde)
    };
    let small: Vec<Text> = record
        .scenarios
        .iter()
        .filter(is_small)
        .map(|scenario| Text::literal(&scenario.scenario.name))
        .collect();
    (!small.is_empty()).then(|| {
        Text::from("Smaller than the MDE, and found all the same: ")
            .then(Text::join(small, ", "))
            .then(
                ". The verdict holds, as its interval excludes 0; but a run of this length may well \
                 end inconclusive when it is repeated.",
            )
    })
}

fn open_questions(record: &Record) -> Vec<Block> {
    let items: Vec<Text> = record
        .scenarios
        .iter()
        .filter(|scenario| scenario.verdict == Verdict::Inconclusive)
        .map(open_question)
        .collect();
    if items.is_empty() {
        return Vec::new();
    }
    let pointer = see("inconclusive");
    vec![
        Block::Heading(super::INCONCLUSIVE),
        Block::List(items),
        Block::Paragraph(pointer),
    ]
}

fn open_question(scenario: &ScenarioResult) -> Text {
    Text::literal(&scenario.scenario.name)
        .then(": ")
        .then(reason(scenario))
}

/// `text` with an upper-case first letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = closed(text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}

/// `text` with a full stop, unless it ends a sentence or is empty.
pub(crate) fn closed(text: &str) -> String {
    let text = text.trim();
    let end = if text.is_empty() || text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{text}{end}")
}
