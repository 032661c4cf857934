//! What a Magika model sees of a file.
//!
//! Takes the content of a file; gives the numbers of its first and of its last bytes, or the label
//! that needs no model. The model sees neither white space around the content nor what is far from
//! both ends.

use serde::Deserialize;

/// More than any size of such a model.
const MAX_SIZE: usize = 1 << 20;

/// What `config.min.json` says, as far as it matters here, in the names of that file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ConfigFile {
    beg_size: usize,
    mid_size: usize,
    end_size: usize,
    block_size: usize,
    use_inputs_at_offsets: bool,
    min_file_size_for_dl: usize,
    padding_token: i32,
    pub(super) target_labels_space: Vec<String>,
}

/// How a file becomes a row of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    /// Bytes from the beginning.
    beginning: usize,
    /// Bytes from the end.
    end: usize,
    /// Bytes at either end among which those are looked for.
    block: usize,
    /// Bytes at the beginning that the model needs at least.
    least: usize,
    /// Stands where there is no byte.
    padding: i32,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepared {
    /// A row of numbers for the model.
    Row,
    /// It has this label, by a rule.
    Ruled(&'static str),
}

impl Features {
    /// What `config` says, or why it cannot be done.
    pub(super) fn new(config: &ConfigFile) -> Result<Self, String> {
        if config.mid_size != 0 || config.use_inputs_at_offsets {
            return Err("it asks for bytes from within the file".to_owned());
        }
        if config.target_labels_space.is_empty() {
            return Err("it has no labels".to_owned());
        }
        if (0..=255).contains(&config.padding_token) {
            return Err(format!(
                "its padding {} is a byte as well",
                config.padding_token
            ));
        }
        let sizes = [
            ("beg_size", config.beg_size, MAX_SIZE),
            ("end_size", config.end_size, MAX_SIZE),
            ("block_size", config.block_size, MAX_SIZE),
            (
                "min_file_size_for_dl",
                config.min_file_size_for_dl,
                config.beg_size,
            ),
        ];
        for (name, size, most) in sizes {
            if !(1..=most).contains(&size) {
                return Err(format!("{name} is {size}; 1 to {most} was expected"));
            }
        }
        Ok(Self {
            beginning: config.beg_size,
            end: config.end_size,
            block: config.block_size,
            least: config.min_file_size_for_dl,
            padding: config.padding_token,
        })
    }

    /// Numbers of one row.
    pub(super) fn count(&self) -> usize {
        self.beginning + self.end
    }

    /// Appends the row for `content` to `rows`, unless a rule gives its label.
    pub(super) fn prepare(&self, content: &[u8], rows: &mut Vec<i32>) -> Prepared {
        let block = self.block.min(content.len());
        let (first_block, last_block) = (&content[..block], &content[content.len() - block..]);
        let first = trim_start(first_block);
        let first = &first[..self.beginning.min(first.len())];
        if first.len() < self.least {
            return Prepared::Ruled(if content.is_empty() {
                "empty"
            } else if std::str::from_utf8(first_block).is_ok() {
                "txt"
            } else {
                "unknown"
            });
        }
        let last = trim_end(last_block);
        let last = &last[last.len().saturating_sub(self.end)..];
        let begun = rows.len();
        rows.extend(first.iter().copied().map(i32::from));
        // Behind the first bytes and before the last ones.
        rows.resize(begun + self.count() - last.len(), self.padding);
        rows.extend(last.iter().copied().map(i32::from));
        Prepared::Row
    }
}

/// White space as Python's `bytes.strip` has it, with which the model was trained.
fn is_white_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_white_space(byte));
    &bytes[start.unwrap_or(bytes.len())..]
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|&byte| !is_white_space(byte));
    &bytes[..last.map_or(0, |last| last + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ConfigFile {
        ConfigFile {
            beg_size: 4,
            mid_size: 0,
            end_size: 3,
            block_size: 8,
            use_inputs_at_offsets: false,
            min_file_size_for_dl: 2,
            padding_token: 256,
            target_labels_space: vec!["txt".to_owned()],
        }
    }

    /// The row for `content`, with `.` for the padding; or the label that a rule gives.
    fn prepared(content: &[u8]) -> String {
        let mut rows = vec![7];
        let features = Features::new(&config()).expect("supported");
        match features.prepare(content, &mut rows) {
            Prepared::Ruled(label) => {
                assert_eq!(rows, [7], "a rule adds no row");
                label.to_owned()
            }
            Prepared::Row => {
                assert_eq!(rows.len(), 1 + features.count());
                let shown = |&number: &i32| u8::try_from(number).map_or('.', char::from);
                rows[1..].iter().map(shown).collect()
            }
        }
    }

    #[test]
    fn a_row_is_the_first_and_the_last_bytes() {
        let cases: [(&[u8], &str); 6] = [
            (b"abcdefg", "abcdefg"),
            (b"abcdefghijklmnop", "abcdnop"),
            (b"ab", "ab...ab"),
            (b"abc", "abc.abc"),
            // The white space of each end counts for that end alone.
            (b" \t\r\n\x0b\x0cab", "ab..\x0cab"),
            (b"ab \n", "ab \n.ab"),
        ];
        for (content, row) in cases {
            assert_eq!(prepared(content), row, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn white_space_is_looked_through_no_further_than_a_block() {
        assert_eq!(prepared(b"      abcdefgh"), "ab..fgh");
        assert_eq!(prepared(b"abcdefgh      "), "abcd.gh");
        assert_eq!(prepared(b"        abcdefgh"), "txt");
        assert_eq!(prepared(b"abcdefgh        "), "abcd...");
    }

    #[test]
    fn too_little_for_the_model_has_its_label_by_a_rule() {
        let cases: [(&[u8], &str); 5] = [
            (b"", "empty"),
            (b"a", "txt"),
            (b" \n a", "txt"),
            (b"\xff", "unknown"),
            (b"        \xff", "txt"),
        ];
        for (content, label) in cases {
            assert_eq!(prepared(content), label, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn other_configurations_are_refused() {
        type Change = fn(&mut ConfigFile);
        let changes: [(Change, &str); 7] = [
            (|config| config.mid_size = 1, "within"),
            (|config| config.use_inputs_at_offsets = true, "within"),
            (|config| config.target_labels_space.clear(), "labels"),
            (|config| config.padding_token = 0, "padding"),
            (|config| config.beg_size = 0, "beg_size"),
            (|config| config.block_size = usize::MAX, "block_size"),
            (
                |config| config.min_file_size_for_dl = 5,
                "min_file_size_for_dl",
            ),
        ];
        for (change, named) in changes {
            let mut config = config();
            change(&mut config);
            let problem = Features::new(&config).expect_err(named);
            assert!(problem.contains(named), "{problem}");
        }
    }

    #[test]
    fn keys_that_do_not_matter_are_passed_over() {
        let text = r#"{"beg_size":1024,"mid_size":0,"end_size":1024,"use_inputs_at_offsets":false,
            "medium_confidence_threshold":0.5,"min_file_size_for_dl":8,"padding_token":256,
            "block_size":4096,"target_labels_space":["txt"],"thresholds":{"txt":0.9},
            "overwrite_map":{"randomtxt":"txt"},"protection":"none","version_major":3}"#;
        let config: ConfigFile = serde_json::from_str(text).expect("a configuration");
        assert_eq!(Features::new(&config).expect("supported").count(), 2048);
    }
}
