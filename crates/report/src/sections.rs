//! What a report contains, in its order: the answer first, then how to read it, then the evidence.
//!
//! Takes a record, gives a [`Document`]. Knows nothing of widths, colours or Markdown.

mod circumstances;
pub(crate) mod evidence;
pub(crate) mod interpretation;
mod measurements;
mod result;
pub(crate) mod scenario;
mod standing;

use inferno_measure::record::{ExpectationResult, Record, Verdict};

use crate::document::{Document, Text, Tone};
use crate::{expectations, figures};

pub(crate) use result::{closed, sentence as capitalised};

/// Headings by which a layout finds the section that it shows in another way.
pub(crate) const RESULT: &str = "Result";
/// See [`RESULT`].
pub(crate) const INCONCLUSIVE: &str = "Inconclusive";
/// See [`RESULT`].
pub(crate) const WARNINGS: &str = "Warning signs";
/// See [`RESULT`].
pub(crate) const SUITABILITY: &str = "Suitability";
/// See [`RESULT`].
pub(crate) const COLD_START: &str = "Cold start";
/// See [`RESULT`].
pub(crate) const FIGURES: &str = "Figures";
/// See [`RESULT`].
pub(crate) const TIMINGS: &str = "Timings";
/// See [`RESULT`].
pub(crate) const VERIFICATION: &str = "Verification";
/// See [`RESULT`].
pub(crate) const ENVIRONMENT: &str = "Environment";

/// How much of a report is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The answer and how to read it.
    Answer,
    /// Also the figures, the proof and the circumstances.
    Whole,
}

/// The report of `record`.
pub(crate) fn document(record: &Record, extent: Extent) -> Document {
    let mut blocks = [result::blocks(record), interpretation::blocks(record)].concat();
    if extent == Extent::Whole {
        blocks.extend(measurements::blocks(record));
        blocks.extend(evidence::blocks(record));
        blocks.extend(circumstances::blocks(record));
    }
    Document {
        title: title(record),
        summary: result::summary(record),
        standing: standing::of(record),
        blocks,
    }
}

fn title(record: &Record) -> Text {
    let what = if record.profile.is_some() {
        "Profile-guided optimisation of "
    } else {
        "Comparison of "
    };
    Text::from(what).then(Text::literal(&record.name))
}

pub(crate) fn verdict(verdict: Verdict) -> Text {
    match verdict {
        Verdict::Faster => Text::toned("faster", Tone::Good),
        Verdict::Slower => Text::toned("slower", Tone::Bad),
        Verdict::NoDifference => Text::toned("no difference", Tone::Strong),
        Verdict::Inconclusive => Text::toned("inconclusive", Tone::Open),
    }
}

fn outcome(result: ExpectationResult) -> Text {
    let tone = match result {
        ExpectationResult::Met => Tone::Good,
        // Not a loss: the result may be better than what was expected.
        ExpectationResult::NotMet => Tone::Strong,
        ExpectationResult::NotMeasured => Tone::Faint,
    };
    Text::toned(expectations::words(result), tone)
}

fn share(share: Option<f64>) -> Text {
    Text::figure(share.map(figures::percent))
}

fn fact_share(share: Option<f64>) -> Text {
    Text::fact(share.map(figures::percent))
}

pub(crate) fn interval(low: Option<f64>, high: Option<f64>) -> Text {
    Text::figure(
        low.zip(high)
            .map(|(low, high)| figures::change_interval(low, high)),
    )
}

/// A pointer to a section of the troubleshooting document.
fn see(section: &str) -> Text {
    Text::from("See ")
        .then(Text::literal(format!("docs/troubleshooting.md#{section}")))
        .then(".")
}
