//! `inferno performance-benchmark monitor`: a running process over time.
//!
//! Takes a process, a server, or an engine of its own under a light load; gives a line per interval
//! with what happened in it, and a summary at the end. Lines are complete and handed to the system at
//! once, so that what was written is valid however the program ends. The engine's own process is
//! watched, never the machine as a whole.
//!
//! - [`source`]: where values come from: [`process`] with [`processors`], [`service`], [`workload`]
//! - [`row`]: what happened between two readings, as JSON and CSV; [`view`]: the same for people

mod process;
mod processors;
mod row;
mod service;
mod source;
mod view;
mod workload;

use std::io::{self, IsTerminal as _, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use self::row::Row;
use self::source::Source;
use self::workload::Workload;
use crate::api_key::ApiKey;
use crate::backend::ModelOptions;
use crate::failure::Failure;
use crate::load::outcome_log::{create, not_written};
use crate::signals::Signal;
use crate::{exit, seconds, signals};

/// What is watched for how long, and how it is written. Without --pid and --url an engine of its own
/// is watched, under a light load.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: ModelOptions,

    /// Time to watch [default: until it is interrupted]
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse)]
    duration: Option<Duration>,

    /// Time from line to line
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "5")]
    interval: Duration,

    /// How lines are written
    #[arg(long, value_enum, default_value = "console")]
    format: Format,

    /// Where they are written [default: stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// A process to watch
    #[arg(long, value_name = "PID", conflicts_with = "model")]
    pid: Option<NonZeroU32>,

    /// A server to ask for its metrics; with --pid both are of the same process
    #[arg(long, conflicts_with = "model")]
    url: Option<String>,

    /// A file with the server's key [default: `INFERNO_API_KEY`, if set]
    #[arg(long, value_name = "FILE", requires = "url")]
    api_key_file: Option<PathBuf>,
}

/// A way to write lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: with curves in a terminal.
    Console,
    /// A JSON document per line.
    Json,
    /// Comma-separated values under a header.
    Csv,
}

/// Why watching ended.
enum Ending {
    /// The time was over.
    InTime,
    /// The process has ended.
    ProcessEnded,
    /// A signal came.
    Signalled(Signal),
}

/// Watches, and sums up what it saw; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let source = arguments.source()?;
    eprintln!("watching {}", source.label());
    let mut lines = Lines::open(arguments)?;
    let (sender, signals) = mpsc::channel();
    signals::listen(move |signal| {
        // The receiver is gone when watching has ended already.
        let _ = sender.send(signal);
    })?;
    let ending = watch(&source, arguments, &signals, &mut lines)?;
    if matches!(ending, Ending::ProcessEnded) {
        eprintln!("{} has ended", source.label());
    }
    lines.finish()?;
    Ok(match ending {
        // Without a duration a signal is how it is meant to end.
        Ending::Signalled(signal) if arguments.duration.is_some() => signal.exit_code(),
        Ending::Signalled(_) | Ending::InTime | Ending::ProcessEnded => exit::ANSWERED,
    })
}

impl Arguments {
    /// What is watched. An engine is started from the main thread, before any other thread.
    fn source(&self) -> Result<Source, Failure> {
        if self.pid.is_none() && self.url.is_none() {
            return Ok(Source::own(Workload::start(&self.model)?));
        }
        let key = match self.url {
            Some(_) => ApiKey::find(self.api_key_file.as_deref())?,
            None => None,
        };
        let pid = self.pid.map(NonZeroU32::get);
        Source::named(pid, self.url.as_deref(), key.as_ref())
    }
}

/// Writes a line at the end of each interval.
fn watch(
    source: &Source,
    arguments: &Arguments,
    signals: &Receiver<Signal>,
    lines: &mut Lines,
) -> Result<Ending, Failure> {
    let started = Instant::now();
    let Some(mut earlier) = source.read(Duration::ZERO) else {
        return Ok(Ending::ProcessEnded);
    };
    loop {
        let next = next_end(started.elapsed(), arguments.interval);
        let end = arguments
            .duration
            .map_or(next, |duration| next.min(duration));
        let left = end.saturating_sub(started.elapsed());
        if let Ok(signal) = signals.recv_timeout(left) {
            return Ok(Ending::Signalled(signal));
        }
        let Some(later) = source.read(started.elapsed()) else {
            return Ok(Ending::ProcessEnded);
        };
        let row = Row::between(&earlier, &later, source.processors(), source.label());
        lines.write(row)?;
        earlier = later;
        if arguments.duration.is_some_and(|duration| end >= duration) {
            return Ok(Ending::InTime);
        }
    }
}

/// The end of the interval that `now` is in. Intervals that were missed, because reading took long, are
/// left out.
fn next_end(now: Duration, interval: Duration) -> Duration {
    let passed = (now.as_secs_f64() / interval.as_secs_f64()) as u32;
    interval.saturating_mul(passed.saturating_add(1))
}

/// Where lines go.
struct Lines {
    format: Format,
    out: Box<dyn Write>,
    /// The file, when it is one.
    path: Option<PathBuf>,
    /// Whether the block before is drawn over.
    is_terminal: bool,
    /// All so far: the curves and the summary are made of them.
    rows: Vec<Row>,
}

impl Lines {
    fn open(arguments: &Arguments) -> Result<Self, Failure> {
        let out: Box<dyn Write> = match &arguments.output {
            None => Box::new(io::stdout()),
            Some(path) => Box::new(create(path)?),
        };
        let mut lines = Self {
            format: arguments.format,
            out,
            path: arguments.output.clone(),
            is_terminal: arguments.output.is_none() && io::stdout().is_terminal(),
            rows: Vec::new(),
        };
        if lines.format == Format::Csv {
            lines.put(&Row::csv_header())?;
        }
        Ok(lines)
    }

    fn write(&mut self, row: Row) -> Result<(), Failure> {
        self.rows.push(row);
        let is_redrawn = self.rows.len() > 1;
        let text = match (self.format, self.rows.last()) {
            (_, None) => String::new(),
            (Format::Json, Some(row)) => row.json_line(),
            (Format::Csv, Some(row)) => row.csv_line(),
            (Format::Console, Some(_)) if self.is_terminal => view::block(&self.rows, is_redrawn),
            (Format::Console, Some(row)) => view::plain_line(row),
        };
        self.put(&text)
    }

    /// Says what all lines come to: to people on stdout, and beside the lines for programs.
    fn finish(mut self) -> Result<(), Failure> {
        let summary = view::summary(&self.rows);
        match self.format {
            Format::Console => self.put(&summary),
            Format::Json | Format::Csv => {
                eprint!("{summary}");
                Ok(())
            }
        }
    }

    /// Hands `text` to the system, as a whole and at once.
    fn put(&mut self, text: &str) -> Result<(), Failure> {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        written.map_err(|source| match &self.path {
            None => Failure::Output(source),
            Some(path) => not_written(path, source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_end_at_multiples_and_missed_ones_are_left_out() {
        let interval = Duration::from_secs(10);
        for (now_s, end_s) in [(0, 10), (9, 10), (10, 20), (35, 40)] {
            let end = next_end(Duration::from_secs(now_s), interval);
            assert_eq!(end, Duration::from_secs(end_s), "{now_s}");
        }
    }
}
