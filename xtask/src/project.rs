//! Where this project keeps what its commands need.

use std::path::{Path, PathBuf};

/// The workspace's root. Commands work from any directory below it.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The spec of `cargo xtask pgo` without `--spec`.
pub(crate) fn default_spec() -> PathBuf {
    root().join("profiles/concurrent_inference.toml")
}

/// The output directory of a spec without `--out`.
pub(crate) fn default_out(name: &str) -> PathBuf {
    root().join("target/pgo").join(name)
}

/// The model of the default spec.
pub(crate) const DEFAULT_MODEL: &str = "smollm2-135m";
