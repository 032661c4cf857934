//! The arguments of one run of rustc, in one spelling each.
//!
//! Takes the words after the program; gives [`Flags`]: what was asked of the compiler, what it links, and
//! what keeps it from saying what it thinks of the profile. It must not judge.

use std::path::{Path, PathBuf};

use super::Silence;

/// How a flag begins that sets the level of a lint.
const LINT_LEVELS: [&str; 5] = ["-A", "-D", "-F", "-W", "--force-warn="];

/// Arguments with option and value in one word, as in `-Copt-level=3` and `--crate-name=gain`.
#[derive(Debug)]
pub(super) struct Flags(Vec<String>);

impl Flags {
    /// Reads `arguments`.
    pub(super) fn of(arguments: &[String]) -> Self {
        let mut joined = Vec::with_capacity(arguments.len());
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, Some(value)),
                _ => (word.as_str(), None),
            };
            let Some(start) = start(option) else {
                joined.push(hyphenated(word.clone()));
                continue;
            };
            let value = value.unwrap_or_else(|| words.next().map_or("", String::as_str));
            joined.push(hyphenated(format!("{start}{value}")));
        }
        Self(joined)
    }

    /// The last value of `option`, which is named with all that comes before the value.
    pub(super) fn value(&self, option: &str) -> Option<&str> {
        let mut flags = self.0.iter().rev();
        flags.find_map(|flag| flag.strip_prefix(option))
    }

    /// Whether `option` is given, with a value or without.
    pub(super) fn has(&self, option: &str) -> bool {
        self.value(option).is_some()
    }

    /// What the compiler would not have said with these flags.
    pub(super) fn silences(&self) -> Vec<Silence> {
        [
            (Silence::CappedLints, self.has("--cap-lints=allow")),
            (Silence::AllowedWarnings, self.allows_warnings()),
            (
                Silence::ChangedFunctions,
                self.llvm_switch("no-pgo-warn-mismatch") == Some(true),
            ),
            (
                Silence::SharedFunctions,
                self.llvm_switch("no-pgo-warn-mismatch-comdat-weak") != Some(false),
            ),
            (
                Silence::UnknownFunctions,
                self.llvm_switch("pgo-warn-missing-function") != Some(true),
            ),
        ]
        .into_iter()
        .filter(|(_, applies)| *applies)
        .map(|(silence, _)| silence)
        .collect()
    }

    /// The last word on all warnings is the one that holds.
    fn allows_warnings(&self) -> bool {
        let level = |flag: &String| {
            let mut levels = LINT_LEVELS.into_iter();
            levels.find(|level| flag.strip_prefix(*level) == Some("warnings"))
        };
        self.0.iter().rev().find_map(level) == Some("-A")
    }

    /// What LLVM's switch `name` is set to, if it is given: a flag may hold several, each with one hyphen
    /// or two, and a switch without a value is on.
    fn llvm_switch(&self, name: &str) -> Option<bool> {
        let mut given = self.0.iter().rev().flat_map(|flag| {
            let words = flag.strip_prefix("-Cllvm-args=").unwrap_or("");
            words.split_whitespace().rev()
        });
        given.find_map(
            |word| match word.trim_start_matches('-').strip_prefix(name)? {
                "" | "=1" | "=true" | "=True" | "=TRUE" => Some(true),
                "=0" | "=false" | "=False" | "=FALSE" => Some(false),
                _ => None,
            },
        )
    }

    /// Where rustc puts what it links; nothing for a library that is linked later.
    pub(super) fn links(&self, crate_name: &str) -> Vec<PathBuf> {
        let types = self
            .0
            .iter()
            .filter_map(|flag| flag.strip_prefix("--crate-type="));
        let is_linked = types
            .flat_map(|list| list.split(','))
            .any(|kind| matches!(kind, "bin" | "cdylib" | "dylib"));
        let Some(directory) = self.value("--out-dir=").filter(|_| is_linked) else {
            return Vec::new();
        };
        let extra = self.value("-Cextra-filename=").unwrap_or("");
        let program = format!("{crate_name}{extra}");
        let libraries = ["so", "dylib"].map(|ending| format!("lib{program}.{ending}"));
        std::iter::once(program)
            .chain(libraries)
            .map(|name| Path::new(directory).join(name))
            .collect()
    }
}

/// What stands before the value of an option; `None` for one that is kept as it is.
fn start(option: &str) -> Option<String> {
    let short = match option {
        "-A" | "--allow" => "-A",
        "-C" | "--codegen" => "-C",
        "-D" | "--deny" => "-D",
        "-F" | "--forbid" => "-F",
        "-W" | "--warn" => "-W",
        "--cap-lints" | "--crate-name" | "--crate-type" | "--force-warn" | "--out-dir"
        | "--target" => return Some(format!("{option}=")),
        _ => return None,
    };
    Some(short.to_owned())
}

/// In the names of its codegen options, rustc takes underscores for hyphens.
fn hyphenated(flag: String) -> String {
    if !flag.starts_with("-C") {
        return flag;
    }
    match flag.split_once('=') {
        Some((name, value)) => format!("{}={value}", name.replace('_', "-")),
        None => flag.replace('_', "-"),
    }
}
