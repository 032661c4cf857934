//! What a person sees while the pipeline works, on standard error.
//!
//! A spinner with the current step on a terminal; plain lines elsewhere, at most one per
//! [`LINE_INTERVAL`] for a running step. It must not write to standard output: that is the result's.

use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Long work shows that it goes on, without filling a log.
const LINE_INTERVAL: Duration = Duration::from_secs(15);

/// The progress of one run.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    step: String,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Progress on standard error.
    pub fn on_stderr() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
            let bar = ProgressBar::new_spinner();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        let now = Instant::now();
        Self {
            bar,
            step: String::new(),
            started: now,
            last_line: now,
        }
    }

    /// Begins a step.
    pub fn start(&mut self, step: &str) {
        step.clone_into(&mut self.step);
        self.started = Instant::now();
        self.last_line = self.started;
        match &self.bar {
            Some(bar) => {
                bar.reset_elapsed();
                bar.set_message(step.to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
            }
            None => line(&format!("… {step}")),
        }
    }

    /// Says how far the step is.
    pub fn note(&mut self, detail: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("{}: {detail}", self.step)),
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                line(&format!(
                    "… {}: {detail} ({} s)",
                    self.step,
                    self.started.elapsed().as_secs()
                ));
            }
            None => {}
        }
    }

    /// Ends the step with a line that stays.
    pub fn finish(&mut self, outcome: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.clear();
        line(&format!("✓ {}: {outcome} ({seconds:.1} s)", self.step));
    }

    /// A line that stays, outside any step.
    pub fn say(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| line(text)),
            None => line(text),
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = &self.bar {
            bar.disable_steady_tick();
            bar.set_message("");
            bar.finish_and_clear();
            bar.reset();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A closed standard error must not end the run.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
