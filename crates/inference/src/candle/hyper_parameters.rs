//! The numbers that describe a llama model, checked against each other.
//!
//! Takes metadata; gives numbers with which no later division or index can go wrong, or says
//! which key is missing, absurd or asks for what is not supported.

use crate::gguf::{Metadata, Problem};

/// More tokens of context than any model of the architecture has.
const MAX_CONTEXT_TOKENS: u64 = 1 << 24;

/// Shape of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HyperParameters {
    /// Transformer layers.
    pub(super) blocks: usize,
    /// Tokens that fit into one session.
    pub(super) context_tokens: usize,
    /// Values that represent one token.
    pub(super) embedding_length: usize,
    /// Values inside a feed-forward network.
    pub(super) feed_forward_length: usize,
    /// Heads that ask, a multiple of `kv_heads`.
    pub(super) heads: usize,
    /// Heads that are asked.
    pub(super) kv_heads: usize,
    /// Values per head, an even number.
    pub(super) head_length: usize,
    /// Tokens in the vocabulary.
    pub(super) vocabulary_size: usize,
    /// The base of the rotary embedding's wavelengths.
    pub(super) rope_base: f32,
    /// Keeps the root mean square away from zero.
    pub(super) norm_epsilon: f32,
}

impl HyperParameters {
    /// Reads the keys of the llama architecture.
    pub(super) fn from_metadata(metadata: &Metadata) -> Result<Self, Problem> {
        check_supported(metadata)?;
        let embedding_length = positive(metadata, "llama.embedding_length")?;
        let heads = positive(metadata, "llama.attention.head_count")?;
        let kv_heads = match metadata.optional_unsigned("llama.attention.head_count_kv")? {
            None => heads,
            Some(_) => positive(metadata, "llama.attention.head_count_kv")?,
        };
        if !embedding_length.is_multiple_of(heads) || !heads.is_multiple_of(kv_heads) {
            return Err(Problem::corrupt(format!(
                "an embedding of {embedding_length} values, {heads} heads and {kv_heads} key-value \
                 heads do not divide each other"
            )));
        }
        let head_length = embedding_length / heads;
        check_head_length(metadata, head_length)?;
        let context = metadata.unsigned("llama.context_length")?;
        if !(1..=MAX_CONTEXT_TOKENS).contains(&context) {
            return Err(Problem::corrupt(format!(
                "llama.context_length is {context}; 1 to {MAX_CONTEXT_TOKENS} was expected"
            )));
        }
        Ok(Self {
            blocks: positive(metadata, "llama.block_count")?,
            context_tokens: context as usize,
            embedding_length,
            feed_forward_length: positive(metadata, "llama.feed_forward_length")?,
            heads,
            kv_heads,
            head_length,
            vocabulary_size: vocabulary_size(metadata)?,
            rope_base: float(metadata, "llama.rope.freq_base", 1.0..1e12)?.unwrap_or(10_000.0),
            norm_epsilon: float(
                metadata,
                "llama.attention.layer_norm_rms_epsilon",
                f64::MIN_POSITIVE..1.0,
            )?
            .ok_or_else(|| {
                Problem::corrupt("the key \"llama.attention.layer_norm_rms_epsilon\" is missing")
            })?,
        })
    }

    /// Values of all key heads of one token.
    pub(super) fn kv_length(&self) -> usize {
        self.kv_heads * self.head_length
    }
}

fn check_supported(metadata: &Metadata) -> Result<(), Problem> {
    let architecture = metadata.string("general.architecture")?;
    if architecture != "llama" {
        return Err(Problem::unsupported(format!(
            "its architecture is {architecture:?}; \"llama\" is supported"
        )));
    }
    if metadata
        .optional_unsigned("llama.expert_count")?
        .unwrap_or(0)
        > 0
    {
        return Err(Problem::unsupported("it is a mixture of experts"));
    }
    match metadata.optional_string("llama.rope.scaling.type")? {
        None | Some("none") => Ok(()),
        Some(other) => Err(Problem::unsupported(format!(
            "it scales its rotary embedding ({other:?})"
        ))),
    }
}

fn check_head_length(metadata: &Metadata, head_length: usize) -> Result<(), Problem> {
    if !head_length.is_multiple_of(2) {
        return Err(Problem::corrupt(format!(
            "its heads have {head_length} values; rotary embedding needs an even number"
        )));
    }
    for key in [
        "llama.rope.dimension_count",
        "llama.attention.key_length",
        "llama.attention.value_length",
    ] {
        let stated = metadata.optional_unsigned(key)?;
        if stated.is_some_and(|stated| stated != head_length as u64) {
            return Err(Problem::unsupported(format!(
                "{key} is {}, its heads have {head_length} values; only equal lengths are supported",
                stated.unwrap_or_default()
            )));
        }
    }
    Ok(())
}

/// What the file states, or as many as there are tokens.
fn vocabulary_size(metadata: &Metadata) -> Result<usize, Problem> {
    match metadata.optional_unsigned("llama.vocab_size")? {
        Some(_) => positive(metadata, "llama.vocab_size"),
        None => Ok(metadata.strings("tokenizer.ggml.tokens")?.len()),
    }
}

/// A count that fits into 32 bits, so that products of two of them do not overflow.
fn positive(metadata: &Metadata, key: &str) -> Result<usize, Problem> {
    let number = metadata.unsigned(key)?;
    u32::try_from(number)
        .ok()
        .filter(|&number| number > 0)
        .map(|number| number as usize)
        .ok_or_else(|| {
            Problem::corrupt(format!("{key} is {number}; a positive number was expected"))
        })
}

fn float(
    metadata: &Metadata,
    key: &str,
    range: std::ops::Range<f64>,
) -> Result<Option<f32>, Problem> {
    match metadata.optional_float(key)? {
        None => Ok(None),
        Some(number) if range.contains(&number) => Ok(Some(number as f32)),
        Some(number) => Err(Problem::corrupt(format!(
            "{key} is {number:?}, which is absurd"
        ))),
    }
}
