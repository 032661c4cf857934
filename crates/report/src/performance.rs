//! Results of performance benchmarks as text: figures with their intervals, targets, what has changed.
//!
//! Takes results, targets and comparisons of `inferno-measure`, gives text for the terminal, Markdown
//! and HTML. Like the rest of the crate it reads no file and judges nothing; what was not measured is
//! said to be so, with what it would take.

mod change;
mod facts;
mod figure;

use inferno_measure::performance::PerformanceResult;
use inferno_measure::performance::comparison::PerformanceComparison;
use inferno_measure::performance::targets::TargetOutcome;

use crate::terminal::Style;
use crate::{html, markdown, terminal};

pub use change::obstacles;
pub(crate) use facts::{FIGURES, document};
pub(crate) use figure::told;

/// What a page of results shows.
#[derive(Debug, Clone, Copy)]
pub struct BenchmarkPage<'a> {
    /// The results, one per backend and suite.
    pub results: &'a [PerformanceResult],
    /// The targets, one by one.
    pub targets: &'a [TargetOutcome],
    /// Results of other runs of the same suites, in any order.
    pub earlier: &'a [PerformanceResult],
    /// What was seen where the time went.
    pub profiles: &'a [Profile<'a>],
}

/// A flamegraph.
#[derive(Debug, Clone, Copy)]
pub struct Profile<'a> {
    /// The suite that was profiled.
    pub name: &'a str,
    /// Where the file is, for people who want to search in it.
    pub file: &'a str,
    /// The picture.
    pub svg: &'a [u8],
}

/// Results as one HTML file that needs nothing else.
pub fn benchmark_html(page: &BenchmarkPage<'_>) -> String {
    html::performance::benchmark(page).into_string()
}

/// Results and targets as Markdown.
pub fn benchmark_markdown(results: &[PerformanceResult], targets: &[TargetOutcome]) -> String {
    markdown::titled(&document(results, targets))
}

/// Results and targets for a terminal of `width` columns.
pub fn benchmark_terminal(
    results: &[PerformanceResult],
    targets: &[TargetOutcome],
    width: usize,
    style: Style,
) -> String {
    terminal::laid_out(&document(results, targets), width, style)
}

/// A comparison as one HTML file that needs nothing else.
pub fn comparison_html(comparison: &PerformanceComparison) -> String {
    html::performance::document(&change::document(comparison)).into_string()
}

/// A comparison as Markdown.
pub fn comparison_markdown(comparison: &PerformanceComparison) -> String {
    markdown::titled(&change::document(comparison))
}

/// A comparison for a terminal of `width` columns.
pub fn comparison_terminal(
    comparison: &PerformanceComparison,
    width: usize,
    style: Style,
) -> String {
    terminal::laid_out(&change::document(comparison), width, style)
}
