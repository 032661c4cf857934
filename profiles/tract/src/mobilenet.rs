//! MobileNetV2 at its full width, for one image of 224 × 224 pixels and 1000 classes.
//!
//! The architecture is that of M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L. Chen: *MobileNetV2:
//! Inverted Residuals and Linear Bottlenecks*, CVPR 2018, table 2. Batch normalisation is in the
//! weights, where tract would bring it. The operators are those that tract makes of an ONNX file.

use tract_core::ops::change_axes::AxisOp;
use tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
use tract_core::ops::math::{add, div, max, min};
use tract_core::ops::nn::{DataFormat, Reduce, Reducer};
use tract_core::prelude::*;

use crate::numbers::Numbers;
use crate::product::multiplied;

/// Images, channels, height and width.
pub(crate) const INPUT_SHAPE: [usize; 4] = [1, 3, 224, 224];

/// Channels of the first convolution and of the last one.
const FIRST_CHANNELS: usize = 32;
const LAST_CHANNELS: usize = 1280;

const CLASSES: usize = 1000;

/// The image is halved five times.
const POOLED_PIXELS: f32 = 7.0 * 7.0;

/// Blocks of the same kind, one after the other.
struct Stage {
    /// By how much a block widens its input inside.
    expansion: usize,
    channels: usize,
    blocks: usize,
    /// Of the first block; the others keep the image's size.
    stride: usize,
}

const fn stage(expansion: usize, channels: usize, blocks: usize, stride: usize) -> Stage {
    Stage {
        expansion,
        channels,
        blocks,
        stride,
    }
}

const STAGES: [Stage; 7] = [
    stage(1, 16, 1, 1),
    stage(6, 24, 2, 2),
    stage(6, 32, 3, 2),
    stage(6, 64, 4, 2),
    stage(6, 96, 3, 1),
    stage(6, 160, 3, 2),
    stage(6, 320, 1, 1),
];

/// A convolution with a square kernel, padded so that the stride alone changes the image's size.
#[derive(Debug, Clone, Copy)]
struct Convolution {
    channels_in: usize,
    channels_out: usize,
    /// Height and width of the kernel, odd.
    side: usize,
    stride: usize,
    groups: usize,
}

impl Convolution {
    /// Mixes the channels of each pixel.
    fn pointwise(channels_in: usize, channels_out: usize) -> Self {
        Self {
            channels_in,
            channels_out,
            side: 1,
            stride: 1,
            groups: 1,
        }
    }

    /// Mixes the pixels of each channel.
    fn depthwise(channels: usize, stride: usize) -> Self {
        Self {
            channels_in: channels,
            channels_out: channels,
            side: 3,
            stride,
            groups: channels,
        }
    }

    fn kernel_shape(self) -> [usize; 4] {
        let channels_in = self.channels_in / self.groups;
        [self.channels_out, channels_in, self.side, self.side]
    }

    /// The bound of uniform weights that keeps the values' size from layer to layer (K. He et al.:
    /// *Delving Deep into Rectifiers*, ICCV 2015): √(6 ÷ inputs of each output).
    fn weight_limit(self) -> f32 {
        let inputs: usize = self.kernel_shape()[1..].iter().product();
        (6.0 / inputs as f32).sqrt()
    }

    fn operator(self) -> Conv {
        let padding = self.side / 2;
        Conv {
            pool_spec: PoolSpec {
                data_format: DataFormat::NCHW,
                kernel_shape: tvec![self.side, self.side],
                padding: PaddingSpec::Explicit(tvec![padding, padding], tvec![padding, padding]),
                dilations: None,
                strides: Some(tvec![self.stride, self.stride]),
                input_channels: self.channels_in,
                output_channels: self.channels_out,
            },
            kernel_fmt: KernelFormat::OIHW,
            group: self.groups,
            q_params: None,
        }
    }
}

/// The whole net, from an image to a number for each class.
///
/// # Errors
/// What tract says of the model.
pub(crate) fn described(weights: Numbers) -> TractResult<TypedModel> {
    let mut net = Net {
        model: TypedModel::default(),
        weights,
    };
    let image = net.model.add_source("image", f32::fact(INPUT_SHAPE))?;
    let first = Convolution {
        channels_in: INPUT_SHAPE[1],
        channels_out: FIRST_CHANNELS,
        side: 3,
        stride: 2,
        groups: 1,
    };
    let mut wire = net.activated("first", image, first)?;
    let mut channels = FIRST_CHANNELS;
    for (number, stage) in STAGES.iter().enumerate() {
        for block in 0..stage.blocks {
            let name = format!("stage{number}.block{block}");
            let stride = if block == 0 { stage.stride } else { 1 };
            wire = net.block(&name, wire, channels, stage, stride)?;
            channels = stage.channels;
        }
    }
    wire = net.activated(
        "last",
        wire,
        Convolution::pointwise(channels, LAST_CHANNELS),
    )?;
    wire = net.pooled(wire)?;
    wire = net.classified(wire)?;
    net.model.select_output_outlets(&[wire])?;
    Ok(net.model)
}

/// The net as far as it is made. Each layer takes the next weights.
struct Net {
    model: TypedModel,
    weights: Numbers,
}

impl Net {
    /// An inverted residual: wide inside, narrow between the blocks.
    fn block(
        &mut self,
        name: &str,
        input: OutletId,
        channels_in: usize,
        stage: &Stage,
        stride: usize,
    ) -> TractResult<OutletId> {
        let channels_inside = channels_in * stage.expansion;
        let mut wire = input;
        if stage.expansion > 1 {
            let expand = Convolution::pointwise(channels_in, channels_inside);
            wire = self.activated(&format!("{name}.expand"), wire, expand)?;
        }
        let filter = Convolution::depthwise(channels_inside, stride);
        wire = self.activated(&format!("{name}.filter"), wire, filter)?;
        let project = Convolution::pointwise(channels_inside, stage.channels);
        wire = self.convolved(&format!("{name}.project"), wire, project)?;
        if stride == 1 && channels_in == stage.channels {
            let name = format!("{name}.residual");
            wire = self.model.wire_node(name, add(), &[input, wire])?[0];
        }
        Ok(wire)
    }

    /// A convolution whose results are cut off below 0 and above 6.
    fn activated(
        &mut self,
        name: &str,
        input: OutletId,
        convolution: Convolution,
    ) -> TractResult<OutletId> {
        let wire = self.convolved(name, input, convolution)?;
        let (zero, six) = (self.number("zero", 0.0)?, self.number("six", 6.0)?);
        let low = format!("{name}.low");
        let wire = self.model.wire_node(low, max(), &[wire, zero])?[0];
        let high = format!("{name}.high");
        Ok(self.model.wire_node(high, min(), &[wire, six])?[0])
    }

    fn convolved(
        &mut self,
        name: &str,
        input: OutletId,
        convolution: Convolution,
    ) -> TractResult<OutletId> {
        let limit = convolution.weight_limit();
        let kernel = self.weights.tensor(&convolution.kernel_shape(), limit)?;
        let kernel = self.model.add_const(format!("{name}.weights"), kernel)?;
        let bias = self.weights.tensor(&[convolution.channels_out], 0.1)?;
        let bias = self.model.add_const(format!("{name}.offsets"), bias)?;
        let operator = convolution.operator();
        Ok(self
            .model
            .wire_node(name, operator, &[input, kernel, bias])?[0])
    }

    /// The mean of each channel, as a row.
    fn pooled(&mut self, input: OutletId) -> TractResult<OutletId> {
        let sum = Reduce {
            axes: tvec![2, 3],
            reducer: Reducer::Sum,
        };
        let sum = self.model.wire_node("pool.sum", sum, &[input])?[0];
        let pixels = self.number("pool.pixels", POOLED_PIXELS)?;
        let mean = self.model.wire_node("pool.mean", div(), &[sum, pixels])?;
        let mean = self.model.wire_node("pool.column", AxisOp::Rm(3), &mean)?;
        Ok(self.model.wire_node("pool.row", AxisOp::Rm(2), &mean)?[0])
    }

    fn classified(&mut self, row: OutletId) -> TractResult<OutletId> {
        let limit = (3.0 / LAST_CHANNELS as f32).sqrt();
        let weights = self.weights.tensor(&[LAST_CHANNELS, CLASSES], limit)?;
        let weights = self.model.add_const("classes.weights", weights)?;
        let bias = self.weights.tensor(&[1, CLASSES], 0.1)?;
        let bias = self.model.add_const("classes.offsets", bias)?;
        let product = multiplied(&mut self.model, "classes.product", row, weights)?;
        let classes = self.model.wire_node("classes", add(), &[product, bias])?;
        Ok(classes[0])
    }

    /// A single number that all elements of a layer are combined with; tract keeps equal ones once.
    fn number(&mut self, name: &str, value: f32) -> TractResult<OutletId> {
        let number = Tensor::from_shape(&[1, 1, 1, 1], &[value])?;
        self.model.add_const(name, number)
    }
}
