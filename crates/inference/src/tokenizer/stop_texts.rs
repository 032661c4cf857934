//! Finds the texts that end an answer, where they lie across tokens.
//!
//! Takes an answer's text piece by piece; gives the part of it that cannot become one of the stop
//! texts any more. What stands before a stop text is given, the stop text itself is not.

/// The end of a growing text, which may be the start of a stop text.
#[derive(Debug, Default)]
pub(crate) struct StopTexts {
    stops: Vec<String>,
    pending: String,
    has_stopped: bool,
}

impl StopTexts {
    /// Looks for `stops`; empty ones are no texts.
    pub(crate) fn new(stops: &[String]) -> Self {
        Self {
            stops: stops
                .iter()
                .filter(|stop| !stop.is_empty())
                .cloned()
                .collect(),
            pending: String::new(),
            has_stopped: false,
        }
    }

    /// Takes in `piece`; says whether there is a stop text, behind which nothing is taken in.
    pub(crate) fn push(&mut self, piece: &str) -> bool {
        if self.has_stopped {
            return true;
        }
        self.pending.push_str(piece);
        let first = self
            .stops
            .iter()
            .filter_map(|stop| self.pending.find(stop.as_str()))
            .min();
        if let Some(start) = first {
            self.pending.truncate(start);
            self.has_stopped = true;
        }
        self.has_stopped
    }

    /// The text before anything that may yet become a stop text.
    pub(crate) fn take_safe(&mut self) -> String {
        let held = if self.has_stopped {
            0
        } else {
            self.held_bytes()
        };
        let rest = self.pending.split_off(self.pending.len() - held);
        std::mem::replace(&mut self.pending, rest)
    }

    /// All that is left, at the end of an answer.
    pub(crate) fn take_rest(&mut self) -> String {
        std::mem::take(&mut self.pending)
    }

    /// Bytes of the longest end of the text that a stop text begins with.
    fn held_bytes(&self) -> usize {
        let held = |stop: &String| {
            let most = self.pending.len().min(stop.len() - 1);
            (1..=most)
                .rev()
                .filter(|&bytes| stop.is_char_boundary(bytes))
                .find(|&bytes| self.pending.ends_with(&stop[..bytes]))
        };
        self.stops.iter().filter_map(held).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said after each piece, and at the end.
    fn said(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool) {
        let stops: Vec<String> = stops.iter().map(|&stop| stop.to_owned()).collect();
        let mut texts = StopTexts::new(&stops);
        let mut said = Vec::new();
        for piece in pieces {
            let has_stopped = texts.push(piece);
            said.push(texts.take_safe());
            if has_stopped {
                return (said, true);
            }
        }
        said.push(texts.take_rest());
        (said, false)
    }

    #[test]
    fn without_stop_texts_all_is_said_at_once() {
        assert_eq!(
            said(&[], &["a", "b"]),
            (vec!["a".into(), "b".into(), String::new()], false)
        );
        assert_eq!(
            said(&[""], &["a"]),
            (vec!["a".into(), String::new()], false)
        );
    }

    #[test]
    fn a_stop_text_across_pieces_ends_the_answer() {
        let (pieces, has_stopped) = said(&["\n\nUser"], &["Hi.\n", "\nUs", "er: no"]);
        assert!(has_stopped);
        assert_eq!(pieces, ["Hi.", "", ""]);
    }

    #[test]
    fn what_only_began_like_a_stop_text_is_said_later() {
        let (pieces, has_stopped) = said(&["END"], &["the E", "N", "T"]);
        assert!(!has_stopped);
        assert_eq!(pieces, ["the ", "", "ENT", ""]);
        assert_eq!(said(&["END"], &["an E"]).0, ["an ", "E"]);
    }

    #[test]
    fn the_first_of_several_counts() {
        assert_eq!(said(&["c", "b"], &["abc"]), (vec!["a".into()], true));
    }

    #[test]
    fn characters_of_several_bytes_stay_whole() {
        let (pieces, has_stopped) = said(&["é!"], &["caf", "é", "s é", "!"]);
        assert!(has_stopped);
        assert_eq!(pieces.concat(), "cafés ");
    }
}
