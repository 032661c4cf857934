//! What the requests of a measuring process are sent to.
//!
//! Takes a job; gives a loaded engine that answers one prompt at a time to each client. Answers are all
//! equally long, greedy and without a template: what differs from run to run is time alone.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use inferno_inference::Error;
use inferno_inference::engine::response::ResponseCacheConfig;
use inferno_inference::engine::{
    AtEnd, Completion, EngineConfig, Event, Limits, Prompt, Request, Source,
};
use inferno_inference::sampling::Sampling;
use inferno_measure::performance::samples::{CacheCounts, Ending};

use super::job::{EngineKind, Job};
use crate::backend::ModelOptions;
use crate::failure::Failure;
use crate::generate::Generate;

/// How long answers are kept: longer than any run.
const TIME_TO_LIVE: Duration = Duration::from_hours(24);

/// Embeds a text; gives its tokens.
type Embed = Box<dyn Fn(&str) -> Result<usize, Error> + Send + Sync>;

/// A loaded engine.
pub(super) enum Target {
    /// It continues prompts by so many tokens.
    Generator(Arc<dyn Generate>, NonZeroUsize),
    /// It embeds texts.
    Embedder(Embed),
}

/// What became of a prompt. What the engine does not say is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) first_token: Option<Duration>,
    pub(super) prompt_tokens: Option<u32>,
    pub(super) tokens: Option<u32>,
    pub(super) was_cached: bool,
    pub(super) ending: Ending,
    pub(super) error: Option<String>,
}

impl Target {
    /// Loads what `job` is about. It is called from the main thread, before any other is started.
    pub(super) fn load(job: &Job, model: &ModelOptions) -> Result<Self, Failure> {
        match &job.engine {
            EngineKind::Generator(path) => {
                let engine = model.start(path, config(job))?;
                Ok(Self::Generator(engine, job.max_tokens))
            }
            EngineKind::Embedder {
                model: path,
                library,
            } => embedder(path, library, model.threads()).map(Self::Embedder),
        }
    }

    /// Sends `prompt` and waits for its answer.
    pub(super) fn ask(&self, prompt: &str) -> Answer {
        let answer = match self {
            Self::Generator(engine, max_tokens) => generated(engine.as_ref(), prompt, *max_tokens),
            Self::Embedder(embed) => embed(prompt).map(embedded),
        };
        answer.unwrap_or_else(|error| failed(&error))
    }

    /// What the cache has done so far, where there is one.
    pub(super) fn cache_counts(&self) -> Option<CacheCounts> {
        let Self::Generator(engine, _) = self else {
            return None;
        };
        let counts = engine.counts().responses?;
        Some(CacheCounts {
            hits: counts.hits,
            misses: counts.misses,
            coalesced: counts.coalesced,
            evicted: counts.evicted,
            entries: counts.entries,
            size_bytes: counts.size_bytes,
        })
    }
}

fn config(job: &Job) -> EngineConfig {
    let defaults = EngineConfig::default();
    EngineConfig {
        slots: job.slots,
        // Each slot takes in a token per pass.
        pass_tokens: defaults.pass_tokens.max(job.slots),
        responses: job.cache_bytes.map(|max_bytes| ResponseCacheConfig {
            max_bytes,
            time_to_live: TIME_TO_LIVE,
        }),
        ..defaults
    }
}

fn generated(
    engine: &dyn Generate,
    prompt: &str,
    max_tokens: NonZeroUsize,
) -> Result<Answer, Error> {
    let limits = Limits {
        max_tokens,
        sampling: Sampling::Greedy,
        at_end: AtEnd::Continue,
        stop_texts: Vec::new(),
    };
    let (sender, events) = mpsc::channel();
    let sink = move |event| {
        if let Event::Done(result) = event {
            // The receiver waits for it below.
            let _ = sender.send(result);
        }
    };
    engine.submit(
        Request::new(Prompt::Raw(prompt.to_owned()), limits),
        Box::new(sink),
    )?;
    let completion = events.recv().unwrap_or(Err(Error::EngineStopped))?;
    Ok(answered(&completion))
}

fn answered(completion: &Completion) -> Answer {
    let was_cached = completion.source == Source::Cached;
    Answer {
        // A kept answer comes as a whole.
        first_token: (!was_cached).then_some(completion.timings.first_token),
        prompt_tokens: u32::try_from(completion.prompt_tokens).ok(),
        tokens: u32::try_from(completion.tokens.len()).ok(),
        was_cached,
        ending: Ending::Served,
        error: None,
    }
}

/// An embedded text of so many tokens.
fn embedded(tokens: usize) -> Answer {
    Answer {
        first_token: None,
        prompt_tokens: u32::try_from(tokens).ok(),
        tokens: None,
        was_cached: false,
        ending: Ending::Served,
        error: None,
    }
}

fn failed(error: &Error) -> Answer {
    Answer {
        first_token: None,
        prompt_tokens: None,
        tokens: None,
        was_cached: false,
        ending: match error {
            Error::Overloaded { .. } => Ending::Refused,
            Error::DeadlineExceeded { .. } => Ending::TimedOut,
            _ => Ending::Failed,
        },
        error: Some(crate::failure::describe(error)),
    }
}

#[cfg(feature = "onnx")]
fn embedder(path: &Path, library: &Path, threads: NonZeroUsize) -> Result<Embed, Failure> {
    use inferno_inference::backend::Backend as _;
    use inferno_inference::batching::{Batcher, BatcherConfig, Request, Ticket};
    use inferno_inference::onnx::{OnnxEmbeddingBackend, OnnxSettings};

    let settings = OnnxSettings {
        threads,
        ..OnnxSettings::new(library)
    };
    let model = OnnxEmbeddingBackend::new(settings).load(path)?;
    let batcher = Batcher::new(Arc::new(model), &BatcherConfig::default())?;
    Ok(Box::new(move |text: &str| {
        let answer = batcher
            .submit(Request::new(text.to_owned()))
            .and_then(Ticket::wait)?;
        Ok(answer.output.tokens)
    }))
}

#[cfg(not(feature = "onnx"))]
fn embedder(_: &Path, _: &Path, _: NonZeroUsize) -> Result<Embed, Failure> {
    Err(Failure::BackendNotBuilt("onnx"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_request_failed_is_kept_apart() {
        for (error, ending) in [
            (Error::Overloaded { capacity: 3 }, Ending::Refused),
            (
                Error::DeadlineExceeded {
                    after: Duration::from_secs(1),
                },
                Ending::TimedOut,
            ),
            (Error::EngineStopped, Ending::Failed),
        ] {
            let answer = failed(&error);
            assert_eq!(answer.ending, ending);
            assert!(answer.error.is_some());
        }
    }
}
