//! Inputs to begin with that are not text. Those that are lie in `fuzz/seeds`.

use std::path::Path;

use inferno_provision::gguf::{File, Tensor, TensorType, Value};

use crate::error::{Error, Result};

/// Writes what `target` begins with into `directory`, where it needs such a thing.
pub(super) fn write(target: &str, directory: &Path) -> Result<()> {
    if target != "gguf_reader" {
        return Ok(());
    }
    let mut bytes = Vec::new();
    model()
        .write_to(&mut bytes)
        .map_err(|error| Error::Check(format!("cannot write a model: {error}")))?;
    inferno_measure::write_atomically(&directory.join("seed.gguf"), &bytes)?;
    Ok(())
}

/// A model of some 1000 bytes with a value of each type, a tokenizer that works, and two tensors.
/// `synthetic-tiny` would do as well, but hardly any change to its million bytes means anything.
fn model() -> File {
    let texts = |texts: &[&str]| Value::Strings(texts.iter().map(ToString::to_string).collect());
    let entries = [
        ("general.architecture", "llama".into()),
        ("general.alignment", Value::U32(32)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("tokenizer.ggml.model", "gpt2".into()),
        ("tokenizer.ggml.pre", "smollm".into()),
        ("tokenizer.ggml.tokens", texts(&["<|end|>", "a", "b", "ab"])),
        ("tokenizer.ggml.token_type", Value::I32s(vec![3, 1, 1, 4])),
        ("tokenizer.ggml.merges", texts(&["a b"])),
        ("tokenizer.ggml.add_bos_token", Value::Bool(true)),
        ("tokenizer.ggml.bos_token_id", Value::U32(0)),
        ("tokenizer.ggml.eos_token_id", Value::U32(0)),
    ];
    File {
        metadata: entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        tensors: vec![
            Tensor::new("token_embd.weight", &[32, 4], TensorType::Q8_0, &[0.5; 128]),
            Tensor::new("output_norm.weight", &[32], TensorType::F32, &[1.0; 32]),
        ],
    }
}
