//! From texts to directions: what every embedder does around its model.
//!
//! Takes texts and a way to compute the hidden states of their tokens; gives one direction per
//! text. Text is cut by the `WordPiece` tokenizer that comes with the model; the texts of a batch
//! are filled up to the longest, and what was filled in counts for nothing afterwards. A text that
//! is empty or too long is an error of its own: nothing is cut off silently.

use std::path::Path;
use std::sync::Arc;

use tokenizers::Tokenizer as WordPiece;
use tokenizers::models::ModelWrapper;

use crate::backend::Embedding;
use crate::error::Error;
use crate::model_folder::{corrupt, read_file, unsupported};

/// The file beside a model that says how text is cut.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";

/// Tokens of the longest text, the model's own included: `max_seq_length` of all-MiniLM-L6-v2,
/// which was trained on no longer ones.
pub(crate) const MAX_TOKENS: usize = 256;

/// The token that fills up shorter texts.
const PADDING: &str = "[PAD]";

/// Cuts text into the tokens that a BERT model was trained to see.
#[derive(Debug)]
pub(crate) struct TextEncoder {
    tokenizer: WordPiece,
    padding: u32,
    max_tokens: usize,
}

impl TextEncoder {
    /// The tokenizer in the file at `path`, for texts of up to `max_tokens`.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds a tokenizer of another kind.
    pub(crate) fn load(path: &Path, max_tokens: usize) -> Result<Self, Error> {
        let damaged =
            |error: Box<dyn std::error::Error + Send + Sync>| corrupt(path, error.to_string());
        let mut tokenizer = WordPiece::from_bytes(read_file(path)?).map_err(damaged)?;
        if !matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_)) {
            return Err(unsupported(path, "its tokenizer is not WordPiece"));
        }
        if tokenizer.get_post_processor().is_none() {
            let problem = "its tokenizer does not add the tokens that begin and end a text";
            return Err(unsupported(path, problem));
        }
        // Such files often ask for texts to be cut and filled up to a fixed length.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(damaged)?;
        let padding = tokenizer
            .token_to_id(PADDING)
            .ok_or_else(|| corrupt(path, format!("its vocabulary has no {PADDING}")))?;
        Ok(Self {
            tokenizer,
            padding,
            max_tokens,
        })
    }

    /// The largest number of a token.
    #[cfg(feature = "candle")]
    pub(crate) fn largest_token(&self) -> u32 {
        let vocabulary = self.tokenizer.get_vocab(true);
        vocabulary.into_values().max().unwrap_or_default()
    }

    /// The tokens of `text`, between those that begin and end every text.
    ///
    /// # Errors
    /// [`Error::EmptyPrompt`], [`Error::PromptTooLong`], [`Error::Tokenize`].
    fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| Error::Tokenize(Arc::from(error)))?;
        let mut added = encoding.get_special_tokens_mask().iter();
        if added.all(|&is_added| is_added == 1) {
            return Err(Error::EmptyPrompt);
        }
        let tokens = encoding.get_ids();
        if tokens.len() > self.max_tokens {
            return Err(Error::PromptTooLong {
                prompt_tokens: tokens.len(),
                context_tokens: self.max_tokens,
            });
        }
        Ok(tokens.to_vec())
    }
}

/// Tokens of several texts, one row per text, all of the length of the longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaddedBatch {
    tokens: Vec<u32>,
    /// Tokens of each text that are not filling.
    lengths: Vec<usize>,
    columns: usize,
}

impl PaddedBatch {
    fn new(texts: &[&[u32]], padding: u32) -> Self {
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let columns = lengths.iter().copied().max().unwrap_or_default();
        let mut tokens = Vec::with_capacity(texts.len() * columns);
        for text in texts {
            tokens.extend_from_slice(text);
            tokens.resize(tokens.len() + columns - text.len(), padding);
        }
        Self {
            tokens,
            lengths,
            columns,
        }
    }

    /// Texts.
    pub(crate) fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Tokens of each row, the filling included.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The tokens, row by row.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Whether each token is one of the text, row by row.
    pub(crate) fn mask(&self) -> impl Iterator<Item = bool> {
        let columns = self.columns;
        let row = move |&length: &usize| (0..columns).map(move |column| column < length);
        self.lengths.iter().flat_map(row)
    }

    /// One direction per text, from the hidden states of all its tokens: `hidden` has as many
    /// values for each token, the filling included.
    ///
    /// # Errors
    /// [`Error::Backend`] when the number of values does not fit. Values that are not finite are
    /// the error of their text alone.
    pub(crate) fn pool(&self, hidden: &[f32]) -> Result<Vec<Result<Embedding, Error>>, Error> {
        let width = hidden.len() / self.tokens.len();
        if width == 0 || hidden.len() != width * self.tokens.len() {
            return Err(Error::backend(format!(
                "the model gave {} values for {} tokens",
                hidden.len(),
                self.tokens.len()
            )));
        }
        let rows = hidden.chunks_exact(self.columns * width);
        Ok(rows
            .zip(&self.lengths)
            .map(|(states, &length)| direction(&states[..length * width], width))
            .collect())
    }
}

/// The direction of the mean of `states`, which have `width` values each: that of their sum.
fn direction(states: &[f32], width: usize) -> Result<Embedding, Error> {
    let mut values = vec![0.0_f32; width];
    for state in states.chunks_exact(width) {
        for (sum, value) in values.iter_mut().zip(state) {
            *sum += value;
        }
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !length.is_normal() {
        return Err(Error::NotFinite);
    }
    for value in &mut values {
        *value /= length;
    }
    Ok(Embedding {
        values,
        tokens: states.len() / width,
    })
}

/// Embeds `texts`: those that can be are cut, filled up and given to `forward` together, which
/// gives one result for each of them, by [`PaddedBatch::pool`]. One result per text, in their order.
pub(crate) fn embed(
    encoder: &TextEncoder,
    texts: &[String],
    forward: impl FnOnce(&PaddedBatch) -> Result<Vec<Result<Embedding, Error>>, Error>,
) -> Result<Vec<Result<Embedding, Error>>, Error> {
    let encoded: Vec<Result<Vec<u32>, Error>> =
        texts.iter().map(|text| encoder.encode(text)).collect();
    let computed = {
        let good: Vec<&[u32]> = encoded.iter().flatten().map(Vec::as_slice).collect();
        if good.is_empty() {
            Vec::new()
        } else {
            forward(&PaddedBatch::new(&good, encoder.padding))?
        }
    };
    let mut computed = computed.into_iter();
    let result = |tokens: Result<Vec<u32>, Error>| {
        tokens.and_then(|_| computed.next().expect("one result per text that was cut"))
    };
    Ok(encoded.into_iter().map(result).collect())
}

#[cfg(test)]
mod tests;
