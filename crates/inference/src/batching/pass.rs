//! One batch, from the waiting inputs to the answers.
//!
//! Takes jobs from the queue until it is closed and empty; tells each asker its answer or its
//! error. Who is in the batch has been decided before; here it is only split into passes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::queue::{Asker, Job, Queue};
use super::{Answer, SharedCounts, Timings};
use crate::backend::BatchModel;
use crate::error::Error;

/// Inputs up to this length count as of like length: a pass costs more than their padding.
const SHORT_LENGTH: usize = 32;

/// Serves the queue until it is closed and empty.
pub(super) fn serve<M: BatchModel>(
    model: &M,
    queue: &Queue<M::Input, M::Output>,
    counts: &SharedCounts,
) {
    let _refusal = RefuseAtEnd(queue);
    while let Some(batch) = queue.take() {
        for group in groups(batch) {
            pass(model, group, counts);
        }
    }
}

/// Closes the queue and refuses what is in it. After a normal end nothing is; if this thread dies,
/// nobody waits for an answer that will not come.
struct RefuseAtEnd<'a, I, O>(&'a Queue<I, O>);

impl<I, O> Drop for RefuseAtEnd<'_, I, O> {
    fn drop(&mut self) {
        for job in self.0.close_and_clear() {
            job.asker.tell(Err(Error::EngineStopped));
        }
    }
}

/// Jobs of like length together: the longest of a group is at most twice as long as its shortest,
/// so that at most about half of what is computed is padding. The group with the oldest job is
/// first.
fn groups<I, O>(mut batch: Vec<Job<I, O>>) -> Vec<Vec<Job<I, O>>> {
    batch.sort_by_key(|job| job.length);
    let mut groups: Vec<Vec<Job<I, O>>> = Vec::new();
    let mut longest = 0;
    for job in batch {
        if let Some(group) = groups.last_mut()
            && job.length <= longest
        {
            group.push(job);
        } else {
            longest = job.length.max(SHORT_LENGTH).saturating_mul(2);
            groups.push(vec![job]);
        }
    }
    groups.sort_by_key(|group| group.iter().map(|job| job.asker.submitted).min());
    groups
}

/// When a pass began, how long it took, and how many inputs were in it.
#[derive(Debug, Clone, Copy)]
struct Pass {
    started: Instant,
    inference: Duration,
    batch_size: usize,
}

/// How a pass ended.
enum Outcome<O> {
    /// With one result per input.
    Answered(Vec<Result<O, Error>>),
    /// The model says that it failed: each input may be tried alone.
    Failed(Error),
    /// Nothing is known of what it did.
    Panicked,
}

/// Computes one group and tells its askers.
fn pass<M: BatchModel>(model: &M, group: Vec<Job<M::Input, M::Output>>, counts: &SharedCounts) {
    let (inputs, askers) = wanted(group);
    if inputs.is_empty() {
        return;
    }
    let (pass, outcome) = run(model, &inputs, counts);
    match outcome {
        Outcome::Answered(results) => {
            for (asker, result) in askers.into_iter().zip(results) {
                answer(asker, result, pass);
            }
        }
        Outcome::Failed(_) if inputs.len() > 1 => {
            for (input, asker) in inputs.iter().zip(askers) {
                alone(model, input, asker, counts);
            }
        }
        Outcome::Failed(error) => refuse(askers, &error),
        Outcome::Panicked => refuse(askers, &Error::Panicked),
    }
}

/// Computes one input of a pass that failed.
fn alone<M: BatchModel>(
    model: &M,
    input: &M::Input,
    asker: Asker<M::Output>,
    counts: &SharedCounts,
) {
    if let Some(error) = asker.lost(Instant::now()) {
        return asker.tell(Err(error));
    }
    let (pass, outcome) = run(model, std::slice::from_ref(input), counts);
    let result = match outcome {
        Outcome::Answered(results) => {
            let result = results.into_iter().next();
            result.expect("one result for one input: `run` counts them")
        }
        Outcome::Failed(error) => Err(error),
        Outcome::Panicked => Err(Error::Panicked),
    };
    answer(asker, result, pass);
}

/// The inputs of those who still want an answer, beside them; the others are told.
fn wanted<I, O>(group: Vec<Job<I, O>>) -> (Vec<I>, Vec<Asker<O>>) {
    let now = Instant::now();
    let mut inputs = Vec::with_capacity(group.len());
    let mut askers = Vec::with_capacity(group.len());
    for job in group {
        if let Some(error) = job.asker.lost(now) {
            job.asker.tell(Err(error));
        } else {
            inputs.push(job.input);
            askers.push(job.asker);
        }
    }
    (inputs, askers)
}

/// Runs the model once.
fn run<M: BatchModel>(
    model: &M,
    inputs: &[M::Input],
    counts: &SharedCounts,
) -> (Pass, Outcome<M::Output>) {
    let started = Instant::now();
    let returned = catch_unwind(AssertUnwindSafe(|| model.run(inputs)));
    let pass = Pass {
        started,
        inference: started.elapsed(),
        batch_size: inputs.len(),
    };
    counts.update(|counts| {
        counts.batches += 1;
        counts.batch_inputs += inputs.len() as u64;
    });
    let outcome = match returned {
        Ok(Ok(results)) if results.len() == inputs.len() => Outcome::Answered(results),
        Ok(Ok(results)) => Outcome::Failed(Error::backend(format!(
            "the model gave {} results for {} inputs",
            results.len(),
            inputs.len()
        ))),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(_panic) => Outcome::Panicked,
    };
    (pass, outcome)
}

/// Tells one asker; an answer that comes too late is none.
fn answer<O>(asker: Asker<O>, result: Result<O, Error>, pass: Pass) {
    let now = Instant::now();
    let told = match asker.lost(now) {
        Some(error) => Err(error),
        None => result.map(|output| Answer {
            output,
            timings: Timings {
                queue_wait: pass.started.saturating_duration_since(asker.submitted),
                inference: pass.inference,
                total: now.saturating_duration_since(asker.submitted),
                batch_size: pass.batch_size,
            },
        }),
    };
    asker.tell(told);
}

/// Tells all of them the same error.
fn refuse<O>(askers: Vec<Asker<O>>, error: &Error) {
    for asker in askers {
        asker.tell(Err(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of each group, when jobs of these lengths arrived in this order.
    fn grouped(lengths: &[usize]) -> Vec<Vec<usize>> {
        let begun = Instant::now();
        let job = |(age, &length): (usize, &usize)| {
            let submitted = begun + Duration::from_millis(age as u64);
            let (asker, _) = Asker::<()>::new(Box::new(|_| {}), submitted, None);
            Job {
                input: (),
                length,
                company_until: submitted,
                asker,
            }
        };
        let batch = lengths.iter().enumerate().map(job).collect();
        let lengths_of = |group: &Vec<Job<(), ()>>| group.iter().map(|job| job.length).collect();
        groups(batch).iter().map(lengths_of).collect()
    }

    #[test]
    fn like_lengths_are_computed_together() {
        assert_eq!(
            grouped(&[100, 900, 150, 200]),
            [vec![100, 150, 200], vec![900]]
        );
        assert_eq!(grouped(&[1, 40, 64]), [vec![1, 40, 64]]);
        assert_eq!(grouped(&[1, 65]), [vec![1], vec![65]]);
        assert!(grouped(&[]).is_empty());
    }

    #[test]
    fn the_group_with_the_oldest_job_is_first() {
        assert_eq!(
            grouped(&[900, 100, 800, 101]),
            [vec![800, 900], vec![100, 101]]
        );
    }
}
