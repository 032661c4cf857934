//! The forward pass against one that is written for clarity alone: 64-bit numbers, the weights
//! dequantised, no cache, each position computed from the whole sequence.
//!
//! Quantised products round their activations to 8 bits in blocks of 32; the naive pass does the
//! same, so that little but the order of sums is left. A control shows that a wrong position is
//! far outside of the tolerance.
#![cfg(feature = "candle")]

mod models;

use std::collections::BTreeMap;

use inferno_inference::backend::Model as _;
use inferno_inference::single;
use inferno_provision::gguf::{File, Tensor, TensorType, Value};

/// Largest error of the logits that is taken for rounding: the norm of the difference over the
/// norm. Activations that fall on the other side of a rounding step make up about half of it.
const TOLERANCE: f64 = 0.1;

/// A wrong position must be at least so many times as far off as [`TOLERANCE`].
const CONTROL_FACTOR: f64 = 4.0;

/// Rows of numbers.
type Matrix = Vec<Vec<f64>>;

struct Naive {
    tensors: BTreeMap<String, Matrix>,
    blocks: usize,
    heads: usize,
    kv_heads: usize,
    rope_base: f64,
    epsilon: f64,
}

fn f16(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    match exponent {
        0 => sign * fraction * 2_f64.powi(-24),
        _ => sign * (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

fn dequantized(tensor: &Tensor) -> Vec<f64> {
    let data = &tensor.data;
    match tensor.tensor_type {
        TensorType::F32 => data
            .chunks_exact(4)
            .map(|bytes| f64::from(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
            .collect(),
        TensorType::Q4_1 => data.chunks_exact(20).flat_map(q4_1).collect(),
        TensorType::Q8_0 => data
            .chunks_exact(34)
            .flat_map(|block| {
                let scale = f16(block);
                let values = block[2..].iter();
                values.map(move |&byte| scale * f64::from(byte.cast_signed()))
            })
            .collect(),
    }
}

/// Scale, minimum, then 16 bytes whose low halves are the first 16 values.
fn q4_1(block: &[u8]) -> Vec<f64> {
    let (scale, minimum) = (f16(block), f16(&block[2..]));
    let low = block[4..].iter().map(|byte| byte & 15);
    let high = block[4..].iter().map(|byte| byte >> 4);
    low.chain(high)
        .map(|value| scale * f64::from(value) + minimum)
        .collect()
}

/// A block of activations, rounded to multiples of a 127th of the largest.
fn rounded(block: &[f64]) -> Vec<f64> {
    let largest = block
        .iter()
        .fold(0.0_f64, |max, value| max.max(value.abs()));
    let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    block
        .iter()
        .map(|value| (value / step).round() * step)
        .collect()
}

impl Naive {
    fn new(file: &File) -> Self {
        let value = |key: &str| {
            let entry = file.metadata.iter().find(|(name, _)| name == key);
            match entry.map(|(_, value)| value) {
                Some(Value::U32(number)) => f64::from(*number),
                Some(Value::F32(number)) => f64::from(*number),
                other => panic!("{key}: {other:?}"),
            }
        };
        let tensors = file.tensors.iter().map(|tensor| {
            let values = dequantized(tensor);
            let columns = tensor.shape[0] as usize;
            let rows = values.chunks_exact(columns).map(<[f64]>::to_vec);
            (tensor.name.clone(), rows.collect())
        });
        Self {
            tensors: tensors.collect(),
            blocks: value("llama.block_count") as usize,
            heads: value("llama.attention.head_count") as usize,
            kv_heads: value("llama.attention.head_count_kv") as usize,
            rope_base: value("llama.rope.freq_base"),
            epsilon: value("llama.attention.layer_norm_rms_epsilon"),
        }
    }

    fn times(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let x: Vec<f64> = x.chunks_exact(32).flat_map(rounded).collect();
        let product = |row: &Vec<f64>| row.iter().zip(&x).map(|(a, b)| a * b).sum();
        self.tensors[name].iter().map(product).collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let mean_square = x.iter().map(|value| value * value).sum::<f64>() / x.len() as f64;
        let scale = (mean_square + self.epsilon).sqrt();
        let weights = &self.tensors[name][0];
        x.iter()
            .zip(weights)
            .map(|(value, weight)| value / scale * weight)
            .collect()
    }

    /// Turns the pairs of each head by the position.
    fn rotate(&self, x: &[f64], heads: usize, position: usize) -> Vec<f64> {
        let head_length = x.len() / heads;
        let mut turned = Vec::new();
        for (index, pair) in x.chunks_exact(2).enumerate() {
            let place = (2 * index % head_length) as f64 / head_length as f64;
            let (sine, cosine) = (position as f64 * self.rope_base.powf(-place)).sin_cos();
            turned.push(pair[0] * cosine - pair[1] * sine);
            turned.push(pair[0] * sine + pair[1] * cosine);
        }
        turned
    }

    /// The logits after each of `tokens`; `position` says where the token with an index stands.
    fn logits(&self, tokens: &[u32], position: impl Fn(usize) -> usize) -> Matrix {
        let embeddings = &self.tensors["token_embd.weight"];
        let mut rows: Matrix = tokens
            .iter()
            .map(|&token| embeddings[token as usize].clone())
            .collect();
        for block in 0..self.blocks {
            let attended = self.attention(block, &rows, &position);
            for (row, attended) in rows.iter_mut().zip(attended) {
                add(row, &attended);
                let forwarded = self.feed_forward(block, row);
                add(row, &forwarded);
            }
        }
        let logits =
            |row: &Vec<f64>| self.times("token_embd.weight", &self.norm("output_norm.weight", row));
        rows.iter().map(logits).collect()
    }

    fn attention(&self, block: usize, rows: &Matrix, position: impl Fn(usize) -> usize) -> Matrix {
        let name = |part: &str| format!("blk.{block}.{part}.weight");
        let normed: Matrix = rows
            .iter()
            .map(|row| self.norm(&name("attn_norm"), row))
            .collect();
        let project = |part: &str| -> Matrix {
            normed
                .iter()
                .map(|row| self.times(&name(part), row))
                .collect()
        };
        let turn = |rows: Matrix, heads: usize| -> Matrix {
            let turned = rows.iter().enumerate();
            turned
                .map(|(index, row)| self.rotate(row, heads, position(index)))
                .collect()
        };
        let queries = turn(project("attn_q"), self.heads);
        let keys = turn(project("attn_k"), self.kv_heads);
        let values = project("attn_v");
        let attended = queries.iter().enumerate().map(|(index, query)| {
            let mixed = self.mix(query, &keys[..=index], &values[..=index]);
            self.times(&name("attn_output"), &mixed)
        });
        attended.collect()
    }

    /// Each head's mixture of the values, head beside head.
    fn mix(&self, query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        let length = query.len() / self.heads;
        let mut mixed = Vec::new();
        for (head, query) in query.chunks_exact(length).enumerate() {
            let kv_head = head * self.kv_heads / self.heads;
            let range = kv_head * length..(kv_head + 1) * length;
            let score = |key: &Vec<f64>| {
                let product: f64 = key[range.clone()]
                    .iter()
                    .zip(query)
                    .map(|(a, b)| a * b)
                    .sum();
                (product / (length as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = keys.iter().map(score).collect();
            let total: f64 = scores.iter().sum();
            for place in range.clone() {
                let weighted = scores
                    .iter()
                    .zip(values)
                    .map(|(score, value)| score * value[place]);
                mixed.push(weighted.sum::<f64>() / total);
            }
        }
        mixed
    }

    fn feed_forward(&self, block: usize, row: &[f64]) -> Vec<f64> {
        let name = |part: &str| format!("blk.{block}.{part}.weight");
        let normed = self.norm(&name("ffn_norm"), row);
        let gate = self.times(&name("ffn_gate"), &normed);
        let up = self.times(&name("ffn_up"), &normed);
        let gated: Vec<f64> = gate
            .iter()
            .zip(&up)
            .map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up)
            .collect();
        self.times(&name("ffn_down"), &gated)
    }
}

fn add(row: &mut [f64], other: &[f64]) {
    for (value, other) in row.iter_mut().zip(other) {
        *value += other;
    }
}

/// The norm of the difference over the norm of `expected`.
fn error(computed: &[f64], expected: &[f64]) -> f64 {
    let norm =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference = norm(&mut computed.iter().zip(expected).map(|(a, b)| a - b));
    (difference / norm(&mut expected.iter().copied())).sqrt()
}

fn widened(logits: &[f32]) -> Vec<f64> {
    logits.iter().copied().map(f64::from).collect()
}

#[test]
fn logits_agree_with_the_naive_forward_pass_at_each_position() {
    let model = models::synthetic();
    let naive = Naive::new(&inferno_provision::synthetic::model());
    let tokens = model
        .tokenizer()
        .encode("The river ran quietly past the mill, and nobody saw who opened the gate.")
        .expect("encoding");
    assert!(tokens.len() >= 20, "{} tokens", tokens.len());
    let expected = naive.logits(&tokens, |index| index);

    let mut sequence = single(model.as_ref()).expect("a sequence");
    let mut worst = 0.0_f64;
    for (&token, expected) in tokens.iter().zip(&expected) {
        let logits = widened(sequence.decode(token).expect("decode"));
        worst = worst.max(error(&logits, expected));
    }
    let mut at_once = single(model.as_ref()).expect("a sequence");
    let logits = widened(at_once.prefill(&tokens).expect("prefill"));
    worst = worst.max(error(&logits, &expected[tokens.len() - 1]));
    assert!(worst < TOLERANCE, "largest error {worst}");
}

#[test]
fn wrong_positions_are_far_outside_the_tolerance() {
    let naive = Naive::new(&inferno_provision::synthetic::model());
    let tokens: Vec<u32> = (0..24).map(|index| 300 + 17 * index).collect();
    let right = naive.logits(&tokens, |index| index);
    // A cache that forgets to count: the last token stands where the one before it stands.
    let last = tokens.len() - 1;
    let repeated = naive.logits(&tokens, |index| index.min(last - 1));
    let absent = naive.logits(&tokens, |_| 0);
    for wrong in [repeated, absent] {
        let off = error(&wrong[last], &right[last]);
        assert!(off > CONTROL_FACTOR * TOLERANCE, "only {off} off");
    }
}
