//! Rows for people: a block that is drawn anew in a terminal, plain lines elsewhere, and a summary.
//!
//! Takes rows; gives text. Pure: where it is written is not decided here.

use std::fmt::Write as _;

use inferno_measure::stats;

use super::row::Row;

/// Rows that a curve shows.
const CURVE_ROWS: usize = 40;

/// Width of a name and of a value in the block.
const WIDTHS: (usize, usize) = (14, 34);

/// Heights of a curve, the lowest first.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A value of a row with a curve.
struct Line {
    name: &'static str,
    value: fn(&Row) -> Option<f64>,
    text: fn(&Row) -> String,
}

const LINES: [Line; 8] = [
    Line {
        name: "CPU",
        value: |row| row.cpu_cores,
        text: cpu,
    },
    Line {
        name: "memory",
        value: |row| row.resident_bytes.map(|bytes| bytes as f64),
        text: memory,
    },
    Line {
        name: "threads",
        value: |row| row.threads.map(|threads| threads as f64),
        text: |row| {
            row.threads
                .map_or_else(missing, |threads| threads.to_string())
        },
    },
    Line {
        name: "requests",
        value: |row| row.requests_per_s,
        text: |row| quantity(row.requests_per_s, 2, "/s"),
    },
    Line {
        name: "tokens",
        value: |row| row.tokens_per_s,
        text: |row| quantity(row.tokens_per_s, 1, "/s"),
    },
    Line {
        name: "mean latency",
        value: |row| row.mean_latency_ms,
        text: |row| quantity(row.mean_latency_ms, 1, " ms"),
    },
    Line {
        name: "waiting",
        value: |row| row.waiting,
        text: |row| {
            let running = quantity(row.running, 0, "");
            format!("{}, running {running}", quantity(row.waiting, 0, ""))
        },
    },
    Line {
        name: "cache hits",
        value: |row| row.cache_hit_ratio,
        text: |row| quantity(row.cache_hit_ratio.map(|ratio| ratio * 100.0), 1, " %"),
    },
];

/// The block for the last of `rows`, over the block before when `is_redrawn`.
pub(super) fn block(rows: &[Row], is_redrawn: bool) -> String {
    let Some(row) = rows.last() else {
        return String::new();
    };
    let mut text = String::new();
    if is_redrawn {
        // Up to the first line of the block.
        let _ = write!(text, "\x1b[{}A", LINES.len() + 1);
    }
    // Each line is emptied first: the one before may have been longer.
    let _ = write!(text, "\x1b[2K{} at {:.1} s", row.source, row.at_s);
    write_problem(&mut text, row);
    text.push('\n');
    let shown = &rows[rows.len().saturating_sub(CURVE_ROWS)..];
    let (name_width, value_width) = WIDTHS;
    for line in &LINES {
        let values: Vec<_> = shown.iter().map(line.value).collect();
        let (name, value) = (line.name, (line.text)(row));
        let curve = curve(&values);
        let _ = writeln!(
            text,
            "\x1b[2K  {name:name_width$}{value:value_width$}{curve}"
        );
    }
    text
}

/// One line for `row`.
pub(super) fn plain_line(row: &Row) -> String {
    let mut text = format!("{:.1} s", row.at_s);
    for line in &LINES {
        let _ = write!(text, "  {} {}", line.name, (line.text)(row));
    }
    write_problem(&mut text, row);
    text.push('\n');
    text
}

/// Appends what could not be read, on the same line.
fn write_problem(text: &mut String, row: &Row) {
    if let Some(problem) = &row.problem {
        let _ = write!(text, "  ({})", problem.replace('\n', " "));
    }
}

/// Name, value, digits and unit.
type Column = (&'static str, fn(&Row) -> Option<f64>, usize, &'static str);

/// What all rows come to.
pub(super) fn summary(rows: &[Row]) -> String {
    let mut text = format!("{} intervals\n", rows.len());
    let columns: [Column; 5] = [
        ("CPU", |row| row.cpu_cores, 2, " processors"),
        (
            "anonymous memory",
            |row| row.anonymous_bytes.map(megabytes),
            1,
            " MB",
        ),
        ("requests", |row| row.requests_per_s, 2, "/s"),
        ("tokens", |row| row.tokens_per_s, 1, "/s"),
        ("mean latency", |row| row.mean_latency_ms, 1, " ms"),
    ];
    for (name, value, digits, unit) in columns {
        let values: Vec<f64> = rows.iter().filter_map(value).collect();
        let Some(median) = stats::median(&values) else {
            let _ = writeln!(text, "  {name:18}not measured");
            continue;
        };
        let most = values.iter().copied().fold(f64::MIN, f64::max);
        let figures = [
            ("median", Some(median)),
            ("most", Some(most)),
            ("first", values.first().copied()),
            ("last", values.last().copied()),
        ];
        let figures =
            figures.map(|(what, value)| format!("{what} {}", quantity(value, digits, "")));
        let _ = writeln!(text, "  {name:18}{}{unit}", figures.join(", "));
    }
    text
}

/// Heights of `values` from 0 to the largest; a gap for what is missing.
fn curve(values: &[Option<f64>]) -> String {
    let most = values.iter().copied().flatten().fold(0.0, f64::max);
    let height = |value: f64| {
        let share = if most > 0.0 { value / most } else { 0.0 };
        let highest = HEIGHTS.len() - 1;
        HEIGHTS[((share * highest as f64).round() as usize).min(highest)]
    };
    values
        .iter()
        .map(|value| value.map_or(' ', height))
        .collect()
}

fn cpu(row: &Row) -> String {
    let share = row.cpu_share.map_or_else(String::new, |share| {
        format!(" ({:.1} % of what it may use)", share * 100.0)
    });
    format!("{}{share}", quantity(row.cpu_cores, 2, ""))
}

fn memory(row: &Row) -> String {
    let of = |bytes: Option<u64>| quantity(bytes.map(megabytes), 1, " MB");
    format!(
        "{}, anonymous {}",
        of(row.resident_bytes),
        of(row.anonymous_bytes)
    )
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn quantity(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or_else(missing, |value| format!("{value:.digits$}{unit}"))
}

fn missing() -> String {
    "n/a".to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::process::ProcessReading;
    use super::super::row::Reading;
    use super::*;

    fn row(cpu_ms: u64) -> Row {
        let earlier = Reading {
            process: ProcessReading {
                cpu_time: Some(Duration::ZERO),
                ..ProcessReading::default()
            },
            ..Reading::default()
        };
        let later = Reading {
            at: Duration::from_secs(1),
            process: ProcessReading {
                cpu_time: Some(Duration::from_millis(cpu_ms)),
                resident_bytes: Some(131_000_000),
                anonymous_bytes: Some(21_000_000),
                threads: Some(9),
            },
            ..Reading::default()
        };
        Row::between(&earlier, &later, Some(2.0), "process 4242")
    }

    #[test]
    fn a_curve_goes_from_nothing_to_the_largest_value() {
        assert_eq!(curve(&[Some(0.0), Some(7.0), None, Some(3.5)]), "▁█ ▅");
        assert_eq!(curve(&[Some(0.0)]), "▁");
        assert_eq!(curve(&[None]), " ");
    }

    #[test]
    fn a_block_is_drawn_over_the_one_before() {
        let rows = [row(500), row(1500)];
        let first = block(&rows[..1], false);
        let second = block(&rows, true);
        assert!(
            first.starts_with("\x1b[2Kprocess 4242 at 1.0 s\n"),
            "{first:?}"
        );
        let count = first.lines().count();
        assert!(second.starts_with(&format!("\x1b[{count}A")), "{second:?}");
        assert!(
            second.contains("1.50 (75.0 % of what it may use)"),
            "{second}"
        );
        assert!(second.contains("131.0 MB, anonymous 21.0 MB"), "{second}");
        assert!(second.contains("n/a"), "{second}");
    }

    #[test]
    fn a_plain_line_has_no_control_characters() {
        let line = plain_line(&row(500));
        assert!(line.starts_with("1.0 s  CPU 0.50"), "{line}");
        assert!(
            line.trim_end()
                .chars()
                .all(|character| !character.is_control())
        );
    }

    #[test]
    fn the_summary_says_what_was_not_measured() {
        let text = summary(&[row(500), row(1500), row(1000)]);
        assert!(text.starts_with("3 intervals\n"), "{text}");
        assert!(
            text.contains("median 1.00, most 1.50, first 0.50, last 1.00"),
            "{text}"
        );
        assert!(text.contains("not measured"), "{text}");
        assert!(summary(&[]).contains("not measured"));
    }
}
