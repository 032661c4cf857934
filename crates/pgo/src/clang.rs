//! The clang that compiles C and C++ for the arms.
//!
//! Takes the compiler; gives a [`Clang`] of the same LLVM major version: the formats of counters and
//! profiles are fixed for one alone, and with another the two would silently misread each other. It
//! must be able to link what it instruments: cmake and its like link small programs to learn about
//! the compiler, and would configure the instrumented arm otherwise than the others.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::assets;
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
    /// Looks in `INFERNO_CLANG`, on PATH under the versioned and the plain name, and among the tools
    /// that were fetched.
    ///
    /// # Errors
    /// [`Error::Tool`] naming what was found and why it does not do.
    pub fn find(compiler: &Compiler) -> Result<Self> {
        const KIND: llvm::Kind = llvm::Kind {
            name: "clang",
            variable: CLANG_VARIABLE,
            before_version: "clang version ",
            prove: links_counters,
        };
        let major = compiler.llvm_major()?;
        let places = || -> Vec<PathBuf> {
            let names = [format!("clang-{major}"), "clang".to_owned()];
            let on_path = names.iter().filter_map(|name| which::which(name).ok());
            on_path
                .chain(inferno_provision::clang(major).ok().flatten())
                .collect()
        };
        let next = format!(
            "install clang {major} (on Debian and Ubuntu the packages clang-{major} and \
             libclang-rt-{major}-dev), set {CLANG_VARIABLE} to one, or leave `c` out of [target]"
        );
        let llvm::Program { path, version } = KIND.find(compiler, places, next)?;
        Ok(Self { path, version })
    }

    /// [`Self::find`], and where none fits: say so, fetch one, look again.
    ///
    /// # Errors
    /// [`Error::Tool`], also where none can be fetched, and [`Error::Measure`] when interrupted.
    pub fn find_or_fetch(compiler: &Compiler, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let missing = match Self::find(compiler) {
            Err(missing @ Error::Tool { .. }) if std::env::var_os(CLANG_VARIABLE).is_none() => {
                missing
            }
            other => return other,
        };
        let major = compiler.llvm_major()?;
        say(&format!("{missing}; fetching one"));
        match assets::fetch(|progress| inferno_provision::fetch_clang(major, progress)) {
            Ok(_) => Self::find(compiler),
            // Then what to install is the better answer.
            Err(Error::Provision(inferno_provision::Error::NoClang { .. })) => Err(missing),
            Err(error) => Err(error),
        }
    }
}

/// Compiles and links a program that counts its own execution.
fn links_counters(clang: &Path) -> Result<(), String> {
    let failed = |reason: &str| {
        let clang = clang.display();
        format!("`{clang}` cannot link a program that counts its own execution: {reason}")
    };
    let link = || -> io::Result<Output> {
        let scratch = tempfile::tempdir()?;
        let source = scratch.path().join("main.c");
        std::fs::write(&source, "int main(void) { return 0; }\n")?;
        Command::new(clang)
            .arg("-fprofile-generate")
            .arg(&source)
            .arg("-o")
            .arg(scratch.path().join("main"))
            .output()
    };
    let output = link().map_err(|error| failed(&error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().find(|line| !line.trim().is_empty());
    Err(failed(first.unwrap_or("it says nothing").trim()))
}
