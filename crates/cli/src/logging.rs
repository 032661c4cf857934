//! What the program says about its own work, on standard error: `INFERNO_LOG_LEVEL` says how much.
//!
//! Takes the level, once, before the command begins. Results, progress and the errors that end a command
//! are not logged: they are said whatever the level is. No log line has a prompt, an answer or a key.

use std::env::{self, VarError};

use tracing::level_filters::LevelFilter;

use crate::failure::Failure;

/// The variable.
pub(crate) const VARIABLE: &str = "INFERNO_LOG_LEVEL";

/// Without the variable.
const DEFAULT: LevelFilter = LevelFilter::WARN;

/// Begins to log.
///
/// # Errors
/// When the variable says something else than a level.
pub(crate) fn start() -> Result<(), Failure> {
    let level = match env::var(VARIABLE) {
        Ok(text) => level(&text).ok_or(Failure::BadLogLevel(text))?,
        Err(VarError::NotPresent) => DEFAULT,
        Err(VarError::NotUnicode(text)) => {
            return Err(Failure::BadLogLevel(text.to_string_lossy().into_owned()));
        }
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
    Ok(())
}

/// The level that `text` names, in upper or lower case; empty, as if it were not set.
fn level(text: &str) -> Option<LevelFilter> {
    if text.is_empty() {
        return Some(DEFAULT);
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names() {
        for (text, expected) in [
            ("", Some(LevelFilter::WARN)),
            ("off", Some(LevelFilter::OFF)),
            ("Info", Some(LevelFilter::INFO)),
            ("TRACE", Some(LevelFilter::TRACE)),
            ("verbose", None),
            (" info", None),
            ("3", Some(LevelFilter::INFO)),
        ] {
            assert_eq!(level(text), expected, "{text:?}");
        }
    }
}
