//! A program that comes with LLVM, taken by the version that it tells and never by its name.
//!
//! Takes places to look in; gives the first [`Program`] of the compiler's major version, or an
//! error that says what was found instead. What the program is for, and how to get one, is the
//! caller's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::toolchain::Compiler;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// Names one to use before all others.
    pub(crate) variable: &'static str,
    /// What stands before the version in its answer to `--version`.
    pub(crate) before_version: &'static str,
    /// What a program of the right version must do besides; says why one does not.
    pub(crate) prove: fn(&Path) -> Result<(), String>,
}

/// A program and its LLVM's version.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

impl Kind {
    /// The user's own choice, else the first of `places` that is of the compiler's LLVM. `next`
    /// says how to get one.
    ///
    /// # Errors
    /// [`Error::Tool`] naming what was found and why it does not fit.
    pub(crate) fn find(
        self,
        compiler: &Compiler,
        places: impl FnOnce() -> Vec<PathBuf>,
        next: String,
    ) -> Result<Program> {
        let wanted = compiler.llvm_major()?;
        if let Some(chosen) = std::env::var_os(self.variable) {
            return self.chosen(Path::new(&chosen), wanted);
        }
        let mut rejected = Vec::new();
        for place in places() {
            let proved = self.at(&place).and_then(|program| {
                if major(&program.version) != Some(wanted) {
                    let version = program.version;
                    return Err(format!("`{}` is LLVM {version}", place.display()));
                }
                (self.prove)(&place).map(|()| program)
            });
            match proved {
                Ok(program) => return Ok(program),
                Err(reason) => rejected.push(reason),
            }
        }
        let found = if rejected.is_empty() {
            "none was found".into()
        } else {
            rejected.join("; ")
        };
        Err(Error::Tool {
            message: format!(
                "no {} fits rustc's LLVM {}: {found}",
                self.name, compiler.llvm
            ),
            hint: next,
        })
    }

    /// The user's own choice is taken or refused, never passed over in silence.
    fn chosen(self, path: &Path, wanted: u32) -> Result<Program> {
        let refused = |message: String| Error::Tool {
            message,
            hint: format!(
                "{} must name one of LLVM {wanted}, or be unset",
                self.variable
            ),
        };
        let program = self.at(path).map_err(refused)?;
        if major(&program.version) != Some(wanted) {
            return Err(refused(format!(
                "`{}` is LLVM {}, but rustc writes profiles of LLVM {wanted}",
                path.display(),
                program.version
            )));
        }
        (self.prove)(path).map_err(refused)?;
        Ok(program)
    }

    /// The program at `path`, whatever its version; the error is for people.
    pub(crate) fn at(self, path: &Path) -> Result<Program, String> {
        let output = Command::new(path)
            .arg("--version")
            .output()
            .map_err(|error| format!("cannot run `{}`: {error}", path.display()))?;
        let answer = String::from_utf8_lossy(&output.stdout);
        self.version(&answer)
            .map(|version| Program {
                path: path.to_owned(),
                version,
            })
            .ok_or_else(|| format!("`{} --version` names no LLVM version", path.display()))
    }

    /// The version in an answer to `--version`. Apple counts its versions by itself.
    fn version(self, answer: &str) -> Option<String> {
        let (vendor, rest) = answer.split_once(self.before_version)?;
        if vendor.contains("Apple") {
            return None;
        }
        rest.split_whitespace().next().map(str::to_owned)
    }
}

/// The number before the first dot.
pub(crate) fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_llvms_own() {
        for (before_version, answer, expected) in [
            (
                "clang version ",
                "Debian clang version 22.1.8 (1)\nTarget: x86_64-pc-linux-gnu\n",
                Some("22.1.8"),
            ),
            ("clang version ", "clang version 22.1.8\n", Some("22.1.8")),
            (
                "clang version ",
                "Apple clang version 17.0.0 (clang-1700.0.13.5)\n",
                None,
            ),
            ("clang version ", "gcc (Debian 12.2.0-14) 12.2.0\n", None),
            (
                "LLVM version ",
                "LLVM (http://llvm.org/):\n  LLVM version 22.1.8\n  Optimized build.\n",
                Some("22.1.8"),
            ),
            (
                "LLVM version ",
                "Debian LLVM version 14.0.6\n",
                Some("14.0.6"),
            ),
        ] {
            let kind = Kind {
                name: "program",
                variable: "PROGRAM",
                before_version,
                prove: |_| Ok(()),
            };
            assert_eq!(kind.version(answer).as_deref(), expected, "{answer}");
        }
        assert_eq!(major("22.1.2-rust-1.95.0-stable"), Some(22));
        assert_eq!(major("unknown"), None);
    }
}
