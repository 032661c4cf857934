//! Text to tokens and back, by the vocabulary that the GGUF file carries.
//!
//! Takes metadata; gives a byte-level BPE tokenizer that cuts text as the model was trained to
//! see it, and a decoder that puts characters together again which lie across tokens. A
//! vocabulary of another kind is a problem that names it, never a tokenizer that almost fits.

mod stop_texts;
mod text_stream;

use std::sync::Arc;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, Tokenizer as Bpe};

use crate::error::Error;
use crate::gguf::{Metadata, Problem};
pub(crate) use stop_texts::StopTexts;
pub use text_stream::TextStream;

/// What a token is for: the numbers of `llama_token_type` that matter here.
mod token_type {
    /// Marks up a conversation; is not text.
    pub(super) const CONTROL: i64 = 3;
    /// Text that is always one token.
    pub(super) const USER_DEFINED: i64 = 4;
}

/// Keys of tokens that end an answer.
const END_KEYS: [&str; 3] = [
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",
];

/// A byte-level BPE tokenizer.
#[derive(Debug)]
pub struct Tokenizer {
    bpe: Bpe,
    tokens: Vec<String>,
    control: Vec<bool>,
    end_tokens: Vec<u32>,
    bos_token: Option<u32>,
}

impl Tokenizer {
    /// The tokenizer that `metadata` describes.
    ///
    /// # Errors
    /// When keys are missing or contradict each other, or when the vocabulary is of a kind that
    /// is not supported.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, Problem> {
        let model = metadata.string("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(Problem::unsupported(format!(
                "its tokenizer is {model:?}; \"gpt2\" (byte-level BPE) is supported"
            )));
        }
        let tokens = metadata.strings("tokenizer.ggml.tokens")?.to_vec();
        let types = token_types(metadata, tokens.len())?;
        let mut bpe = Bpe::new(byte_pairs(metadata, &tokens)?);
        bpe.with_pre_tokenizer(Some(pre_tokenizer(metadata)?));
        add_whole_tokens(&mut bpe, &tokens, types)?;
        let bos_token = if metadata
            .optional_bool("tokenizer.ggml.add_bos_token")?
            .unwrap_or(false)
        {
            token_id(metadata, "tokenizer.ggml.bos_token_id", tokens.len())?
        } else {
            None
        };
        let end_tokens = END_KEYS
            .into_iter()
            .filter_map(|key| token_id(metadata, key, tokens.len()).transpose())
            .collect::<Result<_, _>>()?;
        let mut control: Vec<bool> = types
            .iter()
            .map(|&kind| kind == token_type::CONTROL)
            .collect();
        control.resize(tokens.len(), false);
        Ok(Self {
            bpe,
            tokens,
            control,
            end_tokens,
            bos_token,
        })
    }

    /// Cuts `text` into tokens. Control tokens written out in the text become those tokens, and a
    /// model that wants one at the start gets it.
    ///
    /// # Errors
    /// [`Error::Tokenize`] when the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self
            .bpe
            .encode_fast(text, false)
            .map_err(|error| Error::Tokenize(Arc::from(error)))?;
        let ids = encoding.get_ids();
        Ok(match self.bos_token {
            Some(bos) if !ids.is_empty() && ids[0] != bos => {
                std::iter::once(bos).chain(ids.iter().copied()).collect()
            }
            _ => ids.to_vec(),
        })
    }

    /// Begins to decode an answer.
    pub fn text_stream(&self) -> TextStream<'_> {
        TextStream::new(self)
    }

    /// The text of `tokens`, without control tokens.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut stream = self.text_stream();
        let mut text = String::new();
        for &token in tokens {
            text.push_str(&stream.push(token));
        }
        text.push_str(&stream.finish());
        text
    }

    /// Tokens that end an answer.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    /// Tokens in the vocabulary.
    pub fn vocabulary_size(&self) -> usize {
        self.tokens.len()
    }

    /// The vocabulary's entry for a token that is text; nothing for a control token and for one
    /// that is not in the vocabulary.
    fn text_of(&self, token: u32) -> Option<&str> {
        let index = token as usize;
        let is_control = *self.control.get(index)?;
        (!is_control).then(|| self.tokens[index].as_str())
    }
}

fn token_types(metadata: &Metadata, vocabulary_size: usize) -> Result<&[i64], Problem> {
    let types = metadata
        .optional_integers("tokenizer.ggml.token_type")?
        .unwrap_or_default();
    if types.is_empty() || types.len() == vocabulary_size {
        Ok(types)
    } else {
        Err(Problem::corrupt(format!(
            "it has {vocabulary_size} tokens and {} token types",
            types.len()
        )))
    }
}

fn byte_pairs(metadata: &Metadata, tokens: &[String]) -> Result<BPE, Problem> {
    let vocabulary: Vocab = tokens.iter().cloned().zip(0_u32..).collect();
    if vocabulary.len() != tokens.len() {
        return Err(Problem::corrupt(format!(
            "{} of its {} tokens are there twice",
            tokens.len() - vocabulary.len(),
            tokens.len()
        )));
    }
    let merges = metadata
        .strings("tokenizer.ggml.merges")?
        .iter()
        .map(|merge| parts_of(merge, &vocabulary))
        .collect::<Result<Vec<_>, _>>()?;
    BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .build()
        .map_err(|error| Problem::corrupt(format!("its vocabulary and merges do not fit: {error}")))
}

/// The two tokens that `merge` makes one of. That there is such a token is checked here: the builder
/// panics where it would be longer than all others.
fn parts_of(merge: &str, vocabulary: &Vocab) -> Result<(String, String), Problem> {
    let (left, right) = merge
        .split_once(' ')
        .ok_or_else(|| Problem::corrupt(format!("the merge {merge:?} has no two parts")))?;
    if vocabulary.contains_key(&format!("{left}{right}")) {
        Ok((left.to_owned(), right.to_owned()))
    } else {
        Err(Problem::corrupt(format!(
            "the merge {merge:?} makes no token of its vocabulary"
        )))
    }
}

/// How text is cut before merging, by the names that llama.cpp gives in `tokenizer.ggml.pre`.
fn pre_tokenizer(metadata: &Metadata) -> Result<PreTokenizerWrapper, Problem> {
    // No space is put in front, and words are split by GPT-2's expression.
    let byte_level = ByteLevel::new(false, true, true);
    match metadata.string("tokenizer.ggml.pre")? {
        "gpt-2" => Ok(byte_level.into()),
        // Each digit is a token of its own.
        "smollm" => Ok(Sequence::new(vec![Digits::new(true).into(), byte_level.into()]).into()),
        other => Err(Problem::unsupported(format!(
            "its pre-tokenizer is {other:?}; \"smollm\" and \"gpt-2\" are supported"
        ))),
    }
}

/// Tells the tokenizer which tokens are found in a text before anything is split.
fn add_whole_tokens(bpe: &mut Bpe, tokens: &[String], types: &[i64]) -> Result<(), Problem> {
    let of_type = |wanted: i64| {
        types
            .iter()
            .zip(tokens)
            .filter(move |(kind, token)| **kind == wanted && !token.is_empty())
            .map(|(_, token)| token.clone())
    };
    let refused = |error| Problem::corrupt(format!("its special tokens are refused: {error}"));
    bpe.add_special_tokens(of_type(token_type::CONTROL).map(|token| AddedToken::from(token, true)))
        .map_err(refused)?;
    bpe.add_tokens(
        of_type(token_type::USER_DEFINED)
            .map(|token| AddedToken::from(token, false).normalized(false)),
    )
    .map_err(refused)?;
    Ok(())
}

fn token_id(
    metadata: &Metadata,
    key: &str,
    vocabulary_size: usize,
) -> Result<Option<u32>, Problem> {
    let Some(id) = metadata.optional_unsigned(key)? else {
        return Ok(None);
    };
    u32::try_from(id)
        .ok()
        .filter(|&id| (id as usize) < vocabulary_size)
        .map(Some)
        .ok_or_else(|| {
            Problem::corrupt(format!(
                "{key:?} is {id}, the vocabulary has {vocabulary_size} tokens"
            ))
        })
}
