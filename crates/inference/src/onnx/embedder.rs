//! BERT models that embed texts, in the ONNX format.
//!
//! Takes texts; gives directions, as the embedder of the candle backend does: the mean of the last
//! hidden states, brought to length 1. The model does no more than compute those states.

use std::path::Path;

use ort::session::SessionInputValue;
use ort::value::{TensorElementType, TensorRef};

use super::model::{OnnxModel, Port, Signature};
use super::{NAME, OnnxSettings, runtime};
use crate::backend::{Backend, BatchModel, Embedding};
use crate::embedding::{MAX_TOKENS, PaddedBatch, TOKENIZER_FILE, TextEncoder, embed};
use crate::error::Error;
use crate::model_folder::{ModelFolder, unsupported};

/// The main file of a model; the tokenizer lies beside it.
const MODEL_FILE: &str = "model.onnx";

/// What exporters call the last hidden states.
const OUTPUTS: [&str; 2] = ["last_hidden_state", "token_embeddings"];

/// Loads BERT models that embed texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxEmbeddingBackend {
    settings: OnnxSettings,
}

impl OnnxEmbeddingBackend {
    /// A backend whose models are run by `settings`.
    pub fn new(settings: OnnxSettings) -> Self {
        Self { settings }
    }
}

impl Backend for OnnxEmbeddingBackend {
    type Model = OnnxEmbedder;

    const NAME: &'static str = NAME;

    /// Loads the model whose `model.onnx`, or its folder, is at `path`; `tokenizer.json` lies
    /// beside it.
    fn load(&self, path: &Path) -> Result<OnnxEmbedder, Error> {
        OnnxEmbedder::load(&self.settings, path)
    }
}

/// A loaded model that embeds texts.
///
/// A model whose weights are stored in 8 bits rounds its activations by the range that they have in
/// the whole batch: there an answer depends a little on its neighbours and on the filling.
#[derive(Debug)]
pub struct OnnxEmbedder {
    text: TextEncoder,
    model: OnnxModel,
    inputs: Vec<TextInput>,
    output: &'static str,
}

impl OnnxEmbedder {
    fn load(settings: &OnnxSettings, path: &Path) -> Result<Self, Error> {
        let environment = runtime::environment(&settings.library)?;
        let folder = ModelFolder::new(path, MODEL_FILE);
        let text = TextEncoder::load(&folder.beside(TOKENIZER_FILE), MAX_TOKENS)?;
        let (model, signature) = OnnxModel::load(folder.main(), settings, &environment)?;
        let (inputs, output) =
            understand(&signature).map_err(|problem| unsupported(folder.main(), problem))?;
        Ok(Self {
            text,
            model,
            inputs,
            output,
        })
    }

    fn forward(&self, batch: &PaddedBatch) -> Result<Vec<Result<Embedding, Error>>, Error> {
        let shape = [batch.rows(), batch.columns()];
        let numbers: Vec<Vec<i64>> = self
            .inputs
            .iter()
            .map(|input| input.numbers(batch))
            .collect();
        let tensors = self
            .inputs
            .iter()
            .zip(&numbers)
            .map(|(input, numbers)| {
                TensorRef::from_array_view((shape, numbers.as_slice()))
                    .map(|tensor| (input.name(), SessionInputValue::from(tensor)))
                    .map_err(Error::backend)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        self.model
            .run(tensors, self.output, |_, values| batch.pool(values))
    }
}

impl BatchModel for OnnxEmbedder {
    type Input = String;
    type Output = Embedding;

    fn run(&self, inputs: &[String]) -> Result<Vec<Result<Embedding, Error>>, Error> {
        embed(&self.text, inputs, |batch| self.forward(batch))
    }

    /// Bytes: the tokens are not known before the text is cut, and there are about as many.
    fn length(&self, input: &String) -> usize {
        input.len()
    }
}

/// What such a model may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextInput {
    Tokens,
    Mask,
    TokenTypes,
}

impl TextInput {
    const ALL: [Self; 3] = [Self::Tokens, Self::Mask, Self::TokenTypes];

    /// What exporters call it.
    fn name(self) -> &'static str {
        match self {
            Self::Tokens => "input_ids",
            Self::Mask => "attention_mask",
            Self::TokenTypes => "token_type_ids",
        }
    }

    /// What it is for `batch`, row by row.
    fn numbers(self, batch: &PaddedBatch) -> Vec<i64> {
        match self {
            Self::Tokens => batch.tokens().iter().copied().map(i64::from).collect(),
            Self::Mask => batch.mask().map(i64::from).collect(),
            Self::TokenTypes => vec![0; batch.tokens().len()],
        }
    }

    /// The one that `port` asks for.
    fn of(port: &Port) -> Result<Self, String> {
        let known = Self::ALL
            .into_iter()
            .find(|input| input.name() == port.name);
        match known {
            Some(input)
                if port.element == Some(TensorElementType::Int64) && port.shape.len() == 2 =>
            {
                Ok(input)
            }
            _ => Err(format!(
                "it has the input {:?} of type {:?} and shape {:?}",
                port.name, port.element, port.shape
            )),
        }
    }
}

/// What the model asks for, in its order, and which of its outputs is used.
fn understand(signature: &Signature) -> Result<(Vec<TextInput>, &'static str), String> {
    let inputs: Vec<TextInput> = signature
        .inputs
        .iter()
        .map(TextInput::of)
        .collect::<Result<_, String>>()?;
    for needed in [TextInput::Tokens, TextInput::Mask] {
        if !inputs.contains(&needed) {
            return Err(format!("it has no input {:?}", needed.name()));
        }
    }
    let is_states = |port: &Port, name: &str| {
        port.name == name
            && port.element == Some(TensorElementType::Float32)
            && port.shape.len() == 3
    };
    let has = |name: &&str| signature.outputs.iter().any(|port| is_states(port, name));
    let output = OUTPUTS
        .into_iter()
        .find(has)
        .ok_or_else(|| format!("it gives no hidden states: no output is one of {OUTPUTS:?}"))?;
    Ok((inputs, output))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: TensorElementType, dimensions: usize) -> Port {
        Port {
            name: name.to_owned(),
            element: Some(element),
            shape: vec![-1; dimensions],
        }
    }

    fn signature() -> Signature {
        let input = |name| port(name, TensorElementType::Int64, 2);
        Signature {
            inputs: ["input_ids", "attention_mask", "token_type_ids"]
                .map(input)
                .to_vec(),
            outputs: vec![
                port("last_hidden_state", TensorElementType::Float32, 3),
                port("pooler_output", TensorElementType::Float32, 2),
            ],
        }
    }

    #[test]
    fn a_common_export_is_understood() {
        let (inputs, output) = understand(&signature()).expect("understood");
        assert_eq!(inputs, TextInput::ALL);
        assert_eq!(output, "last_hidden_state");
        let mut other = signature();
        other.inputs.truncate(2);
        other.outputs[0].name = "token_embeddings".to_owned();
        let (inputs, output) = understand(&other).expect("understood");
        assert_eq!(inputs, [TextInput::Tokens, TextInput::Mask]);
        assert_eq!(output, "token_embeddings");
    }

    #[test]
    fn other_models_are_refused() {
        type Change = fn(&mut Signature);
        let changes: [(Change, &str); 5] = [
            (|it| it.inputs[2].name = "pixels".to_owned(), "pixels"),
            (
                |it| it.inputs[0].element = Some(TensorElementType::Int32),
                "Int32",
            ),
            (|it| it.inputs.truncate(1), "attention_mask"),
            (|it| it.outputs.truncate(0), "last_hidden_state"),
            (|it| it.outputs[0].shape.truncate(2), "last_hidden_state"),
        ];
        for (change, named) in changes {
            let mut signature = signature();
            change(&mut signature);
            let problem = understand(&signature).expect_err(named);
            assert!(problem.contains(named), "{problem}");
        }
    }
}
