//! What the samples of two programs depend on beyond the programs and their declared inputs.
//!
//! Takes arguments and the environment; gives parts of the key by which an interrupted comparison
//! is continued, and a finished one of a ladder stands. What cannot be told has a key of its own each
//! time, so that nothing is continued.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::digest::Key;

/// Variables of the terminal and the session: they differ from shell to shell.
const OF_THE_SESSION: [&str; 12] = [
    "_",
    "COLUMNS",
    "LINES",
    "OLDPWD",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "TERM",
    "TERM_PROGRAM",
    "WINDOWID",
];

/// Files below a directory that are looked at. A directory with more is different each time.
const FILES_MAX: usize = 20_000;

/// Adds the variables that both programs inherit.
pub(crate) fn environment(key: Key, variables: impl Iterator<Item = (OsString, OsString)>) -> Key {
    let session = |name: &OsString| OF_THE_SESSION.iter().any(|known| name == *known);
    let mut kept: Vec<_> = variables.filter(|(name, _)| !session(name)).collect();
    kept.sort();
    kept.iter().fold(key, |key, (name, value)| {
        key.part(name.as_bytes()).part(value.as_bytes())
    })
}

/// What an argument may name: itself, or what comes after `=` or `@`, as in `--input=FILE`.
pub(super) fn named<'a>(args: &'a [String], directory: &'a Path) -> impl Iterator<Item = PathBuf> {
    args.iter().flat_map(move |argument| {
        let value = argument.split_once('=').map(|(_, value)| value);
        let listed = argument.strip_prefix('@');
        [Some(argument.as_str()), value, listed]
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
            .map(|text| directory.join(text))
    })
}

/// Adds what lies below each directory: names, sizes and times of change.
pub(super) fn directories(key: Key, paths: impl Iterator<Item = PathBuf>) -> Key {
    paths.filter(|path| path.is_dir()).fold(key, |key, path| {
        key.part(below(&path).unwrap_or_else(|| format!("{:?}", std::time::SystemTime::now())))
    })
}

/// A line per file; `None` where there are too many, or some cannot be looked at.
fn below(root: &Path) -> Option<String> {
    let mut lines = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).ok()? {
            let path = entry.ok()?.path();
            // A link is what it names: the program follows it. A directory's link may be a circle.
            let is_link = path.is_symlink();
            let metadata = path.metadata().or_else(|_| path.symlink_metadata()).ok()?;
            if metadata.is_dir() && !is_link {
                pending.push(path);
                continue;
            }
            let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            let (path, size) = (path.display(), metadata.len());
            lines.push(format!("{path} {size} {}", changed.as_nanos()));
            if lines.len() > FILES_MAX {
                return None;
            }
        }
    }
    lines.sort();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_environment(variables: &[(&str, &str)]) -> String {
        let variables = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        environment(Key::new("test"), variables).finish()
    }

    #[test]
    fn another_environment_is_another_key_and_another_terminal_is_not() {
        let one = of_environment(&[("RAYON_NUM_THREADS", "1"), ("SHLVL", "1")]);
        assert_eq!(
            one,
            of_environment(&[("SHLVL", "2"), ("RAYON_NUM_THREADS", "1")])
        );
        assert_ne!(one, of_environment(&[("RAYON_NUM_THREADS", "2")]));
        assert_ne!(one, of_environment(&[]));
    }

    #[test]
    fn arguments_name_files_in_several_ways() {
        let args = ["a".to_owned(), "--input=b".to_owned(), "@c".to_owned()];
        let found: Vec<PathBuf> = named(&args, Path::new("/d")).collect();
        for expected in ["/d/a", "/d/b", "/d/c"] {
            assert!(found.contains(&PathBuf::from(expected)), "{found:?}");
        }
    }

    #[test]
    fn what_changes_below_a_directory_changes_the_key() {
        let scratch = tempfile::tempdir().expect("a directory");
        let root = scratch.path();
        std::fs::create_dir(root.join("deep")).expect("a directory");
        let file = root.join("deep/file");
        std::fs::write(&file, "one").expect("a file");
        let key = || directories(Key::new("test"), std::iter::once(root.to_owned())).finish();
        let before = key();
        assert_eq!(before, key());
        std::fs::write(&file, "three").expect("a file");
        let changed = key();
        assert_ne!(before, changed);
        std::fs::write(root.join("more"), "").expect("a file");
        assert_ne!(changed, key());
        // What is no directory has its content in the key elsewhere.
        assert_eq!(
            directories(Key::new("test"), std::iter::once(file)).finish(),
            Key::new("test").finish()
        );
    }
}
