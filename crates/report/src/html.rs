//! A report as one HTML file that needs nothing else: no network, no script, no font, no image.
//!
//! Says what the Markdown report says, from the same [`Document`](crate::document::Document), and
//! draws what people would rather look at: effects with their intervals, distributions, pairs in the
//! order in which they were taken. Every text from outside goes through the templates' escaping.

mod blocks;
mod distribution;
mod effect_plot;
mod marks;
mod page;
pub(crate) mod performance;
mod plot;
mod scale;
mod scenarios;
mod series;
mod stages;
mod suitability;

use inferno_measure::record::Record;

/// The report of `record` as a self-contained HTML page.
pub fn html(record: &Record) -> String {
    page::page(record).into_string()
}
