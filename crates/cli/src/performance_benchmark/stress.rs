//! `inferno performance-benchmark stress`: more requests than are comfortable.
//!
//! With a rate, requests are sent by the clock, whatever the target makes of them (an open loop):
//! latency counts from the moment a request was due, so that a target which falls behind shows it. A
//! run whose requests were sent late says so, and is invalid. Without a rate each client waits for its
//! answer (a closed loop), which says nothing about capacity. Outcomes are on disk as they happen; the
//! figures are in the result at the end, which is there from the start, marked as incomplete: what an
//! earlier run left is not taken for this one's.
//!
//! - [`options`]: what is asked, and how it is reached
//! - [`ramp`]: rising rates, and the last one that is kept up with
//! - [`summary`], [`figures`]: what outcomes come to
//! - [`document`], [`table`]: the result for programs and for people

mod document;
mod figures;
mod options;
mod ramp;
mod summary;
mod table;

use std::io::{self, Write as _};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Args;
use inferno_inference::Error;

use self::document::{Document, Pace, Settings};
use self::options::{Reached, RequestOptions, TargetOptions};
use self::ramp::{Ramp, Step};
use self::summary::{Summary, Validity};
use crate::failure::Failure;
use crate::load::generator::{self, Finished, Load};
use crate::load::outcome_log::OutcomeLog;
use crate::load::prompts::Prompts;
use crate::load::schedule::{ArrivalProcess, ClosedLoop, OpenLoop, Schedule};
use crate::performance_benchmark::results;
use crate::signals::Signal;
use crate::{exit, seconds, signals};

/// Most requests of a run: all of their outcomes are kept.
const MAX_REQUESTS: f64 = 5e6;

/// How many requests are sent to what.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  11   the requests were sent too late for the run to say anything
  23   no request was served")]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetOptions,

    #[command(flatten)]
    requests: RequestOptions,

    /// Clients that send beside each other
    #[arg(long, value_name = "N", default_value = "4")]
    clients: NonZeroU32,

    /// Time for which requests are sent
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "30")]
    duration: Duration,

    /// Requests of each client per second, sent by the clock; without it a client waits for its answer
    #[arg(long, value_name = "RATE", value_parser = parse_positive)]
    rate: Option<f64>,

    /// How the requests of a client follow each other
    #[arg(long, value_enum, default_value = "poisson", requires = "rate")]
    arrivals: ArrivalProcess,

    /// Rise to the rate in so many steps, for half of the time; then hold the last that was kept up with
    #[arg(
        long,
        value_name = "STEPS",
        num_args = 0..=1,
        default_missing_value = "5",
        value_parser = clap::value_parser!(u32).range(2..=100),
        requires = "rate"
    )]
    ramp: Option<u32>,

    /// Requests on their way at the same time; more are dropped, and counted
    #[arg(long, value_name = "N", default_value = "1000", requires = "rate")]
    max_in_flight: NonZeroUsize,

    /// Time from an answer until its client sends again
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, conflicts_with = "rate")]
    think_time: Option<Duration>,

    /// Latency that is good enough: requests that meet it are the goodput
    #[arg(long, value_name = "MS", value_parser = parse_positive)]
    objective_ms: Option<f64>,

    /// Decides the arrivals and which prompts are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Time at the end for requests that are on their way
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "10")]
    grace: Duration,

    /// The result as JSON; while it runs, outcomes are in FILE's `.outcomes.jsonl`
    #[arg(
        long,
        value_name = "FILE",
        default_value = "benchmark_results/stress.json"
    )]
    output: PathBuf,
}

/// A number greater than 0.
fn parse_positive(text: &str) -> Result<f64, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite() && *value > 0.0)
        .ok_or_else(|| format!("{text:?} is no number greater than 0"))
}

/// Sends the requests, writes the result and says it; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.check()?;
    let prompts = arguments.requests.prompts(arguments.seed)?;
    let reached = arguments.target.reach(&arguments.requests)?;
    let settings = arguments.settings(&reached, &prompts);
    let mut document = Document::new(reached.description.clone(), settings);
    let runner = Runner {
        arguments,
        reached: &reached,
        prompts: &prompts,
        signal: first_signal()?,
    };
    let folder = arguments.output.parent();
    folder.map_or(Ok(()), results::make_folder)?;
    document.write(&arguments.output)?;
    runner.fill(&mut document)?;
    document.write(&arguments.output)?;
    let text = table::text(&document);
    writeln!(
        io::stdout(),
        "{text}  result          {}",
        arguments.output.display()
    )
    .map_err(Failure::Output)?;
    Ok(runner.exit_code(&document))
}

/// The first signal, when one has come. From now on it does not end the program.
fn first_signal() -> Result<Arc<OnceLock<Signal>>, Failure> {
    let signal = Arc::new(OnceLock::new());
    let heard = Arc::clone(&signal);
    signals::listen(move |signal| {
        // It is called once.
        let _ = heard.set(signal);
    })?;
    Ok(signal)
}

impl Arguments {
    fn check(&self) -> Result<(), Failure> {
        let Some(rate) = self.rate else {
            return Ok(());
        };
        let count = f64::from(self.clients.get()) * rate * self.duration.as_secs_f64();
        if count > MAX_REQUESTS {
            return Err(Failure::Engine(Error::InvalidSetting {
                setting: "--rate",
                value: format!("{rate}, which makes {count:.0} requests"),
                expected: "at most 5 million requests of all clients in the whole time",
            }));
        }
        Ok(())
    }

    /// The schedule, at `rate` per client when there is a rate.
    fn schedule(&self, rate: Option<f64>) -> Schedule {
        match rate {
            None => Schedule::Closed(ClosedLoop {
                clients: self.clients,
                think_time: self.think_time.unwrap_or_default(),
            }),
            Some(rate) => Schedule::Open(self.open_loop(rate)),
        }
    }

    fn open_loop(&self, rate: f64) -> OpenLoop {
        OpenLoop {
            clients: self.clients,
            rate,
            process: self.arrivals,
            seed: self.seed,
        }
    }

    fn objective(&self) -> Option<Duration> {
        self.objective_ms
            .map(|ms| Duration::try_from_secs_f64(ms / 1e3).unwrap_or(Duration::MAX))
    }

    fn settings(&self, reached: &Reached, prompts: &Prompts) -> Settings {
        let is_open = self.rate.is_some();
        Settings {
            pace: if is_open {
                Pace::OpenLoop
            } else {
                Pace::ClosedLoop
            },
            clients: self.clients.get(),
            duration_s: self.duration.as_secs_f64(),
            rate_per_client: self.rate,
            rate: self.rate.map(|rate| self.open_loop(rate).total_rate()),
            arrivals: is_open.then_some(self.arrivals),
            think_time_s: self.think_time.map(|time| time.as_secs_f64()),
            ramp_steps: self.ramp,
            seed: self.seed,
            max_in_flight: is_open.then_some(self.max_in_flight.get()),
            objective_ms: self.objective_ms,
            timeout_s: reached.answering.timeout.as_secs_f64(),
            grace_s: self.grace.as_secs_f64(),
            prompts: prompts.count(),
            prompt_order: self.requests.prompt_order(),
            max_tokens: reached.answering.max_tokens.get(),
            raw: reached.answering.raw,
            ignore_end: reached.answering.ignore_end,
        }
    }
}

/// Carries out loads on one target.
struct Runner<'a> {
    arguments: &'a Arguments,
    reached: &'a Reached,
    prompts: &'a Prompts,
    signal: Arc<OnceLock<Signal>>,
}

impl Runner<'_> {
    /// Measures what `document` is to say.
    fn fill(&self, document: &mut Document) -> Result<(), Failure> {
        let (mut rate, mut length) = (self.arguments.rate, self.arguments.duration);
        if let (Some(top), Some(steps)) = (rate, self.arguments.ramp) {
            let (ramp, left) = self.ramp(top, steps)?;
            (rate, length) = (ramp.knee(), left);
            document.knee_rate_per_client = rate;
            if let Some(step) = ramp.steps.last() {
                document.validity = step.summary.validity();
            }
            document.ramp = Some(ramp);
            if rate.is_none() {
                document.complete = !self.is_stopped();
                return Ok(());
            }
        }
        if !self.is_stopped() {
            document.outcomes = Some(self.file_name("outcomes.jsonl"));
            document.write(&self.arguments.output)?;
            let finished = self.load(rate, length, "outcomes.jsonl")?;
            let summary = Summary::of(&finished, self.arguments.objective());
            document.validity = match self.arguments.rate {
                Some(_) => summary.validity(),
                None => Validity::NotJudged("a closed loop has no schedule to keep to".to_owned()),
            };
            document.summary = Some(summary);
        }
        document.complete = !self.is_stopped();
        Ok(())
    }

    /// Raises the rate to `top` in `steps`; gives what came of it and the time that is left.
    fn ramp(&self, top: f64, steps: u32) -> Result<(Ramp, Duration), Failure> {
        let length = self.arguments.duration / 2 / steps;
        let mut left = self.arguments.duration;
        let mut ramp = Ramp::default();
        for (number, rate) in (1..).zip(ramp::rates(top, steps)) {
            eprintln!("step {number} of {steps}");
            let extension = format!("step-{number}.outcomes.jsonl");
            let finished = self.load(Some(rate), length, &extension)?;
            if finished.is_stopped || self.is_stopped() {
                break;
            }
            left -= length;
            let objective = self.arguments.objective();
            let summary = Summary::of(&finished, objective);
            let falls_short = ramp::falls_short(&finished, &summary, objective);
            let is_too_much = falls_short.is_some();
            ramp.steps.push(Step {
                rate_per_client: rate,
                falls_short,
                outcomes: self.file_name(&extension),
                summary,
            });
            if is_too_much {
                break;
            }
        }
        Ok((ramp, left))
    }

    /// What the file of outcomes with this extension is called.
    fn file_name(&self, extension: &str) -> String {
        results::file_name(&self.arguments.output.with_extension(extension))
    }

    /// One load; its outcomes go to the file with this extension.
    fn load(
        &self,
        rate: Option<f64>,
        length: Duration,
        extension: &str,
    ) -> Result<Finished, Failure> {
        let path = self.arguments.output.with_extension(extension);
        let mut log = OutcomeLog::create(&path)?;
        let load = Load {
            schedule: self.arguments.schedule(rate),
            length,
            max_in_flight: self.arguments.max_in_flight.get(),
            grace: self.arguments.grace,
        };
        eprintln!(
            "sending for {:.1} s, then waiting for at most {} s; outcomes: {}",
            length.as_secs_f64(),
            self.arguments.grace.as_secs_f64(),
            path.display()
        );
        generator::run(
            self.reached.target.as_ref(),
            self.prompts.clone(),
            &load,
            Some(&mut log),
            &|| self.is_stopped(),
        )
    }

    fn is_stopped(&self) -> bool {
        self.signal.get().is_some()
    }

    /// The exit code, with a word on stderr where it is not 0.
    fn exit_code(&self, document: &Document) -> u8 {
        if let Some(signal) = self.signal.get() {
            eprintln!("{}: the run did not come to its end", signal.name());
            return signal.exit_code();
        }
        let summary = document.last_summary();
        if summary.is_some_and(|summary| summary.arrivals > 0 && summary.endings.served == 0) {
            eprintln!("error: no request was served");
            return exit::FAILED;
        }
        match document.validity {
            Validity::Invalid(_) => exit::INCONCLUSIVE,
            Validity::Valid | Validity::NotJudged(_) => exit::ANSWERED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_greater_than_zero() {
        assert_eq!(parse_positive("2.5"), Ok(2.5));
        for bad in ["", "0", "-1", "nan", "inf", "fast"] {
            assert!(parse_positive(bad).is_err(), "{bad}");
        }
    }
}
