//! The time that a benchmark is given: `INFERNO_BENCH_BUDGET`, as in `30s`.

use std::process::exit;
use std::time::Duration;

/// Exit code for wrong usage.
const USAGE: i32 = 2;

/// The budget, or `default` where none is set. Ends the program when what is set is no budget.
pub fn or(default: Duration) -> Duration {
    let text = std::env::var("INFERNO_BENCH_BUDGET").unwrap_or_default();
    if text.is_empty() {
        return default;
    }
    parse(&text).unwrap_or_else(|| {
        eprintln!("error: INFERNO_BENCH_BUDGET=`{text}` is no budget\nhint: write `30s` or `5m`");
        exit(USAGE);
    })
}

fn parse(text: &str) -> Option<Duration> {
    let (number, seconds_each) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s')?, 1),
    };
    let number: u64 = number.parse().ok()?;
    let seconds = number.checked_mul(seconds_each)?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_seconds_or_minutes() {
        for (text, seconds) in [
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("0s", None),
            ("5", None),
            ("-5s", None),
            ("soon", None),
        ] {
            assert_eq!(
                parse(text).map(|budget| budget.as_secs()),
                seconds,
                "{text}"
            );
        }
    }
}
