//! Products of a model's matrices with rows of numbers, spread over the threads of the pool.
//!
//! Takes matrices in the format of the file and rows; gives one row of outputs per row. Where
//! there is a kernel of ours for the format and the processor it is used, else candle's. Matrices
//! that multiply the same rows are given together: the rows are rounded once, and the threads meet
//! once.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use candle_core::backend::BackendStorage as _;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{CpuStorage, CustomOp1 as _, Device, Layout, Tensor};

use super::activations::{Activations, Row};
use super::kernels::{self, Available, Sums, TILE_ROWS};
use super::packed::{Blocks, LANES, Packed};
use super::pool::share_out;
use super::vector::largest;
use crate::error::Error;
use crate::gguf::TensorType;

/// Groups of a matrix that a thread takes at once, at least: taking costs about as much as
/// one group.
const MIN_GROUPS: usize = 4;

/// An error of candle's, which has no better name here.
pub(super) fn backend_error(error: candle_core::Error) -> Error {
    Error::Backend(Arc::new(error))
}

/// A matrix of the model: `outputs` rows of `inputs` columns.
#[derive(Debug)]
pub(super) struct Projection {
    weights: Weights,
    inputs: usize,
    pub(super) outputs: usize,
}

#[derive(Debug)]
enum Weights {
    Packed(Packed, Available),
    Candle(QTensor),
}

impl Projection {
    /// The matrix that `data` holds in the file's format.
    ///
    /// # Errors
    /// What candle says of it.
    pub(super) fn new(
        data: &[u8],
        tensor_type: TensorType,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, candle_core::Error> {
        let packed = kernels::available().and_then(|available| {
            Some(Weights::Packed(
                Packed::new(data, tensor_type, outputs, inputs)?,
                available,
            ))
        });
        let weights = if let Some(weights) = packed {
            weights
        } else {
            let data_type = candle_type(tensor_type);
            let storage = QStorage::from_data(Cow::Borrowed(data), &Device::Cpu, data_type)?;
            Weights::Candle(QTensor::new(storage, (outputs, inputs))?)
        };
        Ok(Self {
            weights,
            inputs,
            outputs,
        })
    }

    /// The rows with the numbers `ids`, dequantised, one after the other.
    ///
    /// # Errors
    /// What candle says.
    pub(super) fn rows(&self, ids: &[u32]) -> Result<Vec<f32>, Error> {
        match &self.weights {
            Weights::Packed(packed, _) => {
                let mut rows = Vec::with_capacity(ids.len() * self.inputs);
                for &id in ids {
                    packed.dequantize_row(id as usize, &mut rows);
                }
                Ok(rows)
            }
            Weights::Candle(weights) => Tensor::new(ids, &Device::Cpu)
                .and_then(|ids| weights.embedding(&ids))
                .and_then(|rows| rows.flatten_all()?.to_vec1())
                .map_err(backend_error),
        }
    }
}

/// Memory that products use anew.
#[derive(Debug, Default)]
pub(super) struct Multiplier {
    activations: Activations,
}

impl Multiplier {
    /// Multiplies each of the rows in `input` with each of `matrices`, which have equally many
    /// columns: per matrix one row of outputs per row.
    ///
    /// # Errors
    /// What candle says, and [`Error::Panicked`].
    pub(super) fn multiply<const N: usize>(
        &mut self,
        matrices: [&Projection; N],
        input: &[f32],
    ) -> Result<[Vec<f32>; N], Error> {
        let inputs = matrices[0].inputs;
        let rows = input.len() / inputs;
        let mut outputs = matrices.map(|matrix| vec![0.0; rows * matrix.outputs]);
        let mut tasks = Vec::with_capacity(N);
        for (matrix, output) in matrices.iter().zip(&mut outputs) {
            debug_assert_eq!(matrix.inputs, inputs);
            match &matrix.weights {
                Weights::Packed(packed, available) => {
                    tasks.push(Task::new(packed, *available, output));
                }
                Weights::Candle(weights) => *output = by_candle(weights, matrix, input)?,
            }
        }
        if !tasks.is_empty() {
            self.activations.round(input, inputs);
            run(&tasks, &self.activations)?;
        }
        Ok(outputs)
    }
}

fn by_candle(weights: &QTensor, matrix: &Projection, input: &[f32]) -> Result<Vec<f32>, Error> {
    let storage = CpuStorage::F32(input.to_vec());
    let layout = Layout::contiguous((input.len() / matrix.inputs, matrix.inputs));
    match weights.cpu_fwd(&storage, &layout).map_err(backend_error)? {
        (CpuStorage::F32(mut output), _) => {
            let rows = input.chunks_exact(matrix.inputs);
            for (row, outputs) in rows.zip(output.chunks_exact_mut(matrix.outputs)) {
                // candle's rounding of a row loses what is not finite.
                if !largest(row).is_finite() {
                    outputs.fill(f32::NAN);
                }
            }
            Ok(output)
        }
        (other, _) => Err(Error::Backend(Arc::from(Box::<
            dyn std::error::Error + Send + Sync,
        >::from(format!(
            "a product has the type {:?}",
            other.dtype()
        ))))),
    }
}

/// One matrix and where its outputs go.
struct Task<'a> {
    packed: &'a Packed,
    available: Available,
    output: Output<'a>,
}

impl<'a> Task<'a> {
    fn new(packed: &'a Packed, available: Available, output: &'a mut [f32]) -> Self {
        Self {
            packed,
            available,
            output: Output::new(output, packed.groups * LANES),
        }
    }

    /// Computes the groups in `groups` for all rows.
    fn run(&self, groups: Range<usize>, activations: &Activations) {
        let columns = self.packed.columns;
        let mut sums = [[0.0; LANES]; TILE_ROWS];
        for group in groups {
            let blocks = group * columns..(group + 1) * columns;
            let mut first = 0;
            while first < activations.rows() {
                let count = TILE_ROWS.min(activations.rows() - first);
                let rows: [Row<'_>; TILE_ROWS] =
                    std::array::from_fn(|index| activations.row(first + index.min(count - 1)));
                let (rows, sums) = (&rows[..count], &mut sums[..count]);
                match &self.packed.blocks {
                    Blocks::Q4(all) => {
                        self.available.q4(&all[blocks.clone()], rows, sums);
                    }
                    Blocks::Q8(all) => {
                        self.available.q8(&all[blocks.clone()], rows, sums);
                    }
                }
                for (index, sums) in sums.iter().enumerate() {
                    self.output.write(first + index, group, sums);
                }
                first += count;
            }
        }
    }
}

/// Outputs that several threads write, each its own groups.
struct Output<'a> {
    start: *mut f32,
    rows: usize,
    row_length: usize,
    outputs: std::marker::PhantomData<&'a mut [f32]>,
}

#[expect(
    unsafe_code,
    reason = "threads write disjoint parts of one output, which lie between each other's"
)]
mod shared {
    use super::{LANES, Output, Sums};

    // SAFETY: all that is done with it is `write`, whose caller gives each group to one thread.
    unsafe impl Sync for Output<'_> {}

    impl<'a> Output<'a> {
        /// Rows of `row_length` values each.
        pub(super) fn new(outputs: &'a mut [f32], row_length: usize) -> Self {
            Self {
                start: outputs.as_mut_ptr(),
                rows: outputs.len() / row_length,
                row_length,
                outputs: std::marker::PhantomData,
            }
        }

        /// Writes the outputs of one row and one group of matrix rows.
        pub(super) fn write(&self, row: usize, group: usize, sums: &Sums) {
            let place = row * self.row_length + group * LANES;
            assert!(row < self.rows && (group + 1) * LANES <= self.row_length);
            // SAFETY: the place lies inside the outputs, which are borrowed for as long as this
            // lives; no other thread has this group.
            unsafe { self.start.add(place).cast::<Sums>().write_unaligned(*sums) };
        }
    }
}

/// Computes all tasks; the threads share the groups of all of them.
fn run(tasks: &[Task<'_>], activations: &Activations) -> Result<(), Error> {
    let groups: usize = tasks.iter().map(|task| task.packed.groups).sum();
    let compute = |range: Range<usize>| {
        let mut start = 0;
        for task in tasks {
            let end = start + task.packed.groups;
            let mine = range.start.max(start)..range.end.min(end);
            if !mine.is_empty() {
                task.run(mine.start - start..mine.end - start, activations);
            }
            start = end;
        }
    };
    let chunks = groups.div_ceil(MIN_GROUPS);
    share_out(chunks, |range| {
        compute(range.start * MIN_GROUPS..groups.min(range.end * MIN_GROUPS));
    })
}

fn candle_type(tensor_type: TensorType) -> GgmlDType {
    match tensor_type {
        TensorType::F32 => GgmlDType::F32,
        TensorType::F16 => GgmlDType::F16,
        TensorType::BF16 => GgmlDType::BF16,
        TensorType::Q4_0 => GgmlDType::Q4_0,
        TensorType::Q4_1 => GgmlDType::Q4_1,
        TensorType::Q5_0 => GgmlDType::Q5_0,
        TensorType::Q5_1 => GgmlDType::Q5_1,
        TensorType::Q8_0 => GgmlDType::Q8_0,
        TensorType::Q2K => GgmlDType::Q2K,
        TensorType::Q3K => GgmlDType::Q3K,
        TensorType::Q4K => GgmlDType::Q4K,
        TensorType::Q5K => GgmlDType::Q5K,
        TensorType::Q6K => GgmlDType::Q6K,
    }
}

#[cfg(test)]
mod tests {
    use super::super::packed::tests::{row_values, tensor};
    use super::super::threads::tests::two_threads;
    use super::*;

    fn input(rows: usize, length: usize) -> Vec<f32> {
        (0..rows * length)
            .map(|i| ((i * 7919 % 1013) as f32 - 506.0) / 300.0)
            .collect()
    }

    /// The product by its definition, in double precision and without rounding of the input.
    fn exact(tensor_type: TensorType, data: &[u8], inputs: usize, row: usize, x: &[f32]) -> f64 {
        let weights = row_values(tensor_type, data, inputs, row);
        weights
            .iter()
            .zip(x)
            .map(|(&w, &x)| f64::from(w) * f64::from(x))
            .sum()
    }

    #[test]
    fn products_are_those_of_the_definition_up_to_rounding() {
        two_threads();
        let (outputs, inputs) = (72, 160);
        for tensor_type in [TensorType::Q4_1, TensorType::Q8_0] {
            let data = tensor(tensor_type, outputs, inputs);
            let matrix = Projection::new(&data, tensor_type, outputs, inputs).expect("a matrix");
            for rows in [1, 2, 3, 4, 5, 9] {
                let input = input(rows, inputs);
                let [output] = Multiplier::default()
                    .multiply([&matrix], &input)
                    .expect("a product");
                for (row, x) in input.chunks_exact(inputs).enumerate() {
                    let size: f64 = x.iter().map(|&x| f64::from(x).abs()).sum();
                    for column in 0..outputs {
                        let wanted = exact(tensor_type, &data, inputs, column, x);
                        let got = f64::from(output[row * outputs + column]);
                        // Half a step of 8 bits in each value, times the largest weight.
                        assert!((got - wanted).abs() < 0.02 * size, "{got} and {wanted}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_outputs_in_any_company() {
        two_threads();
        let (outputs, inputs) = (64, 96);
        for tensor_type in [TensorType::Q4_1, TensorType::Q8_0] {
            let data = tensor(tensor_type, outputs, inputs);
            let matrix = Projection::new(&data, tensor_type, outputs, inputs).expect("a matrix");
            let input = input(7, inputs);
            let mut multiplier = Multiplier::default();
            let [together] = multiplier.multiply([&matrix], &input).expect("a product");
            for (row, x) in input.chunks_exact(inputs).enumerate() {
                let [alone] = multiplier.multiply([&matrix], x).expect("a product");
                assert_eq!(alone, together[row * outputs..(row + 1) * outputs]);
            }
        }
    }

    #[test]
    fn a_row_that_is_not_finite_has_no_finite_output_and_the_others_are_as_ever() {
        two_threads();
        let (inputs, wrong_row) = (128, 2);
        // Twelve rows are no whole groups: candle multiplies them.
        for (tensor_type, outputs) in [
            (TensorType::Q4_1, 16),
            (TensorType::Q8_0, 16),
            (TensorType::Q4_1, 12),
            (TensorType::Q8_0, 12),
        ] {
            let data = tensor(tensor_type, outputs, inputs);
            let matrix = Projection::new(&data, tensor_type, outputs, inputs).expect("a matrix");
            let mut multiplier = Multiplier::default();
            for wrong in [f32::NAN, f32::INFINITY] {
                let mut input = input(5, inputs);
                input[wrong_row * inputs + 40] = wrong;
                let [output] = multiplier.multiply([&matrix], &input).expect("a product");
                for (row, output) in output.chunks_exact(outputs).enumerate() {
                    let finite = output.iter().filter(|value| value.is_finite()).count();
                    let expected = if row == wrong_row { 0 } else { outputs };
                    assert_eq!(finite, expected, "{tensor_type:?}, {wrong}, row {row}");
                }
            }
        }
    }

    #[test]
    fn matrices_multiplied_together_have_the_products_they_have_alone() {
        two_threads();
        let inputs = 64;
        let matrices = [
            (40, TensorType::Q4_1),
            (8, TensorType::Q8_0),
            (24, TensorType::Q4_1),
        ]
        .map(|(outputs, tensor_type)| {
            let data = tensor(tensor_type, outputs, inputs);
            Projection::new(&data, tensor_type, outputs, inputs).expect("a matrix")
        });
        let input = input(3, inputs);
        let mut multiplier = Multiplier::default();
        let together = multiplier
            .multiply(matrices.each_ref(), &input)
            .expect("products");
        for (matrix, together) in matrices.iter().zip(&together) {
            let [alone] = multiplier.multiply([matrix], &input).expect("a product");
            assert_eq!(alone, *together);
        }
    }
}
