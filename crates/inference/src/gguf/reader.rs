//! Reads little-endian numbers and strings, and never more than the file has left.
//!
//! Takes a source and its size; gives values, or says at which byte what was missing. No length
//! that the file states is allocated before it has been compared with the bytes that remain.

use std::io::Read;

use super::Problem;

/// A source that knows where it is and what is left.
pub(super) struct Reader<'a, R> {
    source: std::io::BufReader<&'a mut R>,
    position: u64,
    file_bytes: u64,
}

impl<'a, R: Read> Reader<'a, R> {
    /// Reads `source` from its start; `file_bytes` is its size.
    pub(super) fn new(source: &'a mut R, file_bytes: u64) -> Self {
        Self {
            source: std::io::BufReader::with_capacity(1 << 16, source),
            position: 0,
            file_bytes,
        }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Size of the whole file, in bytes.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Bytes not yet read.
    pub(super) fn remaining(&self) -> u64 {
        self.file_bytes - self.position
    }

    /// The next `N` bytes; `what` is told when they are missing.
    pub(super) fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Problem> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, Problem> {
        self.bytes(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, Problem> {
        self.bytes(what).map(u64::from_le_bytes)
    }

    /// A string of at most `max_bytes` bytes.
    pub(super) fn string(&mut self, what: &str, max_bytes: u64) -> Result<String, Problem> {
        let length = self.u64(what)?;
        if length > max_bytes.min(self.remaining()) {
            return Err(self.problem(&format!(
                "{what} claims {length} bytes; at most {} are possible",
                max_bytes.min(self.remaining())
            )));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes, what)?;
        String::from_utf8(bytes).map_err(|_| self.problem(&format!("{what} is not UTF-8")))
    }

    /// Reads over `count` values of `size` bytes each.
    pub(super) fn skip(&mut self, count: u64, size: u64, what: &str) -> Result<(), Problem> {
        self.check_room(count, size, what)?;
        let mut left = count * size;
        let mut chunk = [0; 4096];
        while left > 0 {
            let step = left.min(chunk.len() as u64) as usize;
            self.fill(&mut chunk[..step], what)?;
            left -= step as u64;
        }
        Ok(())
    }

    /// Fails when `count` values of at least `size` bytes each cannot be in what remains.
    pub(super) fn check_room(&self, count: u64, size: u64, what: &str) -> Result<(), Problem> {
        let fits = count
            .checked_mul(size)
            .is_some_and(|bytes| bytes <= self.remaining());
        if fits {
            Ok(())
        } else {
            Err(self.problem(&format!(
                "{what} claims {count} values; only {} bytes are left",
                self.remaining()
            )))
        }
    }

    /// A problem at the current byte.
    pub(super) fn problem(&self, text: &str) -> Problem {
        Problem::corrupt(format!("{text} (at byte {})", self.position))
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<(), Problem> {
        if bytes.len() as u64 > self.remaining() {
            return Err(self.problem(&format!("it ends within {what}: it is truncated")));
        }
        self.source
            .read_exact(bytes)
            .map_err(|error| self.problem(&format!("{what} cannot be read: {error}")))?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}
