//! Where a model is computed.
//!
//! Takes a name; gives candle's device, or says why there is none. Nothing here falls back to another:
//! who asked for a GPU would take the CPU's figures for the GPU's.

use candle_core::Device;

use crate::error::Error;

/// A device, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    /// The processor.
    #[default]
    Cpu,
    /// The first GPU, by CUDA: needs the feature `cuda`.
    Cuda,
}

impl DeviceName {
    /// # Errors
    /// [`Error::NoDevice`].
    pub(super) fn open(self) -> Result<Device, Error> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda => Device::new_cuda(0).map_err(|error| Error::NoDevice {
                backend: "candle",
                device: "cuda",
                problem: error.to_string(),
            }),
        }
    }
}
