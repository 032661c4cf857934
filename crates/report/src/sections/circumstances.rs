//! Where and how long: stage timings with the pipeline's own share, machine and compilers.

use inferno_measure::record::{Input, Record, Stage, StageState, Timings};

use super::fact_share;
use crate::document::{Block, Column, Row, Table, Text, Tone};
use crate::figures::{bytes, percent, seconds, short_hash};

pub(super) fn blocks(record: &Record) -> Vec<Block> {
    let timings = &record.timings;
    let mut blocks = vec![
        Block::Heading(super::TIMINGS),
        Block::Table(stages(timings)),
        Block::Paragraph(
            Text::from(format!(
                "{} in all. Overhead (all but {}verification's runs and sampling): ",
                seconds(timings.total_wall_s),
                if record.profile.is_some() {
                    "builds, training, "
                } else {
                    ""
                }
            ))
            .then(fact_share(timings.overhead_share))
            .then("."),
        ),
    ];
    if timings
        .stages
        .iter()
        .any(|stage| stage.name == Stage::CRITERION)
    {
        blocks.push(Block::Paragraph(
            "Criterion looked at the same pair after the verdicts, and has none of its own: see \
             criterion/report/index.html in cargo's target directory, or where CRITERION_HOME points."
                .into(),
        ));
    }
    blocks.push(Block::Heading(super::ENVIRONMENT));
    blocks.push(Block::Facts(environment(record)));
    if !record.inputs.is_empty() {
        blocks.push(Block::Heading("Inputs"));
        blocks.push(Block::Table(inputs(&record.inputs)));
    }
    blocks
}

/// The files that workloads and scenarios read.
fn inputs(inputs: &[Input]) -> Table {
    let row = |input: &Input| {
        Row::Cells(vec![
            Text::literal(&input.path),
            bytes(input.size_bytes as f64).into(),
            Text::literal(short_hash(&input.sha256)),
        ])
    };
    Table {
        columns: vec![
            Column::words("file"),
            Column::numbers("size"),
            Column::words("SHA-256"),
        ],
        rows: inputs.iter().map(row).collect(),
    }
}

fn stages(timings: &Timings) -> Table {
    let rows = timings.stages.iter().map(|stage| {
        let of_total =
            (timings.total_wall_s > 0.0).then(|| percent(stage.wall_s / timings.total_wall_s));
        let (time, of_total) = match stage.state {
            StageState::Ran => (seconds(stage.wall_s).into(), Text::figure(of_total)),
            StageState::Reused => (Text::toned("reused", Tone::Faint), Text::default()),
        };
        Row::Cells(vec![Text::from(stage.name.as_str()), time, of_total])
    });
    Table {
        columns: vec![
            Column::words("stage"),
            Column::numbers("time"),
            Column::numbers("share"),
        ],
        rows: rows.collect(),
    }
}

/// Over how many code layouts the verdicts are. Foreign programs cannot be linked again.
fn layout(record: &Record) -> String {
    let way = if record.profile.is_some() {
        " (--layout-control)"
    } else {
        ""
    };
    record.judging.layouts.map_or_else(
        || format!("not controlled: a few per cent may be its luck{way}"),
        |layouts| format!("{layouts} layouts of each arm; a verdict is over all of them"),
    )
}

fn environment(record: &Record) -> Vec<(&'static str, Text)> {
    let host = &record.host;
    let known =
        |fact: Option<String>| fact.map_or_else(|| Text::toned("unknown", Tone::Faint), Text::from);
    let cores = host.cores.map(|cores| cores.to_string());
    let virtualized = host
        .virtualized
        .map(|yes| if yes { "yes" } else { "no" }.to_owned());
    let mut facts = vec![
        ("processor", known(host.cpu_model.clone())),
        ("cores", known(cores)),
        (
            "memory",
            known(host.memory_bytes.map(|size_bytes| bytes(size_bytes as f64))),
        ),
        ("virtual machine", known(virtualized)),
        ("frequency governor", known(host.governor.clone())),
        ("system", format!("{} {}", host.os, host.arch).into()),
        ("kernel", known(host.kernel.clone())),
    ];
    facts.push(("code layout", layout(record).into()));
    facts.extend(origin(record));
    facts.push((
        "made by",
        format!(
            "{} {}, {}",
            record.tool.name, record.tool.version, record.created
        )
        .into(),
    ));
    facts
}

/// Compilers and spec, where this tool built the binaries.
fn origin(record: &Record) -> Vec<(&'static str, Text)> {
    let unknown = || Text::toned("unknown", Tone::Faint);
    let mut facts = record.toolchain.as_ref().map_or_else(
        || vec![("compilers", unknown())],
        |toolchain| {
            let profdata = toolchain.llvm_profdata.clone();
            let mut facts = vec![
                ("rustc", toolchain.rustc.as_str().into()),
                ("LLVM", toolchain.llvm.as_str().into()),
                ("llvm-profdata", profdata.map_or_else(unknown, Text::from)),
                ("target", Text::literal(&toolchain.target)),
            ];
            let clang = toolchain.c.as_ref();
            facts.extend(clang.map(|c| ("C and C++", Text::from(format!("clang {}", c.clang)))));
            facts
        },
    );
    facts.extend(record.spec.as_ref().map(|spec| {
        let told = Text::literal(&spec.path)
            .then(" (SHA-256 ")
            .then(Text::literal(short_hash(&spec.sha256)))
            .then(")");
        ("spec", told)
    }));
    facts
}
