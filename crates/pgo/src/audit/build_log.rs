//! The log of an optimised build: which compilations were given the profile, and what the compilers
//! said of it.
//!
//! Takes what cargo printed, at best twice verbose, as a terminal or a CI service has kept it; gives
//! [`BuildLog`]. The command lines of C compilers are not read, their messages are. It must not judge.

mod flags;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use self::flags::Flags;
use crate::compare::programs;
use crate::functions;
use crate::profile::used::{ProfileUse, missing_function};

/// What the log says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BuildLog {
    /// What was compiled for the target, but for the instrumented binary.
    pub(super) compilations: Vec<Compilation>,
    /// Compilations that made an instrumented binary.
    pub(super) instrumenting: usize,
    /// Command lines that are cut or mixed with other output.
    pub(super) unreadable_commands: usize,
    /// Crates that an earlier build had compiled.
    pub(super) fresh: usize,
    /// The first error.
    pub(super) failure: Option<String>,
    /// What the compilers said of the profile.
    pub(super) said: ProfileUse,
    /// The functions that the profile does not know, as [`functions::full_name`] has them.
    pub(super) unknown_functions: HashSet<String>,
    /// How many of them cargo-pgo counted, where it named none.
    pub(super) unknown_unnamed: u64,
}

/// One run of rustc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compilation {
    /// What was compiled.
    pub(super) crate_name: String,
    /// The file name of the program that cargo started.
    pub(super) program: String,
    /// What it does with a profile.
    pub(super) role: Role,
    /// What it would not have said.
    pub(super) silences: Vec<Silence>,
    /// Whether its code is all its own.
    pub(super) code: Code,
    /// Where the program or library is that it linked: one of these, by the system.
    pub(super) links: Vec<PathBuf>,
    /// Whether cargo named a target: without one, flags reach build scripts as well.
    target: Target,
}

/// What a compilation does with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It uses this file.
    Optimizes(PathBuf),
    /// It makes a program that counts its own execution.
    Instruments,
    /// Nothing.
    Plain,
}

/// What keeps a compilation from saying what it thinks of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// `--cap-lints allow`, which cargo gives to dependencies unless it is twice verbose.
    CappedLints,
    /// `-Awarnings`.
    AllowedWarnings,
    /// LLVM was told to say nothing of changed functions.
    ChangedFunctions,
    /// LLVM does not tell of changes in functions that several objects may hold, as generic ones.
    SharedFunctions,
    /// LLVM does not name the functions that the profile does not know.
    UnknownFunctions,
}

/// Where the machine code of a compilation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// All of it is compiled here.
    New,
    /// `-Cincremental`: what its sources have left as it was may be an earlier compilation's. Of the
    /// profile, rustc compares the path alone.
    MayBeOld,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Named,
    Host,
}

/// Colours.
static ESCAPES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b\[[0-9;?]*[A-Za-z]"));
/// A crate with nothing to do, whatever a CI service puts before each line.
static FRESH: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)(?:^|\s)Fresh \S+ v\d"));
/// An error of cargo or rustc, at the start of a line or one blank after what a CI service puts there:
/// names of job and step with a tab after each, then times and numbers, as in `2026-11-26T02:10:00Z`,
/// `[02:10:00]`, `Nov 26 02:10:00` and `#9 1.2`. Indented text is a quotation, and what begins with
/// `[name 1.0]` or `12 |` a build script's or a source's.
static FAILURE: LazyLock<Regex> = LazyLock::new(|| {
    const STAMP: &str = r"(?:[\[#]?\d\S*|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
    pattern(&format!(
        r"(?m)^(?:(?:[^\t\n]*\t){{0,2}}(?:{STAMP} +)*{STAMP} )?(error(?:\[E\d+\])?: .*)$"
    ))
});
/// cargo-pgo keeps the compiler's messages back: it names functions in its debug output alone.
static NAMED_BY_CARGO_PGO: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"Missing profile data: (?:.*/)?(\S.*)\.\s*$"));
static COUNTED_BY_CARGO_PGO: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"PGO profile data was not found for (\d+) function"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

impl BuildLog {
    /// Reads a log.
    pub(super) fn parse(text: &str) -> Self {
        let text = ESCAPES.replace_all(text, "");
        let (commands, unreadable_commands) = commands(&text);
        let compiled = commands.iter().filter_map(|words| Compilation::of(words));
        let compiled = for_target(compiled.collect());
        let (instrumenting, compilations): (Vec<_>, Vec<_>) = compiled
            .into_iter()
            .partition(|compilation| compilation.role == Role::Instruments);
        let unknown_functions: HashSet<String> = text.lines().filter_map(unknown).collect();
        let counted = COUNTED_BY_CARGO_PGO.captures(&text);
        let counted = counted.and_then(|found| found[1].parse().ok()).unwrap_or(0);
        Self {
            compilations,
            instrumenting: instrumenting.len(),
            unreadable_commands,
            fresh: FRESH.find_iter(&text).count(),
            failure: FAILURE.captures(&text).map(|found| found[1].to_owned()),
            said: ProfileUse::parse(text.lines()),
            unknown_unnamed: if unknown_functions.is_empty() {
                counted
            } else {
                0
            },
            unknown_functions,
        }
    }

    /// The compilations that used a profile, each with it.
    pub(super) fn optimizing(&self) -> impl Iterator<Item = (&Compilation, &Path)> {
        self.compilations
            .iter()
            .filter_map(|compilation| match &compilation.role {
                Role::Optimizes(profile) => Some((compilation, profile.as_path())),
                Role::Instruments | Role::Plain => None,
            })
    }
}

/// The function that a line says the profile does not know.
fn unknown(line: &str) -> Option<String> {
    let of_compiler = missing_function(line).map(functions::full_name);
    // cargo-pgo has demangled it already.
    of_compiler.or_else(|| Some(NAMED_BY_CARGO_PGO.captures(line)?[1].to_owned()))
}

/// The words of each command line that cargo shows, and how many cannot be read.
fn commands(text: &str) -> (Vec<Vec<String>>, usize) {
    const START: &str = "Running `";
    let shown = text.split(START).skip(1);
    let read: Vec<Option<Vec<String>>> = shown.map(words).collect();
    let unreadable = read.iter().filter(|words| words.is_none()).count();
    (read.into_iter().flatten().collect(), unreadable)
}

/// The command line that `text` begins with. Twice verbose, the variables before it may hold line
/// breaks and backticks: it ends with the first backtick at a line's end where all quotes are closed.
fn words(text: &str) -> Option<Vec<String>> {
    let ends = text.match_indices('`').map(|(end, _)| end);
    let mut at_line_end = ends.filter(|end| {
        let rest = text[end + 1..].trim_start_matches('\r');
        rest.is_empty() || rest.starts_with('\n')
    });
    at_line_end.find_map(|end| shlex::split(&text[..end]))
}

impl Compilation {
    /// `None` for what is not a run of rustc.
    fn of(words: &[String]) -> Option<Self> {
        let program = words.iter().position(|word| !is_assignment(word))?;
        let flags = Flags::of(&words[program + 1..]);
        let crate_name = flags.value("--crate-name=")?.to_owned();
        let uses = flags.value("-Cprofile-use=").map(PathBuf::from);
        Some(Self {
            links: flags.links(&crate_name),
            silences: flags.silences(),
            code: if flags.has("-Cincremental=") {
                Code::MayBeOld
            } else {
                Code::New
            },
            role: match uses {
                Some(profile) => Role::Optimizes(profile),
                None if flags.has("-Cprofile-generate") => Role::Instruments,
                None => Role::Plain,
            },
            target: if flags.has("--target=") {
                Target::Named
            } else {
                Target::Host
            },
            program: programs::file_name(Path::new(&words[program])),
            crate_name,
        })
    }
}

/// `NAME=value` before a program.
fn is_assignment(word: &str) -> bool {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(of_name))
}

/// With an explicit target, what is compiled for the host (build scripts, macros) gets no flags.
fn for_target(mut compilations: Vec<Compilation>) -> Vec<Compilation> {
    let named = |compilation: &Compilation| compilation.target == Target::Named;
    if compilations.iter().any(named) {
        compilations.retain(named);
    }
    compilations
}

#[cfg(test)]
mod tests;
