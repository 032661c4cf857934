//! A report as GitHub-flavoured Markdown, for pull requests and for files.
//!
//! Everything that comes from a spec or from a program is escaped: it can neither end a table cell nor
//! start a heading, a link, a mention or HTML.

use inferno_measure::audit::Findings;
use inferno_measure::comparison::Comparison;
use inferno_measure::comparison::hosts::HostComparison;
use inferno_measure::ladder::Ladder;
use inferno_measure::record::Record;

use crate::document::{
    Align, Block, Document, Form, Row, Span, Standing, Table, Text, Tone, turns_text,
};
use crate::figures::JOINER;
use crate::sections::{self, Extent};
use crate::{audit, comparison, hosts, ladder};

/// Has no width, and belongs to no word.
const SEPARATOR: char = '\u{200b}';

/// The report of `record` as Markdown.
pub fn markdown(record: &Record) -> String {
    titled(&sections::document(record, Extent::Whole))
}

/// A comparison as a short comment on a pull request: the answer first.
pub fn comparison_markdown(comparison: &Comparison) -> String {
    body(&comparison::document(comparison))
}

/// An audit as Markdown, for a file or a pull request.
pub fn audit_markdown(findings: &Findings) -> String {
    titled(&audit::document(findings))
}

/// One pair on several hosts, as short: the answer over hosts first.
pub fn hosts_markdown(comparison: &HostComparison) -> String {
    body(&hosts::document(comparison))
}

/// A ladder as Markdown.
pub fn ladder_markdown(ladder: &Ladder) -> String {
    titled(&ladder::document(ladder))
}

/// A document under its title.
pub(crate) fn titled(document: &Document) -> String {
    format!("# {}\n\n{}", inline(&document.title), body(document))
}

/// Summary and blocks.
fn body(document: &Document) -> String {
    let mut parts = vec![inline(&document.summary)];
    if !document.standing.is_empty() {
        parts.push(inline(&Standing::line(&document.standing)));
    }
    parts.extend(document.blocks.iter().filter_map(block));
    parts.join("\n\n") + "\n"
}

/// `None` for a block that holds nothing.
fn block(block: &Block) -> Option<String> {
    match block {
        Block::Heading(heading) => Some(format!("## {heading}")),
        Block::Counts(counts) => Some(counts.sentence()),
        Block::Paragraph(text) => Some(inline(text)),
        Block::List(items) => lines(items.iter().map(|item| format!("- {}", inline(item)))),
        Block::Facts(facts) => lines(
            facts
                .iter()
                .map(|(label, value)| format!("- {label}: {}", inline(value))),
        ),
        Block::Table(table) if table.rows.is_empty() => None,
        Block::Table(table) => Some(self::table(table)),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn table(table: &Table) -> String {
    let headers = table.columns.iter().map(|column| column.header.to_owned());
    let rule = table.columns.iter().map(|column| match column.align {
        Align::Left => "---".to_owned(),
        Align::Right => "---:".to_owned(),
    });
    let mut lines = vec![row(headers), row(rule)];
    lines.extend(table.rows.iter().map(|cells| match cells {
        Row::Group(title) => {
            let empty = std::iter::repeat_n(String::new(), table.columns.len() - 1);
            row(std::iter::once(format!("**{}**", inline(title))).chain(empty))
        }
        Row::Cells(cells) => row(cells.iter().map(inline)),
    }));
    lines.join("\n")
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {} |", cells.join(" | "))
}

fn inline(text: &Text) -> String {
    text.spans().iter().map(span).collect()
}

fn span(span: &Span) -> String {
    let text = one_line(&span.text);
    match (span.form, span.tone) {
        (Form::Literal, _) => code(&text),
        (Form::Prose, Tone::Plain | Tone::Faint) => escape(&text),
        (Form::Prose, Tone::Open) => format!("*{}*", escape(&text)),
        (Form::Prose, Tone::Strong | Tone::Good | Tone::Bad) => format!("**{}**", escape(&text)),
    }
}

/// Line breaks would end a table row, other control characters have no place in a report.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if turns_text(c) => char::REPLACEMENT_CHARACTER,
            c if c.is_control() || c == JOINER => ' ',
            c => c,
        })
        .collect()
}

/// Prose as it is read. Where GitHub would make a link, a mention or a reference of bare words, which
/// no escape prevents, a space without width comes between.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, c) in text.char_indices() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
        if is_linked_by(c, &text[index + c.len_utf8()..]) {
            escaped.push(SEPARATOR);
        }
    }
    escaped
}

/// Whether GitHub sees the beginning of a link in `c` and what follows it.
fn is_linked_by(c: char, rest: &str) -> bool {
    match c {
        '@' | '#' => rest.starts_with(|next: char| next.is_ascii_alphanumeric()),
        ':' => rest.starts_with("//"),
        'w' | 'W' => rest.starts_with('.'),
        _ => false,
    }
}

/// A code span, fenced by more backticks than it holds. Only `|` needs an escape, as GitHub splits
/// table cells before it looks for code.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    let longest_run = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest_run + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_cannot_become_markup() {
        for (given, expected) in [
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("two\nlines", "two lines"),
            ("**bold** [link](x)", "\\*\\*bold\\*\\* \\[link\\](x)"),
            ("# heading", "\\# heading"),
            ("R&D", "R&amp;D"),
            ("ask @user", "ask @\u{200b}user"),
            ("as in #12", "as in \\#\u{200b}12"),
            ("https://a.example", "https:\u{200b}//a.example"),
            ("www.a.example", "www\u{200b}.a.example"),
            ("a\u{202e}b", "a\u{fffd}b"),
        ] {
            assert_eq!(inline(&Text::from(given)), expected, "{given}");
        }
    }

    #[test]
    fn names_cannot_leave_their_code_span() {
        for (given, expected) in [
            ("warm/short", "`warm/short`"),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            ("a|b", "`a\\|b`"),
            ("<b>\r\n", "`<b>  `"),
        ] {
            assert_eq!(inline(&Text::literal(given)), expected, "{given}");
        }
    }
}
