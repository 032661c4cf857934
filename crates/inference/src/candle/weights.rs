//! The weights of a model, each checked against the hyper-parameters when it is loaded.
//!
//! Takes an open file and the places of its tensors; gives matrices that multiply and vectors of
//! numbers. No value is converted: a quantised matrix keeps the bits of the file, in the order that its
//! products are computed in.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::hyper_parameters::HyperParameters;
use super::product::Projection;
use super::rotary::Rotary;
use crate::error::Error;
use crate::gguf::{Problem, TensorInfo, TensorType};

/// The weights of one transformer layer.
#[derive(Debug)]
pub(super) struct LayerWeights {
    pub(super) attention_norm: Vec<f32>,
    pub(super) query: Projection,
    pub(super) key: Projection,
    pub(super) value: Projection,
    pub(super) attention_output: Projection,
    pub(super) feed_forward_norm: Vec<f32>,
    pub(super) gate: Projection,
    pub(super) up: Projection,
    pub(super) down: Projection,
}

/// All weights of a model.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) hyper_parameters: HyperParameters,
    pub(super) rotary: Rotary,
    pub(super) layers: Vec<LayerWeights>,
    pub(super) output_norm: Vec<f32>,
    embeddings: Projection,
    /// Nothing when the embeddings serve as output matrix too.
    output: Option<Projection>,
}

impl Weights {
    /// Loads the tensors that `hyper_parameters` call for, and fails if the file holds others.
    pub(super) fn load(
        mut file: TensorFile,
        hyper_parameters: HyperParameters,
    ) -> Result<Self, Problem> {
        let HyperParameters {
            embedding_length,
            vocabulary_size,
            ..
        } = hyper_parameters;
        let embeddings = file.projection("token_embd.weight", embedding_length, vocabulary_size)?;
        let layers = (0..hyper_parameters.blocks)
            .map(|block| load_layer(&mut file, block, &hyper_parameters))
            .collect::<Result<_, _>>()?;
        let output_norm = file.vector("output_norm.weight", embedding_length)?;
        let output = if file.tensors.contains_key("output.weight") {
            Some(file.projection("output.weight", embedding_length, vocabulary_size)?)
        } else {
            None
        };
        file.check_all_taken()?;
        Ok(Self {
            rotary: Rotary::new(hyper_parameters.head_length, hyper_parameters.rope_base),
            hyper_parameters,
            layers,
            output_norm,
            embeddings,
            output,
        })
    }

    /// The embeddings of `tokens`, one after the other.
    pub(super) fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        self.embeddings.rows(tokens)
    }

    /// The matrix that turns a normed embedding into logits.
    pub(super) fn output(&self) -> &Projection {
        self.output.as_ref().unwrap_or(&self.embeddings)
    }
}

fn load_layer(
    file: &mut TensorFile,
    block: usize,
    shape: &HyperParameters,
) -> Result<LayerWeights, Problem> {
    let embedding = shape.embedding_length;
    let feed_forward = shape.feed_forward_length;
    let kv = shape.kv_length();
    let name = |part: &str| format!("blk.{block}.{part}.weight");
    Ok(LayerWeights {
        attention_norm: file.vector(&name("attn_norm"), embedding)?,
        query: file.projection(&name("attn_q"), embedding, embedding)?,
        key: file.projection(&name("attn_k"), embedding, kv)?,
        value: file.projection(&name("attn_v"), embedding, kv)?,
        attention_output: file.projection(&name("attn_output"), embedding, embedding)?,
        feed_forward_norm: file.vector(&name("ffn_norm"), embedding)?,
        gate: file.projection(&name("ffn_gate"), embedding, feed_forward)?,
        up: file.projection(&name("ffn_up"), embedding, feed_forward)?,
        down: file.projection(&name("ffn_down"), feed_forward, embedding)?,
    })
}

/// An open model file and the tensors in it that nobody has taken yet.
#[derive(Debug)]
pub(super) struct TensorFile {
    file: File,
    tensors: BTreeMap<String, TensorInfo>,
    /// Bytes of the tensor that is being read; words, because candle wants them aligned.
    words: Vec<u64>,
}

impl TensorFile {
    /// Takes a file whose header has been checked.
    pub(super) fn new(file: File, tensors: BTreeMap<String, TensorInfo>) -> Self {
        Self {
            file,
            tensors,
            words: Vec::new(),
        }
    }

    /// The matrix `name`.
    fn projection(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Projection, Problem> {
        let info = self.take(name, &[outputs, inputs])?;
        let data = self.read(name, &info)?;
        Projection::new(data, info.tensor_type, outputs, inputs)
            .map_err(|error| Problem::corrupt(format!("tensor {name:?} is unusable: {error}")))
    }

    /// The vector `name`.
    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, Problem> {
        let info = self.take(name, &[length])?;
        if info.tensor_type != TensorType::F32 {
            return Err(Problem::unsupported(format!(
                "tensor {name:?} is stored as {:?}; F32 is supported for a vector",
                info.tensor_type
            )));
        }
        let data = self.read(name, &info)?;
        Ok(bytemuck::cast_slice(data).to_vec())
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<TensorInfo, Problem> {
        let info = self
            .tensors
            .remove(name)
            .ok_or_else(|| Problem::corrupt(format!("tensor {name:?} is missing")))?;
        if info.shape == shape {
            Ok(info)
        } else {
            Err(Problem::corrupt(format!(
                "tensor {name:?} has the shape {:?}; the hyper-parameters call for {shape:?}",
                info.shape
            )))
        }
    }

    fn read(&mut self, name: &str, info: &TensorInfo) -> Result<&[u8], Problem> {
        self.words.clear();
        self.words.resize(info.size_bytes.div_ceil(8), 0);
        let bytes = &mut bytemuck::cast_slice_mut(&mut self.words)[..info.size_bytes];
        self.file
            .seek(SeekFrom::Start(info.start))
            .and_then(|_| self.file.read_exact(bytes))
            .map_err(|error| {
                Problem::corrupt(format!("tensor {name:?} cannot be read: {error}"))
            })?;
        Ok(bytes)
    }

    /// A tensor that nobody asked for (a bias, say) would silently be left out of the arithmetic.
    fn check_all_taken(&self) -> Result<(), Problem> {
        match self.tensors.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::unsupported(format!(
                "it has the tensor {name:?}, for which this engine has no use"
            ))),
        }
    }
}
