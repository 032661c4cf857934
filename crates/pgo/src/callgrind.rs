//! Running programs under callgrind, and the sum that it prints.
//!
//! Takes a program; gives the command line that counts what it executes, and what is in the file
//! that callgrind leaves. What the counts are good for is the callers' matter. It must not guess: a
//! file in another form is [`Unreadable`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use inferno_measure::process::Command;

use crate::error::{Error, Result};

/// The tool, and nothing that a killed valgrind would leave behind: debuggers' pipes.
const TOOL: [&str; 2] = ["--tool=callgrind", "--vgdb=no"];

/// Options of a run of which only [`total_instructions`] is wanted: the cheapest.
pub(crate) const TOTAL: [&str; 4] = [
    "--dump-instr=no",
    "--dump-line=no",
    "--branch-sim=no",
    "--cache-sim=no",
];

/// Callgrind's name for instructions.
pub(crate) const INSTRUCTIONS: &str = "Ir";

/// The installed valgrind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Valgrind {
    /// The program.
    pub(crate) path: PathBuf,
    /// What it says of itself, such as `valgrind-3.19.0`.
    pub(crate) version: String,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

impl Valgrind {
    /// The one on `PATH`.
    ///
    /// # Errors
    /// [`Error::Tool`] when there is none, or when it does not run.
    pub(crate) fn find() -> Result<Self> {
        let missing = |message: String| Error::Tool {
            message,
            hint:
                "install valgrind with your system's package manager, or leave out --instructions"
                    .into(),
        };
        let path = which::which("valgrind")
            .map_err(|_| missing("valgrind, which counts instructions, is not on PATH".into()))?;
        let asked = Command::new(&path).arg("--version").run()?;
        let version = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        if asked.success() && !version.is_empty() {
            return Ok(Self { path, version });
        }
        let said = String::from_utf8_lossy(&asked.stderr).trim().to_owned();
        Err(missing(format!(
            "`{} --version` ended with {}: {said}",
            path.display(),
            asked.status
        )))
    }
}

/// Arguments of valgrind that run `binary` under callgrind and leave the counts in `out`; those of
/// the binary follow.
pub(crate) fn arguments(options: &[&str], out: &Path, binary: &Path) -> Vec<OsString> {
    let mut file = OsString::from("--callgrind-out-file=");
    // A plain `%` would begin a placeholder.
    file.push(out.to_string_lossy().replace('%', "%%"));
    let mut arguments: Vec<OsString> = TOOL.iter().chain(options).map(OsString::from).collect();
    arguments.extend([file, binary.into()]);
    arguments
}

/// The file that a finished run left.
pub(crate) fn read(out: &Path) -> Result<String, Unreadable> {
    let bytes = std::fs::read(out).map_err(|_| Unreadable("callgrind left no file".to_owned()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Instructions that the whole process executed in user mode, all its threads together.
pub(crate) fn total_instructions(text: &str) -> Result<u64, Unreadable> {
    let value = |key: &str| {
        let mut found = text.lines().filter_map(|line| line.strip_prefix(key));
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value.split_whitespace()),
            (None, _) => Err(Unreadable(format!("there is no line `{key}`"))),
            (Some(_), Some(_)) => Err(Unreadable(format!("there are two lines `{key}`"))),
        }
    };
    let place = value("events:")?.position(|event| event == INSTRUCTIONS);
    let place = place.ok_or_else(|| Unreadable(format!("no event `{INSTRUCTIONS}`")))?;
    let total = value("totals:")?.nth(place);
    total
        .and_then(|total| total.parse().ok())
        .filter(|total| *total > 0)
        .ok_or_else(|| Unreadable("no instructions were counted".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut from a real file.
    const TEXT: &str = "# callgrind format
version: 1
creator: callgrind-3.19.0
cmd:  ./gain inputs/train.txt
part: 1

desc: Trigger: Program termination

positions: line
events: Ir
summary: 213955375

fl=(127) ???
fn=(446) getrlimit
0 4

totals: 213955375
";

    #[test]
    fn the_total_is_read_where_its_event_stands() {
        assert_eq!(total_instructions(TEXT), Ok(213_955_375));
        let other = "events: Bc Ir Bcm\ntotals: 1 22 3\n";
        assert_eq!(total_instructions(other), Ok(22));
    }

    #[test]
    fn a_file_without_one_total_is_refused() {
        let twice = format!("{TEXT}totals: 1\n");
        for (text, expected) in [
            ("", "no line `events:`"),
            ("events: Ir\n", "no line `totals:`"),
            ("events: Dr\ntotals: 5\n", "no event `Ir`"),
            ("events: Bc Ir\ntotals: 5\n", "no instructions"),
            ("events: Ir\ntotals: many\n", "no instructions"),
            ("events: Ir\ntotals: 0\n", "no instructions"),
            (twice.as_str(), "two lines `totals:`"),
        ] {
            let unreadable = total_instructions(text).expect_err(text);
            assert!(unreadable.0.contains(expected), "{}", unreadable.0);
        }
    }

    #[test]
    fn the_binary_stands_last_and_its_directory_holds_no_placeholder() {
        let arguments = arguments(&TOTAL, Path::new("/tmp/100%/out"), Path::new("/tmp/arm"));
        assert_eq!(arguments[0], "--tool=callgrind");
        let last: Vec<_> = arguments.iter().rev().take(2).collect();
        assert_eq!(last, ["/tmp/arm", "--callgrind-out-file=/tmp/100%%/out"]);
    }
}
