//! Results and targets as a document: whether it is fast enough, how fast it is, where that was measured.

use inferno_measure::performance::samples::Process;
use inferno_measure::performance::targets::{Bound, Outcome, TargetOutcome};
use inferno_measure::performance::{Figure, PerformanceResult};

use super::figure::{cell, interval, told};
use crate::document::{Block, Column, Document, Row, Table, Text, Tone};
use crate::figures::{JOINER, bytes, plural, short_hash};

/// The heading before which a layout puts what it draws.
pub(crate) const FIGURES: &str = "Figures";
const TARGETS: &str = "Targets";
const CONDITIONS: &str = "Conditions";

/// The figures that the seven fields of a result hold, in their order; the others follow.
const FIRST: [&str; 7] = [
    "avg_latency_ms",
    "p50_latency_ms",
    "p90_latency_ms",
    "p99_latency_ms",
    "throughput_rps",
    "error_rate",
    "memory_usage_mb",
];

/// The document of `results`, with `targets` where there are any.
pub(crate) fn document(results: &[PerformanceResult], targets: &[TargetOutcome]) -> Document {
    let mut blocks = Vec::new();
    if !targets.is_empty() {
        blocks.push(Block::Heading(TARGETS));
        blocks.push(Block::Table(table_of_targets(targets)));
        blocks.push(Block::List(definitions(targets)));
    }
    blocks.push(Block::Heading(FIGURES));
    blocks.push(Block::Table(figures(results)));
    blocks.push(Block::Paragraph(convention()));
    blocks.push(Block::Heading(CONDITIONS));
    blocks.push(Block::Table(conditions(results)));
    blocks.push(Block::Facts(machine(results)));
    Document {
        title: title(results),
        summary: summary(results, targets),
        standing: Vec::new(),
        blocks,
    }
}

fn title(results: &[PerformanceResult]) -> Text {
    let mut names: Vec<&str> = results
        .iter()
        .map(|result| result.circumstances.model.name.as_str())
        .collect();
    names.dedup();
    let names = Text::join(names.into_iter().map(Text::literal), ", ");
    Text::from("Performance of ").then(names)
}

/// The answer in a sentence or two.
fn summary(results: &[PerformanceResult], targets: &[TargetOutcome]) -> Text {
    let answer = if targets.is_empty() {
        Text::toned(plural(results.len(), "suite") + " measured.", Tone::Strong)
    } else {
        met(targets)
    };
    let unfinished = results.iter().filter(|result| !result.complete).count();
    if unfinished == 0 {
        return answer;
    }
    let told = format!(
        " Interrupted: {} {} not carried out to the end.",
        plural(unfinished, "suite"),
        if unfinished == 1 { "was" } else { "were" }
    );
    answer.then(Text::toned(told, Tone::Bad))
}

fn met(targets: &[TargetOutcome]) -> Text {
    let of = |outcome| {
        let targets = targets.iter();
        targets
            .filter(move |target| target.outcome == outcome)
            .count()
    };
    let counts = [
        Outcome::Pass,
        Outcome::Fail,
        Outcome::NotApplicable,
        Outcome::NotMeasured,
    ]
    .map(|outcome| (of(outcome), outcome));
    let occurring: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, outcome)| format!("{count} {outcome}"))
        .collect();
    let told = format!(
        "{}: {}.",
        plural(targets.len(), "target"),
        occurring.join(", ")
    );
    Text::toned(told, Tone::Strong)
}

fn table_of_targets(targets: &[TargetOutcome]) -> Table {
    let mut backends: Vec<&str> = targets
        .iter()
        .map(|target| target.backend.as_str())
        .collect();
    backends.dedup();
    let rows = backends.iter().flat_map(|backend| {
        let own = targets
            .iter()
            .filter(move |target| target.backend == *backend);
        let group = (backends.len() > 1).then(|| Row::Group(Text::literal(*backend)));
        group.into_iter().chain(own.map(target_row))
    });
    Table {
        columns: vec![
            Column::words("target"),
            Column::numbers("limit"),
            Column::numbers("measured"),
            Column::numbers("95 % interval").droppable(1),
            Column::words("outcome"),
        ],
        rows: rows.collect(),
    }
}

fn target_row(target: &TargetOutcome) -> Row {
    let sign = match target.bound {
        Bound::Below => '<',
        Bound::Above => '>',
    };
    let unit = &target.unit;
    let limit = target
        .limit
        .map(|limit| format!("{sign}{JOINER}{}", told(limit, unit)));
    let tone = match target.outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Fail => Tone::Bad,
        Outcome::NotApplicable => Tone::Faint,
        Outcome::NotMeasured => Tone::Open,
    };
    Row::Cells(vec![
        Text::literal(&target.key),
        Text::figure(limit),
        Text::figure(target.measured.map(|measured| told(measured, unit))),
        interval(target.low, target.high, unit),
        Text::toned(target.outcome.to_string(), tone),
    ])
}

/// What each target is about. Backends share the definitions.
fn definitions(targets: &[TargetOutcome]) -> Vec<Text> {
    let mut items: Vec<Text> = Vec::new();
    for target in targets {
        let note = target.note.as_ref().map_or_else(String::new, |note| {
            format!(" On {}: {note}.", target.backend)
        });
        let told = format!(": {} ({}).{note}", target.definition, target.workload);
        let item = Text::literal(&target.key).then(told);
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

fn figures(results: &[PerformanceResult]) -> Table {
    let rows = results.iter().flat_map(|result| {
        let group = Row::Group(Text::from(suite(result)));
        let own = ordered(result)
            .into_iter()
            .map(|(name, figure)| figure_row(name, figure));
        std::iter::once(group).chain(own)
    });
    Table {
        columns: vec![
            Column::words("figure"),
            Column::numbers("value"),
            Column::numbers("95 % interval"),
            Column::words("rests on").droppable(0),
        ],
        rows: rows.collect(),
    }
}

fn suite(result: &PerformanceResult) -> String {
    let backend = &result.circumstances.model.backend;
    format!("{} on {backend}", result.benchmark_type)
}

/// The figures of a result, those of the seven fields first.
fn ordered(result: &PerformanceResult) -> Vec<(&str, &Figure)> {
    let place = |name: &str| FIRST.iter().position(|first| *first == name);
    let mut all: Vec<(&str, &Figure)> = result
        .figures
        .iter()
        .map(|(name, figure)| (name.as_str(), figure))
        .collect();
    all.sort_by_key(|(name, _)| place(name).unwrap_or(FIRST.len()));
    all
}

fn figure_row(name: &str, figure: &Figure) -> Row {
    let basis = figure
        .low
        .is_some()
        .then(|| format!("{} {}", figure.count, figure.basis));
    Row::Cells(vec![
        Text::literal(name),
        cell(figure),
        interval(figure.low, figure.high, &figure.unit),
        Text::figure(basis),
    ])
}

fn convention() -> Text {
    "Intervals hold the true figure with a probability of 95 %: over processes, because memory is \
     laid out anew in each; by order statistics for percentiles. Where there is one process alone, \
     blocks of its requests are counted, and the luck of its layout is not in the interval. A megabyte \
     is 10⁶ bytes."
        .into()
}

fn conditions(results: &[PerformanceResult]) -> Table {
    let row = |result: &PerformanceResult| {
        let model = &result.circumstances.model;
        let disturbed = result
            .processes
            .iter()
            .filter(|process| is_disturbed(process))
            .count();
        let quiet = if disturbed == 0 {
            Text::from("no")
        } else {
            let all = result.processes.len();
            Text::toned(format!("{disturbed} of {all} processes"), Tone::Open)
        };
        Row::Cells(vec![
            suite(result).into(),
            Text::literal(&model.name)
                .then(" ")
                .then(Text::literal(short_hash(&model.sha256))),
            result.timestamp.as_str().into(),
            result.processes.len().to_string().into(),
            quiet,
        ])
    };
    Table {
        columns: vec![
            Column::words("suite"),
            Column::words("model"),
            Column::words("began").droppable(1),
            Column::numbers("processes").droppable(0),
            Column::words("disturbed"),
        ],
        rows: results.iter().map(row).collect(),
    }
}

fn is_disturbed(process: &Process) -> bool {
    let host = process.host.as_ref();
    host.is_some_and(|host| host.disturbed.is_some())
}

/// The machine and the program of the first result: all of a run have the same.
fn machine(results: &[PerformanceResult]) -> Vec<(&'static str, Text)> {
    let Some(first) = results.first() else {
        return Vec::new();
    };
    let circumstances = &first.circumstances;
    let (host, build) = (
        &circumstances.environment.host,
        &circumstances.environment.build,
    );
    let settings = &circumstances.settings;
    let profile = if build.is_release {
        "release"
    } else {
        "debug: its times say nothing"
    };
    let features = circumstances.environment.processor_features.join(" ");
    let hash = build.sha256.as_deref().map(short_hash);
    let tool = &circumstances.tool;
    let prompts = Text::from(format!("{}, ", settings.prompts))
        .then(Text::literal(short_hash(&settings.prompts_sha256)));
    vec![
        ("processor", Text::fact(host.cpu_model.clone())),
        (
            "instruction sets",
            Text::fact(Some(features).filter(|features| !features.is_empty())),
        ),
        (
            "cores",
            Text::fact(host.cores.map(|cores| cores.to_string())),
        ),
        (
            "memory",
            Text::fact(host.memory_bytes.map(|size| bytes(size as f64))),
        ),
        (
            "program",
            Text::from(format!("{} {}, {profile}", tool.name, tool.version)),
        ),
        (
            "binary",
            hash.map_or_else(Text::not_measured, Text::literal),
        ),
        ("threads", settings.threads.to_string().into()),
        (
            "tokens of an answer",
            settings.max_tokens.to_string().into(),
        ),
        ("prompts", prompts),
    ]
}
