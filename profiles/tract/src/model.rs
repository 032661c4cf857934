//! The models by their names, optimised and run as tract's own command line does: one plan, one
//! state, run again and again, on the thread that calls.

use serde::Deserialize;
use tract_core::prelude::*;

use crate::mobilenet;
use crate::numbers::Numbers;
use crate::product::{self, Product};

/// Seed of every weight. It is not a request's: a worker makes a model once.
const WEIGHTS_SEED: u32 = 2418;

/// Few rows: the inner loops are short, and what is around them counts.
const SKINNY: Product = Product {
    rows: 16,
    depth: 576,
    columns: 1024,
};

/// The control: all of its time is in a kernel that is written in assembly.
const SQUARE: Product = Product {
    rows: 256,
    depth: 256,
    columns: 256,
};

/// A model that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModelName {
    /// The convolutional net, on one image.
    MobilenetV2,
    /// A matrix product of few rows.
    Skinny,
    /// A matrix product of equal sides.
    Square,
}

impl ModelName {
    /// The model as it would come from a file.
    fn described(self) -> TractResult<TypedModel> {
        let weights = Numbers::new(WEIGHTS_SEED, 0);
        match self {
            Self::MobilenetV2 => mobilenet::described(weights),
            Self::Skinny => product::described(SKINNY, weights),
            Self::Square => product::described(SQUARE, weights),
        }
    }

    fn input_shape(self) -> Vec<usize> {
        match self {
            Self::MobilenetV2 => mobilenet::INPUT_SHAPE.to_vec(),
            Self::Skinny => SKINNY.input_shape().to_vec(),
            Self::Square => SQUARE.input_shape().to_vec(),
        }
    }
}

/// A model that is ready to run.
#[derive(Debug)]
pub(crate) struct Model {
    state: TypedSimpleState,
    input_shape: Vec<usize>,
}

impl Model {
    /// Makes the model `name` and optimises it for this processor.
    ///
    /// # Errors
    /// What tract says of the model.
    pub(crate) fn new(name: ModelName) -> TractResult<Self> {
        let plan: Arc<TypedRunnableModel> = name.described()?.into_optimized()?.into_runnable()?;
        Ok(Self {
            state: TypedSimpleState::new(&plan)?,
            input_shape: name.input_shape(),
        })
    }

    /// An input of this model: the next of `numbers`, from −1 to 1.
    ///
    /// # Errors
    /// What tract says of the tensor.
    pub(crate) fn input(&self, numbers: &mut Numbers) -> TractResult<TValue> {
        Ok(numbers.tensor(&self.input_shape, 1.0)?.into_tvalue())
    }

    /// Runs the model once and gives its one output.
    ///
    /// # Errors
    /// What tract says of the run.
    pub(crate) fn run(&mut self, input: &TValue) -> TractResult<TValue> {
        let mut outputs = self.state.run(tvec![input.clone()])?;
        Ok(outputs.remove(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights and biases; the rest of a model's constants are a few single numbers.
    fn parameters(name: ModelName) -> usize {
        let model = name.described().expect("a model");
        let constants = model
            .nodes
            .iter()
            .filter_map(|node| node.outputs[0].fact.konst.as_ref());
        constants
            .map(|value| value.len())
            .filter(|&count| count > 1)
            .sum()
    }

    fn run(name: ModelName, seed: u32) -> TValue {
        let mut model = Model::new(name).expect("a model");
        let input = model.input(&mut Numbers::new(seed, 0)).expect("an input");
        model.run(&input).expect("an output")
    }

    #[test]
    fn the_models_have_the_published_size() {
        // 3,504,872 with two parameters of batch normalisation for each of 17,056 channels, here one.
        assert_eq!(parameters(ModelName::MobilenetV2), 3_504_872 - 17_056);
        assert_eq!(parameters(ModelName::Skinny), 576 * 1024);
        assert_eq!(parameters(ModelName::Square), 256 * 256);
    }

    #[test]
    fn outputs_are_finite_and_follow_from_the_seed_alone() {
        for (name, shape) in [
            (ModelName::MobilenetV2, [1, 1000]),
            (ModelName::Skinny, [16, 1024]),
            (ModelName::Square, [256, 256]),
        ] {
            let output = run(name, 1);
            assert_eq!(output.shape(), shape, "{name:?}");
            let plain = output.try_as_plain_ram().expect("in memory");
            let values = plain.as_slice::<f32>().expect("f32");
            assert!(values.iter().all(|value| value.is_finite()), "{name:?}");
            assert_eq!(output, run(name, 1), "{name:?}");
            assert_ne!(output, run(name, 2), "{name:?}");
        }
    }
}
