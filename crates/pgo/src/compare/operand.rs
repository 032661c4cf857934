//! What a name on the command line stands for: a program, a record, or a baseline of Criterion.
//!
//! Takes a path and looks at what is there; what is neither is an error, never a guess.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use inferno_measure::comparison::Subject;

use super::criterion;
use crate::error::{Error, Result};

/// Where an output directory keeps its record.
pub(super) const RECORD: &str = "record.json";

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A file that can be run.
    Program(PathBuf),
    /// A record that the main job or `compare` wrote.
    Record(PathBuf),
    /// A baseline in Criterion's directory.
    Baseline {
        /// Such as `target/criterion`.
        directory: PathBuf,
        /// Such as `main`.
        name: String,
    },
}

impl Operand {
    /// Finds out what `text` stands for.
    ///
    /// # Errors
    /// [`Error::Usage`] when nothing is there, or when what is there is none of the three.
    pub fn of(text: &Path) -> Result<Self> {
        if text.is_dir() {
            return directory(text);
        }
        if text.is_file() {
            return file(text);
        }
        if let Some((directory, name)) = text.to_str().and_then(|text| text.rsplit_once(':'))
            && Path::new(directory).is_dir()
        {
            let directory = PathBuf::from(directory);
            let names = criterion::baselines(&directory)?;
            let name = name.to_owned();
            return if names.contains(&name) {
                Ok(Self::Baseline { directory, name })
            } else {
                let there = listed(&names);
                Err(usage(
                    format!("`{}` has no baseline `{name}`", directory.display()),
                    &format!(
                        "save one with `cargo bench --bench BENCH -- --save-baseline {name}`; there {there}"
                    ),
                ))
            };
        }
        Err(usage(
            format!("there is no `{}`", text.display()),
            "name two programs, two records, or two baselines such as target/criterion:main",
        ))
    }

    /// What can be compared with it.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Program(_) => Subject::Programs,
            Self::Record(_) => Subject::Records,
            Self::Baseline { .. } => Subject::Benchmarks,
        }
    }
}

/// Refuses two things of different kinds.
///
/// # Errors
/// [`Error::Usage`] that says what each of them is.
pub fn subject_of(operands: [&Operand; 2]) -> Result<Subject> {
    let [a, b] = operands.map(Operand::subject);
    if a == b {
        return Ok(a);
    }
    let named = |subject| match subject {
        Subject::Programs => "a program",
        Subject::Records => "a record",
        Subject::Benchmarks => "a baseline of Criterion",
    };
    Err(usage(
        format!("the first is {}, the second {}", named(a), named(b)),
        "name two of the same kind",
    ))
}

fn directory(path: &Path) -> Result<Operand> {
    let record = path.join(RECORD);
    if record.is_file() {
        return Ok(Operand::Record(record));
    }
    let names = criterion::baselines(path)?;
    // `new` is the last run, which Criterion also copies to `base`.
    let saved: Vec<&String> = names.iter().filter(|name| *name != "new").collect();
    match saved.as_slice() {
        [name] => Ok(Operand::Baseline {
            directory: path.to_owned(),
            name: (*name).clone(),
        }),
        [] => Err(usage(
            format!(
                "`{}` holds neither {RECORD} nor a baseline of Criterion",
                path.display()
            ),
            "name an output directory of this tool, or one with GROUP/…/BASELINE/sample.json",
        )),
        _ => Err(usage(
            format!("`{}` holds several baselines", path.display()),
            &format!(
                "name one of them, as in {}:{}; there {}",
                path.display(),
                saved[0],
                listed(&names)
            ),
        )),
    }
}

fn file(path: &Path) -> Result<Operand> {
    let mut start = [0; 512];
    let length = File::open(path)
        .and_then(|mut file| file.read(&mut start))
        .map_err(Error::io("read", path))?;
    let start = &start[..length];
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_json = matches!(first, Some(b'{' | b'['));
    if is_json || path.extension() == Some(OsStr::new("json")) {
        return Ok(Operand::Record(path.to_owned()));
    }
    if can_be_run(path) {
        return Ok(Operand::Program(path.to_owned()));
    }
    Err(usage(
        format!("`{}` is neither a program nor a record", path.display()),
        "a program needs the permission to execute (chmod +x); a record is JSON",
    ))
}

#[cfg(unix)]
fn can_be_run(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "is none".to_owned()
    } else {
        format!("are: {}", names.join(", "))
    }
}

pub(super) fn usage(message: String, hint: &str) -> Error {
    Error::Usage {
        message,
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(directory: &Path, path: &str, content: &str) -> PathBuf {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().expect("below")).expect("a directory");
        std::fs::write(&path, content).expect("a file");
        path
    }

    #[test]
    fn files_and_directories_are_known_by_what_they_hold() {
        let scratch = tempfile::tempdir().expect("a directory");
        let root = scratch.path();
        let json = at(root, "a/record.json", "{");
        assert_eq!(Operand::of(&json).ok(), Some(Operand::Record(json.clone())));
        let directory = root.join("a");
        assert_eq!(Operand::of(&directory).ok(), Some(Operand::Record(json)));
        let program = std::env::current_exe().expect("this test");
        let found = Operand::of(&program).expect("a program");
        assert_eq!(found.subject(), Subject::Programs);

        at(root, "c/group/id/base/sample.json", "{}");
        at(root, "c/group/id/new/sample.json", "{}");
        let criterion = root.join("c");
        let name = |operand: Operand| match operand {
            Operand::Baseline { name, .. } => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(Operand::of(&criterion).expect("one baseline")), "base");
        let named = format!("{}:new", criterion.display());
        assert_eq!(
            name(Operand::of(Path::new(&named)).expect("it is there")),
            "new"
        );
    }

    #[test]
    fn what_is_nothing_of_the_three_is_refused_with_a_way_out() {
        let scratch = tempfile::tempdir().expect("a directory");
        let root = scratch.path();
        at(root, "several/id/main/sample.json", "{}");
        at(root, "several/id/other/sample.json", "{}");
        at(root, "empty/readme", "");
        let text = at(root, "text", "words");
        let missing = root.join("several:nothing");
        for (path, expected) in [
            (text, "neither a program nor a record"),
            (root.join("missing"), "there is no"),
            (root.join("several"), "several baselines"),
            (root.join("empty"), "neither record.json nor"),
            (missing, "no baseline `nothing`"),
        ] {
            let error = Operand::of(&path).expect_err("it is refused");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().is_some());
            assert_eq!(error.exit_code(), crate::exit::USAGE);
        }
    }

    #[test]
    fn different_kinds_are_not_compared() {
        let program = Operand::Program("p".into());
        let record = Operand::Record("r".into());
        let error = subject_of([&program, &record]).expect_err("they differ");
        assert!(
            error
                .to_string()
                .contains("the first is a program, the second a record")
        );
        assert!(subject_of([&record, &record]).is_ok());
    }
}
