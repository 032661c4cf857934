//! The blocks of a [`Document`](crate::document::Document) as HTML. Templates escape every text.

use maud::{Markup, html};

use crate::document::{Align, Block, Column, Form, Need, Row, Span, Table, Text, Tone, turns_text};
use crate::headline::Counts;
use crate::html::marks;
use inferno_measure::record::Verdict;

/// Columns below this rank are left out of narrow pages.
const ROOM_RANK: u8 = 3;

/// One block; nothing for a block that holds nothing. Headings are the page's.
pub(super) fn block(block: &Block) -> Markup {
    match block {
        Block::Heading(heading) => html! { h3 { (heading) } },
        Block::Counts(counts) => self::counts(*counts),
        Block::Paragraph(text) => html! { p { (self::text(text)) } },
        Block::List(items) if items.is_empty() => Markup::default(),
        Block::List(items) => html! { ul { @for item in items { li { (text(item)) } } } },
        Block::Facts(facts) => self::facts(facts),
        Block::Table(table) => self::table(table, "table"),
    }
}

/// How many scenarios have which verdict.
fn counts(counts: Counts) -> Markup {
    let tiles = [
        (Verdict::Faster, counts.faster),
        (Verdict::Slower, counts.slower),
        (Verdict::NoDifference, counts.no_difference),
        (Verdict::Inconclusive, counts.inconclusive),
    ];
    html! {
        ul.counts aria-label="Scenarios by verdict" {
            @for (verdict, count) in tiles {
                li.none[count == 0] {
                    b { (count) } " "
                    span { (marks::icon(verdict)) " " (marks::words(verdict)) }
                }
            }
        }
    }
}

/// Labels and values.
pub(super) fn facts(facts: &[(&'static str, Text)]) -> Markup {
    html! {
        @if !facts.is_empty() {
            dl { @for (label, value) in facts { div { dt { (label) } dd { (text(value)) } } } }
        }
    }
}

/// A table that scrolls by itself where it is wider than the page; `label` says what it holds.
pub(super) fn table(table: &Table, label: &str) -> Markup {
    html! {
        @if !table.rows.is_empty() {
            div.scroll role="region" tabindex="0" aria-label=(label) {
                table {
                    thead { tr {
                        @for column in &table.columns {
                            th scope="col" class=[class(column)] { (column.header) }
                        }
                    } }
                    tbody { @for row in &table.rows {
                        @match row {
                            Row::Group(title) => {
                                tr.group { th scope="rowgroup" colspan=(table.columns.len()) { (text(title)) } }
                            }
                            Row::Cells(cells) => {
                                tr { @for (index, (cell, column)) in cells.iter().zip(&table.columns).enumerate() {
                                    @if index == 0 {
                                        th scope="row" { (text(cell)) }
                                    } @else {
                                        td class=[class(column)] { (text(cell)) }
                                    }
                                } }
                            }
                        }
                    } }
                }
            }
        }
    }
}

/// A column that a phone has no room for is left out there; the scenario's details have its figures.
fn class(column: &Column) -> Option<&'static str> {
    let goes_first = matches!(column.need, Need::IfRoom { rank } if rank < ROOM_RANK);
    match (column.align, goes_first) {
        (Align::Left, false) => None,
        (Align::Left, true) => Some("roomy"),
        (Align::Right, false) => Some("n"),
        (Align::Right, true) => Some("n roomy"),
    }
}

/// Running text.
pub(super) fn text(text: &Text) -> Markup {
    html! { @for span in text.spans() { (self::span(span)) } }
}

fn span(span: &Span) -> Markup {
    let text = printable(&span.text);
    match (span.form, span.tone) {
        (Form::Literal, _) => html! { code { (text) } },
        (Form::Prose, Tone::Plain) => prose(&text),
        (Form::Prose, Tone::Strong) => html! { strong { (prose(&text)) } },
        (Form::Prose, Tone::Good) => html! { strong.good { (prose(&text)) } },
        (Form::Prose, Tone::Bad) => html! { strong.bad { (prose(&text)) } },
        (Form::Prose, Tone::Open) => html! { em.open { (prose(&text)) } },
        (Form::Prose, Tone::Faint) => html! { span.faint { (prose(&text)) } },
    }
}

/// Prose in which lines break neither within an option such as `--budget` nor before a per cent
/// sign.
fn prose(text: &str) -> Markup {
    let text = text.replace(" %", "\u{a0}%");
    html! {
        @for (index, word) in text.split(' ').enumerate() {
            @if index > 0 { " " }
            @if word.starts_with("--") { span.option { (word) } } @else { (word) }
        }
    }
}

/// Control characters have no place in HTML, nor what turns the text around it; line breaks stay, for texts that keep theirs.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| {
        if turns_text(c) || (c.is_control() && c != '\n' && c != '\t') {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        for (given, expected) in [
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("</style>-->", "&lt;/style&gt;--&gt;"),
            ("a & \"b\"", "a &amp; &quot;b&quot;"),
            ("a\u{0}b\u{1b}[1m", "a\u{fffd}b\u{fffd}[1m"),
            ("a\u{202e}b\u{2066}c", "a\u{fffd}b\u{fffd}c"),
        ] {
            assert_eq!(text(&Text::from(given)).into_string(), expected);
            assert_eq!(
                text(&Text::literal(given)).into_string(),
                format!("<code>{expected}</code>")
            );
        }
    }

    #[test]
    fn blocks_that_hold_nothing_leave_nothing() {
        let table = Table {
            columns: vec![Column::words("a")],
            rows: Vec::new(),
        };
        for empty in [
            Block::Table(table),
            Block::List(vec![]),
            Block::Facts(vec![]),
        ] {
            assert_eq!(block(&empty).into_string(), "");
        }
    }
}
