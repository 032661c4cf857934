//! Runs three models on tract: a convolutional net, a skinny matrix product and a square one.
//!
//! Takes one request per line on stdin, gives one answer per line on stdout and nothing else there:
//! the line protocol of paired measurements. A request names a model, a seed of its input and how
//! often the model runs. What is timed is these runs alone: not the making of a model, which its
//! first request waits for, nor that of an input, nor the hash of the output. The end of input ends
//! the program by a normal return from `main`, because an instrumented program writes its profile
//! then.

mod mobilenet;
mod model;
mod numbers;
mod product;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::io::{BufRead as _, Write as _};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tract_core::prelude::TractResult;

use model::{Model, ModelName};
use numbers::Numbers;

/// What a request asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The request's number; each has an input of its own.
    seq: u64,
    model: ModelName,
    /// Another seed, other inputs.
    seed: u32,
    /// How often the model runs, each time on the same input.
    runs: NonZeroU32,
}

/// Why the program cannot go on.
#[derive(Debug)]
enum Failure {
    Usage,
    Protocol(String),
    Stream(std::io::Error),
}

impl Failure {
    fn print(&self) -> u8 {
        match self {
            Self::Usage => {
                eprintln!(
                    "error: tract-worker takes no arguments: requests are lines of its stdin"
                );
                2
            }
            Self::Protocol(line) => {
                eprintln!("error: not a request with a seq: {line}");
                2
            }
            Self::Stream(error) => {
                eprintln!("error: stdin or stdout: {error}");
                1
            }
        }
    }
}

fn main() -> ExitCode {
    let started = Instant::now();
    let outcome = match std::env::args_os().nth(1) {
        None => serve(started),
        Some(_) => Err(Failure::Usage),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.print()),
    }
}

/// Serves requests until stdin ends. `started` is when the process began.
fn serve(started: Instant) -> Result<(), Failure> {
    let mut models = HashMap::new();
    print_line(&json!({ "ready": true, "startup_ns": nanoseconds(started.elapsed()) }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(Failure::Stream)?;
        let value: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(seq) = value.get("seq").and_then(Value::as_u64) else {
            return Err(Failure::Protocol(line));
        };
        let answer = serde_json::from_value(value)
            .map_err(|error| error.to_string())
            // The alternate form has the causes as well.
            .and_then(|request| {
                answer(&request, &mut models).map_err(|error| format!("{error:#}"))
            });
        print_line(&answer.unwrap_or_else(|error| json!({ "seq": seq, "error": error })))?;
    }
    Ok(())
}

fn answer(request: &Request, models: &mut HashMap<ModelName, Model>) -> TractResult<Value> {
    let model = match models.entry(request.model) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(Model::new(request.model)?),
    };
    let input = model.input(&mut Numbers::new(request.seed, request.seq))?;
    let (begun, cpu_begun) = (Instant::now(), cpu_time());
    let mut output = model.run(&input)?;
    for _ in 1..request.runs.get() {
        output = model.run(&input)?;
    }
    let (wall, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu_begun));
    Ok(json!({
        "seq": request.seq,
        "wall_ns": nanoseconds(wall),
        "cpu_ns": nanoseconds(cpu),
        "output_sha256": sha256(output.try_as_plain_ram()?.as_bytes()),
        "metrics": {},
    }))
}

/// CPU time of all threads so far, user and system.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // The clock counts up from zero: neither part is ever negative.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn print_line(value: &Value) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{value}")
        .and_then(|()| stdout.flush())
        .map_err(Failure::Stream)
}
