//! The machine: what it is, and how disturbed it was.

use crate::record::Host;

/// Describes the machine without names or paths. What the platform does not tell is `None`.
pub fn describe() -> Host {
    todo!()
}
