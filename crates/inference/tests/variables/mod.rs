//! Files that variables name, for tests on what is not in the repository.
//!
//! `cargo xtask model fetch NAME` prints the paths: `INFERNO_TEST_MINILM` is for `minilm`,
//! `INFERNO_TEST_MINILM_ONNX` for `minilm-int8-onnx`, `INFERNO_TEST_MAGIKA` for `magika`, and
//! `ORT_DYLIB_PATH` for `onnxruntime`.

use std::io::Write;
use std::path::PathBuf;

/// The path that `variable` holds; says so on the terminal when `test` is skipped for want of it,
/// past the capture of test output.
pub(crate) fn named(variable: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: set {variable} to run it; see tests/variables/mod.rs"
        );
    }
    path
}
