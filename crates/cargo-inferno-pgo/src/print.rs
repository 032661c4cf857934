//! What standard output can show.

use std::io::{IsTerminal as _, Write as _};

use inferno_report::Style;

/// Colours, where a terminal shows them and nobody objects.
pub fn style() -> Style {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if colour { Style::Colour } else { Style::Plain }
}

/// Columns of the terminal; of a file or pipe, what a log shows without wrapping.
pub fn width() -> usize {
    const ELSEWHERE: usize = 100;
    let terminal = console::Term::stdout();
    terminal
        .size_checked()
        .map_or(ELSEWHERE, |(_, columns)| usize::from(columns))
}

/// Prints `text`. A reader that has read enough, such as `head`, is no failure.
pub fn write(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
