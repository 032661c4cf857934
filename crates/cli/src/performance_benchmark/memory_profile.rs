//! `inferno performance-benchmark memory-profile`: whether memory grows with use.
//!
//! Runs equal cycles of requests on one engine in this process and reads after each what the
//! process holds while it rests; gives a JSON document with all readings and a verdict, and a
//! summary on stdout. Each reading is on disk as soon as it is taken, as a JSON line beside the
//! document: a run that is killed leaves them, and a document that says that it is not complete. The
//! verdict is `inferno-measure`'s; nothing here makes memory grow.
//!
//! - [`cycle`]: the requests of one cycle, to the engine's rest
//! - [`document`]: what is written
//! - [`series`]: what is judged of a reading, and by which limits

mod cycle;
mod document;
mod series;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Args;
use inferno_inference::Error;
use inferno_inference::engine::EngineConfig;
use inferno_measure::leak::reading::{IS_TRIMMED, KEEPS_NO_BLOCKS};
use inferno_measure::leak::{Cycle, Phase, Plan, cycles};
use inferno_measure::stats::trend;

use self::document::{CycleLine, Document, Lines, Settings};
use self::series::Judgements;
use crate::backend::ModelOptions;
use crate::failure::Failure;
use crate::performance_benchmark::results;
use crate::signals::Signal;
use crate::{exit, model_file, signals};

/// Fewest cycles to warm up, unless it is said how many.
const LEAST_WARM_UP: usize = 10;

/// Fewest and most cycles without work: twice what a trend takes, and no more than tell anything
/// new.
const CONTROL: (usize, usize) = (2 * trend::LEAST_COUNT, 100);

/// Which engine does how much, and where it is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: ModelOptions,

    /// Cycles of requests
    #[arg(long, value_name = "N", default_value = "100")]
    cycles: NonZeroUsize,

    /// Tell how memory changed from one cycle to the next: `memory_delta`
    #[arg(long)]
    track: bool,

    /// The result as JSON; while it runs, what was read so far is in FILE's `.cycles.jsonl`
    #[arg(long, value_name = "FILE", default_value = "memory_profile.json")]
    output: PathBuf,

    /// Cycles at the beginning that are not judged [default: a quarter, at least 10]
    #[arg(long, value_name = "N")]
    warm_up: Option<usize>,

    /// Requests of a cycle, sent at once
    #[arg(long, value_name = "N", default_value = "8")]
    requests: NonZeroUsize,

    /// Tokens of each answer
    #[arg(long, value_name = "N", default_value = "16")]
    max_tokens: NonZeroUsize,

    /// Requests that are computed together
    #[arg(long, value_name = "N", default_value = "4")]
    slots: NonZeroUsize,

    /// Growth per request that would not matter
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    tolerance: u32,
}

/// Runs the cycles, writes the document and says what it says; gives the exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    start_again_without_kept_blocks();
    let path = arguments.model.path()?;
    let settings = arguments.settings(model_file::name(&path));
    let folder = arguments.output.parent();
    folder.map_or(Ok(()), results::make_folder)?;
    let lines_path = arguments.output.with_extension("cycles.jsonl");
    let mut lines = Lines::create(&lines_path, &settings).map_err(not_written(&lines_path))?;
    // What an earlier run left is not taken for this one's.
    arguments.write(&settings, &[])?;
    let config = EngineConfig {
        slots: arguments.slots,
        ..EngineConfig::default()
    };
    let engine = arguments.model.start(&path, config)?;
    let signal = signal()?;
    let requests = cycle::requests(arguments.requests, arguments.max_tokens);
    let mut before = None;
    let cycles = cycles::run::<Failure>(
        arguments.plan(),
        || cycle::run(engine.as_ref(), &requests).map_err(|failed| Error::from(failed).into()),
        |cycle| {
            let line = CycleLine::of(cycle, before.as_ref(), arguments.track);
            lines.write(&line).map_err(not_written(&lines_path))?;
            before = Some(*cycle);
            tell(cycle, arguments.plan());
            Ok(match signal.get() {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            })
        },
    )?;
    let summary = arguments.write(&settings, &cycles)?;
    // Everything in it is in the document.
    std::fs::remove_file(&lines_path).map_err(not_written(&lines_path))?;
    print(&summary, &arguments.output)?;
    Ok(signal.get().map_or(exit::ANSWERED, |signal| {
        eprintln!("{}: not all cycles were run", signal.name());
        signal.exit_code()
    }))
}

/// Replaces this process by itself, with an allocator that counts exactly. It goes on in this one where
/// there is no such setting, where it is made already, and where the system refuses: the readings are
/// then noisier, which the verdict allows for.
fn start_again_without_kept_blocks() {
    let (variable, setting) = KEEPS_NO_BLOCKS;
    let given = std::env::var(variable).unwrap_or_default();
    if !IS_TRIMMED || given.contains("glibc.malloc.tcache_count") {
        return;
    }
    let settings = if given.is_empty() {
        setting.to_owned()
    } else {
        format!("{given}:{setting}")
    };
    #[cfg(unix)]
    if let Ok(program) = std::env::current_exe() {
        use std::os::unix::process::CommandExt as _;
        let _error = std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(variable, settings)
            .exec();
    }
}

impl Arguments {
    fn plan(&self) -> Plan {
        plan(self.cycles.get(), self.warm_up)
    }

    fn settings(&self, model: String) -> Settings {
        let plan = self.plan();
        Settings {
            model,
            cycles: self.cycles.get(),
            warm_up: plan.warm_up,
            control: plan.control,
            requests_per_cycle: self.requests.get(),
            max_tokens: self.max_tokens.get(),
            slots: self.slots.get(),
            threads: self.model.threads().get(),
            tolerance_bytes_per_request: self.tolerance,
        }
    }

    fn tolerance_per_cycle(&self) -> f64 {
        f64::from(self.tolerance) * self.requests.get() as f64
    }

    /// Writes the document about `cycles`; gives what it says, for people.
    fn write(&self, settings: &Settings, cycles: &[Cycle]) -> Result<String, Failure> {
        let judgements = Judgements::of(cycles, self.tolerance_per_cycle());
        let is_complete = cycles.len() == self.plan().count();
        let document = Document::new(settings, cycles, self.track, &judgements, is_complete);
        document
            .write(&self.output)
            .map_err(not_written(&self.output))?;
        Ok(document.summary(&judgements))
    }
}

/// `cycles` with work, of which the first `warm_up` are not judged, and some without.
fn plan(cycles: usize, warm_up: Option<usize>) -> Plan {
    let warm_up = warm_up
        .unwrap_or_else(|| (cycles / 4).max(LEAST_WARM_UP))
        .min(cycles);
    let measured = cycles - warm_up;
    let (least, most) = CONTROL;
    Plan {
        warm_up,
        control: measured.clamp(least, most),
        measured,
    }
}

/// Where the first signal will be noted; the cycle that is running then is the last.
fn signal() -> Result<Arc<OnceLock<Signal>>, Failure> {
    let signal = Arc::new(OnceLock::new());
    let heard = Arc::clone(&signal);
    signals::listen(move |signal| {
        // Only the first one is noted: the second ends the program.
        let _ = heard.set(signal);
    })?;
    Ok(signal)
}

/// Says on stderr how far it is, about ten times in all.
fn tell(cycle: &Cycle, plan: Plan) {
    let (done, count) = (cycle.number + 1, plan.count());
    if done.is_multiple_of((count / 10).max(1)) || done == count {
        let phase = match cycle.phase {
            Phase::WarmUp => "warm-up",
            Phase::Control => "without requests",
            Phase::Measured => "measured",
        };
        eprintln!("cycle {done} of {count} ({phase})");
    }
}

fn print(summary: &str, output: &Path) -> Result<(), Failure> {
    writeln!(io::stdout(), "{summary}result: {}", output.display()).map_err(Failure::Output)
}

/// What is said when `path` cannot be written.
fn not_written(path: &Path) -> impl Fn(io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |source| {
        Failure::Engine(Error::Io {
            action: "write",
            path: path.clone(),
            source: Arc::new(source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_warms_up_and_at_least_ten_cycles_do() {
        for (cycles, warm_up, expected) in [
            (1000, None, (250, 100, 750)),
            (100, None, (25, 75, 75)),
            (30, None, (10, 20, 20)),
            (5, None, (5, 20, 0)),
            (30, Some(0), (0, 30, 30)),
            (30, Some(40), (30, 20, 0)),
        ] {
            let plan = plan(cycles, warm_up);
            let found = (plan.warm_up, plan.control, plan.measured);
            assert_eq!(found, expected, "{cycles} {warm_up:?}");
        }
    }
}
