//! Go's benchmark text format, which benchstat reads (<https://golang.org/design/14313-benchmark-format>):
//! `BenchmarkName/key=value iterations value unit`, a line per sample.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use inferno_measure::comparison::{Comparison, Row};

use super::unique;

/// Every judged sample as a line; `benchstat -col /arm FILE` puts the arms side by side. benchstat
/// takes all samples for independent, so its intervals are narrower than ours.
pub fn benchstat(comparison: &Comparison) -> String {
    let mut text = String::new();
    let mut taken = BTreeSet::new();
    for row in &comparison.rows {
        let name = unique(&plain(&row.name), &mut taken);
        lines(&mut text, &name, row);
    }
    text
}

fn lines(text: &mut String, name: &str, row: &Row) {
    let arms = [
        ("baseline", &row.samples.baseline_ns),
        ("candidate", &row.samples.candidate_ns),
    ];
    for (arm, samples_ns) in arms {
        for sample_ns in samples_ns {
            let _infallible = writeln!(text, "Benchmark{name}/arm={arm} 1 {sample_ns} ns/op");
        }
    }
}

/// A name that the format can hold: no space, no `=` (it starts a value), a capital first. The
/// arm's part follows, so that a number at the end is not read as the number of processors.
fn plain(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.' | '_');
    let plain: String = name
        .chars()
        .map(|c| if kept(c) { c } else { '_' })
        .collect();
    let mut characters = plain.chars();
    match characters.next() {
        Some(first) if first.is_ascii_alphabetic() => {
            first.to_ascii_uppercase().to_string() + characters.as_str()
        }
        _ => format!("X{plain}"),
    }
}
