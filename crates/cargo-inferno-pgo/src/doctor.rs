//! `doctor`: what is there, what is missing, what each is for, and how to get it. It changes nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use inferno_pgo::Result;
use inferno_pgo::bolt::LlvmBolt;
use inferno_pgo::clang::Clang;
use inferno_pgo::exit::{ANSWERED, TOOL_MISSING};
use inferno_pgo::toolchain::{Compiler, LlvmProfdata};

use crate::Front;

/// Ways to call pip, in the order in which `setup` tries them.
const PIP_COMMANDS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// Prints what the pipeline needs; gives the exit code of a machine that has it or not.
///
/// # Errors
/// [`inferno_pgo::Error::Io`] when there is no current directory.
pub fn run(front: &Front) -> Result<u8> {
    Ok(tell(&items(front)?))
}

/// Prints `items`; gives the exit code of a machine that has them or not.
pub fn tell(items: &[Item]) -> u8 {
    for item in items {
        item.print();
    }
    let complete = items.iter().all(|item| item.standing != Standing::Missing);
    if complete { ANSWERED } else { TOOL_MISSING }
}

/// What the pipeline needs in any project.
///
/// # Errors
/// [`inferno_pgo::Error::Io`] when there is no current directory.
pub fn items(front: &Front) -> Result<Vec<Item>> {
    let mut items = compiler(&front.directory()?);
    items.push(linker());
    items.push(pip());
    items.extend(OPTIONAL.iter().map(Optional::look));
    Ok(items)
}

/// A part of the machine that a command needs.
#[derive(Debug)]
pub struct Item {
    /// How it stands.
    pub standing: Standing,
    /// Its name.
    pub name: &'static str,
    /// Which one was found or why none fits, and what it is for.
    pub detail: String,
    /// How to get it, where it is not there.
    pub next: Option<String>,
}

impl Item {
    /// One that is there.
    pub fn there(name: &'static str, detail: String) -> Self {
        Self {
            standing: Standing::There,
            name,
            detail,
            next: None,
        }
    }

    fn print(&self) {
        println!("{} {:<14} {}", self.standing.mark(), self.name, self.detail);
        if let Some(next) = &self.next {
            println!("        {:<14} next: {next}", "");
        }
    }
}

/// How a part of the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    There,
    /// Not there, and the whole job can do without it or gets it itself.
    Absent,
    /// Not there, and needed.
    Missing,
}

impl Standing {
    fn mark(self) -> &'static str {
        match self {
            Self::There => "ok     ",
            Self::Absent => "absent ",
            Self::Missing => "MISSING",
        }
    }
}

/// The compiler, and the tools that must fit it.
fn compiler(directory: &Path) -> Vec<Item> {
    let compiler = match Compiler::at(directory) {
        Ok(compiler) => compiler,
        Err(error) => return vec![missing("rustc", &error)],
    };
    let tool = LlvmProfdata::find(&compiler).map_or_else(
        |error| missing("llvm-profdata", &error),
        |tool| {
            let (version, path) = (&tool.version, tool.path.display());
            Item::there(
                "llvm-profdata",
                format!("LLVM {version}, {path}: merges profiles"),
            )
        },
    );
    let (version, llvm) = (&compiler.version, &compiler.llvm);
    let detail = format!("{version}, LLVM {llvm}: builds every arm");
    vec![
        Item::there("rustc", detail),
        tool,
        clang(&compiler),
        bolt(&compiler),
    ]
}

/// What specs with C code in the profile need.
fn clang(compiler: &Compiler) -> Item {
    let purpose = "compiles C where a spec has `c = \"clang\"`, and for the rung pgo-c of a ladder";
    let found = Clang::find(compiler).map(|clang| (clang.version, clang.path));
    of_llvm("clang", found, purpose)
}

/// What the last rung of a ladder needs.
fn bolt(compiler: &Compiler) -> Item {
    let purpose = "for the rung bolt of a ladder, which is skipped without it";
    let found = compiler.llvm_major().and_then(LlvmBolt::find);
    of_llvm(
        "llvm-bolt",
        found.map(|bolt| (bolt.version, bolt.path)),
        purpose,
    )
}

/// An optional program of LLVM's, by its version and its path.
fn of_llvm(name: &'static str, found: Result<(String, PathBuf)>, purpose: &str) -> Item {
    match found {
        Ok((version, path)) => Item::there(
            name,
            format!("LLVM {version}, {}: {purpose}", path.display()),
        ),
        Err(error) => Item {
            standing: Standing::Absent,
            name,
            detail: format!("{error}: {purpose}"),
            next: error.hint(),
        },
    }
}

fn missing(name: &'static str, error: &inferno_pgo::Error) -> Item {
    Item {
        standing: Standing::Missing,
        name,
        detail: error.to_string(),
        next: error.hint(),
    }
}

fn linker() -> Item {
    which::which("cc").map_or_else(
        |_| Item {
            standing: Standing::Missing,
            name: "cc",
            detail: "no C compiler, which links the binaries".into(),
            next: Some("install gcc or clang with your system's package manager".into()),
        },
        |path| Item::there("cc", format!("{}: links the binaries", path.display())),
    )
}

fn pip() -> Item {
    let runs = |words: &&&[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("--version");
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    PIP_COMMANDS.iter().find(runs).map_or_else(
        || Item {
            standing: Standing::Absent,
            name: "pip",
            detail: "neither `python3 -m pip` nor `pip3` nor `pip` runs: fetches tools and models"
                .into(),
            next: Some("install Python 3 with pip with your system's package manager".into()),
        },
        |words| {
            let detail = format!("`{}`: fetches tools and models", words.join(" "));
            Item::there("pip", detail)
        },
    )
}

/// A program without which some command says "not measured", skips a part, or refuses.
#[derive(Debug)]
pub struct Optional {
    /// Its name.
    pub name: &'static str,
    /// Programs that will do, the first one first.
    pub programs: &'static [&'static str],
    /// A variable that names another.
    pub variable: Option<&'static str>,
    /// What it is for.
    pub purpose: &'static str,
    /// How to get it.
    pub next: &'static str,
}

impl Optional {
    /// Looks for it.
    pub fn look(&self) -> Item {
        let named = self.variable.and_then(std::env::var_os).map(PathBuf::from);
        let mut on_path = self.programs.iter();
        let found = named
            .filter(|path| path.is_file())
            .or_else(|| on_path.find_map(|program| which::which(program).ok()));
        let purpose = self.purpose;
        found.map_or_else(
            || Item {
                standing: Standing::Absent,
                name: self.name,
                detail: purpose.to_owned(),
                next: Some(self.next.to_owned()),
            },
            |path| Item::there(self.name, format!("{}: {purpose}", path.display())),
        )
    }
}

const OPTIONAL: [Optional; 3] = [
    Optional {
        name: "perf",
        programs: &["perf"],
        variable: None,
        purpose: "where the time is spent, for the suitability score",
        next: "install your system's package linux-perf or linux-tools",
    },
    Optional {
        name: "valgrind",
        programs: &["valgrind"],
        variable: None,
        purpose: "counted calls and branches, for the suitability score",
        next: "install your system's package valgrind",
    },
    Optional {
        name: "lld",
        programs: &["ld.lld"],
        variable: None,
        purpose: "for `--layout-control`, where rustc does not bring its own",
        next: "install your system's package lld, version 20 or newer",
    },
];
