//! Numbers as people read them: changes, shares, times, sizes, hashes.
//!
//! A number and its unit are joined by a no-break space, so that layouts do not separate them.

/// Joins a number and its unit; renderers print it as a space.
pub(crate) const JOINER: char = '\u{a0}';

const MINUS: char = '−';

/// A ratio of times (candidate ÷ baseline) as a change: 0.974 is `−2.6 %`.
pub(crate) fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    let sign = match percent {
        percent if percent < 0.0 => String::from(MINUS),
        percent if percent > 0.0 => "+".to_owned(),
        _ => String::new(),
    };
    format!("{sign}{:.1}{JOINER}%", percent.abs())
}

/// The change over an interval of ratios: `−4.2 % … −1.1 %`.
pub(crate) fn change_interval(low: f64, high: f64) -> String {
    format!("{}{JOINER}…{JOINER}{}", change(low), change(high))
}

/// A share as per cent, with two decimals where one would say nothing: 0.0123 is `1.2 %`. What two
/// would round to zero is `< 0.01 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.005 {
        format!("<{JOINER}0.01{JOINER}%")
    } else if percent != 0.0 && percent.abs() < 0.1 {
        format!("{percent:.2}{JOINER}%")
    } else {
        format!("{percent:.1}{JOINER}%")
    }
}

/// A share that somebody chose, without decimals that say nothing: 0.01 is `1 %`.
pub(crate) fn limit(share: f64) -> String {
    let rounded = (share * 100.0).round();
    if (rounded - share * 100.0).abs() < 1e-9 {
        format!("{rounded:.0}{JOINER}%")
    } else {
        percent(share)
    }
}

/// A span of wall time, given in seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 119.5 => {
            let whole = s.round() as u64;
            format!(
                "{}{JOINER}min{JOINER}{:02}{JOINER}s",
                whole / 60,
                whole % 60
            )
        }
        s if s >= 1.0 => format!("{s:.1}{JOINER}s"),
        s if s >= 1e-3 => format!("{}{JOINER}ms", three_digits(s * 1e3)),
        s if s > 0.0 => format!("{}{JOINER}µs", three_digits(s * 1e6)),
        _ => format!("0{JOINER}s"),
    }
}

/// A size in decimal units.
pub(crate) fn bytes(size_bytes: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    UNITS
        .iter()
        .find(|(scale, _)| size_bytes >= *scale)
        .map_or_else(
            || format!("{size_bytes:.0}{JOINER}bytes"),
            |(scale, unit)| format!("{}{JOINER}{unit}", three_digits(size_bytes / scale)),
        )
}

/// A value with the unit that the record states; times and sizes in a readable scale.
pub(crate) fn value(value: f64, unit: &str) -> String {
    match unit {
        "ns" => seconds(value / 1e9),
        "us" | "µs" => seconds(value / 1e6),
        "ms" => seconds(value / 1e3),
        "s" => seconds(value),
        "bytes" | "B" => bytes(value),
        "" | "faults" => three_digits(value),
        "%" => format!("{value:.1}{JOINER}%"),
        _ => format!("{}{JOINER}{unit}", three_digits(value)),
    }
}

/// A count with thousands separated.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Large counts of both arms in one scale: `1.23 G → 0.98 G`.
pub(crate) fn both_counts(baseline: f64, candidate: f64) -> String {
    const SCALES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let larger = baseline.max(candidate);
    let scale = SCALES.iter().find(|(scale, _)| larger >= *scale);
    let scaled = |count: f64| {
        scale.map_or_else(
            || three_digits(count),
            |(scale, prefix)| format!("{}{JOINER}{prefix}", three_digits(count / scale)),
        )
    };
    format!("{}{JOINER}→{JOINER}{}", scaled(baseline), scaled(candidate))
}

/// `1 pair`, `2 pairs`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// The first digits of a SHA-256: enough to tell files of one report apart.
pub(crate) fn short_hash(sha256: &str) -> String {
    sha256.chars().take(12).collect()
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 99_999.5 => count_or_plain(value),
        magnitude if magnitude >= 99.95 || magnitude == 0.0 => format!("{value:.0}"),
        magnitude if magnitude >= 9.995 => format!("{value:.1}"),
        magnitude if magnitude >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

fn count_or_plain(value: f64) -> String {
    if value.is_finite() && value > 0.0 {
        count(value.round() as u64)
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaced(figure: &str) -> String {
        figure.replace(JOINER, " ")
    }

    #[test]
    fn changes_keep_their_sign() {
        for (ratio, expected) in [
            (0.974, "−2.6 %"),
            (1.026, "+2.6 %"),
            (1.0, "0.0 %"),
            (0.9998, "−0.0 %"),
            (2.5, "+150.0 %"),
        ] {
            assert_eq!(spaced(&change(ratio)), expected, "{ratio}");
        }
        assert_eq!(spaced(&change_interval(0.958, 0.989)), "−4.2 % … −1.1 %");
    }

    #[test]
    fn shares_show_what_one_decimal_would_hide() {
        for (share, expected) in [
            (0.0, "0.0 %"),
            (0.000_04, "< 0.01 %"),
            (0.0004, "0.04 %"),
            (0.0123, "1.2 %"),
            (1.0, "100.0 %"),
        ] {
            assert_eq!(spaced(&percent(share)), expected, "{share}");
        }
    }

    #[test]
    fn limits_have_no_needless_decimals() {
        for (share, expected) in [(0.01, "1 %"), (0.3, "30 %"), (0.005, "0.5 %")] {
            assert_eq!(spaced(&limit(share)), expected, "{share}");
        }
    }

    #[test]
    fn times_choose_their_unit() {
        for (given, expected) in [
            (0.0, "0 s"),
            (0.000_012_3, "12.3 µs"),
            (0.0851, "85.1 ms"),
            (0.9996, "1000 ms"),
            (46.04, "46.0 s"),
            (119.9, "2 min 00 s"),
            (1803.0, "30 min 03 s"),
        ] {
            assert_eq!(spaced(&seconds(given)), expected, "{given}");
        }
    }

    #[test]
    fn values_follow_their_unit() {
        for (given, unit, expected) in [
            (85_100_000.0, "ns", "85.1 ms"),
            (5_021_000.0, "bytes", "5.02 MB"),
            (512.0, "bytes", "512 bytes"),
            (47.961, "tokens/s", "48.0 tokens/s"),
            (93.25, "%", "93.2 %"),
            (1_234_567.0, "", "1,234,567"),
        ] {
            assert_eq!(spaced(&value(given, unit)), expected, "{given} {unit}");
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (given, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (212_247_807, "212,247,807"),
        ] {
            assert_eq!(count(given), expected);
        }
        for (baseline, candidate, expected) in [
            (1.23e9, 0.98e9, "1.23 G → 0.98 G"),
            (980e6, 1.0e9, "0.98 G → 1.00 G"),
            (213_955_375.0, 170e6, "214 M → 170 M"),
            (1500.0, 20.5, "1.50 k → 0.0205 k"),
            (600.0, 590.0, "600 → 590"),
        ] {
            assert_eq!(spaced(&both_counts(baseline, candidate)), expected);
        }
        assert_eq!(plural(1, "scenario"), "1 scenario");
        assert_eq!(plural(0, "scenario"), "0 scenarios");
    }
}
