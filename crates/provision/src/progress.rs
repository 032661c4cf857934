//! How a fetch tells people what it does.
//!
//! A fetch reports to a [`Progress`]: lines of text, bytes done so far, and the question whether
//! to stop. [`StderrProgress`] shows a bar on a terminal and plain lines elsewhere; nothing here
//! writes to stdout, which belongs to results.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Shorter work than this shows no progress.
const QUIET: Duration = Duration::from_secs(2);

/// Plain lines follow each other no faster than this.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Receives what a fetch has to say.
pub trait Progress {
    /// A line of its own: something begins, or is tried differently.
    fn say(&self, line: &str);

    /// `done_bytes` of about `total_bytes` of `what` are there; called several times a second.
    fn advance(&self, what: &str, done_bytes: u64, total_bytes: u64);

    /// What was reported by [`Progress::advance`] is over.
    fn finish(&self);

    /// Whether the user has asked to stop; a fetch then ends with
    /// [`Error::Interrupted`](crate::Error::Interrupted) and leaves nothing.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn say(&self, _line: &str) {}
    fn advance(&self, _what: &str, _done_bytes: u64, _total_bytes: u64) {}
    fn finish(&self) {}
}

/// A download in progress, as it is displayed.
struct Display {
    begun: Instant,
    last_line: Option<Instant>,
    bar: Option<ProgressBar>,
}

/// Writes to stderr: a bar when it is a terminal, a line every few seconds when it is not.
#[derive(Default)]
pub struct StderrProgress {
    interrupt: Option<Arc<AtomicBool>>,
    display: RefCell<Option<Display>>,
}

impl StderrProgress {
    /// Stops a fetch when `interrupt` becomes true, as a signal handler sets it.
    pub fn with_interrupt(interrupt: Arc<AtomicBool>) -> Self {
        Self {
            interrupt: Some(interrupt),
            display: RefCell::default(),
        }
    }
}

impl Progress for StderrProgress {
    fn say(&self, line: &str) {
        match self
            .display
            .borrow()
            .as_ref()
            .and_then(|display| display.bar.as_ref())
        {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn advance(&self, what: &str, done_bytes: u64, total_bytes: u64) {
        let mut display = self.display.borrow_mut();
        let display = display.get_or_insert_with(|| Display {
            begun: Instant::now(),
            last_line: None,
            bar: None,
        });
        if display.begun.elapsed() < QUIET {
            return;
        }
        // pip copies what it has, and for a moment both are counted.
        let done_bytes = done_bytes.min(total_bytes);
        if io::stderr().is_terminal() {
            let bar = display.bar.get_or_insert_with(|| bar(what, total_bytes));
            bar.set_position(done_bytes);
        } else if display
            .last_line
            .is_none_or(|last| last.elapsed() >= LINE_INTERVAL)
        {
            display.last_line = Some(Instant::now());
            eprintln!(
                "{what}: {} of about {} MB",
                done_bytes / 1_000_000,
                total_bytes / 1_000_000
            );
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.display.take().and_then(|display| display.bar) {
            bar.finish_and_clear();
        }
    }

    fn interrupted(&self) -> bool {
        self.interrupt
            .as_ref()
            .is_some_and(|interrupt| interrupt.load(Ordering::Relaxed))
    }
}

fn bar(what: &str, total_bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes} {eta}")
        .expect("the template is a constant")
        .progress_chars("=> ");
    ProgressBar::new(total_bytes)
        .with_style(style)
        .with_message(what.to_owned())
}
