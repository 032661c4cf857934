//! llvm-bolt: the machine code of a linked program laid out anew, by a profile of its own.
//!
//! Takes a program that was linked with its relocations; gives one that counts its branches, and
//! from the counts the rewritten program with what llvm-bolt said of them. A program that cannot be
//! rewritten is an error in llvm-bolt's own words. Training is the caller's.

mod branches;
mod told;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use inferno_measure::process::Command;
use inferno_measure::write_atomically;

pub(crate) use branches::Branches;
pub use told::Told;

use crate::error::{Error, Result};
use crate::llvm;

/// Names an `llvm-bolt` to use before all others.
pub const LLVM_BOLT_VARIABLE: &str = "LLVM_BOLT";

/// How the new layout is made: blocks in the order in which they follow each other, functions by who
/// calls whom, what did not run apart; and figures of what that changes.
pub(crate) const LAYOUT: [&str; 5] = [
    "-reorder-blocks=ext-tsp",
    "-reorder-functions=cdsort",
    "-split-functions",
    "-split-all-cold",
    "-dyno-stats",
];

/// How llvm-bolt begins a line on what it cannot do.
const COMPLAINT: &str = "BOLT-ERROR";

/// Lines of its output that an error repeats where it does not complain.
const TAIL_LINES: usize = 3;

/// An llvm-bolt that runs. It need not be of the compiler's version: it reads machine code alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlvmBolt {
    /// The program.
    pub path: PathBuf,
    /// Its LLVM's version.
    pub version: String,
}

impl LlvmBolt {
    /// Looks in `LLVM_BOLT`, else on PATH under the name with the compiler's LLVM `major` version
    /// and the plain one.
    ///
    /// # Errors
    /// [`Error::Tool`] when there is none, or the one that was named does not run.
    pub fn find(major: u32) -> Result<Self> {
        const KIND: llvm::Kind = llvm::Kind {
            name: "llvm-bolt",
            variable: LLVM_BOLT_VARIABLE,
            before_version: "LLVM version ",
            prove: |_| Ok(()),
        };
        let missing = |message: String| Error::Tool {
            message,
            hint: format!(
                "install your system's package bolt-{major}, or name one with {LLVM_BOLT_VARIABLE}"
            ),
        };
        let path = match std::env::var_os(KIND.variable) {
            Some(chosen) => PathBuf::from(chosen),
            None => [format!("llvm-bolt-{major}"), "llvm-bolt".to_owned()]
                .iter()
                .find_map(|name| which::which(name).ok())
                .ok_or_else(|| missing(format!("there is no {} on PATH", KIND.name)))?,
        };
        let llvm::Program { path, version } = KIND.at(&path).map_err(missing)?;
        Ok(Self { path, version })
    }

    /// Writes `program`, made to count its branches, to `to`. Each of its processes leaves a file
    /// whose path begins with `counts`.
    ///
    /// # Errors
    /// [`Error::Tool`] when `program` cannot be rewritten.
    pub(crate) fn instrument(
        &self,
        program: &Path,
        counts: &Path,
        to: &Path,
        log: &Path,
    ) -> Result<()> {
        let mut file = OsString::from("-instrumentation-file=");
        file.push(counts);
        let options: [OsString; 3] = [
            "-instrument".into(),
            file,
            // Processes that share a file lose counts.
            "-instrumentation-file-append-pid".into(),
        ];
        self.run(program, &options, to, log)?;
        Ok(())
    }

    /// Writes `program`, laid out by the counts in `counts`, to `to`.
    ///
    /// # Errors
    /// [`Error::Tool`] when `program` cannot be rewritten, [`Error::Verification`] when the counts
    /// were not used.
    pub(crate) fn rewrite(
        &self,
        program: &Path,
        counts: &Path,
        to: &Path,
        log: &Path,
    ) -> Result<Told> {
        let mut data = OsString::from("-data=");
        data.push(counts);
        let mut options = vec![data];
        options.extend(LAYOUT.iter().map(OsString::from));
        let said = self.run(program, &options, to, log)?;
        Told::read(&said).map_err(|message| Error::Verification {
            check: "bolt-profile",
            message: format!("llvm-bolt did not use its profile: {message}"),
            hint: format!("its whole output is in `{}`", log.display()),
        })
    }

    /// Gives what it said, which goes to `log` as well.
    fn run(&self, program: &Path, options: &[OsString], to: &Path, log: &Path) -> Result<String> {
        let command = Command::new(&self.path)
            .arg(program)
            .args(options)
            .arg("-o")
            .arg(to);
        let line = command.display();
        let finished = command.run()?;
        let mut said = String::from_utf8_lossy(&finished.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&finished.stderr));
        write_atomically(log, format!("{line}\n{said}").as_bytes())?;
        let failed = |how: String| Error::Tool {
            message: format!(
                "llvm-bolt {} cannot rewrite the program: {how}",
                self.version
            ),
            hint: format!("its whole output is in `{}`", log.display()),
        };
        if !finished.success() {
            let words = complaint(&said);
            return Err(failed(format!("{}: {words}", finished.status)));
        }
        if !to.is_file() {
            return Err(failed("it left no program".to_owned()));
        }
        Ok(said)
    }
}

/// What it complained of, or its last words.
fn complaint(said: &str) -> String {
    let complaints: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with(COMPLAINT))
        .collect();
    if !complaints.is_empty() {
        return complaints.join("; ");
    }
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_before_last_words() {
        for (said, expected) in [
            ("", ""),
            ("one\ntwo\n\nthree\nfour\n", "two; three; four"),
            (
                "BOLT-INFO: x\nBOLT-ERROR: no relocations\nBOLT-ERROR: cannot\nstack dump\n",
                "BOLT-ERROR: no relocations; BOLT-ERROR: cannot",
            ),
        ] {
            assert_eq!(complaint(said), expected);
        }
    }

    /// A program that stands where llvm-bolt should.
    fn stand_in(directory: &Path, script: &str) -> LlvmBolt {
        use std::os::unix::fs::PermissionsExt as _;
        let path = directory.join("llvm-bolt");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("executable");
        LlvmBolt {
            path,
            version: "22.1.8".to_owned(),
        }
    }

    #[test]
    fn what_is_not_rewritten_is_no_success() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let (program, log) = (at("program"), at("log"));
        for (script, expected) in [
            (
                "echo 'BOLT-ERROR: no relocations' >&2; exit 1",
                "exit code 1: BOLT-ERROR: no relocations",
            ),
            ("kill -s SEGV $$", "signal 11"),
            ("exit 0", "it left no program"),
        ] {
            let tool = stand_in(directory.path(), script);
            let error = tool
                .instrument(&program, &at("counts"), &at("out"), &log)
                .expect_err("nothing was rewritten");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().expect("a hint").contains("log"));
            assert_eq!(error.exit_code(), crate::exit::TOOL_MISSING);
        }
        // It ends well, leaves a program, and says nothing of a profile.
        let tool = stand_in(directory.path(), "for last; do :; done; : > \"$last\"");
        let error = tool
            .rewrite(&program, &at("counts"), &at("out"), &log)
            .expect_err("no profile was used");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
    }
}
