//! The page: what stands where, what may be loaded (nothing), and the style.

use inferno_measure::record::{Record, Spec};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::blocks::{self, printable};
use super::{effect_plot, scenarios, stages, suitability};
use crate::document::{Block, Document, Standing};
use crate::sections::{self, Extent};

/// Forbids every request, script and form, whatever the page holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("style.css");

const SCENARIOS: &str = "Scenario by scenario";
const SPEC: &str = "Spec";

/// The whole page.
pub(super) fn page(record: &Record) -> Markup {
    let Document {
        title,
        summary,
        standing,
        blocks,
    } = sections::document(record, Extent::Whole);
    let (before, sections) = sections_of(blocks);
    let named: Vec<&str> = sections
        .iter()
        .map(|section| section.heading)
        .chain(record.spec.is_some().then_some(SPEC))
        .collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&html! { (printable(&record.name)) " – " (crate::headline::sentence(record)) }))
            body {
                header {
                    h1 { (blocks::text(&title)) }
                    p.answer { (blocks::text(&summary)) }
                    @for block in &before { (blocks::block(block)) }
                    (self::standing(&standing))
                    p.origin { (origin(record)) }
                }
                nav aria-label="Contents" {
                    ul { @for heading in named { li { a href=(format!("#{}", slug(heading))) { (heading) } } } }
                }
                main {
                    @for section in &sections { (self::section(record, section)) }
                    @if let Some(spec) = &record.spec { (self::spec(spec)) }
                }
            }
        }
    }
}

/// The head of a page with this title.
pub(super) fn head(title: &Markup) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            // Without one, browsers ask the server for it.
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// Whether the answer may be believed; each part leads to the section that says more.
fn standing(all: &[Standing]) -> Markup {
    html! {
        @if !all.is_empty() {
            p.standing {
                @for (index, standing) in all.iter().enumerate() {
                    @if index > 0 { " · " }
                    a href=(format!("#{}", slug(standing.section))) { (blocks::text(&standing.text)) }
                }
            }
        }
    }
}

/// Where and when, in a line.
fn origin(record: &Record) -> String {
    let processor = record
        .host
        .cpu_model
        .as_deref()
        .unwrap_or("unknown processor");
    let cores = record
        .host
        .cores
        .map_or_else(String::new, |cores| format!(", {cores} cores"));
    let compiler = record
        .toolchain
        .as_ref()
        .map_or_else(String::new, |toolchain| format!("  ·  {}", toolchain.rustc));
    printable(&format!(
        "{}  ·  {processor}{cores}{compiler}",
        record.created
    ))
}

/// A heading and what stands under it.
struct Section {
    heading: &'static str,
    blocks: Vec<Block>,
}

/// The blocks before the first heading, and the sections in the order of the page: the prediction
/// stands beside the evidence, everything else as the document has it.
fn sections_of(blocks: Vec<Block>) -> (Vec<Block>, Vec<Section>) {
    let mut before = Vec::new();
    let mut sections: Vec<Section> = Vec::new();
    for block in blocks {
        match (block, sections.last_mut()) {
            (Block::Heading(heading), _) => sections.push(Section {
                heading,
                blocks: Vec::new(),
            }),
            (block, Some(section)) => section.blocks.push(block),
            (block, None) => before.push(block),
        }
    }
    // Cold starts are shown with their scenarios.
    sections.retain(|section| section.heading != sections::COLD_START);
    for section in &mut sections {
        if section.heading == sections::FIGURES {
            section.heading = SCENARIOS;
        }
    }
    let place = |heading: &str| {
        sections
            .iter()
            .position(|section| section.heading == heading)
    };
    if let (Some(from), Some(to)) = (place(sections::SUITABILITY), place(sections::TIMINGS))
        && from < to
    {
        sections[from..to].rotate_left(1);
    }
    (before, sections)
}

fn section(record: &Record, section: &Section) -> Markup {
    let id = slug(section.heading);
    html! {
        section id=(id) aria-labelledby=(format!("{id}-heading")) {
            h2 id=(format!("{id}-heading")) { (section.heading) }
            @match section.heading {
                sections::RESULT => {
                    (effect_plot::plot(record))
                    @for block in &section.blocks {
                        @match block {
                            Block::Table(table) => {
                                details {
                                    summary { "The same as a table" }
                                    (blocks::table(table, section.heading))
                                }
                            }
                            block => { (blocks::block(block)) }
                        }
                    }
                }
                sections::INCONCLUSIVE => {
                    details {
                        summary { "Why, and what it would take to know" }
                        (rendered(section))
                    }
                }
                SCENARIOS => {
                    @for block in &section.blocks {
                        @if !matches!(block, Block::Table(_)) { (blocks::block(block)) }
                    }
                    (scenarios::all(record))
                }
                sections::SUITABILITY => {
                    @if let Some(gauge) = record.suitability.as_ref().and_then(suitability::gauge) { (gauge) }
                    (rendered(section))
                }
                sections::TIMINGS => {
                    (stages::table(&record.timings))
                    @for block in &section.blocks {
                        @if !matches!(block, Block::Table(_)) { (blocks::block(block)) }
                    }
                }
                _ => { (rendered(section)) }
            }
        }
    }
}

fn rendered(section: &Section) -> Markup {
    html! {
        @for block in &section.blocks {
            @match block {
                Block::Table(table) => { (blocks::table(table, section.heading)) }
                block => { (blocks::block(block)) }
            }
        }
    }
}

fn spec(spec: &Spec) -> Markup {
    html! {
        section id=(slug(SPEC)) aria-labelledby="spec-heading" {
            h2 id="spec-heading" { (SPEC) }
            details {
                summary { "The text of " code { (printable(&spec.path)) } }
                pre tabindex="0" { code { (printable(&spec.text)) } }
            }
        }
    }
}

/// A heading as an id.
pub(super) fn slug(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}
