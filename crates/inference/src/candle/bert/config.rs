//! The numbers that describe a BERT model, checked against each other.
//!
//! Takes the file `config.json`; gives numbers with which no later division can go wrong, or says
//! which of them is absurd or asks for arithmetic that is not done here.

use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::gguf::Problem;
use crate::model_folder::read_json;

/// More than any number of a BERT model.
const MAX_NUMBER: usize = 1 << 24;

/// What the file says, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
struct ConfigFile {
    model_type: String,
    hidden_act: String,
    /// Nothing is `absolute`.
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f64,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    type_vocab_size: usize,
    vocab_size: usize,
}

/// Shape of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Config {
    /// Transformer layers.
    pub(super) layers: usize,
    /// Values that represent one token.
    pub(super) hidden_size: usize,
    /// Values inside a feed-forward network.
    pub(super) intermediate_size: usize,
    /// Heads of attention.
    pub(super) heads: usize,
    /// Values per head.
    pub(super) head_length: usize,
    /// Tokens of the longest text.
    pub(super) positions: usize,
    /// Kinds of tokens, of which the first alone is used.
    pub(super) token_types: usize,
    /// Tokens in the vocabulary.
    pub(super) vocabulary_size: usize,
    /// Keeps the variance away from zero.
    pub(super) norm_epsilon: f64,
}

impl Config {
    /// The shape that the file at `path` describes.
    pub(super) fn load(path: &Path) -> Result<Self, Error> {
        let file: ConfigFile = read_json(path)?;
        Self::check(&file).map_err(|problem| problem.in_file(path))
    }

    fn check(file: &ConfigFile) -> Result<Self, Problem> {
        check_supported(file)?;
        let numbers = [
            ("hidden_size", file.hidden_size),
            ("intermediate_size", file.intermediate_size),
            ("max_position_embeddings", file.max_position_embeddings),
            ("num_attention_heads", file.num_attention_heads),
            ("num_hidden_layers", file.num_hidden_layers),
            ("type_vocab_size", file.type_vocab_size),
            ("vocab_size", file.vocab_size),
        ];
        for (name, number) in numbers {
            if !(1..=MAX_NUMBER).contains(&number) {
                return Err(Problem::corrupt(format!(
                    "{name} is {number}; 1 to {MAX_NUMBER} was expected"
                )));
            }
        }
        if !file.hidden_size.is_multiple_of(file.num_attention_heads) {
            return Err(Problem::corrupt(format!(
                "{} values of a token cannot be shared by {} heads",
                file.hidden_size, file.num_attention_heads
            )));
        }
        if !(f64::MIN_POSITIVE..1.0).contains(&file.layer_norm_eps) {
            return Err(Problem::corrupt(format!(
                "layer_norm_eps is {}; a number between 0 and 1 was expected",
                file.layer_norm_eps
            )));
        }
        Ok(Self {
            layers: file.num_hidden_layers,
            hidden_size: file.hidden_size,
            intermediate_size: file.intermediate_size,
            heads: file.num_attention_heads,
            head_length: file.hidden_size / file.num_attention_heads,
            positions: file.max_position_embeddings,
            token_types: file.type_vocab_size,
            vocabulary_size: file.vocab_size,
            norm_epsilon: file.layer_norm_eps,
        })
    }
}

fn check_supported(file: &ConfigFile) -> Result<(), Problem> {
    let positions = file
        .position_embedding_type
        .as_deref()
        .unwrap_or("absolute");
    let words = [
        ("model_type", file.model_type.as_str(), "bert"),
        // BERT's own, by the error function; `gelu_new` and others are approximations of it.
        ("hidden_act", file.hidden_act.as_str(), "gelu"),
        ("position_embedding_type", positions, "absolute"),
    ];
    for (name, found, supported) in words {
        if found != supported {
            return Err(Problem::unsupported(format!(
                "{name} is {found:?}; {supported:?} is supported"
            )));
        }
    }
    if file.is_decoder {
        return Err(Problem::unsupported("it is a decoder"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// all-MiniLM-L6-v2, and keys that do not matter.
    fn file() -> ConfigFile {
        let text = r#"{
            "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
            "hidden_size": 384, "intermediate_size": 1536, "layer_norm_eps": 1e-12,
            "max_position_embeddings": 512, "num_attention_heads": 12, "num_hidden_layers": 6,
            "pad_token_id": 0, "position_embedding_type": "absolute", "type_vocab_size": 2,
            "vocab_size": 30522
        }"#;
        serde_json::from_str(text).expect("a configuration")
    }

    #[test]
    fn a_common_configuration_is_understood() {
        let config = Config::check(&file()).expect("supported");
        assert_eq!(
            (config.layers, config.heads, config.head_length),
            (6, 12, 32)
        );
        assert_eq!((config.positions, config.vocabulary_size), (512, 30_522));
    }

    #[test]
    fn other_arithmetic_and_absurd_numbers_are_refused() {
        type Change = fn(&mut ConfigFile);
        let changes: [(Change, &str); 8] = [
            (|file| file.model_type = "roberta".to_owned(), "model_type"),
            (|file| file.hidden_act = "gelu_new".to_owned(), "hidden_act"),
            (
                |file| file.position_embedding_type = Some("relative_key".to_owned()),
                "position_embedding_type",
            ),
            (|file| file.is_decoder = true, "decoder"),
            (|file| file.num_attention_heads = 0, "num_attention_heads"),
            (|file| file.num_attention_heads = 7, "7 heads"),
            (|file| file.vocab_size = usize::MAX, "vocab_size"),
            (|file| file.layer_norm_eps = f64::NAN, "layer_norm_eps"),
        ];
        for (change, named) in changes {
            let mut file = file();
            change(&mut file);
            let problem = Config::check(&file).expect_err(named).to_string();
            assert!(problem.contains(named), "{problem}");
        }
    }
}
