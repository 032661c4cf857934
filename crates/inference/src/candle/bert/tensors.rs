//! The tensors of a safetensors file, each checked when it is taken.
//!
//! Takes a file; gives the tensors that are asked for by name and shape. No value is converted:
//! what is not stored as 32-bit numbers is refused.

use std::collections::HashMap;
use std::path::Path;

use candle_core::safetensors::load_buffer;
use candle_core::{D, DType, Device, Tensor};

use crate::error::Error;
use crate::gguf::Problem;
use crate::model_folder::{corrupt, read_file};

/// What such files may hold besides: the numbers 0, 1, 2, …, and a layer for another task.
const NOT_NEEDED: [&str; 3] = [
    "embeddings.position_ids",
    "pooler.dense.weight",
    "pooler.dense.bias",
];

/// The tensors that nobody has taken yet.
#[derive(Debug)]
pub(super) struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    /// All tensors of the file at `path`, on `device`.
    pub(super) fn load(path: &Path, device: &Device) -> Result<Self, Error> {
        let bytes = read_file(path)?;
        load_buffer(&bytes, device)
            .map(Self)
            .map_err(|error| corrupt(path, error.to_string()))
    }

    /// The tensor `name`, which must have `shape`.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, Problem> {
        let tensor = self
            .0
            .remove(name)
            .ok_or_else(|| Problem::corrupt(format!("tensor {name:?} is missing")))?;
        if tensor.dims() != shape {
            return Err(Problem::corrupt(format!(
                "tensor {name:?} has the shape {:?}; the configuration calls for {shape:?}",
                tensor.dims()
            )));
        }
        if tensor.dtype() != DType::F32 {
            return Err(Problem::unsupported(format!(
                "tensor {name:?} is stored as {:?}; F32 is supported",
                tensor.dtype()
            )));
        }
        Ok(tensor)
    }

    /// The matrix and the bias under `name`.
    pub(super) fn linear(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear, Problem> {
        let weight = self.take(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Linear {
            columns: weight.t().map_err(|error| failed(&error))?,
            bias: self.take(&format!("{name}.bias"), &[outputs])?,
        })
    }

    /// The factors and the bias under `name`.
    pub(super) fn norm(
        &mut self,
        name: &str,
        length: usize,
        epsilon: f64,
    ) -> Result<Norm, Problem> {
        Ok(Norm {
            factors: self.take(&format!("{name}.weight"), &[length])?,
            bias: self.take(&format!("{name}.bias"), &[length])?,
            epsilon,
        })
    }

    /// A tensor that nobody asked for would silently be left out of the arithmetic.
    pub(super) fn check_all_taken(&self) -> Result<(), Problem> {
        let names = self.0.keys().map(String::as_str);
        match names.filter(|name| !NOT_NEEDED.contains(name)).min() {
            None => Ok(()),
            Some(name) => Err(Problem::unsupported(format!(
                "it has the tensor {name:?}, for which this engine has no use"
            ))),
        }
    }
}

/// What candle says of a tensor that has just been checked.
pub(super) fn failed(error: &candle_core::Error) -> Problem {
    Problem::corrupt(error.to_string())
}

/// A matrix of weights, and what is added to each product.
#[derive(Debug)]
pub(super) struct Linear {
    /// One column per output.
    columns: Tensor,
    bias: Tensor,
}

impl Linear {
    /// One row of outputs for each row of `rows`.
    pub(super) fn forward(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        rows.matmul(&self.columns)?.broadcast_add(&self.bias)
    }
}

/// Brings each row to mean 0 and variance 1, then to factors and a bias of its own (Ba, Kiros &
/// Hinton, "Layer Normalization", 2016).
#[derive(Debug)]
pub(super) struct Norm {
    factors: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl Norm {
    /// The rows of `rows`, normed.
    pub(super) fn forward(&self, rows: &Tensor) -> candle_core::Result<Tensor> {
        let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let deviation = variance.affine(1.0, self.epsilon)?.sqrt()?;
        centred
            .broadcast_div(&deviation)?
            .broadcast_mul(&self.factors)?
            .broadcast_add(&self.bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: (usize, usize)) -> Tensor {
        Tensor::ones(shape, DType::F32, &Device::Cpu).expect("a tensor")
    }

    fn tensors(names: &[&str]) -> Tensors {
        let of = |name: &&str| ((*name).to_owned(), tensor((2, 3)));
        Tensors(names.iter().map(of).collect())
    }

    #[test]
    fn tensors_are_taken_once_and_in_their_shape() {
        let mut all = tensors(&["a", "b"]);
        all.take("a", &[2, 3]).expect("it is there");
        let again = all.take("a", &[2, 3]).expect_err("taken").to_string();
        assert!(again.contains("missing"), "{again}");
        let shape = all
            .take("b", &[3, 2])
            .expect_err("another shape")
            .to_string();
        assert!(shape.contains("[2, 3]"), "{shape}");
    }

    #[test]
    fn other_number_formats_are_refused() {
        let halves = tensor((1, 1)).to_dtype(DType::F16).expect("a conversion");
        let mut all = Tensors(HashMap::from([("a".to_owned(), halves)]));
        let problem = all.take("a", &[1, 1]).expect_err("refused").to_string();
        assert!(problem.contains("F16"), "{problem}");
    }

    #[test]
    fn what_is_left_over_is_refused_unless_it_is_known() {
        let known = tensors(&["pooler.dense.weight", "embeddings.position_ids"]);
        known.check_all_taken().expect("known");
        let problem = tensors(&["pooler.dense.weight", "encoder.layer.6.bias"]).check_all_taken();
        let problem = problem.expect_err("refused").to_string();
        assert!(problem.contains("encoder.layer.6.bias"), "{problem}");
    }

    #[test]
    fn a_normed_row_has_mean_zero_and_variance_one() {
        let norm = Norm {
            factors: Tensor::new(&[1.0_f32, 1.0, 2.0, 1.0], &Device::Cpu).expect("factors"),
            bias: Tensor::new(&[0.0_f32, 0.0, 0.0, 5.0], &Device::Cpu).expect("a bias"),
            epsilon: 1e-12,
        };
        let rows = Tensor::new(&[[1.0_f32, 3.0, 1.0, 3.0]], &Device::Cpu).expect("a row");
        let normed = norm.forward(&rows).and_then(|rows| rows.to_vec2::<f32>());
        for (value, expected) in normed.expect("computed")[0]
            .iter()
            .zip([-1.0, 1.0, -2.0, 6.0])
        {
            assert!((value - expected).abs() < 1e-6, "{value} and {expected}");
        }
    }
}
