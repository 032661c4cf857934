//! Results of performance benchmarks as a page: the document's sections, with plots between them.

mod curve;
mod curves;
mod history;
mod percentiles;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inferno_measure::performance::PerformanceResult;
use maud::{DOCTYPE, Markup, html};

use super::blocks::{self, printable};
use super::page::{head, slug};
use crate::document::{Block, Document, Text};
use crate::performance::{BenchmarkPage, FIGURES, Profile};

/// A heading and what stands under it.
struct Section {
    heading: &'static str,
    content: Markup,
}

/// The page of results.
pub(crate) fn benchmark(page: &BenchmarkPage<'_>) -> Markup {
    let Document {
        title,
        summary,
        blocks,
        ..
    } = crate::performance::document(page.results, page.targets);
    let mut sections = sections(&blocks);
    let place = sections
        .iter()
        .position(|section| section.heading == FIGURES)
        .unwrap_or(sections.len());
    let rest = sections.split_off(place);
    sections.extend(drawn(page));
    sections.extend(rest);
    whole(&title, &summary, &sections)
}

/// The page of any document.
pub(crate) fn document(document: &Document) -> Markup {
    whole(
        &document.title,
        &document.summary,
        &sections(&document.blocks),
    )
}

fn whole(title: &Text, summary: &Text, sections: &[Section]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&plain(title)))
            body {
                header {
                    h1 { (blocks::text(title)) }
                    p.answer { (blocks::text(summary)) }
                }
                nav aria-label="Contents" {
                    ul { @for section in sections {
                        li { a href=(format!("#{}", slug(section.heading))) { (section.heading) } }
                    } }
                }
                main { @for section in sections { (self::section(section)) } }
            }
        }
    }
}

/// The text without its forms, for the window's title.
fn plain(text: &Text) -> Markup {
    let text: String = text.spans().iter().map(|span| span.text.as_str()).collect();
    html! { (printable(&text)) }
}

fn section(section: &Section) -> Markup {
    let id = slug(section.heading);
    html! {
        section id=(id) aria-labelledby=(format!("{id}-heading")) {
            h2 id=(format!("{id}-heading")) { (section.heading) }
            (section.content)
        }
    }
}

/// The document's blocks under their headings. Blocks before the first heading have none to stand
/// under; these documents have no such blocks.
fn sections(blocks: &[Block]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let starts: Vec<usize> = (0..blocks.len())
        .filter(|&index| matches!(blocks[index], Block::Heading(_)))
        .collect();
    for (number, &start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(blocks.len());
        if let Block::Heading(heading) = blocks[start] {
            sections.push(Section {
                heading,
                content: rendered(heading, &blocks[start + 1..end]),
            });
        }
    }
    sections
}

fn rendered(heading: &str, blocks: &[Block]) -> Markup {
    html! {
        @for block in blocks {
            @match block {
                Block::Table(table) => { (blocks::table(table, heading)) }
                block => { (blocks::block(block)) }
            }
        }
    }
}

/// What people would rather look at; sections that have nothing to show are left out.
fn drawn(page: &BenchmarkPage<'_>) -> Vec<Section> {
    let of_all = |draw: fn(&PerformanceResult) -> Markup| {
        html! { @for result in page.results { (draw(result)) } }
    };
    let sections = [
        ("Latency", of_all(percentiles::plot)),
        ("Throughput over clients", of_all(curves::throughput)),
        ("Memory over requests", of_all(curves::memory)),
        ("Cache", of_all(curves::hit_ratio)),
        (
            "Profiles",
            html! { @for profile in page.profiles { (flamegraph(profile)) } },
        ),
        ("History", history::plots(page.results, page.earlier)),
    ];
    sections
        .into_iter()
        .filter(|(_, content)| !content.0.is_empty())
        .map(|(heading, content)| Section { heading, content })
        .collect()
}

/// The picture itself: as an image, no script in it runs, and nothing in it reaches the page.
fn flamegraph(profile: &Profile<'_>) -> Markup {
    let name = printable(profile.name);
    html! {
        figure {
            figcaption {
                b { "Where the time went: " (name) "." }
                " Wider is longer; callers stand below what they call. The file to search in is "
                code { (printable(profile.file)) } "."
            }
            div.scroll role="region" tabindex="0" aria-label=(format!("Flamegraph of the {name} suite")) {
                img.flame alt=(format!("Flamegraph of the {name} suite"))
                    src=(format!("data:image/svg+xml;base64,{}", STANDARD.encode(profile.svg)));
            }
        }
    }
}
