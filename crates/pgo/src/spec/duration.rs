//! Durations as people write them: `120s`, `5m`, `1m 30s`.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads a positive duration.
///
/// # Errors
/// A sentence that names the text and shows the form.
pub fn parse(text: &str) -> Result<Duration, String> {
    let duration = text
        .parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok());
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| {
            format!("`{text}` is not a positive duration: write `90s`, `5m` or `1m 30s`")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("120s", Some(120)),
            ("5m", Some(300)),
            ("1m 30s", Some(90)),
            ("1h", Some(3600)),
        ] {
            assert_eq!(
                parse(text).ok().map(|duration| duration.as_secs()),
                seconds,
                "{text}"
            );
        }
        for text in ["", "0s", "-5s", "soon", "5"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
