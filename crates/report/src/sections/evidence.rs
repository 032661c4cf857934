//! Why the comparison can be believed: checks, binaries, the profile, the flags of both arms.

use std::collections::HashMap;

use inferno_measure::record::{
    Artifact, Artifacts, CCompiler, CheckOutcome, FunctionCode, HotFunction, NullRebuild,
    Placement, Profile, ProfileSource, Record, Sources, Staleness, Verification, concerns_profile,
};

use super::fact_share;
use crate::document::{Block, Column, Row, Table, Text, Tone};
use crate::figures::{bytes, change, count, percent, plural, seconds, short_hash};

/// Functions beyond this share of the counts are not shown: they hold nothing that matters.
const HOT_SHARE: f64 = 0.999;
/// So many functions are shown in any case.
const HOT_MIN: usize = 5;

pub(super) fn blocks(record: &Record) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(super::VERIFICATION)];
    blocks.extend(checks(record));
    blocks.push(Block::Table(binaries(&record.artifacts)));
    blocks.extend(record.profile.as_ref().map(profile).unwrap_or_default());
    blocks.extend(flags(&record.artifacts));
    let c = record
        .toolchain
        .as_ref()
        .and_then(|toolchain| toolchain.c.as_ref());
    blocks.extend(c.map(c_flags));
    blocks
}

fn checks(record: &Record) -> Vec<Block> {
    let verification = &record.verification;
    let mut items: Vec<Text> = verification
        .checks
        .iter()
        .map(|check| {
            let outcome = match check.outcome {
                CheckOutcome::Passed => Text::toned("passed", Tone::Good),
                CheckOutcome::Warned => Text::toned("warning", Tone::Open),
                CheckOutcome::NotMeasured => Text::not_measured(),
            };
            outcome
                .then(" ")
                .then(Text::literal(&check.name))
                .then(format!(": {}", check.detail))
        })
        .collect();
    // Programs that were not built here cannot be built again.
    if record.toolchain.is_some() || verification.audit.is_some() {
        items.push(audit(verification));
    }
    vec![Block::List(items)]
}

fn audit(verification: &Verification) -> Text {
    let Some(audit) = &verification.audit else {
        return Text::not_measured()
            .then(": a second build of the baseline (")
            .then(Text::literal("--audit"))
            .then(").");
    };
    let outcome = match audit.null_rebuild {
        NullRebuild::Identical | NullRebuild::CodeIdentical => Text::toned("passed", Tone::Good),
        NullRebuild::Differs => Text::toned("warning", Tone::Open),
    };
    outcome.then(format!(" second build of the baseline: {}", audit.detail))
}

fn binaries(artifacts: &Artifacts) -> Table {
    let arms = [
        ("baseline", Some(&artifacts.baseline)),
        ("instrumented", artifacts.instrumented.as_ref()),
        ("candidate", Some(&artifacts.candidate)),
    ];
    let row = |(arm, artifact): (&str, &Artifact)| {
        Row::Cells(vec![
            arm.into(),
            bytes(artifact.size_bytes as f64).into(),
            Text::figure(
                artifact
                    .text_size_bytes
                    .map(|size_bytes| bytes(size_bytes as f64)),
            ),
            Text::literal(short_hash(&artifact.sha256)),
            artifact
                .text_sha256
                .as_deref()
                .map_or_else(Text::absent, |hash| Text::literal(short_hash(hash))),
        ])
    };
    Table {
        columns: vec![
            Column::words("binary"),
            Column::numbers("size"),
            Column::numbers("code"),
            Column::words("SHA-256"),
            Column::words("SHA-256 of code"),
        ],
        rows: arms
            .into_iter()
            .filter_map(|(arm, artifact)| Some(row((arm, artifact?))))
            .collect(),
    }
}

fn profile(profile: &Profile) -> Vec<Block> {
    let of_total = |part: Option<u64>, total: Option<u64>| {
        Text::fact(
            part.zip(total)
                .map(|(part, total)| format!("{} of {}", count(part), count(total))),
        )
    };
    let mut facts = vec![
        ("SHA-256", Text::literal(short_hash(&profile.sha256))),
        (
            "functions covered",
            of_total(profile.functions_covered, profile.functions_total),
        ),
        (
            "blocks for 99 % of counts",
            of_total(profile.blocks_for_99_percent, profile.blocks_total),
        ),
        (
            "counts after weighting",
            Text::fact(profile.counts_total.map(count)),
        ),
        (
            "counts discarded",
            fact_share(profile.counts_discarded_share),
        ),
        (
            "overlap with the holdout",
            fact_share(profile.holdout_overlap),
        ),
    ];
    facts.extend(profile.source.iter().flat_map(source));
    let mut blocks = vec![
        Block::Heading("Profile"),
        Block::Facts(facts),
        Block::Table(Table {
            columns: vec![
                Column::words("training"),
                Column::numbers("weight"),
                Column::numbers("counts"),
                Column::numbers("raw profiles"),
                Column::numbers("time"),
            ],
            rows: profile
                .workloads
                .iter()
                .map(|workload| {
                    Row::Cells(vec![
                        Text::literal(&workload.name),
                        workload.weight.to_string().into(),
                        Text::figure(workload.counts_total.map(count)),
                        workload.raw_files.to_string().into(),
                        seconds(workload.wall_s).into(),
                    ])
                })
                .collect(),
        }),
    ];
    if !profile.hottest.is_empty() {
        blocks.extend(hottest(&profile.hottest));
    }
    blocks
}

/// Where the profile came from, and how old it is.
fn source(source: &ProfileSource) -> Vec<(&'static str, Text)> {
    let stored = match source {
        ProfileSource::Training => return vec![("from", "the declared training".into())],
        ProfileSource::Elsewhere => return vec![("from", "elsewhere".into())],
        ProfileSource::Stored(stored) => stored,
    };
    let sources = match stored.sources {
        Sources::Unchanged => "the sources are unchanged since",
        Sources::Changed => "sources have changed since",
    };
    let commit = stored
        .commit
        .as_deref()
        .map_or_else(Text::default, |commit| {
            Text::from(", commit ").then(Text::literal(short_hash(commit)))
        });
    let origin = Text::from("the store, ")
        .then(Text::literal(&stored.created))
        .then(commit)
        .then(format!("; {sources}"));
    let manifest = Text::literal(short_hash(&stored.manifest_sha256));
    let of = |share: fn(&Staleness) -> f64| fact_share(stored.staleness.as_ref().map(share));
    vec![
        ("from", origin),
        ("SHA-256 of its manifest", manifest),
        (
            "stored counts without use here",
            of(|staleness| staleness.counts_discarded_share),
        ),
        (
            "fresh counts that it misses",
            of(|staleness| staleness.counts_missing_share),
        ),
        (
            "overlap with a fresh training",
            of(|staleness| staleness.training_overlap),
        ),
    ]
}

/// The first functions that hold [`HOT_SHARE`] of the counts, and no fewer than [`HOT_MIN`].
fn that_matter(functions: &[HotFunction]) -> &[HotFunction] {
    let mut held = 0.0;
    let enough = functions.iter().position(|function| {
        held += function.counts_share;
        held >= HOT_SHARE
    });
    let shown = enough.map_or(functions.len(), |last| (last + 1).max(HOT_MIN));
    &functions[..shown.min(functions.len())]
}

/// How the profile changed the code that it says matters.
pub(crate) fn hottest(functions: &[HotFunction]) -> Vec<Block> {
    let functions = that_matter(functions);
    let total: f64 = functions.iter().map(|function| function.counts_share).sum();
    let statement = format!(
        "The {} of the profile with the most counts hold {} of them. Sizes are of machine code; \
         functions of one name, such as copies of a generic one, are summed, with their number.",
        plural(functions.len(), "function"),
        percent(total)
    );
    let row = |function: &HotFunction| {
        Row::Cells(vec![
            named(function),
            percent(function.counts_share).into(),
            code(function.baseline),
            code(function.candidate),
            size_change(function),
        ])
    };
    vec![
        Block::Heading("Hottest functions"),
        Block::Paragraph(statement.into()),
        Block::Table(Table {
            columns: vec![
                Column::words("function"),
                Column::numbers("counts"),
                Column::numbers("baseline"),
                Column::numbers("candidate"),
                Column::numbers("size change"),
            ],
            rows: functions.iter().map(row).collect(),
        }),
    ]
}

fn named(function: &HotFunction) -> Text {
    let name = Text::literal(&function.name);
    if function.copies > 1 {
        name.then(format!(" × {}", function.copies))
    } else {
        name
    }
}

fn code(code: FunctionCode) -> Text {
    match code {
        FunctionCode::Own {
            size_bytes,
            symbols,
            placement,
        } => {
            let symbols = match symbols {
                1 => String::new(),
                several => format!(" in {several}"),
            };
            let placement = match placement {
                Some(Placement::Hot) => ", hot",
                Some(Placement::Unlikely) => ", unlikely",
                None => "",
            };
            format!("{}{symbols}{placement}", bytes(size_bytes as f64)).into()
        }
        FunctionCode::InlinedOrGone => Text::toned("inlined or gone", Tone::Faint),
        FunctionCode::NotKnown => Text::toned("not known (no symbols)", Tone::Faint),
    }
}

fn size_change(function: &HotFunction) -> Text {
    match (function.baseline, function.candidate) {
        (
            FunctionCode::Own {
                size_bytes: before, ..
            },
            FunctionCode::Own {
                size_bytes: after, ..
            },
        ) => change(after as f64 / before as f64).into(),
        (FunctionCode::InlinedOrGone, FunctionCode::Own { .. }) => "own code now".into(),
        (FunctionCode::Own { .. }, FunctionCode::InlinedOrGone) => "inlined now".into(),
        _ => Text::absent(),
    }
}

fn flags(artifacts: &Artifacts) -> Vec<Block> {
    let (Some(baseline), Some(candidate)) = (
        &artifacts.baseline.rustflags,
        &artifacts.candidate.rustflags,
    ) else {
        let unknown = "Not known: the binaries were not built by this tool.";
        return vec![
            Block::Heading("Flags"),
            Block::Paragraph(Text::toned(unknown, Tone::Faint)),
        ];
    };
    let only_baseline = missing_from(baseline, candidate);
    let only_candidate = missing_from(candidate, baseline);
    let shared = missing_from(baseline, &only_baseline);
    let statement = if only_baseline
        .iter()
        .chain(&only_candidate)
        .all(|flag| concerns_profile(flag))
    {
        Text::from("The arms differ only in the flags that concern the profile.")
    } else {
        Text::toned("The arms differ in more than the profile.", Tone::Bad)
    };
    vec![
        Block::Heading("Flags"),
        Block::Paragraph(statement),
        Block::Facts(vec![
            ("both arms", list(&shared)),
            ("baseline alone", list(&only_baseline)),
            ("candidate alone", list(&only_candidate)),
        ]),
    ]
}

/// What clang was told beyond what build scripts told it; the baseline has nothing of it.
fn c_flags(c: &CCompiler) -> Block {
    Block::Facts(vec![
        ("C, instrumented alone", list(&c.instrumented_flags)),
        ("C, candidate alone", list(&c.candidate_flags)),
    ])
}

/// The flags of `flags` that `others` lacks; a flag given twice must be there twice.
fn missing_from(flags: &[String], others: &[String]) -> Vec<String> {
    let mut available: HashMap<&str, usize> = HashMap::new();
    for flag in others {
        *available.entry(flag).or_default() += 1;
    }
    let mut missing = Vec::new();
    for flag in flags {
        match available.get_mut(flag.as_str()) {
            Some(left) if *left > 0 => *left -= 1,
            _ => missing.push(flag.clone()),
        }
    }
    missing
}

fn list(flags: &[String]) -> Text {
    if flags.is_empty() {
        Text::toned("none", Tone::Faint)
    } else {
        Text::join(flags.iter().map(Text::literal), " ")
    }
}
