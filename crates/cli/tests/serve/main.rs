//! The real binary with the synthetic model: the server through a socket, and the other commands.
//!
//! Each test has a server of its own on a free port, so they run beside each other. Those named
//! `slow_…` take a minute or a network.

mod answers;
mod embedder;
mod embeddings;
mod ending;
mod export;
mod http;
mod logging;
mod openai_client;
mod program;
mod refusals;
mod run;
mod soak;
mod streams;
#[path = "../../../inference/tests/tiny_bert/mod.rs"]
mod tiny_bert;
