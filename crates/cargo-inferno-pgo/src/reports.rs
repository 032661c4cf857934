//! The reports beside a record.

use inferno_measure::record::Record;
use inferno_pgo::output::Layout;

/// Writes the Markdown report and the page of `record` into its output directory.
///
/// # Errors
/// [`inferno_measure::Error::Io`] when one cannot be written.
pub fn write(record: &Record, output: &Layout) -> inferno_measure::Result<()> {
    let (markdown, html) = (
        inferno_report::markdown(record),
        inferno_report::html(record),
    );
    inferno_measure::write_atomically(&output.report(), markdown.as_bytes())?;
    inferno_measure::write_atomically(&output.page(), html.as_bytes())
}

/// Says where record and reports are.
pub fn tell(output: &Layout) {
    eprintln!("record: {}", output.record().display());
    eprintln!("report: {}", output.report().display());
    eprintln!("page: {}", output.page().display());
}
