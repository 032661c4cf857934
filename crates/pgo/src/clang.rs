//! The clang that compiles C and C++ for the arms.
//!
//! Takes the compiler; gives a [`Clang`] of the same LLVM major version: the formats of counters and
//! profiles are fixed for one alone, and with another the two would silently misread each other. It
//! must be able to link what it instruments: cmake and its like link small programs to learn about
//! the compiler, and would configure the instrumented arm otherwise than the others.

use std::path::PathBuf;
use std::process::Command;

use crate::error::{Error, Result};
use crate::llvm;
use crate::toolchain::Compiler;

/// Names a clang to use before all others.
pub const CLANG_VARIABLE: &str = "INFERNO_CLANG";

/// A clang whose LLVM has rustc's major version, with the runtime of profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clang {
    /// The program.
    pub path: PathBuf,
    /// Its version, which is its LLVM's.
    pub version: String,
}

impl Clang {
    /// Looks in `INFERNO_CLANG` and on PATH, under the versioned and the plain name.
    ///
    /// # Errors
    /// [`Error::Tool`] naming what was found and why it does not do.
    pub fn find(compiler: &Compiler) -> Result<Self> {
        const KIND: llvm::Kind = llvm::Kind {
            name: "clang",
            variable: CLANG_VARIABLE,
            before_version: "clang version ",
        };
        let major = compiler.llvm_major()?;
        let places = || -> Vec<PathBuf> {
            let names = [format!("clang-{major}"), "clang".to_owned()];
            let found = names.iter().filter_map(|name| which::which(name).ok());
            found.collect()
        };
        let next = format!(
            "install clang {major} (on Debian and Ubuntu the packages clang-{major} and \
             libclang-rt-{major}-dev), set {CLANG_VARIABLE} to one, or leave `c` out of [target]"
        );
        let llvm::Program { path, version } = KIND.find(compiler, places, next)?;
        let clang = Self { path, version };
        clang.check_runtime(major)?;
        Ok(clang)
    }

    /// Compiles and links a program that counts its own execution.
    fn check_runtime(&self, major: u32) -> Result<()> {
        let scratch = tempfile::tempdir().map_err(Error::io("create", &std::env::temp_dir()))?;
        let source = scratch.path().join("main.c");
        std::fs::write(&source, "int main(void) { return 0; }\n")
            .map_err(Error::io("write", &source))?;
        let output = Command::new(&self.path)
            .arg("-fprofile-generate")
            .arg(&source)
            .arg("-o")
            .arg(scratch.path().join("main"))
            .output()
            .map_err(Error::io("run", &self.path))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|line| !line.trim().is_empty());
        Err(Error::Tool {
            message: format!(
                "`{}` cannot link a program that counts its own execution: {}",
                self.path.display(),
                first.unwrap_or("it says nothing").trim()
            ),
            hint: format!(
                "install the runtime of its profiles (on Debian and Ubuntu the package \
                 libclang-rt-{major}-dev) and a linker, or set {CLANG_VARIABLE} to another clang"
            ),
        })
    }
}
