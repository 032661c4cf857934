//! A BERT model of a few kilobytes with made-up weights, and its arithmetic written plainly.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::json;

/// Tokens of the longest text.
pub(crate) const POSITIONS: usize = 16;
/// The vocabulary; a token's number is its place.
pub(crate) const WORDS: [&str; 9] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "sun", "rain", "wind", "##s", "cloud",
];

const HIDDEN: usize = 8;
const INNER: usize = 12;
const HEADS: usize = 2;
const HEAD_LENGTH: usize = HIDDEN / HEADS;
const LAYERS: usize = 2;
const EPSILON: f64 = 1e-12;

/// Shape and values of each tensor.
pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A number between −½ and ½.
fn value(seed: usize, index: usize) -> f32 {
    ((seed * 7919 + index * 104_729) % 1009) as f32 / 1009.0 - 0.5
}

/// The weights of the model.
pub(crate) fn tensors() -> Tensors {
    let mut all = Tensors::new();
    let mut add = |name: &str, shape: &[usize]| {
        let seed = all.len() + 1;
        let count: usize = shape.iter().product();
        let values = (0..count).map(|index| value(seed, index)).collect();
        all.insert(name.to_owned(), (shape.to_vec(), values));
    };
    add("embeddings.word_embeddings.weight", &[WORDS.len(), HIDDEN]);
    add(
        "embeddings.position_embeddings.weight",
        &[POSITIONS, HIDDEN],
    );
    add("embeddings.token_type_embeddings.weight", &[2, HIDDEN]);
    add("pooler.dense.weight", &[HIDDEN, HIDDEN]);
    add("pooler.dense.bias", &[HIDDEN]);
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for (part, inputs, outputs) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", HIDDEN, INNER),
            ("output.dense", INNER, HIDDEN),
        ] {
            add(&name(&format!("{part}.weight")), &[outputs, inputs]);
            add(&name(&format!("{part}.bias")), &[outputs]);
        }
        norms.extend(["attention.output.LayerNorm", "output.LayerNorm"].map(name));
    }
    for norm in norms {
        add(&format!("{norm}.weight"), &[HIDDEN]);
        add(&format!("{norm}.bias"), &[HIDDEN]);
    }
    all
}

/// The configuration of the model.
pub(crate) fn config() -> serde_json::Value {
    json!({
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "layer_norm_eps": EPSILON,
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "type_vocab_size": 2,
        "vocab_size": WORDS.len(),
    })
}

fn tokenizer() -> serde_json::Value {
    let added: Vec<serde_json::Value> = WORDS[..4]
        .iter()
        .enumerate()
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            })
        })
        .collect();
    let vocabulary: BTreeMap<&str, usize> = WORDS.into_iter().zip(0..).collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
    })
}

/// Writes the three files of a model into `folder`.
pub(crate) fn write(folder: &Path, tensors: &Tensors, config: &serde_json::Value) {
    std::fs::create_dir_all(folder).expect("the folder");
    let write = |name: &str, content: String| {
        std::fs::write(folder.join(name), content).expect("writing");
    };
    write("config.json", config.to_string());
    write("tokenizer.json", tokenizer().to_string());
    let tensor = |(name, (shape, values)): (&String, &(Vec<usize>, Vec<f32>))| {
        let tensor = Tensor::from_vec(values.clone(), shape.clone(), &Device::Cpu);
        (name.clone(), tensor.expect("a tensor"))
    };
    let tensors: HashMap<String, Tensor> = tensors.iter().map(tensor).collect();
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).expect("writing");
}

/// The direction of the text with these tokens, the two around it included.
pub(crate) fn direction(tokens: &[usize]) -> Vec<f64> {
    let model = Plain(tensors());
    let mut states: Vec<Vec<f64>> = tokens
        .iter()
        .enumerate()
        .map(|(position, &token)| {
            let words = model.row("embeddings.word_embeddings.weight", token);
            let positions = model.row("embeddings.position_embeddings.weight", position);
            let types = model.row("embeddings.token_type_embeddings.weight", 0);
            let sum = (0..HIDDEN).map(|index| words[index] + positions[index] + types[index]);
            model.norm("embeddings.LayerNorm", &sum.collect::<Vec<_>>())
        })
        .collect();
    for layer in 0..LAYERS {
        states = model.layer(&format!("encoder.layer.{layer}"), &states);
    }
    let mean = |index: usize| states.iter().map(|state| state[index]).sum::<f64>();
    let mean: Vec<f64> = (0..HIDDEN).map(mean).collect();
    let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
    mean.iter().map(|value| value / length).collect()
}

/// The model, one number at a time.
struct Plain(Tensors);

impl Plain {
    /// Row number `row` of a matrix, or all of a vector as its row 0.
    fn row(&self, name: &str, row: usize) -> Vec<f64> {
        let (shape, values) = &self.0[name];
        let columns = *shape.last().expect("a dimension");
        let row = &values[row * columns..(row + 1) * columns];
        row.iter().copied().map(f64::from).collect()
    }

    fn linear(&self, name: &str, input: &[f64]) -> Vec<f64> {
        let (weight, bias) = (
            format!("{name}.weight"),
            self.row(&format!("{name}.bias"), 0),
        );
        let product = |output| dot(&self.row(&weight, output), input);
        (0..bias.len())
            .map(|output| product(output) + bias[output])
            .collect()
    }

    fn norm(&self, name: &str, values: &[f64]) -> Vec<f64> {
        let factors = self.row(&format!("{name}.weight"), 0);
        let bias = self.row(&format!("{name}.bias"), 0);
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / count;
        let normed = |index: usize| (values[index] - mean) / (variance + EPSILON).sqrt();
        (0..values.len())
            .map(|index| normed(index) * factors[index] + bias[index])
            .collect()
    }

    fn layer(&self, name: &str, states: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let all = |part: &str| -> Vec<Vec<f64>> {
            let name = format!("{name}.attention.self.{part}");
            states
                .iter()
                .map(|state| self.linear(&name, state))
                .collect()
        };
        let (queries, keys, values) = (all("query"), all("key"), all("value"));
        let next = |(state, query): (&Vec<f64>, &Vec<f64>)| {
            let mixed = attend(query, &keys, &values);
            let attended = self.linear(&format!("{name}.attention.output.dense"), &mixed);
            let norm = format!("{name}.attention.output.LayerNorm");
            let state = self.norm(&norm, &sum(&attended, state));
            let inner = self.linear(&format!("{name}.intermediate.dense"), &state);
            let inner: Vec<f64> = inner.into_iter().map(gelu).collect();
            let output = self.linear(&format!("{name}.output.dense"), &inner);
            self.norm(&format!("{name}.output.LayerNorm"), &sum(&output, &state))
        };
        states.iter().zip(&queries).map(next).collect()
    }
}

/// What one token reads from all of them.
fn attend(query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
    let mut mixed = vec![0.0; HIDDEN];
    for head in 0..HEADS {
        let part = head * HEAD_LENGTH..(head + 1) * HEAD_LENGTH;
        let score = |key: &Vec<f64>| {
            (dot(&query[part.clone()], &key[part.clone()]) / (HEAD_LENGTH as f64).sqrt()).exp()
        };
        let scores: Vec<f64> = keys.iter().map(score).collect();
        let total: f64 = scores.iter().sum();
        for (score, value) in scores.iter().zip(values) {
            for index in part.clone() {
                mixed[index] += score / total * value[index];
            }
        }
    }
    mixed
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

/// The error function by its power series, which is good enough for the small numbers here.
fn erf(x: f64) -> f64 {
    assert!(x.abs() < 4.0, "the series is not good enough for {x}");
    let (mut power, mut sum) = (x, x);
    for n in 1..100 {
        let n = f64::from(n);
        power *= -x * x / n;
        sum += power / (2.0 * n + 1.0);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}
