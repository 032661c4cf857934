//! A record, and the results of performance benchmarks, as a terminal report, as Markdown and as an
//! HTML page; comparisons, also over hosts, audits and ladders for the terminal and as Markdown.
//!
//! Takes a [`Record`](inferno_measure::record::Record) or
//! [`PerformanceResult`](inferno_measure::performance::PerformanceResult)s, gives text. Every function is pure: nothing
//! here reads a file, asks for the terminal's size, or judges again. What the record does not hold
//! is printed as "not measured".
//!
//! The way through the crate: `sections` says what a report contains and builds a `document` (headings,
//! paragraphs, tables); `terminal`, `markdown` and `html` lay the same document out. `hints` and
//! `expectations` interpret verdicts, `figures` writes numbers.

mod audit;
mod benchmarks;
mod comparison;
mod document;
pub mod exchange;
mod expectations;
mod figures;
mod headline;
pub mod hints;
mod hosts;
mod html;
mod ladder;
mod markdown;
mod metrics;
pub mod performance;
mod sections;
mod terminal;

pub use benchmarks::benchmarks;
pub use html::html;
pub use markdown::{
    audit_markdown, comparison_markdown, hosts_markdown, ladder_markdown, markdown,
};
pub use terminal::{
    Style, audit_terminal, comparison_terminal, hosts_terminal, ladder_terminal, suitability,
    terminal,
};
