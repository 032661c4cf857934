//! Colours that do not disturb the layout.
//!
//! Layout counts columns, and the table library would count the letters of an escape sequence. So a tone
//! is first a marker character of no width; [`Painter::finish`] turns markers into escape sequences.

use super::Style;
use crate::document::{Text, Tone, turns_text};
use crate::figures::JOINER;

/// Invisible operators (U+2061 to U+2064) and the word joiner: no width, and no place in a report.
const MARKERS: [(Tone, char, &str); 5] = [
    (Tone::Strong, '\u{2061}', "\u{1b}[1m"),
    (Tone::Good, '\u{2062}', "\u{1b}[1;32m"),
    (Tone::Bad, '\u{2063}', "\u{1b}[1;31m"),
    (Tone::Open, '\u{2064}', "\u{1b}[33m"),
    (Tone::Faint, '\u{2065}', "\u{1b}[2m"),
];
const END: char = '\u{2060}';
const RESET: &str = "\u{1b}[0m";

/// Turns [`Text`] into strings for the layout, and the laid out page into output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Painter {
    style: Style,
}

impl Painter {
    pub(super) fn new(style: Style) -> Self {
        Self { style }
    }

    /// `text` with its tones marked.
    pub(super) fn mark(self, text: &Text) -> String {
        let mut line = String::new();
        for span in text.spans() {
            let marker = MARKERS
                .iter()
                .find(|(tone, ..)| self.style == Style::Colour && *tone == span.tone)
                .map(|(_, marker, _)| *marker);
            line.extend(marker);
            line.push_str(&readable(&span.text));
            line.extend(marker.map(|_| END));
        }
        line
    }

    /// The page with markers turned into colours, and joined figures into plain spaces.
    pub(super) fn finish(page: &str) -> String {
        let mut output = String::with_capacity(page.len());
        for c in page.chars() {
            match MARKERS.iter().find(|(_, marker, _)| *marker == c) {
                Some((.., escape)) => output.push_str(escape),
                None if c == END => output.push_str(RESET),
                None if c == JOINER => output.push(' '),
                None => output.push(c),
            }
        }
        output
    }
}

/// Text from outside must not steer the terminal, break a row or pass for a marker. A per cent sign
/// stays with its number.
pub(crate) fn readable(text: &str) -> String {
    let text = text.replace(" %", &format!("{JOINER}%"));
    text.chars()
        .filter(|c| *c != END && MARKERS.iter().all(|(_, marker, _)| marker != c))
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() || turns_text(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_have_no_width() {
        let marked = Painter::new(Style::Colour).mark(&Text::toned("faster", Tone::Faint));
        assert_eq!(textwrap::core::display_width(&marked), "faster".len());
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let painter = Painter::new(Style::Plain);
        let shown = Painter::finish(&painter.mark(&Text::literal("a\u{1b}[31mb\nc\u{2062}d")));
        assert_eq!(shown, "a\u{fffd}[31mb cd");
    }

    #[test]
    fn colours_are_closed() {
        let painter = Painter::new(Style::Colour);
        let text = Text::toned("slower", Tone::Bad).then(" here");
        assert_eq!(
            Painter::finish(&painter.mark(&text)),
            "\u{1b}[1;31mslower\u{1b}[0m here"
        );
        let plain = Painter::new(Style::Plain);
        assert_eq!(Painter::finish(&plain.mark(&text)), "slower here");
    }
}
