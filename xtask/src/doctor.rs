//! `cargo xtask doctor`: what is there, what is missing, what each is for, and how to get it. It
//! changes nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use inferno_pgo::bolt::LLVM_BOLT_VARIABLE;
use inferno_pgo::clang::Clang;
use inferno_pgo::toolchain::{Compiler, LlvmProfdata};
use inferno_provision::{LocalModel, State};

use crate::error::Result;
use crate::model;
use crate::project;

/// Ways to call pip, in the order in which `setup` tries them.
const PIP_COMMANDS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"]];

pub(crate) fn run() -> Result<u8> {
    let mut items = compiler();
    items.push(linker());
    items.push(pip());
    items.extend(inferno_provision::models()?.into_iter().map(of_model));
    items.extend(OPTIONAL.iter().map(optional));
    for item in &items {
        item.print();
    }
    let complete = items.iter().all(|item| item.standing != Standing::Missing);
    Ok(if complete {
        inferno_pgo::exit::ANSWERED
    } else {
        inferno_pgo::exit::TOOL_MISSING
    })
}

/// A part of the machine that a command needs.
#[derive(Debug)]
struct Item {
    standing: Standing,
    name: &'static str,
    /// Which one was found or why none fits, and what it is for.
    detail: String,
    /// How to get it, where it is not there.
    next: Option<String>,
}

impl Item {
    fn there(name: &'static str, detail: String) -> Self {
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
enum Standing {
    There,
    /// Not there, and the whole job can do without it or gets it itself.
    Absent,
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
fn compiler() -> Vec<Item> {
    let compiler = match Compiler::at(project::root()) {
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
    vec![Item::there("rustc", detail), tool, clang(&compiler)]
}

/// What specs with C code in the profile need.
fn clang(compiler: &Compiler) -> Item {
    let purpose = "compiles C where a spec has `c = \"clang\"`";
    Clang::find(compiler).map_or_else(
        |error| Item {
            standing: Standing::Absent,
            name: "clang",
            detail: format!("{error}: {purpose}"),
            next: error.hint(),
        },
        |clang| {
            let (version, path) = (&clang.version, clang.path.display());
            Item::there("clang", format!("LLVM {version}, {path}: {purpose}"))
        },
    )
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

fn of_model(local: LocalModel) -> Item {
    let LocalModel { model, path, state } = local;
    let detail = format!("{}, {}", model::word(&state), path.display());
    let (standing, next) = match state {
        State::Present => return Item::there(model.name, detail),
        // The command that needs it fetches it.
        State::Missing => (Standing::Absent, fetch(model.name)),
        // It may be a file beside the main one.
        State::Damaged { path, .. } => (Standing::Missing, move_away(&path, model.name)),
    };
    Item {
        standing,
        name: model.name,
        detail,
        next: Some(next),
    }
}

fn fetch(model: &str) -> String {
    format!("cargo xtask model fetch {model}")
}

fn move_away(path: &Path, model: &str) -> String {
    format!("move `{}` away, then {}", path.display(), fetch(model))
}

/// A program without which some command says "not measured", skips a part, or refuses.
struct Optional {
    name: &'static str,
    /// Programs that will do, the first one first.
    programs: &'static [&'static str],
    /// A variable that names another.
    variable: Option<&'static str>,
    purpose: &'static str,
    next: &'static str,
}

const OPTIONAL: [Optional; 7] = [
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
    Optional {
        name: "llvm-bolt",
        programs: &["llvm-bolt-22", "llvm-bolt"],
        variable: Some(LLVM_BOLT_VARIABLE),
        purpose: "for the rung bolt of `cargo xtask pgo ladder`, which is skipped without it",
        next: "install your system's package bolt-22, or name one with LLVM_BOLT",
    },
    Optional {
        name: "hyperfine",
        programs: &["hyperfine"],
        variable: None,
        purpose: "for `inferno-methods`, which puts our method beside it",
        next: "install your system's package hyperfine",
    },
    Optional {
        name: "Chromium",
        programs: &["chromium", "chromium-browser", "google-chrome"],
        variable: Some("INFERNO_CHROMIUM"),
        purpose: "for the test that loads report.html, which is skipped without it",
        next: "install your system's package chromium, or name one with INFERNO_CHROMIUM",
    },
    Optional {
        name: "shellcheck",
        programs: &["shellcheck"],
        variable: None,
        purpose: "for `cargo xtask lint`, which leaves scripts unchecked without it",
        next: "install your system's package shellcheck",
    },
];

fn optional(tool: &Optional) -> Item {
    let named = tool.variable.and_then(std::env::var_os).map(PathBuf::from);
    let mut on_path = tool.programs.iter();
    let found = named
        .filter(|path| path.is_file())
        .or_else(|| on_path.find_map(|program| which::which(program).ok()));
    let purpose = tool.purpose;
    found.map_or_else(
        || Item {
            standing: Standing::Absent,
            name: tool.name,
            detail: purpose.to_owned(),
            next: Some(tool.next.to_owned()),
        },
        |path| Item::there(tool.name, format!("{}: {purpose}", path.display())),
    )
}
