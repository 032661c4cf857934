//! A measuring process: it loads a model, answers the requests of a job and tells what it saw.
//!
//! Takes a job on stdin; gives lines on stdout. It judges nothing. When nobody reads its lines any
//! more, it ends: the program that started it is gone.

use std::io::Read as _;
use std::num::NonZeroUsize;
use std::time::Instant;

use inferno_measure::host::memory_of_this_program;
use inferno_measure::performance::samples::CacheCounts;
use inferno_measure::process::own_cpu_time_ns;
use inferno_measure::samples::Phase;

use super::closed_loop::{self, nanoseconds, say_time};
use super::job::{Job, Line, Step};
use super::profiler::Profiler;
use super::reference::Reference;
use super::target::Target;
use super::wire::Wire;
use crate::backend::ModelOptions;
use crate::exit;
use crate::failure::Failure;

/// Times that the fixed computation is done before and after each step; where one client sends, it is
/// done between its requests as well.
const REFERENCES: usize = 3;

/// Carries out the job on stdin; gives the exit code. It is called from the main thread, before any
/// other is started.
pub(crate) fn run(model: &ModelOptions) -> Result<u8, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(Failure::Input)?;
    let job: Job =
        serde_json::from_str(&text).map_err(|error| Failure::Input(std::io::Error::from(error)))?;
    let wire = Wire::default();
    let before_load = memory_of_this_program();
    let started = Instant::now();
    let target = Target::load(&job, model)?;
    wire.say(&Line::Loaded {
        load_ns: nanoseconds(started.elapsed()),
        before_load,
    });
    steps(&job, &target, model.threads(), &wire)?;
    wire.say(&Line::Done {
        at_rest: memory_of_this_program(),
    });
    Ok(exit::ANSWERED)
}

fn steps(job: &Job, target: &Target, threads: NonZeroUsize, wire: &Wire) -> Result<(), Failure> {
    let reference = job.has_reference.then(|| Reference::start(threads));
    let reference = reference.transpose()?;
    let time_reference = || {
        if let Some(reference) = &reference {
            // The first time meets caches and clocks that did something else.
            reference.time();
            for _ in 0..REFERENCES {
                say_time(reference, wire);
            }
        }
    };
    let mut profiler = None;
    for (number, step) in job.steps.iter().enumerate() {
        if step.phase == Phase::Measured {
            if job.profile.is_some() && profiler.is_none() {
                profiler = Some(Profiler::start()?);
            }
            time_reference();
        }
        // An answer from a cache is quicker than what the computation would do to the processor's caches.
        let is_alone = step.phase == Phase::Measured
            && step.clients == NonZeroUsize::MIN
            && job.cache_bytes.is_none();
        let between = reference.as_ref().filter(|_| is_alone);
        one(number, step, job, target, between, wire);
    }
    time_reference();
    if let (Some(profiler), Some(path)) = (profiler, &job.profile) {
        profiler.finish(path)?;
    }
    Ok(())
}

/// Carries out a step, with the computation `between` its requests where there is one.
fn one(
    number: usize,
    step: &Step,
    job: &Job,
    target: &Target,
    between: Option<&Reference>,
    wire: &Wire,
) {
    wire.say(&Line::Began { step: number });
    let cpu_before = own_cpu_time_ns();
    let cache_before = target.cache_counts();
    let wall = closed_loop::run(target, step, &job.prompts, between, wire);
    let cpu_ns = cpu_before
        .zip(own_cpu_time_ns())
        .map(|(before, after)| after.saturating_sub(before));
    wire.say(&Line::Over {
        wall_ns: nanoseconds(wall),
        cpu_ns,
        cache: cache_before
            .zip(target.cache_counts())
            .map(|(before, after)| since(before, after)),
    });
}

/// What the cache did from `before` to `after`, and what it holds then.
fn since(before: CacheCounts, after: CacheCounts) -> CacheCounts {
    CacheCounts {
        hits: after.hits - before.hits,
        misses: after.misses - before.misses,
        coalesced: after.coalesced - before.coalesced,
        evicted: after.evicted - before.evicted,
        ..after
    }
}
