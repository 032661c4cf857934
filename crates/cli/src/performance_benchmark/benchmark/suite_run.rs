//! One suite on its way: its processes one after the other, and the file that grows with them.
//!
//! Takes a suite and how much is to be measured; gives the result. The file is there from the start and
//! is written anew when a process ends, and every few seconds of a long one: a program that is killed
//! leaves what was written by then, marked as incomplete.

mod budget;
mod turns;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use inferno_measure::performance::samples::Process;
use inferno_measure::performance::{Circumstances, PerformanceResult, Suite};

use super::job::Job;
use super::runner::{Runner, Watch};
use super::suites::{Setup, Share};
use crate::failure::Failure;
use budget::{Budget, Slice};

/// How often the file is written while a process runs: it takes some milliseconds of the machine.
const SAVED_EVERY: Duration = Duration::from_secs(5);

/// Keeps a result that may be incomplete.
pub(crate) type Save = Arc<dyn Fn(&PerformanceResult) -> Result<(), Failure> + Send + Sync>;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Volume {
    /// So many requests, in all processes together, of each number of clients.
    Requests(u64),
    /// So long, with loading and warming up.
    Time(Duration),
}

/// What is measured, and where it is kept.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) suite: Suite,
    /// When it began (RFC 3339, UTC).
    pub(crate) timestamp: String,
    pub(crate) circumstances: Circumstances,
    pub(crate) setup: Setup,
    pub(crate) volume: Volume,
    /// Most processes.
    pub(crate) processes: NonZeroU32,
    pub(crate) save: Save,
}

/// Requests that several processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EvenShare {
    processes: u32,
    /// Of each.
    requests: u64,
}

impl Plan {
    /// Carries it out; gives the result, which is kept as well.
    ///
    /// # Errors
    /// When a process fails, a signal comes, or the result cannot be kept. What was measured by then is
    /// kept all the same.
    pub(crate) fn run(&self, runner: &Runner) -> Result<PerformanceResult, Failure> {
        let mut processes = Vec::new();
        (self.save)(&self.result(&processes, false))?;
        let outcome = self.carry_out(runner, &mut processes);
        let result = self.result(&processes, outcome.is_ok());
        (self.save)(&result)?;
        outcome.map(|()| result)
    }

    fn carry_out(&self, runner: &Runner, done: &mut Vec<Process>) -> Result<(), Failure> {
        match self.suite {
            Suite::Inference | Suite::Memory | Suite::Concurrent => self.processes(runner, done),
            Suite::Cache => self.caches(runner, done),
        }
    }

    /// `requests` shared out over processes.
    fn share(&self, requests: u64) -> EvenShare {
        let most = u32::try_from(requests).unwrap_or(u32::MAX).max(1);
        let processes = self.processes.get().min(most);
        EvenShare {
            processes,
            requests: requests.div_ceil(u64::from(processes)),
        }
    }

    fn result(&self, processes: &[Process], complete: bool) -> PerformanceResult {
        PerformanceResult::new(
            self.suite,
            self.timestamp.clone(),
            self.circumstances.clone(),
            processes.to_vec(),
            complete,
        )
    }

    fn processes(&self, runner: &Runner, done: &mut Vec<Process>) -> Result<(), Failure> {
        match self.volume {
            Volume::Requests(requests) => {
                let EvenShare {
                    processes,
                    requests,
                } = self.share(requests);
                let job = self.setup.job(self.suite, Share::Requests(requests));
                for _ in 0..processes {
                    self.process(runner, &job, processes, done)?;
                }
                Ok(())
            }
            Volume::Time(time) => {
                let mut budget = Budget::new(time);
                let mut left = self.processes.get();
                while let Some(Slice { of, seconds }) = budget.slice(left) {
                    let job = self.setup.job(self.suite, Share::Seconds(seconds));
                    let started = Instant::now();
                    let count = u32::try_from(done.len())
                        .unwrap_or(u32::MAX)
                        .saturating_add(of);
                    self.process(runner, &job, count, done)?;
                    budget.spent(started.elapsed(), seconds);
                    left = of - 1;
                }
                Ok(())
            }
        }
    }

    /// A probe, then one process for each capacity.
    fn caches(&self, runner: &Runner, done: &mut Vec<Process>) -> Result<(), Failure> {
        let capacities = self.setup.capacities();
        let count = u32::try_from(capacities.len()).unwrap_or(u32::MAX);
        let mut budget = match self.volume {
            Volume::Requests(_) => None,
            Volume::Time(time) => Some(Budget::new(time)),
        };
        let started = Instant::now();
        self.process(runner, &self.setup.cache_probe(), count + 1, done)?;
        if let Some(budget) = &mut budget {
            budget.spent(started.elapsed(), 0.0);
        }
        let answer_bytes = answer_bytes(done).ok_or_else(|| Failure::Process {
            status: "a cache that kept nothing".to_owned(),
            output: "the answers to the probe's prompts failed, or were not kept".to_owned(),
            exit_code: crate::exit::INTERNAL,
        })?;
        for (&capacity, left) in capacities.iter().zip((1..=count).rev()) {
            let share = match (self.volume, &budget) {
                (Volume::Requests(requests), _) => Share::Requests(requests),
                (Volume::Time(_), budget) => {
                    let seconds = budget.as_ref().map_or(0.0, |budget| budget.even(left));
                    Share::Seconds(seconds)
                }
            };
            let job = self.setup.cache_job(capacity, answer_bytes, share);
            self.process(runner, &job, count + 1, done)?;
        }
        Ok(())
    }

    /// One of `count` processes.
    fn process(
        &self,
        runner: &Runner,
        job: &Job,
        count: u32,
        done: &mut Vec<Process>,
    ) -> Result<(), Failure> {
        let number = u32::try_from(done.len()).unwrap_or(u32::MAX);
        eprintln!("{}: process {} of {count}", self.suite, number + 1);
        let failed = Arc::new(Mutex::new(None));
        let watch = self.watch(done.clone(), Arc::clone(&failed));
        let (process, outcome) = runner.run(job, number, watch);
        done.push(process);
        outcome?;
        let failed = failed.lock().ok().and_then(|mut failed| failed.take());
        failed.map_or(Ok(()), Err)?;
        // Short processes never come to the time at which the file is written meanwhile.
        (self.save)(&self.result(done, false))
    }

    /// Writes the file from time to time while a process runs.
    fn watch(&self, done: Vec<Process>, failed: Arc<Mutex<Option<Failure>>>) -> Watch {
        let plan = self.clone();
        let mut saved = Instant::now();
        Box::new(move |process: &Process| {
            if saved.elapsed() < SAVED_EVERY {
                return;
            }
            let all = [done.as_slice(), std::slice::from_ref(process)].concat();
            let outcome = (plan.save)(&plan.result(&all, false));
            let requests: usize = process.runs.iter().map(|run| run.requests.len()).sum();
            eprintln!("{}: {requests} requests so far", plan.suite);
            if let (Err(failure), Ok(mut failed)) = (outcome, failed.lock()) {
                failed.get_or_insert(failure);
            }
            saved = Instant::now();
        })
    }
}

/// Memory of one kept answer, by the runs so far.
fn answer_bytes(processes: &[Process]) -> Option<u64> {
    let runs = processes.iter().flat_map(|process| &process.runs);
    let counts = runs.filter_map(|run| run.cache).next_back()?;
    counts
        .size_bytes
        .checked_div(counts.entries)
        .filter(|bytes| *bytes > 0)
}
