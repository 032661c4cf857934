//! An inference engine for language models: a backend loads a model, the engine schedules
//! requests over its sessions.
//!
//! Takes a model file and prompts; gives text, tokens, and where the time of each request went.
//! Backends are features; a backend that was asked for and cannot be had is an error, never
//! another backend. This crate measures itself only so far as a log needs it: comparing two
//! builds is for `inferno-measure`, and it knows nothing of profiles.
//!
//! - [`backend`]: what a backend must offer
//! - `candle`: GGUF models of the llama architecture on candle-core (feature `candle`)
//! - [`engine`]: requests, queue, timings
//! - [`gguf`]: the file format, read without trusting it
//! - [`tokenizer`], [`chat`], [`sampling`]: text to tokens, conversations to prompts, logits to
//!   tokens
//! - [`stats`]: what a log says about many timings

pub mod backend;
#[cfg(feature = "candle")]
pub mod candle;
pub mod chat;
pub mod engine;
mod error;
pub mod gguf;
pub mod sampling;
mod schedule;
pub mod stats;
pub mod tokenizer;

pub use error::Error;
