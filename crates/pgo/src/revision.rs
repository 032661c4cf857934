//! The commit that is checked out: what a release is built from, exactly.
//!
//! Takes a directory; gives a [`Revision`] of a tree without changes, which tells whether a file is in
//! it. It must not change anything in the repository.

use std::path::{Path, PathBuf};

use inferno_measure::process::Command;

use crate::error::{Error, Result};

/// Changed files that an error names.
const NAMED: usize = 5;

/// Digits of a commit for people.
const DIGITS: usize = 12;

/// A commit whose files are those that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The repository's directory.
    pub root: PathBuf,
    /// The commit's full hash.
    pub commit: String,
    /// When it was committed, in seconds since 1970.
    pub committed_s: u64,
}

impl Revision {
    /// The commit that is checked out in `directory`.
    ///
    /// # Errors
    /// [`Error::Tool`] without git, [`Error::Usage`] outside of a repository, without a commit, and
    /// when a file differs from the commit or is not in it and not ignored either.
    pub fn of(directory: &Path) -> Result<Self> {
        let root = PathBuf::from(git(directory, &["rev-parse", "--show-toplevel"])?);
        let told = git(&root, &["log", "-1", "--format=%H %ct"])?;
        let parsed = told
            .split_once(' ')
            .and_then(|(commit, time)| Some((commit.to_owned(), time.parse().ok()?)));
        let (commit, committed_s) = parsed.ok_or_else(|| Error::Usage {
            message: format!("git names the commit of `{}` as `{told}`", root.display()),
            hint: "check `git log -1` there".into(),
        })?;
        // Whatever the user's configuration makes of files that are in no commit.
        let changed = git(
            &root,
            &["status", "--porcelain", "--untracked-files=normal"],
        )?;
        if changed.is_empty() {
            return Ok(Self {
                root,
                commit,
                committed_s,
            });
        }
        let lines: Vec<&str> = changed.lines().collect();
        let more = lines.len().saturating_sub(NAMED);
        let named = lines[..lines.len() - more].join("\n  ");
        let rest = if more > 0 {
            format!("\n  and {more} more")
        } else {
            String::new()
        };
        Err(Error::Usage {
            message: format!(
                "`{}` is not as it was committed:\n  {named}{rest}",
                root.display()
            ),
            hint: "commit what belongs to the release, and remove or ignore the rest: a release is built from a commit".into(),
        })
    }

    /// Fails when `file` is not in the commit. That there are no changes does not tell: git says nothing
    /// of files that it ignores, nor of those outside of the repository.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub fn check_holds(&self, file: &Path) -> Result<()> {
        let resolved = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let is_inside = resolved.starts_with(&self.root);
        let name = resolved.to_string_lossy();
        let listed = ["--literal-pathspecs", "ls-files", "--", &name];
        if is_inside && !git(&self.root, &listed)?.is_empty() {
            return Ok(());
        }
        let hint = if !file.exists() {
            "make it and commit it: `cargo generate-lockfile` writes a lock file".to_owned()
        } else if is_inside {
            format!(
                "commit it, also where git ignores it: `git add --force {}`",
                file.display()
            )
        } else {
            format!(
                "put it into the repository `{}` and commit it: a release is built from a commit",
                self.root.display()
            )
        };
        Err(Error::Usage {
            message: format!(
                "`{}` is not in commit {}",
                file.display(),
                self.commit.get(..DIGITS).unwrap_or(&self.commit)
            ),
            hint,
        })
    }

    /// Fails when another commit is checked out by now, or a file has changed.
    ///
    /// # Errors
    /// [`Error::Verification`], and those of [`Self::of`].
    pub fn check_unchanged(&self) -> Result<()> {
        let now = Self::of(&self.root)?;
        if now == *self {
            return Ok(());
        }
        Err(Error::Verification {
            check: "same-commit",
            message: format!(
                "commit {} was checked out while {} was built",
                now.commit, self.commit
            ),
            hint: "run again without touching the repository".into(),
        })
    }
}

/// What git prints, without the line's end.
fn git(directory: &Path, args: &[&str]) -> Result<String> {
    let program = which::which("git").map_err(|error| Error::Tool {
        message: format!("git is not found: {error}"),
        hint: "install git: a release is built from a commit".into(),
    })?;
    let finished = Command::new(program)
        .args(args)
        .directory(directory)
        .run()?;
    if finished.success() {
        let text = String::from_utf8_lossy(&finished.stdout);
        return Ok(text.trim_end().to_owned());
    }
    Err(Error::Usage {
        message: format!(
            "`git {}` in `{}`: {}",
            args.join(" "),
            directory.display(),
            String::from_utf8_lossy(&finished.stderr).trim()
        ),
        hint: "a release is built from a commit: check out the repository with git".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_git(directory: &Path, args: &[&str]) {
        let identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"];
        let status = std::process::Command::new("git")
            .args(identity)
            .args(args)
            .current_dir(directory)
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .status();
        assert!(status.expect("git runs").success(), "{args:?}");
    }

    #[test]
    fn a_clean_commit_is_told_and_a_change_is_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path();
        let error = Revision::of(path).expect_err("no repository");
        assert_eq!(error.exit_code(), crate::exit::USAGE);

        run_git(path, &["init", "--quiet"]);
        std::fs::write(path.join("file"), "one").expect("a file");
        std::fs::write(path.join(".gitignore"), "/target").expect("a file");
        run_git(path, &["add", "."]);
        run_git(path, &["commit", "--quiet", "--message", "one"]);
        std::fs::create_dir(path.join("target")).expect("a directory");
        std::fs::write(path.join("target/ignored"), "x").expect("a file");
        let revision = Revision::of(&path.join("target")).expect("a clean tree");
        assert_eq!(revision.commit.len(), 40, "{revision:?}");
        assert_eq!(revision.committed_s, 1_767_323_045);
        assert_eq!(revision.root, path.canonicalize().expect("it is there"));
        revision.check_unchanged().expect("the same");

        revision.check_holds(&path.join("file")).expect("committed");
        let outside = tempfile::NamedTempFile::new().expect("a file");
        for (file, hint) in [
            (path.join("target/ignored"), "git add --force"),
            (path.join("absent"), "generate-lockfile"),
            (outside.path().to_owned(), "put it into the repository"),
        ] {
            let error = revision.check_holds(&file).expect_err(hint);
            let named = format!("`{}` is not in commit", file.display());
            assert!(error.to_string().contains(&named), "{error}");
            assert!(error.hint().is_some_and(|told| told.contains(hint)));
            assert_eq!(error.exit_code(), crate::exit::USAGE);
        }

        for (name, text) in [("file", "two"), ("new", "three")] {
            std::fs::write(path.join(name), text).expect("a file");
            let error = revision.check_unchanged().expect_err("changed");
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.hint().is_some());
        }
        run_git(path, &["add", "."]);
        run_git(path, &["commit", "--quiet", "--message", "two"]);
        let error = revision.check_unchanged().expect_err("another commit");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
    }
}
