//! Puts text together from tokens that end in the middle of a character.
//!
//! Takes one token at a time; gives the text that is complete by then. Nothing is decoded twice,
//! and bytes that can never become a character come out as U+FFFD.

use super::Tokenizer;

/// The text of one answer, as it grows.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The start of a character whose end has not come yet: at most 3 bytes between calls.
    pending: Vec<u8>,
}

impl<'a> TextStream<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Self {
            tokenizer,
            pending: Vec::new(),
        }
    }

    /// Takes in `token` and gives the characters that are complete now.
    pub fn push(&mut self, token: u32) -> String {
        if let Some(text) = self.tokenizer.text_of(token) {
            for character in text.chars() {
                if let Some(byte) = byte_of(character) {
                    self.pending.push(byte);
                } else {
                    // Not of the byte-level alphabet: a user-defined token is plain text.
                    let mut buffer = [0; 4];
                    let encoded = character.encode_utf8(&mut buffer);
                    self.pending.extend_from_slice(encoded.as_bytes());
                }
            }
        }
        self.take_complete()
    }

    /// Ends the answer and gives what is left, which is not a whole character.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }

    fn take_complete(&mut self) -> String {
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(complete) => {
                    text.push_str(complete);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
                    let Some(invalid) = error.error_len() else {
                        self.pending.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending.drain(..valid + invalid);
                }
            }
        }
    }
}

/// The byte that `character` stands for in a byte-level vocabulary: printable Latin-1 characters
/// stand for themselves, the 68 other bytes for U+0100 to U+0143 in ascending order (GPT-2's
/// `bytes_to_unicode`).
fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_byte_has_one_character() {
        let bytes: Vec<u8> = ('\0'..='\u{200}').filter_map(byte_of).collect();
        let distinct: BTreeSet<u8> = bytes.iter().copied().collect();
        assert_eq!((bytes.len(), distinct.len()), (256, 256));
    }

    #[test]
    fn the_characters_are_those_of_gpt2() {
        for (character, byte) in [
            ('Ġ', b' '),
            ('Ċ', b'\n'),
            ('a', b'a'),
            ('Ã', 0xc3),
            ('Ń', 0xad),
        ] {
            assert_eq!(byte_of(character), Some(byte), "{character}");
        }
        assert_eq!(byte_of(' '), None);
        assert_eq!(byte_of('€'), None);
    }
}
