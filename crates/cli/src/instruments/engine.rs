//! What the engine counts, as Prometheus wants it.

use inferno_inference::engine::counts::{Counts, PrefixCounts, ResponseCounts};
use metrics::{Counter, Gauge, Unit};

use super::registry::Registry;

/// Handles that are set from a reading of the engine.
#[derive(Debug)]
pub(super) struct EngineReadings {
    prompt_tokens: Counter,
    answer_tokens: Counter,
    reused_tokens: Counter,
    passes: Counter,
    pass_sequences: Counter,
    waiting: Gauge,
    running: Gauge,
    prefixes: PrefixReadings,
    responses: ResponseReadings,
}

#[derive(Debug)]
struct PrefixReadings {
    hits: Counter,
    misses: Counter,
    evicted: Counter,
}

#[derive(Debug)]
struct ResponseReadings {
    hits: Counter,
    misses: Counter,
    coalesced: Counter,
    expired: Counter,
    evicted: Counter,
    entries: Gauge,
    size: Gauge,
}

impl EngineReadings {
    pub(super) fn new(registry: &Registry<'_>) -> Self {
        let tokens = |kind| {
            registry.labelled_counter(
                "inferno_tokens_total",
                "Tokens: prompt tokens computed, answer tokens computed, and prompt tokens that \
                 were reused instead of computed.",
                &[("kind", kind)],
            )
        };
        Self {
            prompt_tokens: tokens("prompt"),
            answer_tokens: tokens("answer"),
            reused_tokens: tokens("reused"),
            passes: registry.counter("inferno_passes_total", "Passes over the model."),
            pass_sequences: registry.counter(
                "inferno_pass_sequences_total",
                "Sequences in those passes: divided by the passes, the mean size of a batch.",
            ),
            waiting: registry.gauge(
                "inferno_waiting_requests",
                "Requests that wait for the engine now.",
                Unit::Count,
            ),
            running: registry.gauge(
                "inferno_running_sequences",
                "Sequences in the batch now.",
                Unit::Count,
            ),
            prefixes: PrefixReadings::new(registry),
            responses: ResponseReadings::new(registry),
        }
    }

    pub(super) fn set(&self, counts: &Counts) {
        self.prompt_tokens.absolute(counts.prompt_tokens);
        self.answer_tokens.absolute(counts.answer_tokens);
        self.reused_tokens.absolute(counts.prefixes.reused_tokens);
        self.passes.absolute(counts.passes);
        self.pass_sequences.absolute(counts.pass_sequences);
        self.waiting.set(counts.waiting as f64);
        self.running.set(counts.running as f64);
        self.prefixes.set(&counts.prefixes);
        // An engine that keeps no answers has hit and missed none.
        self.responses.set(&counts.responses.unwrap_or_default());
    }
}

impl PrefixReadings {
    fn new(registry: &Registry<'_>) -> Self {
        Self {
            hits: registry.counter(
                "inferno_prefix_cache_hits_total",
                "Prompts that began with a kept sequence.",
            ),
            misses: registry.counter("inferno_prefix_cache_misses_total", "Prompts that did not."),
            evicted: registry.counter(
                "inferno_prefix_cache_evicted_total",
                "Kept sequences dropped because others needed their place or memory.",
            ),
        }
    }

    fn set(&self, counts: &PrefixCounts) {
        self.hits.absolute(counts.hits);
        self.misses.absolute(counts.misses);
        self.evicted.absolute(counts.evicted);
    }
}

impl ResponseReadings {
    fn new(registry: &Registry<'_>) -> Self {
        Self {
            hits: registry.counter(
                "inferno_response_cache_hits_total",
                "Requests answered with a kept answer.",
            ),
            misses: registry.counter(
                "inferno_response_cache_misses_total",
                "Requests that had to be computed.",
            ),
            coalesced: registry.counter(
                "inferno_response_cache_coalesced_total",
                "Requests that waited for the answer to an equal one.",
            ),
            expired: registry.counter(
                "inferno_response_cache_expired_total",
                "Answers dropped because their time was over.",
            ),
            evicted: registry.counter(
                "inferno_response_cache_evicted_total",
                "Answers dropped for want of memory.",
            ),
            entries: registry.gauge(
                "inferno_response_cache_entries",
                "Answers that are kept now.",
                Unit::Count,
            ),
            size: registry.gauge(
                "inferno_response_cache_bytes",
                "Memory of the answers that are kept now, in bytes.",
                Unit::Bytes,
            ),
        }
    }

    fn set(&self, counts: &ResponseCounts) {
        self.hits.absolute(counts.hits);
        self.misses.absolute(counts.misses);
        self.coalesced.absolute(counts.coalesced);
        self.expired.absolute(counts.expired);
        self.evicted.absolute(counts.evicted);
        self.entries.set(counts.entries as f64);
        self.size.set(counts.size_bytes as f64);
    }
}
