//! One loaded ONNX model.
//!
//! Takes a file and settings; gives what the model takes and gives, and runs it. What the numbers
//! mean is for those who use it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::ErrorCode;
use ort::environment::Environment;
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType};

use super::{IdleThreads, OnnxSettings};
use crate::error::Error;
use crate::model_folder::{check_file, corrupt, unsupported};

/// An input or an output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) name: String,
    /// Nothing for what is not a tensor.
    pub(super) element: Option<TensorElementType>,
    /// Values per dimension, −1 where any number will do.
    pub(super) shape: Vec<i64>,
}

impl Port {
    fn new(outlet: &Outlet) -> Self {
        let shape = outlet.dtype().tensor_shape();
        Self {
            name: outlet.name().to_owned(),
            element: outlet.dtype().tensor_type(),
            shape: shape.map_or_else(Vec::new, |shape| shape.to_vec()),
        }
    }

    /// Whether it holds rows of `columns` values of the type `element`.
    pub(super) fn is_matrix(&self, element: TensorElementType, columns: usize) -> bool {
        let fits = |&found: &i64| found == -1 || usize::try_from(found) == Ok(columns);
        self.element == Some(element)
            && self.shape.len() == 2
            && self.shape.last().is_some_and(fits)
    }
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
}

/// A loaded model.
#[derive(Debug)]
pub(super) struct OnnxModel {
    /// `ort` runs a session for one caller at a time.
    session: Mutex<Session>,
}

impl OnnxModel {
    /// Loads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or needs what ONNX Runtime does not have.
    pub(super) fn load(
        path: &Path,
        settings: &OnnxSettings,
        environment: &Environment,
    ) -> Result<(Self, Signature), Error> {
        check_file(path)?;
        let mut builder = builder(settings, environment).map_err(Error::backend)?;
        let session = builder
            .commit_from_file(path)
            .map_err(|error| match error.code() {
                ErrorCode::NotImplemented => unsupported(path, error.message()),
                _ => corrupt(path, error.message()),
            })?;
        let signature = Signature {
            inputs: session.inputs().iter().map(Port::new).collect(),
            outputs: session.outputs().iter().map(Port::new).collect(),
        };
        let session = Mutex::new(session);
        Ok((Self { session }, signature))
    }

    /// Runs the model and lets `read` have the shape and the values of its output `output`.
    ///
    /// # Errors
    /// [`Error::Backend`] when ONNX Runtime fails, and those of `read`.
    pub(super) fn run<T>(
        &self,
        inputs: Vec<(&'static str, SessionInputValue<'_>)>,
        output: &str,
        read: impl FnOnce(&[i64], &[f32]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs).map_err(Error::backend)?;
        let value = outputs
            .get(output)
            .ok_or_else(|| Error::backend(format!("the model gave no output {output:?}")))?;
        let (shape, values) = value.try_extract_tensor::<f32>().map_err(Error::backend)?;
        read(&shape[..], values)
    }
}

fn builder(settings: &OnnxSettings, environment: &Environment) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(environment)?
        .with_intra_threads(settings.threads.get())?
        .with_intra_op_spinning(settings.idle_threads == IdleThreads::Spin)?
        // It plans the memory of each shape that it sees, and batches come in all shapes.
        .with_memory_pattern(false)?;
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_known_by_its_type_and_columns() {
        let port = |shape: &[i64]| Port {
            name: "bytes".to_owned(),
            element: Some(TensorElementType::Int32),
            shape: shape.to_vec(),
        };
        for shape in [[-1, 8], [-1, -1], [1, 8]] {
            assert!(
                port(&shape).is_matrix(TensorElementType::Int32, 8),
                "{shape:?}"
            );
        }
        assert!(!port(&[-1, 8]).is_matrix(TensorElementType::Int64, 8));
        for shape in [&[-1, 9][..], &[8], &[], &[-1, 8, 8], &[-1, -2]] {
            assert!(
                !port(shape).is_matrix(TensorElementType::Int32, 8),
                "{shape:?}"
            );
        }
    }
}
