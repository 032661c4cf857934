//! Sends a batch of requests at once and sums up what came back.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use inferno_inference::Error;
use inferno_inference::backend::Model;
use inferno_inference::candle::threads;
use inferno_inference::chat::{Message, Role};
use inferno_inference::engine::{Completion, Engine, Limits, Prompt, Request};

use crate::args::Draws;
use crate::prompts::PromptSource;
use crate::usage::cpu_time;

/// How a prompt reaches the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptFormat {
    /// As the user's message in the model's chat template.
    Chat,
    /// As it is.
    Raw,
}

/// What a batch does.
#[derive(Debug, Clone)]
pub(crate) struct BatchConfig {
    pub(crate) concurrent: NonZeroUsize,
    pub(crate) format: PromptFormat,
    pub(crate) limits: Limits,
    pub(crate) draws: Draws,
}

/// One request of a batch.
#[derive(Debug)]
pub(crate) struct Row {
    /// Number of the prompt in its source, from 0.
    pub(crate) prompt_index: usize,
    pub(crate) result: Result<Completion, Error>,
}

/// A served batch.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    /// From the first submission to the last answer.
    pub(crate) wall: Duration,
    /// CPU time of the process over the same span.
    pub(crate) cpu: Duration,
}

/// Sends batch number `seq`: with c requests per batch, the prompts from `seq · c` on.
pub(crate) fn run(
    engine: &Engine<impl Model>,
    prompts: &PromptSource,
    config: &BatchConfig,
    seq: u64,
) -> Batch {
    let count = config.concurrent.get() as u64;
    let first = seq.wrapping_mul(count);
    let (indices, requests): (Vec<_>, Vec<_>) = (0..count)
        .map(|offset| {
            let index = first.wrapping_add(offset);
            let (prompt_index, text) = prompts.get(index);
            (prompt_index, request(text, config, index))
        })
        .unzip();
    let (started, cpu_started) = (Instant::now(), cpu_time());
    let results = engine.run(requests);
    let (wall, cpu) = (started.elapsed(), cpu_time().saturating_sub(cpu_started));
    let rows = indices
        .into_iter()
        .zip(results)
        .map(|(prompt_index, result)| Row {
            prompt_index,
            result,
        })
        .collect();
    Batch { rows, wall, cpu }
}

fn request(text: &str, config: &BatchConfig, index: u64) -> Request {
    let prompt = match config.format {
        PromptFormat::Raw => Prompt::Raw(text.to_owned()),
        PromptFormat::Chat => Prompt::Chat(vec![Message {
            role: Role::User,
            content: text.to_owned(),
        }]),
    };
    let limits = Limits {
        sampling: config.draws.sampling(index),
        ..config.limits.clone()
    };
    Request::new(prompt, limits)
}

impl Batch {
    /// The requests that were served.
    pub(crate) fn completions(&self) -> impl Iterator<Item = &Completion> {
        self.rows.iter().filter_map(|row| row.result.as_ref().ok())
    }

    /// The requests that failed, with their numbers from 0.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.rows
            .iter()
            .enumerate()
            .filter_map(|(number, row)| Some(number).zip(row.result.as_ref().err()))
    }

    /// Seconds of each served request, as `part` picks them.
    pub(crate) fn seconds(&self, part: impl Fn(&Completion) -> Duration) -> Vec<f64> {
        let parts = self.completions().map(part);
        parts.map(|part| part.as_secs_f64()).collect()
    }

    /// Tokens of all answers.
    pub(crate) fn tokens(&self) -> usize {
        self.completions().map(|served| served.tokens.len()).sum()
    }

    /// Answer tokens per second of wall time, all requests together.
    pub(crate) fn tokens_per_s(&self) -> f64 {
        self.tokens() as f64 / self.wall.as_secs_f64()
    }

    /// Served requests per second of wall time.
    pub(crate) fn requests_per_s(&self) -> f64 {
        self.completions().count() as f64 / self.wall.as_secs_f64()
    }

    /// Time inside the model, in per cent of the time of service: what waits in the queue is in
    /// neither. Nothing when no request was served.
    pub(crate) fn inference_percent(&self) -> Option<f64> {
        let service: f64 = self.seconds(|served| served.timings.service()).iter().sum();
        let inference: f64 = self
            .seconds(|served| served.timings.inference())
            .iter()
            .sum();
        (service > 0.0).then(|| 100.0 * inference / service)
    }

    /// Busy CPU time in per cent of wall time times processors. Threads that spin while they
    /// wait count as busy.
    pub(crate) fn parallelism_percent(&self) -> f64 {
        let capacity = self.wall.as_secs_f64() * threads::available().get() as f64;
        100.0 * self.cpu.as_secs_f64() / capacity
    }
}
