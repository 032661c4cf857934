//! The log of an optimised build: which compilations were given the profile, and what the compilers
//! said of it.
//!
//! Takes what cargo printed, at best twice verbose, as a terminal or a CI service has kept it; gives
//! [`BuildLog`]. The command lines of C compilers are not read, their messages are. It must not judge.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

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
    /// LLVM does not tell of changes in functions that several objects may hold, as generic ones.
    SharedFunctions,
    /// LLVM does not name the functions that the profile does not know.
    UnknownFunctions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Named,
    Host,
}

/// Colours.
static ESCAPES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b\[[0-9;?]*[A-Za-z]"));
/// A crate with nothing to do; CI services put the time before each line.
static FRESH: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^(?:\S+Z)?\s*Fresh \S+ v\d"));
static FAILURE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^(?:\S+Z\s+)?(error(?:\[E\d+\])?: .*)$"));
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
        let flags = joined(&words[program + 1..]);
        let value = |option: &str| {
            flags
                .iter()
                .rev()
                .find_map(|flag| flag.strip_prefix(option))
        };
        let crate_name = value("--crate-name=")?.to_owned();
        let uses = value("-Cprofile-use=").map(PathBuf::from);
        let instruments = flags
            .iter()
            .any(|flag| flag.starts_with("-Cprofile-generate"));
        Some(Self {
            links: links(&flags, &crate_name),
            silences: silences(&flags),
            role: match uses {
                Some(profile) => Role::Optimizes(profile),
                None if instruments => Role::Instruments,
                None => Role::Plain,
            },
            target: if value("--target=").is_some() {
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

/// The arguments with option and value in one word, as in `-Copt-level=3` and `--crate-name=gain`.
fn joined(arguments: &[String]) -> Vec<String> {
    let mut joined = Vec::with_capacity(arguments.len());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let between = match word.as_str() {
            "-A" | "-C" | "-W" => "",
            "--cap-lints" | "--crate-name" | "--crate-type" | "--out-dir" | "--target" => "=",
            _ => {
                joined.push(word.clone());
                continue;
            }
        };
        let value = words.next().map_or("", String::as_str);
        joined.push(format!("{word}{between}{value}"));
    }
    joined
}

fn silences(flags: &[String]) -> Vec<Silence> {
    let says = |part: &str| flags.iter().any(|flag| flag.contains(part));
    let about_warnings = |flag: &&String| matches!(flag.as_str(), "-Awarnings" | "-Wwarnings");
    let last = flags.iter().rev().find(about_warnings);
    [
        (Silence::CappedLints, says("--cap-lints=allow")),
        (
            Silence::AllowedWarnings,
            last.is_some_and(|flag| flag == "-Awarnings"),
        ),
        (
            Silence::SharedFunctions,
            !says("-no-pgo-warn-mismatch-comdat-weak=false"),
        ),
        (
            Silence::UnknownFunctions,
            !says("-pgo-warn-missing-function"),
        ),
    ]
    .into_iter()
    .filter(|(_, applies)| *applies)
    .map(|(silence, _)| silence)
    .collect()
}

/// Where rustc puts what it links; nothing for a library that is linked later.
fn links(flags: &[String], crate_name: &str) -> Vec<PathBuf> {
    let value = |option: &str| flags.iter().find_map(|flag| flag.strip_prefix(option));
    let types = flags
        .iter()
        .filter_map(|flag| flag.strip_prefix("--crate-type="));
    let is_linked = types
        .flat_map(|list| list.split(','))
        .any(|kind| matches!(kind, "bin" | "cdylib" | "dylib"));
    let Some(directory) = value("--out-dir=").filter(|_| is_linked) else {
        return Vec::new();
    };
    let extra = value("-Cextra-filename=").unwrap_or("");
    let program = format!("{crate_name}{extra}");
    let libraries = ["so", "dylib"].map(|ending| format!("lib{program}.{ending}"));
    std::iter::once(program)
        .chain(libraries)
        .map(|name| Path::new(directory).join(name))
        .collect()
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
