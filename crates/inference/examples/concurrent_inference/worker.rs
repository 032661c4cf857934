//! The worker: one request per line on stdin, one answer per line on stdout, nothing else there.
//!
//! A request is a JSON object with `seq` and what to do; its batch is number `seq` of the prompts.
//! The end of input ends the worker by a normal return from `main`, because an instrumented
//! program writes its profile then.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use inferno_inference::backend::Model;
use inferno_inference::candle::threads;
use inferno_inference::engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::args::{Draws, limits, prompt_format};
use crate::batch::{self, Batch, BatchConfig};
use crate::failure::{Failure, describe};
use crate::prompts::PromptSource;
use crate::{document, print_line, start_pool};

/// What a request asks for. Paths are relative to the worker's directory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkerRequest {
    seq: u64,
    prompts: PathBuf,
    #[serde(default = "one")]
    concurrent: NonZeroUsize,
    threads: Option<NonZeroUsize>,
    max_tokens: NonZeroUsize,
    #[serde(default)]
    raw: bool,
    #[serde(default)]
    ignore_eos: bool,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    temperature: f32,
    #[serde(default = "whole")]
    top_p: f32,
}

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

fn whole() -> f32 {
    1.0
}

/// A worker between requests.
struct Worker<'a, M: Model> {
    engine: &'a Engine<M>,
    /// Threads of the pool; nothing until the first request says how many.
    threads: Option<NonZeroUsize>,
    /// Files of prompts that have been read.
    prompts: HashMap<PathBuf, PromptSource>,
}

/// Serves requests until stdin ends. `started` is when the process began.
pub(crate) fn serve<M: Model>(
    engine: &Engine<M>,
    threads: Option<NonZeroUsize>,
    started: Instant,
) -> Result<(), Failure> {
    let mut worker = Worker {
        engine,
        threads,
        prompts: HashMap::new(),
    };
    print_line(
        &json!({ "ready": true, "startup_ns": nanoseconds(started.elapsed()) }).to_string(),
    )?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(Failure::Input)?;
        if !line.trim().is_empty() {
            print_line(&worker.answer(&line)?.to_string())?;
        }
    }
    Ok(())
}

impl<M: Model> Worker<'_, M> {
    /// The answer to one line; what is wrong with a request is its answer, not the worker's end.
    fn answer(&mut self, line: &str) -> Result<Value, Failure> {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let Some(seq) = value.get("seq").and_then(Value::as_u64) else {
            return Err(Failure::Protocol(line.to_owned()));
        };
        let batch = serde_json::from_value(value)
            .map_err(|error| error.to_string())
            .and_then(|request| self.run(&request));
        Ok(match batch {
            Ok(batch) => answer_to(seq, &batch),
            Err(error) => json!({ "seq": seq, "error": error }),
        })
    }

    fn run(&mut self, request: &WorkerRequest) -> Result<Batch, String> {
        self.fix_threads(request.threads)?;
        let config = BatchConfig {
            concurrent: request.concurrent,
            format: prompt_format(request.raw),
            limits: limits(request.max_tokens, request.ignore_eos),
            draws: Draws {
                temperature: request.temperature,
                top_p: request.top_p,
                seed: request.seed,
            },
        };
        let engine = self.engine;
        let prompts = self.prompts(&request.prompts)?;
        let batch = batch::run(engine, prompts, &config, request.seq);
        let failed = batch
            .failures()
            .next()
            .map(|(number, error)| format!("request {} failed: {}", number + 1, describe(error)));
        failed.map_or(Ok(batch), Err)
    }

    /// Makes the pool at the first request; later ones must want the same.
    fn fix_threads(&mut self, requested: Option<NonZeroUsize>) -> Result<(), String> {
        match (self.threads, requested) {
            (Some(_), None) => Ok(()),
            (Some(actual), Some(requested)) if actual == requested => Ok(()),
            (Some(actual), Some(requested)) => Err(format!(
                "this worker computes with {actual} threads, not {requested}: start one worker per \
                 number of threads"
            )),
            (None, requested) => {
                let thread_count = requested.unwrap_or_else(threads::available);
                start_pool(thread_count).map_err(|failure| failure.to_string())?;
                self.threads = Some(thread_count);
                Ok(())
            }
        }
    }

    fn prompts(&mut self, path: &PathBuf) -> Result<&PromptSource, String> {
        if !self.prompts.contains_key(path) {
            let source = PromptSource::read(path).map_err(|failure| failure.to_string())?;
            self.prompts.insert(path.clone(), source);
        }
        Ok(&self.prompts[path])
    }
}

fn answer_to(seq: u64, batch: &Batch) -> Value {
    json!({
        "seq": seq,
        "wall_ns": nanoseconds(batch.wall),
        "cpu_ns": nanoseconds(batch.cpu),
        "output_sha256": output_sha256(batch),
        "metrics": document::metrics(batch),
    })
}

/// A hash over the tokens of all answers in their order, each with its count in front.
fn output_sha256(batch: &Batch) -> String {
    let mut hash = Sha256::new();
    for served in batch.completions() {
        hash.update((served.tokens.len() as u64).to_le_bytes());
        for token in &served.tokens {
            hash.update(token.to_le_bytes());
        }
    }
    let mut hexadecimal = String::new();
    for byte in hash.finalize() {
        // Writing to a string does not fail.
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
