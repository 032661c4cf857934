//! Flamegraphs as SVG: of one run, and of the difference between two.
//!
//! Takes folded stacks, a line each; gives a picture that needs nothing from outside. It samples
//! nothing.

use std::io;

use inferno::differential;
use inferno::flamegraph::{self, Options};

/// The flamegraph of `folded`.
///
/// # Errors
/// When there is no stack in it.
pub fn flamegraph(folded: &str, title: &str, subtitle: &str) -> io::Result<Vec<u8>> {
    draw(folded, title, subtitle)
}

/// The flamegraph of `after`, in which red is more than in `before` and blue is less. The runs may
/// differ in length: `before` is scaled to the samples of `after`.
///
/// # Errors
/// When there is no stack in one of them.
pub fn difference(before: &str, after: &str, title: &str, subtitle: &str) -> io::Result<Vec<u8>> {
    if before.trim().is_empty() {
        return Err(io::Error::other("there is nothing to compare with"));
    }
    let options = differential::Options {
        normalize: true,
        strip_hex: false,
    };
    let mut both = Vec::new();
    differential::from_readers(options, before.as_bytes(), after.as_bytes(), &mut both)?;
    let both = String::from_utf8(both).map_err(io::Error::other)?;
    draw(&both, title, subtitle)
}

fn draw(lines: &str, title: &str, subtitle: &str) -> io::Result<Vec<u8>> {
    let mut options = Options::default();
    title.clone_into(&mut options.title);
    options.subtitle = Some(subtitle.to_owned());
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.lines(), &mut svg)
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "engine;main;dot 80\nengine;main;walk 20\n";
    const AFTER: &str = "engine;main;dot 20\nengine;main;walk 30\n";

    fn text(svg: io::Result<Vec<u8>>) -> String {
        String::from_utf8(svg.expect("a picture")).expect("text")
    }

    #[test]
    fn a_picture_has_the_functions_and_both_titles() {
        let svg = text(flamegraph(BEFORE, "one run", "100 samples"));
        for part in ["<svg", "one run", "100 samples", "dot", "walk"] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(flamegraph("", "none", "").is_err());
    }

    #[test]
    fn a_difference_says_how_much_more_and_less() {
        let svg = text(difference(BEFORE, AFTER, "two runs", "scaled"));
        // 80 of 100 became 20 of 50: half as much; 20 of 100 became 30 of 50.
        assert!(svg.contains("-40.00%"), "{svg}");
        assert!(svg.contains("+40.00%"), "{svg}");
        assert!(difference("", AFTER, "", "").is_err());
    }
}
