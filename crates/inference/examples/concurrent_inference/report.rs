//! The log for people, and for regular expressions: each label is there exactly once.

use std::io::{self, Write};

use inferno_inference::stats::{P90_MIN_COUNT, P99_MIN_COUNT, Summary};

use crate::ColdStart;
use crate::batch::Batch;
use crate::failure::describe;
use crate::usage::peak_rss_bytes;

/// Writes the answers to stdout, in the order of the requests.
pub(crate) fn print_answers(batch: &Batch) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (number, row) in batch.rows.iter().enumerate() {
        if let Ok(served) = &row.result {
            writeln!(out, "[{}] {}", number + 1, served.text)?;
        }
    }
    out.flush()
}

/// Writes the figures to stderr.
pub(crate) fn print_log(cold: &ColdStart, batch: &Batch, verbose: bool) -> io::Result<()> {
    let mut out = io::stderr().lock();
    print_cold_start(&mut out, cold)?;
    if verbose {
        print_requests(&mut out, batch)?;
    }
    for (number, error) in batch.failures() {
        writeln!(out, "request {} failed: {}", number + 1, describe(error))?;
        if let Some(hint) = error.hint() {
            writeln!(out, "  next: {hint}")?;
        }
    }
    print_figures(&mut out, batch)
}

fn print_cold_start(out: &mut impl Write, cold: &ColdStart) -> io::Result<()> {
    for (label, part) in [
        ("Backend initialization", cold.backend),
        ("Engine creation", cold.engine),
        // The GPU is in the label because the seed documents read it so; candle has none here.
        ("Model loading + GPU", cold.model),
        ("Total cold start", cold.total),
    ] {
        writeln!(out, "{label}: {:.6}s", part.as_secs_f64())?;
    }
    Ok(())
}

fn print_requests(out: &mut impl Write, batch: &Batch) -> io::Result<()> {
    for (number, row) in batch.rows.iter().enumerate() {
        let Ok(served) = &row.result else { continue };
        let timings = &served.timings;
        writeln!(
            out,
            "request {}: prompt {} ({} tokens), {} tokens, {:?}; waited {:.6}s, prefill {:.6}s, \
             decode {:.6}s, served in {:.6}s",
            number + 1,
            row.prompt_index + 1,
            served.prompt_tokens,
            served.tokens.len(),
            served.stop,
            timings.queue_wait.as_secs_f64(),
            timings.prefill.as_secs_f64(),
            timings.decode.as_secs_f64(),
            timings.service().as_secs_f64(),
        )?;
    }
    Ok(())
}

fn print_figures(out: &mut impl Write, batch: &Batch) -> io::Result<()> {
    let served = batch.completions().count();
    writeln!(out, "Successful requests: {served}/{}", batch.rows.len())?;
    writeln!(out, "Total tokens generated: {}", batch.tokens())?;
    for (label, seconds) in [
        (
            "Lock wait time",
            batch.seconds(|served| served.timings.queue_wait),
        ),
        (
            "Pure inference time",
            batch.seconds(|served| served.timings.inference()),
        ),
        (
            "Prefill time",
            batch.seconds(|served| served.timings.prefill),
        ),
        ("Decode time", batch.seconds(|served| served.timings.decode)),
        (
            "First token time",
            batch.seconds(|served| served.timings.first_token),
        ),
    ] {
        writeln!(out, "{label}: {}", spread(&seconds))?;
    }
    match batch.inference_percent() {
        Some(percent) => writeln!(out, "Inference percentage: {percent:.2}%")?,
        None => writeln!(out, "Inference percentage: n/a (no request was served)")?,
    }
    writeln!(out, "Average tokens/sec: {:.4}", batch.tokens_per_s())?;
    writeln!(out, "Requests/sec: {:.4}", batch.requests_per_s())?;
    writeln!(
        out,
        "Parallelism efficiency: {:.2}%",
        batch.parallelism_percent()
    )?;
    match peak_rss_bytes() {
        Some(bytes) => writeln!(
            out,
            "Peak memory: {:.1} MiB",
            bytes as f64 / (1024.0 * 1024.0)
        ),
        None => writeln!(out, "Peak memory: n/a (this system does not say)"),
    }
}

/// Mean, median, percentiles and range, in one line.
fn spread(seconds: &[f64]) -> String {
    let Some(summary) = Summary::of(seconds) else {
        return "n/a (no request was served)".to_owned();
    };
    format!(
        "mean {:.6}s, median {:.6}s, p90 {}, p99 {}, range {:.6}s to {:.6}s",
        summary.mean,
        summary.median,
        percentile(summary.p90, P90_MIN_COUNT),
        percentile(summary.p99, P99_MIN_COUNT),
        summary.min,
        summary.max
    )
}

fn percentile(value: Option<f64>, needed: usize) -> String {
    value.map_or_else(
        || format!("n/a (needs {needed})"),
        |seconds| format!("{seconds:.6}s"),
    )
}
