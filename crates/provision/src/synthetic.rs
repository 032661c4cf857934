//! The model `synthetic-tiny`: a GGUF that the project writes itself.
//!
//! Takes a path, gives the same bytes on each machine. The file has the metadata keys, the
//! tensor names, the tokeniser and the block formats of `SmolLM2-135M-Instruct.Q4_1.gguf`, at
//! 1.4 MB, so that tests and a first try go through the very code that the real
//! model goes through. Its weights are random: the text that it generates means nothing, and a
//! speed measured on it says nothing about a real model.
//!
//! Three properties are made, not drawn:
//! - what a layer writes outweighs the token that it came from, so that a continuation depends
//!   on the whole prompt and an error in the attention or the cache changes it;
//! - tokens differ in how loud their embeddings are, so that the best token usually leads by
//!   more than rounding can move it;
//! - special tokens are nearly mute: greedy generation does not stop by itself and makes exactly
//!   as many tokens as asked for.

mod random;
mod vocabulary;

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::gguf::{File, Tensor, TensorType, Value};
use crate::{Error, atomic_file};
use random::Random;
use vocabulary::Vocabulary;

/// The name in the catalogue.
pub const NAME: &str = "synthetic-tiny";

/// SHA-256 of what [`write`] writes, in hexadecimal.
pub const SHA256: &str = "a70c1ad3d5ea2b5d6f5421125bca593fe45398cba87d77df4564e8e5ccfa50d2";

/// Size of what [`write`] writes, in bytes.
pub const SIZE_BYTES: u64 = 1_382_592;

const BLOCK_COUNT: u32 = 4;
const CONTEXT_LENGTH: u32 = 2048;
const EMBEDDING_LENGTH: u32 = 192;
const FEED_FORWARD_LENGTH: u32 = 512;
const HEAD_COUNT: u32 = 4;
const HEAD_COUNT_KV: u32 = 2;
const HEAD_LENGTH: u32 = EMBEDDING_LENGTH / HEAD_COUNT;
const VOCAB_SIZE: u32 = 1536;

/// Any number does; another one makes another file, and [`SHA256`] says so.
const SEED: u64 = 0x1_0F32;

/// Embeddings are this much quieter than what a layer adds to them.
const EMBEDDING_SCALE: f32 = 0.05;

/// Queries and keys are louder than unit variance, so that attention picks out some tokens.
const ATTENTION_SCALE: f32 = 1.5;

/// Makes up for the variance that `silu(gate) · up` loses.
const FEED_FORWARD_SCALE: f32 = 2.0;

/// Brings the logits of a loud token to a standard deviation of about 3, as in a trained model.
const OUTPUT_NORM: f32 = 4.0;

/// `SmolLM2`'s chat template with this project's own system message.
const CHAT_TEMPLATE: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] \
    != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}\
    {{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Writes the model to `path`, replacing what is there.
///
/// The file appears whole or not at all: it is written beside `path` and renamed.
///
/// # Errors
/// When the directory does not exist or cannot be written to.
pub fn write(path: &Path) -> Result<(), Error> {
    atomic_file::write_bytes(path, |file| {
        let mut out = BufWriter::new(file);
        model().write_to(&mut out)?;
        out.flush()
    })
}

/// The model before it is written, for tests that want to change something in it.
pub fn model() -> File {
    let vocabulary = vocabulary::learn(VOCAB_SIZE as usize);
    File {
        metadata: metadata(vocabulary),
        tensors: tensors(),
    }
}

fn metadata(vocabulary: Vocabulary) -> Vec<(String, Value)> {
    let special = vocabulary::SPECIAL.len();
    // Token types of `llama_token_type`: 1 is normal, 3 is control.
    let token_type = (0..vocabulary.tokens.len()).map(|id| if id < special { 3 } else { 1 });
    let entries = [
        ("general.architecture", "llama".into()),
        ("general.type", "model".into()),
        ("general.name", NAME.into()),
        ("general.license", "mit or apache-2.0".into()),
        ("llama.block_count", Value::U32(BLOCK_COUNT)),
        ("llama.context_length", Value::U32(CONTEXT_LENGTH)),
        ("llama.embedding_length", Value::U32(EMBEDDING_LENGTH)),
        ("llama.feed_forward_length", Value::U32(FEED_FORWARD_LENGTH)),
        ("llama.attention.head_count", Value::U32(HEAD_COUNT)),
        ("llama.attention.head_count_kv", Value::U32(HEAD_COUNT_KV)),
        ("llama.rope.freq_base", Value::F32(100_000.0)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        // `LLAMA_FTYPE_MOSTLY_Q4_1`
        ("general.file_type", Value::U32(3)),
        ("llama.vocab_size", Value::U32(VOCAB_SIZE)),
        ("llama.rope.dimension_count", Value::U32(HEAD_LENGTH)),
        ("tokenizer.ggml.add_space_prefix", Value::Bool(false)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
        ("tokenizer.ggml.model", "gpt2".into()),
        ("tokenizer.ggml.pre", "smollm".into()),
        (
            "tokenizer.ggml.token_type",
            Value::I32s(token_type.collect()),
        ),
        ("tokenizer.ggml.tokens", Value::Strings(vocabulary.tokens)),
        ("tokenizer.ggml.merges", Value::Strings(vocabulary.merges)),
        ("tokenizer.ggml.bos_token_id", Value::U32(1)),
        ("tokenizer.ggml.eos_token_id", Value::U32(2)),
        ("tokenizer.ggml.unknown_token_id", Value::U32(0)),
        ("tokenizer.ggml.padding_token_id", Value::U32(2)),
        ("tokenizer.chat_template", CHAT_TEMPLATE.into()),
        ("general.quantization_version", Value::U32(2)),
    ];
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn tensors() -> Vec<Tensor> {
    let mut random = Random::new(SEED);
    let mut tensors = vec![token_embeddings(&mut random)];
    for block in 0..BLOCK_COUNT {
        tensors.extend(block_tensors(block, &mut random));
    }
    tensors.push(norm(
        "output_norm.weight".to_owned(),
        OUTPUT_NORM,
        &mut random,
    ));
    tensors
}

/// One row per token; each token has a loudness of its own, which decides how often it is said.
fn token_embeddings(random: &mut Random) -> Tensor {
    let mut values = Vec::with_capacity((VOCAB_SIZE * EMBEDDING_LENGTH) as usize);
    for token in 0..VOCAB_SIZE as usize {
        let drawn = 0.35 / (0.15 + random.uniform());
        let loudness = if token < vocabulary::SPECIAL.len() {
            0.05
        } else {
            drawn
        };
        let scale = EMBEDDING_SCALE * loudness;
        values.extend((0..EMBEDDING_LENGTH).map(|_| scale * random.normal()));
    }
    let shape = [u64::from(EMBEDDING_LENGTH), u64::from(VOCAB_SIZE)];
    Tensor::new("token_embd.weight", &shape, TensorType::Q8_0, &values)
}

fn block_tensors(block: u32, random: &mut Random) -> Vec<Tensor> {
    let (embedding, feed_forward) = (EMBEDDING_LENGTH, FEED_FORWARD_LENGTH);
    let kv = HEAD_COUNT_KV * HEAD_LENGTH;
    let name = |part: &str| format!("blk.{block}.{part}.weight");
    vec![
        norm(name("attn_norm"), 1.0, random),
        projection(
            name("ffn_down"),
            feed_forward,
            embedding,
            FEED_FORWARD_SCALE,
            random,
        ),
        projection(name("ffn_gate"), embedding, feed_forward, 1.0, random),
        projection(name("ffn_up"), embedding, feed_forward, 1.0, random),
        norm(name("ffn_norm"), 1.0, random),
        projection(name("attn_k"), embedding, kv, ATTENTION_SCALE, random),
        projection(name("attn_output"), embedding, embedding, 1.0, random),
        projection(
            name("attn_q"),
            embedding,
            embedding,
            ATTENTION_SCALE,
            random,
        ),
        projection(name("attn_v"), embedding, kv, 1.0, random),
    ]
}

/// A matrix that takes inputs of unit variance to outputs of the standard deviation `scale`.
fn projection(name: String, inputs: u32, outputs: u32, scale: f32, random: &mut Random) -> Tensor {
    let deviation = scale / (inputs as f32).sqrt();
    let values: Vec<f32> = (0..inputs * outputs)
        .map(|_| deviation * random.normal())
        .collect();
    Tensor::new(
        name,
        &[u64::from(inputs), u64::from(outputs)],
        TensorType::Q4_1,
        &values,
    )
}

/// Weights of a norm: `level`, give or take a tenth, so that a norm left out is noticed.
fn norm(name: String, level: f32, random: &mut Random) -> Tensor {
    let values: Vec<f32> = (0..EMBEDDING_LENGTH)
        .map(|_| level * (0.9 + 0.2 * random.uniform()))
        .collect();
    Tensor::new(
        name,
        &[u64::from(EMBEDDING_LENGTH)],
        TensorType::F32,
        &values,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::sha256;

    #[test]
    fn the_file_is_the_same_each_time() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("model.gguf");
        write(&path).expect("writing the model");
        let bytes = std::fs::read(&path).expect("reading the model");
        assert_eq!(sha256(bytes.as_slice()).expect("memory"), SHA256);
        assert_eq!(bytes.len() as u64, SIZE_BYTES);
        let left: Vec<_> = std::fs::read_dir(&directory)
            .expect("the directory")
            .collect();
        assert_eq!(left.len(), 1, "no partial file is left");
    }

    #[test]
    fn shapes_and_data_belong_together() {
        for tensor in model().tensors {
            let values: u64 = tensor.shape.iter().product();
            let bytes = match tensor.tensor_type {
                TensorType::F32 => values * 4,
                TensorType::Q4_1 => values / 32 * 20,
                TensorType::Q8_0 => values / 32 * 34,
            };
            assert_eq!(tensor.data.len() as u64, bytes, "{}", tensor.name);
        }
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = write(Path::new("/nonexistent/model.gguf")).expect_err("no such directory");
        assert!(error.to_string().contains("/nonexistent"), "{error}");
    }
}
