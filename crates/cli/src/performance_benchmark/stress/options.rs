//! What is asked, and how it is reached: the options of both, and what they lead to.
//!
//! Takes options; gives prompts and a target that takes requests, with its description for the result.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use inferno_inference::engine::EngineConfig;
use inferno_measure::performance::{Model, Task};
use serde::Serialize;

use crate::api_key::ApiKey;
use crate::backend::ModelOptions;
use crate::failure::Failure;
use crate::load::prompts::{PromptOrder, Prompts};
use crate::load::target::engine::EngineTarget;
use crate::load::target::open_ai::OpenAiTarget;
use crate::load::target::{Answering, Target};
use crate::performance_benchmark::results::fingerprint;
use crate::seconds;

/// What is asked of each request.
#[derive(Debug, Args)]
pub(super) struct RequestOptions {
    /// A file with a prompt per line [default: prompts of this program]
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,

    /// Which prompt is next
    #[arg(long, value_enum, default_value = "in-turn")]
    prompt_order: PromptOrder,

    /// Most tokens of each answer
    #[arg(long, value_name = "N", default_value = "32")]
    max_tokens: NonZeroUsize,

    /// Send prompts as they are, without the model's chat template
    #[arg(long)]
    raw: bool,

    /// Time for an answer, waiting included; then it has timed out
    #[arg(long, value_name = "SECONDS", value_parser = seconds::parse, default_value = "60")]
    timeout: Duration,
}

/// What answers.
#[derive(Debug, Args)]
pub(super) struct TargetOptions {
    #[command(flatten)]
    model: ModelOptions,

    /// Requests that the engine of this process computes together
    #[arg(long, value_name = "N", default_value = "4")]
    slots: NonZeroUsize,

    /// Requests that may wait for it; more are refused
    #[arg(long, value_name = "N", default_value = "64")]
    queue: NonZeroUsize,

    /// A server that speaks `OpenAI`'s interface, instead of an engine in this process
    #[arg(long, conflicts_with = "model")]
    url: Option<String>,

    /// What the server's model is called [default: the only one that it lists]
    #[arg(long, value_name = "NAME", requires = "url")]
    model_name: Option<String>,

    /// A file with the server's key [default: `INFERNO_API_KEY`, if set]
    #[arg(long, value_name = "FILE", requires = "url")]
    api_key_file: Option<PathBuf>,

    /// Ask the server for answers that go on beyond their ends, as the engine of this process always gives them; many servers refuse it
    #[arg(long, requires = "url")]
    ignore_eos: bool,
}

/// What requests are sent to, for the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum TargetDescription {
    /// An engine in this process.
    Engine {
        model: Model,
        threads: usize,
        slots: usize,
        queue: usize,
    },
    /// A server.
    Server { url: String, model: String },
}

/// A target that takes requests.
pub(super) struct Reached {
    pub(super) target: Box<dyn Target>,
    pub(super) description: TargetDescription,
    pub(super) answering: Answering,
}

impl RequestOptions {
    /// The prompts; `seed` decides the draws.
    pub(super) fn prompts(&self, seed: u64) -> Result<Prompts, Failure> {
        match &self.prompts {
            None => Ok(Prompts::built_in(self.prompt_order, seed)),
            Some(path) => Prompts::read(path, self.prompt_order, seed),
        }
    }

    /// How prompts follow each other.
    pub(super) fn prompt_order(&self) -> PromptOrder {
        self.prompt_order
    }
}

impl TargetOptions {
    /// Starts the engine, from the main thread and before any other thread is started, or finds the
    /// server; either is asked as `requests` says.
    pub(super) fn reach(&self, requests: &RequestOptions) -> Result<Reached, Failure> {
        let answering = Answering {
            max_tokens: requests.max_tokens,
            raw: requests.raw,
            ignore_end: self.url.is_none() || self.ignore_eos,
            timeout: requests.timeout,
        };
        let (target, description) = match &self.url {
            None => self.start(answering)?,
            Some(url) => self.connect(url, answering)?,
        };
        Ok(Reached {
            target,
            description,
            answering,
        })
    }

    fn start(&self, answering: Answering) -> Result<(Box<dyn Target>, TargetDescription), Failure> {
        let path = self.model.path()?;
        let model = fingerprint::model(&path, self.model.backend_name(), Task::Generate)?;
        let defaults = EngineConfig::default();
        let config = EngineConfig {
            slots: self.slots,
            queue_capacity: self.queue,
            // Each slot takes in a token per pass.
            pass_tokens: defaults.pass_tokens.max(self.slots),
            ..defaults
        };
        let engine = self.model.start(&path, config)?;
        let description = TargetDescription::Engine {
            model,
            threads: self.model.threads().get(),
            slots: self.slots.get(),
            queue: self.queue.get(),
        };
        Ok((Box::new(EngineTarget::new(engine, answering)), description))
    }

    fn connect(
        &self,
        url: &str,
        answering: Answering,
    ) -> Result<(Box<dyn Target>, TargetDescription), Failure> {
        let key = ApiKey::find(self.api_key_file.as_deref())?;
        let model_name = self.model_name.as_deref();
        let target = OpenAiTarget::connect(url, key.as_ref(), model_name, answering)?;
        let description = TargetDescription::Server {
            url: url.to_owned(),
            model: target.model().to_owned(),
        };
        Ok((Box::new(target), description))
    }
}

impl TargetDescription {
    /// One line for people.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Engine {
                model,
                threads,
                slots,
                queue,
            } => format!(
                "{} on {} in this process: {threads} threads, {slots} slots, {queue} may wait",
                model.name, model.backend
            ),
            Self::Server { url, model } => format!("{model} at {url}"),
        }
    }
}
