//! The cargo profile of a release: whatever else than the commit sets it is refused, since the same
//! commit would have other bytes elsewhere.
//!
//! Takes the directory in which cargo runs and the commit. It reads variables and files, and must not
//! change any.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cargo_config2::Walk;
use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::revision::Revision;

/// How the names of the variables begin that set a cargo profile.
const VARIABLES: &str = "CARGO_PROFILE_";

/// What to do instead.
const COMMIT: &str = "what a release is to have belongs into [profile] of the workspace's manifest";

/// Fails when a variable, or a configuration file that is not in the commit, sets a cargo profile for
/// what is built in `directory`. Which profile does not matter: one inherits from another.
///
/// # Errors
/// [`Error::Usage`] naming it.
pub(super) fn check(directory: &Path, revision: &Revision) -> Result<()> {
    check_variables(std::env::vars_os().map(|(name, _)| name))?;
    check_files(Walk::new(directory).collect(), revision)
}

fn check_variables(mut names: impl Iterator<Item = OsString>) -> Result<()> {
    let sets_profile = |name: &OsString| name.to_string_lossy().starts_with(VARIABLES);
    let Some(name) = names.find(sets_profile) else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    Err(Error::Usage {
        message: format!("the variable `{name}` sets the cargo profile, and is in no commit"),
        hint: format!("unset `{name}`: {COMMIT}"),
    })
}

/// `files` are cargo's configuration; what they include is looked at as well.
fn check_files(mut files: Vec<PathBuf>, revision: &Revision) -> Result<()> {
    let mut seen = BTreeSet::new();
    while let Some(file) = files.pop() {
        // One that is included may be missing: whether it must be there, cargo says.
        let Ok(file) = file.canonicalize() else {
            continue;
        };
        if !seen.insert(file.clone()) {
            continue;
        }
        let settings = read(&file)?;
        if settings.contains_key("profile") {
            check_committed(&file, revision)?;
        }
        files.extend(included(&settings, &file));
    }
    Ok(())
}

fn read(file: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(file).map_err(Error::io("read", file))?;
    toml::from_str(&text).map_err(|error| Error::Usage {
        message: format!("`{}`: {}", file.display(), error.message()),
        hint: "correct it: cargo reads it as its configuration".into(),
    })
}

fn check_committed(file: &Path, revision: &Revision) -> Result<()> {
    revision.check_holds(file).map_err(|error| match error {
        Error::Usage { message, .. } => Error::Usage {
            message: format!("{message}, and sets the cargo profile"),
            hint: format!("take the [profile] tables out of it: {COMMIT}"),
        },
        other => other,
    })
}

/// What `file` includes: a path, or a list of paths and tables with a `path`, relative to the file.
fn included(settings: &Table, file: &Path) -> Vec<PathBuf> {
    let named = match settings.get("include") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let paths = named
        .iter()
        .filter_map(|one| one.as_str().or_else(|| one.get("path")?.as_str()));
    paths.map(|path| file.with_file_name(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_set_a_cargo_profile_are_refused() {
        let check = |names: &[&str]| check_variables(names.iter().map(OsString::from));
        let others = [
            "CARGO_HOME",
            "CARGO_INCREMENTAL",
            "PROFILE",
            "MY_CARGO_PROFILE_X",
        ];
        check(&others).expect("none of them");
        let error = check(&["PATH", "CARGO_PROFILE_RELEASE_LTO"]).expect_err("one of them");
        assert!(error.to_string().contains("`CARGO_PROFILE_RELEASE_LTO`"));
        assert!(error.hint().is_some_and(|hint| hint.contains("unset")));
        assert_eq!(error.exit_code(), crate::exit::USAGE);
    }

    /// A repository beside files that are not in it.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let machine = Self(tempfile::tempdir().expect("a directory"));
            std::fs::create_dir(machine.path("repository")).expect("a directory");
            machine.git(&["init", "--quiet"]);
            machine
        }

        fn path(&self, name: &str) -> PathBuf {
            let directory = self.0.path().canonicalize();
            directory.expect("it is there").join(name)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.path(name);
            std::fs::write(&path, text).expect("a file");
            path
        }

        fn git(&self, args: &[&str]) {
            let mut git = std::process::Command::new("git");
            let git = git.args(args).current_dir(self.path("repository"));
            assert!(git.status().expect("git runs").success(), "{args:?}");
        }

        fn check(&self, file: &Path) -> Result<()> {
            let revision = Revision {
                root: self.path("repository"),
                commit: "0".repeat(40),
                committed_s: 0,
            };
            check_files(vec![file.to_owned()], &revision)
        }

        #[track_caller]
        fn refused(&self, file: &Path, named: &Path) {
            let error = self.check(file).expect_err("it is not in the commit");
            let message = error.to_string();
            let named = named.display().to_string();
            assert!(message.contains(&named), "`{named}` is not in {message}");
            assert!(message.contains("sets the cargo profile"), "{message}");
            assert!(error.hint().is_some_and(|hint| hint.contains("[profile]")));
            assert_eq!(error.exit_code(), crate::exit::USAGE);
        }
    }

    const PROFILE: &str = "[profile.release]\nlto = \"off\"\n";

    #[test]
    fn a_cargo_profile_is_taken_from_the_commit_alone() {
        let machine = Machine::new();
        let inside = machine.write("repository/config.toml", PROFILE);
        machine.refused(&inside, &inside);
        machine.git(&["add", "config.toml"]);
        machine.check(&inside).expect("it is known to git");

        let outside = machine.write("outside.toml", PROFILE);
        machine.refused(&outside, &outside);
        let plain = machine.write("plain.toml", "[build]\njobs = 2\n");
        machine.check(&plain).expect("it sets no profile");
        machine
            .check(&machine.path("absent.toml"))
            .expect("nothing is set");

        let broken = machine.write("broken.toml", "[profile");
        let error = machine.check(&broken).expect_err("no TOML");
        assert!(error.to_string().contains("broken.toml"), "{error}");
    }

    #[test]
    fn what_a_configuration_includes_is_looked_at() {
        let machine = Machine::new();
        let outside = machine.write("outside.toml", PROFILE);
        for include in [
            "include = \"outside.toml\"",
            "include = [\"absent.toml\", \"outside.toml\"]",
            "include = [{ path = \"outside.toml\", optional = true }]",
            "[[include]]\npath = \"repository/../outside.toml\"",
        ] {
            let file = machine.write("config.toml", include);
            machine.refused(&file, &outside);
        }
        machine.write("other.toml", "include = [\"repository/../config.toml\"]");
        let circle = machine.write("config.toml", "include = [\"other.toml\"]");
        machine
            .check(&circle)
            .expect("it ends, and sets no profile");
    }
}
