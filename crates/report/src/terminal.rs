//! The answer for the terminal, at a given width, with or without colours; the evidence is in the
//! Markdown report.
//!
//! Lines break between words alone. A table that is too wide loses the columns that may go, then turns
//! into a short block per row, so that no cell is cut. A word longer than the line stays whole.

mod layout;
mod paint;

use inferno_measure::audit::Findings;
use inferno_measure::comparison::Comparison;
use inferno_measure::comparison::hosts::HostComparison;
use inferno_measure::ladder::Ladder;
use inferno_measure::record::{Record, Suitability};

use crate::document::{Block, Document, Standing, Text, Tone};
use crate::sections::{self, Extent};
use crate::{audit, comparison, hosts, ladder};
use paint::Painter;
pub(crate) use paint::readable;

/// Below this nothing is readable; a narrower terminal wraps by itself.
const WIDTH_MIN: usize = 40;

/// Whether the output may hold colours: only a terminal's may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text alone, for files and pipes.
    Plain,
    /// ANSI colours.
    Colour,
}

/// The answer of `record`, and how to read it, for a terminal of `width` columns.
pub fn terminal(record: &Record, width: usize, style: Style) -> String {
    laid_out(&sections::document(record, Extent::Answer), width, style)
}

/// The answer of a comparison, for a terminal of `width` columns.
pub fn comparison_terminal(comparison: &Comparison, width: usize, style: Style) -> String {
    laid_out(&comparison::document(comparison), width, style)
}

/// An audit, for a terminal of `width` columns.
pub fn audit_terminal(findings: &Findings, width: usize, style: Style) -> String {
    laid_out(&audit::document(findings), width, style)
}

/// The answer of one pair on several hosts, for a terminal of `width` columns.
pub fn hosts_terminal(comparison: &HostComparison, width: usize, style: Style) -> String {
    laid_out(&hosts::document(comparison), width, style)
}

/// A ladder for a terminal of `width` columns.
pub fn ladder_terminal(ladder: &Ladder, width: usize, style: Style) -> String {
    laid_out(&ladder::document(ladder), width, style)
}

/// A document for a terminal of `width` columns.
pub(crate) fn laid_out(document: &Document, width: usize, style: Style) -> String {
    let Document {
        title,
        summary,
        standing,
        blocks,
    } = document;
    let page = page(width, style);
    let summary = page.paragraph(summary);
    let standing = match standing.as_slice() {
        [] => String::new(),
        standing => format!("\n{}\n", page.paragraph(&Standing::line(standing))),
    };
    let output = format!("{}\n\n{summary}\n{standing}", page.paragraph(title));
    Painter::finish(&(output + &blocks_of(&page, blocks)))
}

/// A score that was predicted without a measurement, for a terminal of `width` columns.
pub fn suitability(suitability: &Suitability, width: usize, style: Style) -> String {
    let blocks = sections::interpretation::suitability(suitability, None);
    Painter::finish(blocks_of(&page(width, style), &blocks).trim_start())
}

fn page(width: usize, style: Style) -> layout::Page {
    layout::Page {
        width: width.max(WIDTH_MIN),
        painter: Painter::new(style),
    }
}

fn blocks_of(page: &layout::Page, blocks: &[Block]) -> String {
    let mut output = String::new();
    let mut after_heading = false;
    for block in blocks {
        let part = rendered(page, block);
        if !part.is_empty() {
            output.push_str(if after_heading { "" } else { "\n" });
            output.push_str(&part);
            output.push('\n');
        }
        after_heading = matches!(block, Block::Heading(_));
    }
    output
}

fn rendered(page: &layout::Page, block: &Block) -> String {
    match block {
        Block::Heading(heading) => {
            page.paragraph(&Text::toned(heading.to_uppercase(), Tone::Strong))
        }
        Block::Counts(counts) => page.paragraph(&counts.sentence().into()),
        Block::Paragraph(text) => page.paragraph(text),
        Block::List(items) => page.list(items),
        Block::Facts(facts) => page.facts(facts),
        Block::Table(table) => page.table(table),
    }
}
