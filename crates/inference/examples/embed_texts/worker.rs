//! The worker: one request per line on stdin, one answer per line on stdout, nothing else there.
//!
//! Request number `seq` embeds `count` texts of its file, from number `seq · count` on. The end of
//! input ends the worker by a normal return from `main`, because an instrumented program writes its
//! profile then.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use inferno_inference::backend::{BatchModel, Embedding};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::usage::cpu_time;
use crate::{Failure, chain, embed, hexadecimal, read_texts};

/// What a request asks for. Paths are relative to the worker's directory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    seq: u64,
    texts: PathBuf,
    count: NonZeroUsize,
}

/// Serves requests until stdin ends. `started` is when the process began.
pub(crate) fn serve(
    model: &impl BatchModel<Input = String, Output = Embedding>,
    batch: NonZeroUsize,
    started: Instant,
) -> Result<(), Failure> {
    let mut files = HashMap::new();
    print_line(&json!({ "ready": true, "startup_ns": nanoseconds(started.elapsed()) }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(Failure::Stream)?;
        if line.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(seq) = value.get("seq").and_then(Value::as_u64) else {
            return Err(Failure::Protocol(line));
        };
        let answer = serde_json::from_value(value)
            .map_err(|error| error.to_string())
            .and_then(|request| answer(model, batch, &request, &mut files));
        print_line(&answer.unwrap_or_else(|error| json!({ "seq": seq, "error": error })))?;
    }
    Ok(())
}

fn answer(
    model: &impl BatchModel<Input = String, Output = Embedding>,
    batch: NonZeroUsize,
    request: &Request,
    files: &mut HashMap<PathBuf, Vec<String>>,
) -> Result<Value, String> {
    if !files.contains_key(&request.texts) {
        let texts = read_texts(&request.texts).map_err(|failure| format!("{failure:?}"))?;
        files.insert(request.texts.clone(), texts);
    }
    let texts = chosen(&files[&request.texts], request);
    let (begun, cpu_begun) = (Instant::now(), cpu_time());
    let mut hash = Sha256::new();
    embed(model, &texts, batch, &mut hash).map_err(|error| chain(&error))?;
    let (wall, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu_begun));
    Ok(json!({
        "seq": request.seq,
        "wall_ns": nanoseconds(wall),
        "cpu_ns": nanoseconds(cpu),
        "output_sha256": hexadecimal(hash),
        "metrics": { "texts_per_s": texts.len() as f64 / wall.as_secs_f64() },
    }))
}

/// The texts of a request; after the last of the file comes the first.
fn chosen(texts: &[String], request: &Request) -> Vec<String> {
    let count = request.count.get();
    let length = texts.len() as u64;
    let first = (request.seq % length).wrapping_mul(count as u64 % length) % length;
    let endless = texts.iter().cycle().skip(first as usize);
    endless.take(count).cloned().collect()
}

fn print_line(value: &Value) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{value}")
        .and_then(|()| stdout.flush())
        .map_err(Failure::Stream)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
