//! The compiler that the manifest's directory selects, and the `llvm-profdata` that fits it.
//!
//! Takes a directory; gives a [`Compiler`] and an
//! [`LlvmProfdata`] whose LLVM major versions are equal. It must not
//! accept a tool by its name: the first one on PATH is often years older than the compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_config2::Config;
use serde::{Deserialize, Serialize};

use crate::assets;
use crate::error::{Error, Result};
use crate::llvm;

/// Names an `llvm-profdata` to use before all others.
pub const LLVM_PROFDATA_VARIABLE: &str = "LLVM_PROFDATA";

/// rustc as selected for a directory.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Compiler {
    /// First line of `rustc -vV`.
    pub version: String,
    /// The compiler's commit, where it states one.
    pub commit: Option<String>,
    /// The host triple; the target of every arm.
    pub host: String,
    /// LLVM's version, as in `22.1.2`.
    pub llvm: String,
    /// `rustc --print sysroot`.
    pub sysroot: PathBuf,
}

impl Compiler {
    /// Asks the rustc that cargo would use in `directory`: `RUSTC`, `build.rustc`, else the
    /// toolchain's own.
    ///
    /// # Errors
    /// [`Error::Tool`] when there is none or its answer is not understood.
    pub fn of(config: &Config, directory: &Path) -> Result<Self> {
        let verbose = ask(config, directory, &["-vV"])?;
        let sysroot = ask(config, directory, &["--print", "sysroot"])?;
        Self::parse(&verbose, sysroot.trim().into()).ok_or_else(|| Error::Tool {
            message: format!("`rustc -vV` answered what is not understood:\n{verbose}"),
            hint: "use a rustc that was built with LLVM".into(),
        })
    }

    /// [`Self::of`] with cargo's configuration of the same directory.
    ///
    /// # Errors
    /// [`Error::Tool`] as well when that configuration cannot be read.
    pub fn at(directory: &Path) -> Result<Self> {
        let config = Config::load_with_cwd(directory).map_err(|error| Error::Tool {
            message: format!(
                "cargo's configuration for `{}` cannot be read: {error}",
                directory.display()
            ),
            hint: "check .cargo/config.toml there and above".into(),
        })?;
        Self::of(&config, directory)
    }

    fn parse(verbose: &str, sysroot: PathBuf) -> Option<Self> {
        let field = |name: &str| {
            verbose
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        Some(Self {
            version: verbose.lines().next()?.to_owned(),
            commit: field("commit-hash:").filter(|commit| commit != "unknown"),
            host: field("host:")?,
            llvm: field("LLVM version:")?,
            sysroot,
        })
    }

    /// LLVM's major version.
    ///
    /// # Errors
    /// [`Error::Tool`] when the version does not begin with a number.
    pub fn llvm_major(&self) -> Result<u32> {
        llvm::major(&self.llvm).ok_or_else(|| Error::Tool {
            message: format!("`{}` is not an LLVM version", self.llvm),
            hint: "use a released rustc".into(),
        })
    }
}

fn ask(config: &Config, directory: &Path, args: &[&str]) -> Result<String> {
    let missing = |message: String| Error::Tool {
        message,
        hint: "install Rust with rustup, and check `rustc -vV` in that directory".into(),
    };
    // Without wrappers: the builds switch them off as well.
    let rustc = config.build.rustc.clone().unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(&rustc);
    command.args(args).current_dir(directory);
    if let Some(variable) = inherited_selection(directory) {
        command.env_remove(variable);
    }
    let output = command
        .output()
        .map_err(|error| missing(format!("cannot run `rustc`: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(missing(format!(
        "`rustc {}` failed: {}",
        args.join(" "),
        message.trim()
    )))
}

/// The variable by which an outer `cargo` forces its own toolchain on us, where the directory
/// names another in a toolchain file.
pub(crate) fn inherited_selection(directory: &Path) -> Option<&'static str> {
    let has_file = |directory: &Path| {
        ["rust-toolchain.toml", "rust-toolchain"]
            .iter()
            .any(|name| directory.join(name).is_file())
    };
    directory
        .ancestors()
        .any(has_file)
        .then_some("RUSTUP_TOOLCHAIN")
}

/// An `llvm-profdata` whose LLVM has the compiler's major version.
#[derive(Debug, Clone)]
pub struct LlvmProfdata {
    /// The program.
    pub path: PathBuf,
    /// Its LLVM's version.
    pub version: String,
}

impl LlvmProfdata {
    /// Looks in `LLVM_PROFDATA`, the sysroot (rustup's `llvm-tools`), PATH under the versioned
    /// and the plain name, and among the tools that were fetched.
    ///
    /// # Errors
    /// [`Error::Tool`] naming what was found and why it does not fit.
    pub fn find(compiler: &Compiler) -> Result<Self> {
        const KIND: llvm::Kind = llvm::Kind {
            name: "llvm-profdata",
            variable: LLVM_PROFDATA_VARIABLE,
            before_version: "LLVM version ",
            prove: |_| Ok(()),
        };
        let major = compiler.llvm_major()?;
        let next = format!(
            "fetch one with the command `setup`, or set {LLVM_PROFDATA_VARIABLE} to an LLVM {major} llvm-profdata"
        );
        let llvm::Program { path, version } =
            KIND.find(compiler, || candidates(compiler, major), next)?;
        Ok(Self { path, version })
    }

    /// [`Self::find`], and where there is none, what setup does: say so, fetch it, look again.
    ///
    /// # Errors
    /// [`Error::Tool`] and [`Error::Provision`].
    pub fn find_or_fetch(compiler: &Compiler, say: &mut dyn FnMut(&str)) -> Result<Self> {
        match Self::find(compiler) {
            Err(Error::Tool { message, .. })
                if std::env::var_os(LLVM_PROFDATA_VARIABLE).is_none() =>
            {
                say(&format!("{message}; fetching one"));
                let toolchain = inferno_provision::Toolchain {
                    sysroot: compiler.sysroot.clone(),
                    host: compiler.host.clone(),
                    llvm_major: compiler.llvm_major()?,
                };
                assets::fetch(|progress| {
                    inferno_provision::install_llvm_profdata(&toolchain, progress)
                })?;
                Self::find(compiler)
            }
            other => other,
        }
    }
}

fn candidates(compiler: &Compiler, major: u32) -> Vec<PathBuf> {
    let component = compiler
        .sysroot
        .join("lib/rustlib")
        .join(&compiler.host)
        .join("bin/llvm-profdata");
    let on_path = [format!("llvm-profdata-{major}"), "llvm-profdata".to_owned()];
    std::iter::once(component)
        .filter(|path| path.is_file())
        .chain(on_path.iter().filter_map(|name| which::which(name).ok()))
        .chain(inferno_provision::llvm_profdata(major).ok().flatten())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERBOSE: &str = "rustc 1.95.0 (59807616e 2026-03-21)\nbinary: rustc\ncommit-hash: 59807616e\n\
                           host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22.1.2\n";

    #[test]
    fn reads_the_verbose_version() {
        let compiler = Compiler::parse(VERBOSE, "/sysroot".into()).expect("a full answer");
        assert_eq!(compiler.llvm, "22.1.2");
        assert_eq!(compiler.llvm_major().expect("a number"), 22);
        assert_eq!(compiler.host, "x86_64-unknown-linux-gnu");
        assert_eq!(compiler.commit.as_deref(), Some("59807616e"));
    }

    #[test]
    fn a_compiler_without_llvm_is_refused() {
        let without = VERBOSE.replace("LLVM version: 22.1.2\n", "");
        assert_eq!(Compiler::parse(&without, "/sysroot".into()), None);
    }

    #[test]
    fn the_toolchain_file_beats_the_inherited_choice() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(inherited_selection(directory.path()), None);
        std::fs::write(directory.path().join("rust-toolchain.toml"), "").expect("a file");
        let below = directory.path().join("crates/deep");
        assert_eq!(inherited_selection(&below), Some("RUSTUP_TOOLCHAIN"));
    }
}
