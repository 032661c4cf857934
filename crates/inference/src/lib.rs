//! An inference engine: a backend loads a model, the engine computes many requests together.
//!
//! Takes a model file and prompts; gives text, tokens, and where the time of each request went.
//! Backends are features; a backend that was asked for and cannot be had is an error, never
//! another backend. This crate measures itself only so far as a log needs it: comparing two
//! builds is for `inferno-measure`, and it knows nothing of profiles.
//!
//! - [`backend`]: what a backend must offer
//! - `candle`: GGUF models of the llama architecture, and BERT models that embed texts, on
//!   candle-core (feature `candle`)
//! - `llama`: GGUF models on llama.cpp (feature `llama`)
//! - `onnx`: models that embed texts and that classify files, on ONNX Runtime (feature `onnx`)
//! - [`engine`]: requests, queue, timings
//! - [`batching`]: the same for models that answer each input on its own
//! - [`gguf`]: the file format, read without trusting it
//! - [`tokenizer`], [`chat`], [`sampling`]: text to tokens, conversations to prompts, logits to
//!   tokens
//! - [`stats`]: what a log says about many timings

pub mod backend;
pub mod batching;
#[cfg(feature = "candle")]
pub mod candle;
pub mod chat;
#[cfg(any(feature = "candle", feature = "onnx"))]
mod embedding;
pub mod engine;
mod error;
pub mod gguf;
#[cfg(feature = "llama")]
pub mod llama;
#[cfg(any(feature = "candle", feature = "onnx"))]
mod model_folder;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod sampling;
mod single;
pub mod stats;
pub mod tokenizer;

pub use error::Error;
pub use single::{Single, single};
