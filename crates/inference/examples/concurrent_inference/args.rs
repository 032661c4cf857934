//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use inferno_inference::engine::{AtEnd, Limits};
use inferno_inference::sampling::Sampling;

use crate::batch::{BatchConfig, PromptFormat};

/// Answers prompts at once on one GGUF model, and says where the time went.
#[derive(Debug, Parser)]
#[command(name = "concurrent_inference")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line; they become enums in `Args::batch`"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) input: Input,

    /// The GGUF file, or a directory that holds exactly one.
    #[arg(short, long, value_name = "PATH", env = "BENCH_MODEL_PATH")]
    pub(crate) model_path: Option<PathBuf>,

    /// What computes.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) backend: BackendName,

    /// How many requests are sent at once; prompts are taken in order and begin again.
    #[arg(short, long, value_name = "N", default_value = "1")]
    pub(crate) concurrent: NonZeroUsize,

    /// How many requests are computed together, a token of each per pass; the others wait.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) slots: NonZeroUsize,

    /// Most tokens of an answer.
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) max_tokens: NonZeroUsize,

    /// Decides the draws; request number i uses SEED + i.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Randomness of the answers; 0 always takes the best token.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) temperature: f32,

    /// Share of the probability that tokens are drawn from, when the temperature is not 0.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub(crate) top_p: f32,

    /// Threads that compute [default: all processors; with --worker: what the first request says].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Send the prompt as it is, without the model's chat template.
    #[arg(long)]
    pub(crate) raw: bool,

    /// Go on until there are exactly as many tokens as asked for.
    #[arg(long)]
    pub(crate) ignore_eos: bool,

    /// Write one JSON document with answers and figures to stdout.
    #[arg(long)]
    pub(crate) json: bool,

    /// Log each request.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// The backends of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum BackendName {
    /// Kernels in Rust.
    #[default]
    Candle,
    /// llama.cpp.
    #[cfg(feature = "llama")]
    Llama,
}

/// Where prompts come from.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Input {
    /// The prompt.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,

    /// A file with one prompt per line; empty lines are skipped.
    #[arg(long, value_name = "FILE")]
    pub(crate) prompts: Option<PathBuf>,

    /// Serve requests from stdin, one JSON object per line.
    #[arg(long)]
    pub(crate) worker: bool,
}

impl Args {
    /// What one batch does.
    pub(crate) fn batch(&self) -> BatchConfig {
        BatchConfig {
            concurrent: self.concurrent,
            format: prompt_format(self.raw),
            limits: limits(self.max_tokens, self.ignore_eos),
            draws: Draws {
                temperature: self.temperature,
                top_p: self.top_p,
                seed: self.seed,
            },
        }
    }
}

/// How tokens are drawn, as people say it: a temperature of 0 is greedy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    pub(crate) temperature: f32,
    pub(crate) top_p: f32,
    pub(crate) seed: u64,
}

impl Draws {
    /// How request number `index` draws.
    pub(crate) fn sampling(self, index: u64) -> Sampling {
        if self.temperature == 0.0 {
            Sampling::Greedy
        } else {
            Sampling::Random {
                temperature: self.temperature,
                top_p: self.top_p,
                seed: self.seed.wrapping_add(index),
            }
        }
    }
}

/// The flag as what it means.
pub(crate) fn prompt_format(raw: bool) -> PromptFormat {
    if raw {
        PromptFormat::Raw
    } else {
        PromptFormat::Chat
    }
}

/// Limits of a greedy answer; a batch puts its own sampling in.
pub(crate) fn limits(max_tokens: NonZeroUsize, ignore_eos: bool) -> Limits {
    Limits {
        max_tokens,
        sampling: Sampling::Greedy,
        at_end: if ignore_eos {
            AtEnd::Continue
        } else {
            AtEnd::Stop
        },
        stop_texts: Vec::new(),
    }
}
