//! What the fuzz targets share: a bound on memory, and metadata without a model.
//!
//! Takes an input and what is done with it; ends the process, and says who asked for memory, when
//! more is held than the bound allows. The targets are in `fuzz_targets`; `cargo xtask fuzz` runs
//! them. Nothing here knows what is fuzzed.

mod allocation;
mod metadata;

pub use allocation::{Bound, within};
pub use metadata::metadata_of;
