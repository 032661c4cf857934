//! How to read the answer: expectations beside results, indicators, warning signs, suitability.

use inferno_measure::record::{Record, Suitability, TrendResult};
use inferno_measure::scenario::{Direction, Expectation};

use super::result::{closed, sentence};
use super::{outcome, see};
use crate::document::{Block, Column, Row, Table, Text, Tone};
use crate::expectations::{self, ClassResult, HEADLINE_GAIN};
use crate::figures::{change, change_interval, limit, percent, plural};
use crate::hints::{Hint, Sign, hints};

pub(super) fn blocks(record: &Record) -> Vec<Block> {
    let mut blocks = beside_expectations(record);
    blocks.extend(observations(record));
    blocks.extend(
        record
            .suitability
            .as_ref()
            .map(|suitability| self::suitability(suitability, Some(record)))
            .unwrap_or_default(),
    );
    blocks
}

/// What the spec and the documents expect, where one of them does.
fn beside_expectations(record: &Record) -> Vec<Block> {
    let documented = expectations::apply(record);
    let scenarios = scenarios(record);
    if !documented && scenarios.rows.is_empty() && record.trends.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![Block::Heading("Expectations")];
    if documented {
        blocks.push(Block::List(overall(record)));
    }
    blocks.push(Block::Table(scenarios));
    if documented {
        blocks.push(Block::Table(classes(record)));
    }
    if !record.trends.is_empty() {
        blocks.push(Block::List(record.trends.iter().map(trend).collect()));
    }
    blocks
}

/// The hypothesis and the headline figure, each beside what was measured.
fn overall(record: &Record) -> Vec<Text> {
    let [low, high] = HEADLINE_GAIN;
    vec![
        Text::toned("Hypothesis", Tone::Strong)
            .then(": PGO gains in CPU-intensive work and has little effect where I/O or an accelerator dominates: ")
            .then(outcome(expectations::hypothesis(record)))
            .then("."),
        Text::toned("Headline", Tone::Strong)
            .then(format!(
                ": CPU-intensive applications are said to take {} to {} less time. Measured: {}: ",
                limit(low),
                limit(high),
                measured_range(record)
            ))
            .then(outcome(expectations::headline_gain(record)))
            .then("."),
    ]
}

fn measured_range(record: &Record) -> String {
    let effects: Vec<f64> = expectations::judged(record)
        .filter(|scenario| expectations::should_gain(scenario))
        .filter_map(|scenario| scenario.effect)
        .collect();
    let bounds = (
        effects.iter().copied().reduce(f64::min),
        effects.iter().copied().reduce(f64::max),
    );
    match bounds {
        (Some(low), Some(high)) => format!(
            "changes of time of {} in {} of that kind",
            change_interval(low, high),
            plural(effects.len(), "scenario")
        ),
        _ => "no scenario of that kind has an answer".to_owned(),
    }
}

/// What the spec expects of each scenario, in the spec's words.
fn scenarios(record: &Record) -> Table {
    let expected = record.scenarios.iter().filter_map(|scenario| {
        let expected = scenario.scenario.expected?;
        Some(Row::Cells(vec![
            Text::literal(&scenario.scenario.name),
            self::expected(&expected).into(),
            super::verdict(scenario.verdict),
            scenario
                .expectation
                .map_or_else(Text::not_measured, outcome),
        ]))
    });
    Table {
        columns: vec![
            Column::words("scenario"),
            Column::words("expected"),
            Column::words("measured"),
            Column::words("expectation"),
        ],
        rows: expected.collect(),
    }
}

/// An expectation in the spec's words.
pub(super) fn expected(expected: &Expectation) -> String {
    let verdict = expected
        .verdict
        .map(|verdict| verdict.to_string().replace('-', " "));
    let gain = expected
        .gain
        .map(|[low, high]| format!("gain {} to {}", limit(low), limit(high)));
    let words: Vec<String> = verdict.into_iter().chain(gain).collect();
    words.join(", ")
}

fn classes(record: &Record) -> Table {
    Table {
        columns: vec![
            Column::words("class"),
            Column::words("expected"),
            Column::numbers("faster"),
            Column::numbers("slower"),
            Column::numbers("no diff."),
            Column::numbers("open"),
            Column::words("expectation"),
        ],
        rows: expectations::classes(record).iter().map(class).collect(),
    }
}

fn class(result: &ClassResult) -> Row {
    let counts = result.counts;
    let numbers = [
        counts.faster,
        counts.slower,
        counts.no_difference,
        counts.inconclusive,
    ];
    let cells = numbers.map(|number| Text::figure((counts.all() > 0).then(|| number.to_string())));
    let start = [
        Text::literal(result.class.tag),
        result.class.prospect.to_string().into(),
    ];
    Row::Cells(
        start
            .into_iter()
            .chain(cells)
            .chain([outcome(result.result)])
            .collect(),
    )
}

fn trend(trend: &TrendResult) -> Text {
    let direction = match trend.trend.expect {
        Direction::Increasing => "increases",
        Direction::Decreasing => "decreases",
    };
    let over = trend.trend.over.iter().map(Text::literal);
    Text::from("Trend: ")
        .then(Text::literal(&trend.trend.metric))
        .then(format!(" {direction} over "))
        .then(Text::join(over, ", "))
        .then(": ")
        .then(outcome(trend.result))
        .then(". ")
        .then(detail(trend))
}

/// Why, as a sentence; the name of a scenario keeps its first letter.
fn detail(trend: &TrendResult) -> String {
    let mut names = trend.trend.over.iter();
    if names.any(|name| trend.detail.starts_with(name.as_str())) {
        closed(&trend.detail)
    } else {
        sentence(&trend.detail)
    }
}

fn observations(record: &Record) -> Vec<Block> {
    let observed = hints(record);
    let (indicators, warnings): (Vec<&Hint>, Vec<&Hint>) = observed
        .iter()
        .partition(|hint| matches!(hint.sign, Sign::Indicator(_)));
    let mut items: Vec<Text> = indicators.into_iter().map(observation).collect();
    let recorded = record
        .hints
        .iter()
        .filter(|hint| observed.iter().all(|seen| seen.id != hint.id));
    items.extend(recorded.map(|hint| Text::from(hint.text.as_str())));
    let mut blocks = Vec::new();
    if !items.is_empty() {
        blocks.push(Block::Heading("How to read it"));
        blocks.push(Block::List(items));
    }
    if !warnings.is_empty() {
        blocks.push(Block::Heading(super::WARNINGS));
        blocks.push(Block::List(warnings.into_iter().map(observation).collect()));
    }
    blocks
}

fn observation(hint: &Hint) -> Text {
    let text = match hint.sign {
        Sign::Indicator(result) => outcome(result).then(format!(": {}", hint.text)),
        Sign::Warning => Text::from(hint.text.as_str()),
    };
    match hint.section {
        Some(section) => text.then(" ").then(see(section)),
        None => text,
    }
}

/// The score and its inputs; with a record, what was measured stands beside the prediction.
pub(crate) fn suitability(suitability: &Suitability, record: Option<&Record>) -> Vec<Block> {
    let rows = suitability.inputs.iter().map(|(name, input)| {
        Row::Cells(vec![
            Text::literal(name),
            Text::figure(
                input
                    .value
                    .map(|value| crate::figures::value(value, &input.unit)),
            ),
            Text::from(input.detail.as_str()),
        ])
    });
    let mut blocks = vec![
        Block::Heading(super::SUITABILITY),
        Block::Paragraph(score(suitability).into()),
    ];
    blocks.extend(predicted(suitability, record).map(Block::Paragraph));
    blocks.push(Block::Table(Table {
        columns: vec![
            Column::words("input"),
            Column::numbers("value"),
            Column::words("how"),
        ],
        rows: rows.collect(),
    }));
    if let Some(formula) = &suitability.formula {
        blocks.push(Block::Paragraph(format!("Formula: {formula}").into()));
    }
    blocks
}

fn score(suitability: &Suitability) -> String {
    let Some(score) = suitability.score else {
        let reason = suitability.reason.as_deref().unwrap_or("no reason given");
        return format!("Not measured: {reason}.");
    };
    let bounds = match (suitability.low, suitability.high) {
        (Some(low), Some(high)) => format!("95 % prediction interval {low:.0} to {high:.0}"),
        _ => "prediction interval not measured".to_owned(),
    };
    let confidence = suitability
        .confidence
        .map_or("not measured".to_owned(), percent);
    format!(
        "{score:.0} of 100 ({bounds}, confidence {confidence}), from evidence that does not include the measured gain."
    )
}

/// The prediction, and what was measured beside it.
fn predicted(suitability: &Suitability, record: Option<&Record>) -> Option<Text> {
    let gain = suitability.predicted_gain?;
    let interval = match (
        suitability.predicted_gain_high,
        suitability.predicted_gain_low,
    ) {
        // The largest gain is the smallest ratio.
        (Some(most), Some(least)) => {
            format!(" ({})", change_interval(1.0 - most, 1.0 - least))
        }
        _ => String::new(),
    };
    let calibrated = suitability
        .calibration_programs
        .map(|count| format!(", from {count} calibration programs"))
        .unwrap_or_default();
    let predicted = Text::from(format!(
        "Predicted change of time: {}{interval}{calibrated}.",
        change(1.0 - gain)
    ));
    Some(match record {
        Some(record) => predicted
            .then(" Measured: ")
            .then(measured_scenarios(record))
            .then("."),
        None => predicted,
    })
}

/// The effects that stand beside the prediction, each with its 95 % interval.
fn measured_scenarios(record: &Record) -> Text {
    let effects: Vec<Text> = expectations::judged(record)
        .filter_map(|scenario| {
            let interval = change_interval(scenario.ci_low?, scenario.ci_high?);
            let measured = format!(" {} ({interval})", change(scenario.effect?));
            Some(Text::literal(&scenario.scenario.name).then(measured))
        })
        .collect();
    if effects.is_empty() {
        "no scenario has an answer".into()
    } else {
        Text::join(effects, ", ")
    }
}
