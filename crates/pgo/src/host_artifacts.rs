//! What cargo compiles for this machine alone: build scripts, procedural macros, and what they are
//! made of. No flag of an arm reaches it, so that it is the same in every arm.
//!
//! Takes an arm that was never built; gives it a copy of what an earlier arm has of this, so that
//! cargo compiles only what the arms differ in. It must not touch a directory that is there, nor
//! copy anything that was compiled for the target.

use std::fs::{File, FileTimes};
use std::path::Path;

use crate::cargo::Workshop;
use crate::error::{Error, Result};
use crate::flags::Arm;

/// Copies the host's part of an earlier arm's target directory for `arm`, where there is one and
/// `arm` has none yet. Whether it is up to date is cargo's to say, as of any target directory.
///
/// # Errors
/// [`Error::Io`] when a file cannot be copied.
pub(crate) fn provide(workshop: &Workshop, arm: &Arm) -> Result<()> {
    let to = workshop.target_dir(arm);
    // C compilers are handed to the host's build scripts as well, another one in each arm.
    if to.exists() || workshop.c.is_some() {
        return Ok(());
    }
    let earlier = earlier(arm).iter();
    let mut directories = earlier.map(|name| workshop.output.target_dir(name));
    let (Some(from), Some(parent)) = (directories.find(|from| from.is_dir()), to.parent()) else {
        return Ok(());
    };
    let staged = tempfile::tempdir_in(parent).map_err(Error::io("write", parent))?;
    copy_tree(&from, staged.path(), &workshop.target)?;
    // cargo would take half of a file for a whole one.
    std::fs::rename(staged.path(), &to).map_err(Error::io("write", &to))
}

/// The arms from which `arm` may take something, the likeliest first. The audit learns whether builds
/// are reproducible: it takes nothing.
fn earlier(arm: &Arm) -> &'static [&'static str] {
    match arm {
        Arm::Baseline | Arm::Audit => &[],
        Arm::Instrumented { .. } => &["baseline"],
        Arm::Candidate { .. } => &["instrumented", "baseline"],
    }
}

/// Copies files with their times, by which cargo tells what is up to date; leaves out what is called
/// `but`, at the top alone.
fn copy_tree(from: &Path, to: &Path, but: &str) -> Result<()> {
    for entry in std::fs::read_dir(from).map_err(Error::io("read", from))? {
        let entry = entry.map_err(Error::io("read", from))?;
        if entry.file_name() == but {
            continue;
        }
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(Error::io("read", &source))?;
        if kind.is_dir() {
            std::fs::create_dir(&copy).map_err(Error::io("write", &copy))?;
            copy_tree(&source, &copy, "")?;
        } else if kind.is_file() {
            copy_file(&source, &copy)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map_err(Error::io("write", to))?;
    let metadata = from.metadata().map_err(Error::io("read", from))?;
    let modified = metadata.modified().map_err(Error::io("read", from))?;
    let times = FileTimes::new().set_modified(modified);
    // Not for writing: it may be a file that nobody may write to.
    let file = File::open(to);
    file.and_then(|file| file.set_times(times))
        .map_err(Error::io("write", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_the_host_is_copied_with_its_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        for (file, text) in [
            ("from/release/deps/macro.so", "macro"),
            ("from/release/triple/out", "a build script's"),
            ("from/triple/release/program", "program"),
            ("from/.rustc_info.json", "{}"),
        ] {
            let file = path(file);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
            std::fs::write(file, text).expect("a file");
        }
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let aged = File::open(path("from/release/deps/macro.so"));
        aged.and_then(|file| file.set_times(FileTimes::new().set_modified(old)))
            .expect("a time");
        std::fs::create_dir(path("to")).expect("a directory");

        copy_tree(&path("from"), &path("to"), "triple").expect("a copy");
        let copied = path("to/release/deps/macro.so");
        assert_eq!(std::fs::read(&copied).expect("a file"), b"macro");
        let time = copied.metadata().and_then(|metadata| metadata.modified());
        assert_eq!(time.expect("a time"), old);
        assert!(path("to/release/triple/out").is_file());
        assert!(path("to/.rustc_info.json").is_file());
        assert!(!path("to/triple").exists());
    }
}
