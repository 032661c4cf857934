//! Reads a length of time from the command line.

use std::time::Duration;

/// The longest length of time, a year: what is longer is a mistake, and some clocks cannot add it to now.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// A number of seconds greater than 0 and at most [`LONGEST`], such as `30` or `0.5`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
        .ok_or_else(|| {
            let most = LONGEST.as_secs();
            format!("{text} s is no length of time greater than 0 and up to a year ({most} s)")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_numbers_greater_than_zero_and_at_most_a_year() {
        assert_eq!(parse("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse(" 0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("31536000"), Ok(LONGEST));
        for bad in [
            "", "0", "-1", "nan", "inf", "1e300", "1e11", "31536001", "5m",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
