//! Blocks of a report as lines of a given width.

use comfy_table::{CellAlignment, Table as Grid, presets};
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

use super::paint::Painter;
use crate::document::{Align, Column, Need, Row, Table, Text, Tone};
use crate::figures::JOINER;

/// Columns between the columns of a table.
const GAP: usize = 2;
/// Rows under a group's title are set in by this.
const INDENT: &str = "  ";
/// Values narrower than this stand under their label instead of beside it.
const VALUE_MIN: usize = 24;
const BULLET: &str = "- ";
/// Stays with the field before it.
const SEPARATOR: &str = "\u{a0}· ";

/// The lines' width, and how tones are marked.
pub(super) struct Page {
    pub(super) width: usize,
    pub(super) painter: Painter,
}

impl Page {
    pub(super) fn paragraph(&self, text: &Text) -> String {
        self.wrap(&self.painter.mark(text), "", "")
    }

    pub(super) fn list(&self, items: &[Text]) -> String {
        let items = items
            .iter()
            .map(|item| self.wrap(&self.painter.mark(item), BULLET, INDENT));
        items.collect::<Vec<String>>().join("\n")
    }

    pub(super) fn facts(&self, facts: &[(&'static str, Text)]) -> String {
        let label_width = facts
            .iter()
            .map(|(label, _)| display_width(label))
            .max()
            .unwrap_or(0)
            + GAP;
        let beside = label_width + VALUE_MIN <= self.width;
        let lines = facts.iter().map(|(label, value)| {
            let value = self.painter.mark(value);
            if beside {
                let first = format!("{label:<label_width$}");
                self.wrap(&value, &first, &" ".repeat(label_width))
            } else {
                format!("{label}\n{}", self.wrap(&value, INDENT, INDENT))
            }
        });
        lines.collect::<Vec<String>>().join("\n")
    }

    /// The widest form of `table` that fits: all columns, fewer columns, or a block per row.
    pub(super) fn table(&self, table: &Table) -> String {
        if table.rows.is_empty() {
            return String::new();
        }
        let mut kept: Vec<usize> = (0..table.columns.len()).collect();
        loop {
            if self.table_width(table, &kept) <= self.width {
                return self.grid(table, &kept) + &self.left_out(table, &kept);
            }
            match first_to_go(&table.columns, &kept) {
                Some(column) => kept.retain(|index| *index != column),
                None => return self.row_blocks(table),
            }
        }
    }

    fn table_width(&self, table: &Table, kept: &[usize]) -> usize {
        let widths = kept.iter().map(|&column| {
            let cells = table.rows.iter().filter_map(|row| match row {
                Row::Group(_) => None,
                Row::Cells(cells) => Some(self.cell(table, cells, column)),
            });
            let header = display_width(table.columns[column].header);
            cells
                .map(|cell| display_width(&cell))
                .max()
                .unwrap_or(0)
                .max(header)
        });
        widths.sum::<usize>() + GAP * kept.len().saturating_sub(1)
    }

    fn cell(&self, table: &Table, cells: &[Text], column: usize) -> String {
        let grouped = table.rows.iter().any(|row| matches!(row, Row::Group(_)));
        let indent = if grouped && column == 0 { INDENT } else { "" };
        format!("{indent}{}", self.painter.mark(&cells[column]))
    }

    /// A grid with a rule under its header; titles of groups stand between its lines.
    fn grid(&self, table: &Table, kept: &[usize]) -> String {
        let mut grid = Grid::new();
        grid.load_style(
            presets::NOTHING
                .header_separator(comfy_table::LineStyle::none().fill('─').junction('─')),
        );
        grid.set_header(kept.iter().map(|&column| table.columns[column].header));
        for row in &table.rows {
            if let Row::Cells(cells) = row {
                grid.add_row(kept.iter().map(|&column| self.cell(table, cells, column)));
            }
        }
        for (place, &column) in kept.iter().enumerate() {
            let last = place + 1 == kept.len();
            if let Some(grid_column) = grid.column_mut(place) {
                // The grid itself puts one space between columns.
                grid_column.set_padding((0, if last { 0 } else { GAP as u16 - 1 }));
                grid_column.set_cell_alignment(match table.columns[column].align {
                    Align::Left => CellAlignment::Left,
                    Align::Right => CellAlignment::Right,
                });
            }
        }
        self.with_titles(table, &grid.trim_fmt())
    }

    fn with_titles(&self, table: &Table, grid: &str) -> String {
        let mut grid_lines = grid.lines().map(str::to_owned);
        let mut lines: Vec<String> = grid_lines.by_ref().take(2).collect();
        for row in &table.rows {
            match row {
                Row::Group(title) => lines.push(self.painter.mark(title)),
                Row::Cells(_) => lines.extend(grid_lines.next()),
            }
        }
        lines.join("\n")
    }

    fn left_out(&self, table: &Table, kept: &[usize]) -> String {
        let absent: Vec<&str> = (0..table.columns.len())
            .filter(|column| !kept.contains(column))
            .map(|column| table.columns[column].header)
            .collect();
        if absent.is_empty() {
            return String::new();
        }
        let note = format!("Left out at this width: {}.", absent.join(", "));
        format!("\n{}", self.paragraph(&Text::toned(note, Tone::Faint)))
    }

    fn row_blocks(&self, table: &Table) -> String {
        let rows = table.rows.iter().map(|row| match row {
            Row::Group(title) => self.wrap(&self.painter.mark(title), "", INDENT),
            Row::Cells(cells) => self.row_block(table, cells),
        });
        rows.collect::<Vec<String>>().join("\n")
    }

    /// The first cell as a title, the others with their headers below it.
    fn row_block(&self, table: &Table, cells: &[Text]) -> String {
        let title = self.cell(table, cells, 0);
        let indent = &" ".repeat(title.len() - title.trim_start().len() + INDENT.len());
        let fields = table
            .columns
            .iter()
            .zip(cells)
            .skip(1)
            .filter_map(|(column, cell)| {
                let field = format!("{} {}", column.header, self.painter.mark(cell));
                (!cell.is_absent()).then(|| self.unbroken(&field, indent))
            });
        let fields: Vec<String> = fields.collect();
        format!(
            "{title}\n{}",
            self.wrap(&fields.join(SEPARATOR), indent, indent)
        )
    }

    /// Keeps `field` on one line where a line is long enough for it.
    fn unbroken(&self, field: &str, indent: &str) -> String {
        if display_width(field) + indent.len() + SEPARATOR.len() <= self.width {
            field.replace(' ', &JOINER.to_string())
        } else {
            field.to_owned()
        }
    }

    fn wrap(&self, text: &str, first_indent: &str, indent: &str) -> String {
        let options = Options::new(self.width)
            .initial_indent(first_indent)
            .subsequent_indent(indent)
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::fill(text, options)
    }
}

/// The kept column of lowest rank that may be left out.
fn first_to_go(columns: &[Column], kept: &[usize]) -> Option<usize> {
    let rank = |&column: &usize| match columns[column].need {
        Need::Always => None,
        Need::IfRoom { rank } => Some((rank, column)),
    };
    kept.iter().filter_map(rank).min().map(|(_, column)| column)
}
