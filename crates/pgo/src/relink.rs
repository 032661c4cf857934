//! The same program in other code layouts: its final link done again, its functions elsewhere.
//!
//! Takes the archive into which lld wrote one link; gives binaries that consist of the same
//! compiled functions at other addresses. Nothing is compiled: each layout is proved to hold the
//! same sections of the same sizes, and the captured link is proved to be the arm's own.

mod sections;

use std::path::{Path, PathBuf};

use inferno_measure::process::Command;
use inferno_measure::record::{Check, CheckOutcome};
use serde::{Deserialize, Serialize};

use self::sections::{Sections, other_than};
use crate::artifact::Artifact;
use crate::digest;
use crate::error::{Error, Result};
use crate::stage::Whole;
use crate::toolchain::Compiler;

/// What lld calls the list of its arguments inside the archive.
const ARGUMENTS: &str = "response.txt";
/// What lld calls the file with its version inside the archive.
const VERSION: &str = "version.txt";
/// Sections that a profile has moved apart: they are shuffled among themselves, never mixed.
const PROFILED: [&str; 2] = [".text.hot.", ".text.unlikely."];
/// Functions that have a section of their own: C's and Rust's alike.
const FUNCTIONS: &str = ".text.";
/// Lines of the linker's output that an error repeats.
const TAIL_LINES: usize = 8;

/// A captured link that gives the arm's own binary when it is done again.
#[derive(Debug)]
pub struct Link {
    /// The archive's content; removed with this value.
    directory: tempfile::TempDir,
    /// Directory of `response.txt`, from which paths in it are told.
    root: PathBuf,
    linker: Linker,
    /// What the arm's binary consists of.
    sections: Sections,
    rustflags: Vec<String>,
}

/// lld, and how it is made to understand ELF.
#[derive(Debug, Clone)]
struct Linker {
    path: PathBuf,
    flavor: &'static [&'static str],
}

/// A binary in another layout, and how far its code has moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relinked {
    /// The binary.
    pub artifact: Artifact,
    /// Sections of code; as many as in the arm's own binary, and of the same sizes.
    pub sections: usize,
    /// Share of them at another place within a cache line of 64 bytes.
    pub moved_share: f64,
}

/// Both arms in every layout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Layouts {
    /// The baselines, by the number of the layout.
    pub baselines: Vec<Relinked>,
    /// The candidates, by the number of the layout.
    pub candidates: Vec<Relinked>,
}

impl Whole for Layouts {
    fn is_whole(&self) -> bool {
        let all = self.baselines.iter().chain(&self.candidates);
        all.into_iter().all(|one| one.artifact.check().is_ok())
    }
}

impl Link {
    /// Unpacks `archive` below `scratch` and proves that its link gives `binary`.
    ///
    /// # Errors
    /// [`Error::Tool`] without the lld that wrote the archive, [`Error::Verification`] when the
    /// link done again gives another file.
    pub fn open(
        archive: &Path,
        binary: &Artifact,
        compiler: &Compiler,
        scratch: &Path,
    ) -> Result<Self> {
        let directory = tempfile::TempDir::with_prefix_in("link-", scratch)
            .map_err(Error::io("create", scratch))?;
        let file = std::fs::File::open(archive).map_err(Error::io("read", archive))?;
        tar::Archive::new(file)
            .unpack(directory.path())
            .map_err(Error::io("unpack", archive))?;
        // lld puts everything into a directory of the archive's name.
        let root = directory
            .path()
            .join(archive.file_stem().unwrap_or_default());
        let linker = Linker::that_wrote(&root, compiler)?;
        let mut link = Self {
            directory,
            root,
            linker,
            sections: Sections::default(),
            rustflags: binary.rustflags.clone(),
        };
        let again = link.directory.path().join("again");
        link.sections = link.run(&again, &[])?;
        if digest::file(&again)? == binary.sha256 {
            return Ok(link);
        }
        Err(Error::Verification {
            check: "same-link",
            message: format!(
                "`{}`, linked again as it was, gives another file",
                binary.path.display()
            ),
            hint: "the link is not reproducible, so its layout cannot be controlled: docs/troubleshooting.md#layout-control".into(),
        })
    }

    /// Links the program in the layout of `seed` and writes it to `to`.
    ///
    /// # Errors
    /// [`Error::Tool`] when the linker refuses, [`Error::Verification`] when anything else than
    /// addresses has changed.
    pub fn layout(&self, seed: u32, to: &Path) -> Result<Relinked> {
        let parent = to.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let fresh = parent.join("linking");
        let sections = self.run(&fresh, &arguments(seed))?;
        std::fs::rename(&fresh, to).map_err(Error::io("write", to))?;
        let failed = |message: String| Error::Verification {
            check: "same-code",
            message: format!("layout {seed}: {message}"),
            hint:
                "this linker does more than to move code: leave out --layout-control, and report it"
                    .into(),
        };
        self.sections.same_code(&sections).map_err(failed)?;
        let moved_share = self.sections.moved_share(&sections);
        if moved_share == 0.0 {
            return Err(failed(
                "no function has another place in its cache line".into(),
            ));
        }
        Ok(Relinked {
            artifact: Artifact::read(to, self.rustflags.clone())?,
            sections: sections.count(),
            moved_share,
        })
    }

    /// Links the program as it was, keeping its relocations, and writes it to `to`.
    ///
    /// # Errors
    /// [`Error::Tool`] when the linker refuses, [`Error::Verification`] when the code is another.
    pub fn with_relocations(&self, to: &Path) -> Result<()> {
        let linked = self.run(to, &["--emit-relocs".to_owned()]);
        let sections = linked.map_err(|error| match error {
            Error::Tool { message, .. } => Error::Tool {
                message,
                hint: "relocations are kept with symbols alone: `strip = \"debuginfo\"` or `\"none\"` in the cargo profile".into(),
            },
            other => other,
        })?;
        self.sections
            .same_code(&sections)
            .map_err(|message| Error::Verification {
                check: "same-code",
                message: format!("linked with relocations: {message}"),
                hint: "this linker does more than to keep relocations: report it".into(),
            })
    }

    /// Links with `extra` arguments; gives what the binary consists of.
    fn run(&self, to: &Path, extra: &[String]) -> Result<Sections> {
        let map = self.directory.path().join("map");
        let command = Command::new(&self.linker.path)
            .args(self.linker.flavor)
            .arg(format!("@{ARGUMENTS}"))
            .arg("-o")
            .arg(to)
            .arg("-Map")
            .arg(&map)
            .args(extra)
            .directory(&self.root);
        let line = command.display();
        let finished = command.run()?;
        if !finished.success() {
            let said = String::from_utf8_lossy(&finished.stderr).into_owned();
            let lines: Vec<&str> = said.lines().take(TAIL_LINES).collect();
            return Err(Error::Tool {
                message: format!("`{line}` failed:\n{}", lines.join("\n")),
                hint: "code layouts need lld 20 or newer: docs/troubleshooting.md#layout-control"
                    .into(),
            });
        }
        let text = std::fs::read_to_string(&map).map_err(Error::io("read", &map))?;
        Ok(Sections::of_map(&text))
    }
}

/// What makes the layout of `seed`: sections in another order, but for those that the profile has
/// put in order (lld's call graph sort comes first), and padding that moves these as well.
pub(crate) fn arguments(seed: u32) -> Vec<String> {
    let apart = PROFILED.iter().map(|prefix| format!("{prefix}*"));
    let rest = other_than(FUNCTIONS, &PROFILED);
    let shuffled = apart
        .chain(rest)
        .map(|pattern| format!("--shuffle-sections={pattern}={seed}"));
    std::iter::once(format!("--randomize-section-padding={seed}"))
        .chain(shuffled)
        .collect()
}

impl Linker {
    /// The lld whose version is in the archive.
    fn that_wrote(root: &Path, compiler: &Compiler) -> Result<Self> {
        let path = root.join(VERSION);
        let version = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let bundled = compiler
            .sysroot
            .join("lib/rustlib")
            .join(&compiler.host)
            .join("bin/rust-lld");
        let known = std::iter::once(Self {
            path: bundled,
            flavor: &["-flavor", "gnu"],
        });
        let on_path = which::which_all("ld.lld").into_iter().flatten();
        known
            .chain(on_path.map(|path| Self { path, flavor: &[] }))
            .find(|linker| linker.is_version(version.trim()))
            .ok_or_else(|| Error::Tool {
                message: format!("the linker of the arms, {}, is not found", version.trim()),
                hint: "put its `ld.lld` on PATH, or use the linker that comes with rustc".into(),
            })
    }

    fn is_version(&self, version: &str) -> bool {
        let asked = Command::new(&self.path)
            .args(self.flavor)
            .arg("--version")
            .run();
        asked.is_ok_and(|finished| {
            finished.success() && String::from_utf8_lossy(&finished.stdout).contains(version)
        })
    }
}

impl Layouts {
    /// What was proved, for the record.
    pub fn check(&self) -> Check {
        let told = |arm: &str, all: &[Relinked]| {
            let sections = all.first().map_or(0, |one| one.sections);
            let moved = all.iter().map(|one| one.moved_share).sum::<f64>() / all.len() as f64;
            format!(
                "{arm} of {sections} sections, {:.0} % of them at another place in their cache line",
                moved * 100.0
            )
        };
        Check {
            name: "code-layouts".into(),
            outcome: CheckOutcome::Passed,
            detail: format!(
                "both arms linked in {} layouts, each with the same sections of the same sizes: {}; {}",
                self.baselines.len(),
                told("baseline", &self.baselines),
                told("candidate", &self.candidates)
            ),
        }
    }
}

// Elsewhere rustc does not link by lld on its own.
#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;
