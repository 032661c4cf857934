//! The figures for programs: one JSON document per batch, one set of metrics per worker answer.

use std::num::NonZeroUsize;
use std::time::Duration;

use inferno_inference::candle::threads;
use inferno_inference::engine::{Completion, StopReason};
use inferno_inference::stats::Summary;
use serde_json::{Map, Value, json};

use crate::ColdStart;
use crate::batch::{Batch, Row};
use crate::failure::describe;
use crate::usage::peak_rss_bytes;

/// All figures of a batch. Times are in seconds, an absent figure is `null`.
pub(crate) fn batch(
    backend: &str,
    cold: &ColdStart,
    batch: &Batch,
    thread_count: NonZeroUsize,
) -> Value {
    json!({
        "backend": backend,
        "threads": thread_count,
        "processors": threads::available(),
        "cold_start": {
            "backend_initialization_s": cold.backend.as_secs_f64(),
            "engine_creation_s": cold.engine.as_secs_f64(),
            "model_loading_s": cold.model.as_secs_f64(),
            "total_s": cold.total.as_secs_f64(),
        },
        "requests": batch.rows.len(),
        "successful_requests": batch.completions().count(),
        "tokens": batch.tokens(),
        "wall_s": batch.wall.as_secs_f64(),
        "cpu_s": batch.cpu.as_secs_f64(),
        "tokens_per_s": batch.tokens_per_s(),
        "requests_per_s": batch.requests_per_s(),
        "inference_percent": batch.inference_percent(),
        "parallelism_percent": batch.parallelism_percent(),
        "peak_rss_bytes": peak_rss_bytes(),
        "queue_wait_s": summary(batch, |served| served.timings.queue_wait),
        "inference_s": summary(batch, |served| served.timings.inference()),
        "prefill_s": summary(batch, |served| served.timings.prefill),
        "decode_s": summary(batch, |served| served.timings.decode),
        "first_token_s": summary(batch, |served| served.timings.first_token),
        "rows": batch.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

/// The figures of a worker's answer: means over its requests, in milliseconds.
pub(crate) fn metrics(batch: &Batch) -> Value {
    let mut metrics = Map::new();
    let mut put = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            metrics.insert(name.to_owned(), value.into());
        }
    };
    put("tokens", Some(batch.tokens() as f64));
    put("tokens_per_s", Some(batch.tokens_per_s()));
    put("requests_per_s", Some(batch.requests_per_s()));
    put("inference_percent", batch.inference_percent());
    put("parallelism_percent", Some(batch.parallelism_percent()));
    put(
        "prefill_ms",
        mean_ms(batch, |served| served.timings.prefill),
    );
    put("decode_ms", mean_ms(batch, |served| served.timings.decode));
    put(
        "inference_ms",
        mean_ms(batch, |served| served.timings.inference()),
    );
    put(
        "queue_wait_ms",
        mean_ms(batch, |served| served.timings.queue_wait),
    );
    put(
        "service_ms",
        mean_ms(batch, |served| served.timings.service()),
    );
    put(
        "first_token_ms",
        mean_ms(batch, |served| served.timings.first_token),
    );
    metrics.into()
}

fn mean_ms(batch: &Batch, part: impl Fn(&Completion) -> Duration) -> Option<f64> {
    Summary::of(&batch.seconds(part)).map(|summary| summary.mean * 1e3)
}

fn summary(batch: &Batch, part: impl Fn(&Completion) -> Duration) -> Value {
    Summary::of(&batch.seconds(part)).map_or(Value::Null, |summary| {
        json!({
            "count": summary.count,
            "mean": summary.mean,
            "median": summary.median,
            "p90": summary.p90,
            "p99": summary.p99,
            "min": summary.min,
            "max": summary.max,
        })
    })
}

fn row(row: &Row) -> Value {
    match &row.result {
        Err(error) => json!({ "prompt": row.prompt_index, "error": describe(error) }),
        Ok(served) => json!({
            "prompt": row.prompt_index,
            "text": served.text,
            "prompt_tokens": served.prompt_tokens,
            "tokens": served.tokens,
            "stop": match served.stop {
                StopReason::MaxTokens => "max-tokens",
                StopReason::EndOfSequence => "end-of-sequence",
                StopReason::StopText => "stop-text",
                StopReason::ContextFull => "context-full",
            },
            "queue_wait_s": served.timings.queue_wait.as_secs_f64(),
            "tokenize_s": served.timings.tokenize.as_secs_f64(),
            "prefill_s": served.timings.prefill.as_secs_f64(),
            "decode_s": served.timings.decode.as_secs_f64(),
            "first_token_s": served.timings.first_token.as_secs_f64(),
            "total_s": served.timings.total.as_secs_f64(),
        }),
    }
}
