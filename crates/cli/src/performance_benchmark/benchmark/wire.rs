//! The way from a measuring process to the program that started it: a line of JSON per event.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use super::job::Line;

/// Standard output, for as long as somebody reads it.
#[derive(Debug, Default)]
pub(super) struct Wire {
    is_broken: AtomicBool,
}

impl Wire {
    /// Tells `line`. When nobody reads it, that is kept in mind.
    pub(super) fn say(&self, line: &Line) {
        if self.is_broken() {
            return;
        }
        let written = serde_json::to_vec(line)
            .map_err(io::Error::from)
            .and_then(|mut text| {
                text.push(b'\n');
                let mut out = io::stdout().lock();
                out.write_all(&text)?;
                out.flush()
            });
        if written.is_err() {
            self.is_broken.store(true, Ordering::Relaxed);
        }
    }

    /// Whether nobody reads any more.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }
}
