//! Criterion's figures as a table for the terminal.
//!
//! Takes what `inferno_measure::benchmarks` has read, and what did not fit into a budget; gives
//! text. There is no verdict in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use inferno_measure::benchmarks::{Benchmark, Interval};

use crate::figures;

/// A line per benchmark: time with its interval, change where there is one, outliers. `left_out` has
/// the reason by id.
pub fn benchmarks(found: &[Benchmark], left_out: &BTreeMap<String, String>) -> String {
    let header = ["benchmark", "time", "95 % interval", "change", "outliers"].map(String::from);
    let rows: Vec<[String; 5]> = std::iter::once(header)
        .chain(found.iter().map(row))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    for (id, reason) in left_out {
        let _infallible = writeln!(text, "{id}: left out, {reason}");
    }
    text
}

fn row(benchmark: &Benchmark) -> [String; 5] {
    let Interval { center, low, high } = benchmark.time_ns;
    let change = benchmark.change.map_or_else(
        || "–".to_owned(),
        |found| {
            let interval = figures::change_interval(1.0 + found.low, 1.0 + found.high);
            format!("{} ({interval})", figures::change(1.0 + found.center))
        },
    );
    [
        benchmark.id.clone(),
        time(center),
        format!("{} … {}", time(low), time(high)),
        change,
        format!("{} of {}", benchmark.outliers, benchmark.samples),
    ]
}

/// Nanoseconds in the unit that fits.
fn time(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let (scale, unit) = units
        .into_iter()
        .find(|(scale, _)| nanoseconds >= *scale)
        .unwrap_or((1.0, "ns"));
    format!("{:.3} {unit}", nanoseconds / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(center: f64) -> Interval {
        Interval {
            center,
            low: center * 0.9,
            high: center * 1.1,
        }
    }

    #[test]
    fn a_line_has_time_interval_change_and_outliers() {
        let found = [
            Benchmark {
                id: "g/a".into(),
                time_ns: interval(1_234_567.0),
                change: Some(Interval {
                    center: -0.1,
                    low: -0.11,
                    high: -0.09,
                }),
                outliers: 2,
                samples: 10,
            },
            Benchmark {
                id: "g/long".into(),
                time_ns: interval(12.0),
                change: None,
                outliers: 0,
                samples: 100,
            },
        ];
        let left_out = BTreeMap::from([("g/b".to_owned(), "it needs 3m".to_owned())]);
        let text = benchmarks(&found, &left_out).replace(figures::JOINER, " ");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("g/a        1.235 ms"), "{text}");
        assert!(lines[1].contains("−10.0 % (−11.0 % … −9.0 %)"), "{text}");
        assert!(lines[1].ends_with("2 of 10"), "{text}");
        assert!(lines[2].contains("12.000 ns"), "{text}");
        assert!(lines[2].contains('–'), "{text}");
        assert_eq!(lines[3], "g/b: left out, it needs 3m");
    }
}
