//! Criterion's figures as a table for the terminal.
//!
//! Takes what `inferno_measure::benchmarks` has read, and what did not fit into a budget; gives
//! text. There is no verdict in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use inferno_measure::benchmarks::{Benchmark, Interval};

use crate::figures;
use crate::terminal::readable;

/// What a table compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against<'a> {
    /// The same benchmark when it was run last.
    LastRun,
    /// The same benchmark, as it was kept under this name.
    Kept(&'a str),
    /// Of benchmarks that end in `/candidate`, the one beside it that ends in `/baseline`.
    Baseline,
}

impl Against<'_> {
    fn header(self) -> String {
        match self {
            Self::LastRun => "since the last run".to_owned(),
            Self::Kept(name) => format!("since {}", readable(name)),
            Self::Baseline => "candidate against baseline".to_owned(),
        }
    }
}

/// A line per benchmark: time with its interval, how it compares, outliers. Compared is with the
/// results that were kept under the name `kept`; without it arms with each other, and all other
/// benchmarks with their last run. `left_out` has the reason by id.
pub fn benchmarks(
    found: &[Benchmark],
    left_out: &BTreeMap<String, String>,
    kept: Option<&str>,
) -> String {
    let is_arm = |benchmark: &&Benchmark| {
        let arms = ["/baseline", "/candidate"];
        kept.is_none() && arms.iter().any(|arm| benchmark.id.ends_with(arm))
    };
    let (arms, others): (Vec<&Benchmark>, Vec<&Benchmark>) = found.iter().partition(is_arm);
    let tables = [
        table(&arms, Against::Baseline),
        table(&others, kept.map_or(Against::LastRun, Against::Kept)),
    ];
    let tables: Vec<String> = tables.into_iter().flatten().collect();
    let mut text = tables.join("\n");
    for (id, reason) in left_out {
        let _infallible = writeln!(text, "{}: left out, {}", readable(id), readable(reason));
    }
    text
}

/// `None` without benchmarks.
fn table(found: &[&Benchmark], against: Against<'_>) -> Option<String> {
    if found.is_empty() {
        return None;
    }
    let header = [
        "benchmark".to_owned(),
        "time".to_owned(),
        "95 % interval".to_owned(),
        against.header(),
        "outliers".to_owned(),
    ];
    let rows: Vec<[String; 5]> = std::iter::once(header)
        .chain(found.iter().map(|benchmark| row(benchmark, found, against)))
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
    Some(text)
}

fn row(benchmark: &Benchmark, found: &[&Benchmark], against: Against<'_>) -> [String; 5] {
    let Interval { center, low, high } = benchmark.time_ns;
    let compared = match against {
        Against::Baseline => ratio(benchmark, found),
        Against::LastRun | Against::Kept(_) => benchmark.change.map(|found| {
            let interval = figures::change_interval(1.0 + found.low, 1.0 + found.high);
            format!("{} ({interval})", figures::change(1.0 + found.center))
        }),
    };
    [
        readable(&benchmark.id),
        time(center),
        format!("{} … {}", time(low), time(high)),
        compared.unwrap_or_else(|| "–".to_owned()),
        format!("{} of {}", benchmark.outliers, benchmark.samples),
    ]
}

/// The change from the baseline's time to the candidate's, between the bounds that both intervals
/// allow: wider than an interval over pairs, which `cargo xtask pgo` has.
fn ratio(candidate: &Benchmark, found: &[&Benchmark]) -> Option<String> {
    let scenario = candidate.id.strip_suffix("/candidate")?;
    let is_baseline = |other: &&&Benchmark| other.id.strip_suffix("/baseline") == Some(scenario);
    let baseline = found.iter().find(is_baseline)?;
    let (candidate, baseline) = (candidate.time_ns, baseline.time_ns);
    let change = figures::change(candidate.center / baseline.center);
    let bounds =
        figures::change_interval(candidate.low / baseline.high, candidate.high / baseline.low);
    Some(format!("{change} ({bounds})"))
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
        let text = benchmarks(&found, &left_out, None).replace(figures::JOINER, " ");
        assert!(
            text.lines()
                .next()
                .is_some_and(|head| head.contains("since the last run"))
        );
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("g/a        1.235 ms"), "{text}");
        assert!(lines[1].contains("−10.0 % (−11.0 % … −9.0 %)"), "{text}");
        assert!(lines[1].ends_with("2 of 10"), "{text}");
        assert!(lines[2].contains("12.000 ns"), "{text}");
        assert!(lines[2].contains('–'), "{text}");
        assert_eq!(lines[3], "g/b: left out, it needs 3m");
    }

    #[test]
    fn a_candidate_stands_beside_its_own_baseline() {
        let benchmark = |id: &str, time_ns: f64| Benchmark {
            id: id.into(),
            time_ns: interval(time_ns),
            change: Some(interval(0.5)),
            outliers: 0,
            samples: 10,
        };
        let found = [
            benchmark("g/a/baseline", 100.0),
            benchmark("g/a/candidate", 90.0),
            benchmark("g/b\u{1b}/candidate", 80.0),
        ];
        let text = benchmarks(&found, &BTreeMap::new(), None);
        let text = text.replace(figures::JOINER, " ");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("candidate against baseline"), "{text}");
        assert!(lines[1].contains('–'), "{text}");
        assert!(lines[2].contains("−10.0 % (−26.4 % … +10.0 %)"), "{text}");
        assert!(
            lines[3].contains("g/b\u{fffd}/candidate") && lines[3].contains('–'),
            "{text}"
        );
    }

    #[test]
    fn the_column_says_what_it_compares_with() {
        let benchmark = |id: &str| Benchmark {
            id: id.into(),
            time_ns: interval(1.0),
            change: None,
            outliers: 0,
            samples: 10,
        };
        let found = [benchmark("g/a/baseline"), benchmark("parts/tokenizer")];
        let text = benchmarks(&found, &BTreeMap::new(), None);
        let tables: Vec<&str> = text.split("\n\n").collect();
        assert!(tables[0].contains("candidate against baseline"), "{text}");
        assert!(tables[1].contains("since the last run"), "{text}");
        let text = benchmarks(&found, &BTreeMap::new(), Some("main"));
        assert!(
            text.contains("since main") && !text.contains("\n\n"),
            "{text}"
        );
    }
}
