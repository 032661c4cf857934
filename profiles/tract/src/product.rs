//! The product of a matrix that is given with one that is fixed, as in a fully connected layer.

use tract_core::axes::AxesMapping;
use tract_core::ops::einsum::EinSum;
use tract_core::prelude::*;

use crate::numbers::Numbers;

/// The sides of a product: `rows` × `depth` times `depth` × `columns`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
}

impl Product {
    pub(crate) fn input_shape(self) -> [usize; 2] {
        [self.rows, self.depth]
    }
}

/// A model that is this product alone.
///
/// # Errors
/// What tract says of the model.
pub(crate) fn described(sides: Product, mut weights: Numbers) -> TractResult<TypedModel> {
    let mut model = TypedModel::default();
    let left = model.add_source("left", f32::fact(sides.input_shape()))?;
    let right = weights.tensor(&[sides.depth, sides.columns], 1.0)?;
    let right = model.add_const("right", right)?;
    let product = multiplied(&mut model, "product", left, right)?;
    model.select_output_outlets(&[product])?;
    Ok(model)
}

/// Adds the product of two matrices to `model`.
///
/// # Errors
/// What tract says of the operator.
pub(crate) fn multiplied(
    model: &mut TypedModel,
    name: &str,
    left: OutletId,
    right: OutletId,
) -> TractResult<OutletId> {
    let axes = AxesMapping::for_numpy_matmul(2, false, false, false)?;
    let operator = EinSum::new(axes, f32::datum_type());
    Ok(model.wire_node(name, operator, &[left, right])?[0])
}
