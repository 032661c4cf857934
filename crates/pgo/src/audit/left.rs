//! What a build left where its log says: the profiles that it was given, and what it linked.
//!
//! Takes the paths of a [`BuildLog`]; gives [`Given`] and [`Shipped`]. cargo gives one name to all builds
//! with the same flags, and a profile may be trained again under its name: a file that was written after
//! the build says nothing of it, whatever it holds. It must not judge.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::build_log::BuildLog;
use crate::artifact::Artifact;
use crate::compare::programs::file_name;
use crate::digest;

/// So much earlier may a file have been written than its time says, where that is of whole seconds: some
/// file systems and archives keep even seconds alone.
const ROUNDING: Duration = Duration::from_secs(2);

/// So many digits of a hash are in a file's name by no accident.
const NAMED_DIGITS: usize = 16;

/// A profile that a compilation was given, beside the one that is audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// The same content.
    Audited(PathBuf),
    /// Other content.
    Other(PathBuf),
    /// It was written after the build.
    Rewritten(PathBuf),
    /// It is not there any more.
    Gone(PathBuf),
}

/// The shipped binary beside what the log says was linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shipped {
    /// This has the same machine code.
    AsLinked(PathBuf),
    /// This is there, and has other machine code.
    Otherwise(PathBuf),
    /// This was written after the log.
    Rewritten(PathBuf),
    /// None of them is there any more.
    Gone(PathBuf),
    /// The log shows no link with the profile.
    NotLogged,
}

/// When a file was written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written(SystemTime);

impl Written {
    /// # Errors
    /// Those of the file system.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        std::fs::metadata(path)?.modified().map(Self)
    }

    /// Whether it was after `other`, beyond what `other` is rounded by.
    fn is_after(self, other: Self) -> bool {
        let since_epoch = other.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let rounding = if since_epoch.subsec_nanos() == 0 {
            ROUNDING
        } else {
            Duration::ZERO
        };
        let after = self.0.duration_since(other.0);
        after.is_ok_and(|after| after > rounding)
    }
}

/// The profiles of the log, each once. Paths are the log's: relative ones are taken from here.
pub(super) fn given(log: &BuildLog, log_written: Written, audited_sha256: &str) -> Vec<Given> {
    let links = log
        .optimizing()
        .flat_map(|(compilation, _)| &compilation.links);
    // A profile that the build read is older than all of these.
    let mut later: Vec<Written> = links.filter_map(|path| Written::of(path).ok()).collect();
    later.push(log_written);
    let mut seen = HashSet::new();
    let paths = log.optimizing().map(|(_, path)| path);
    paths
        .filter(|path| seen.insert(path.to_path_buf()))
        .map(|path| beside(path, audited_sha256, &later))
        .collect()
}

fn beside(path: &Path, audited_sha256: &str, later: &[Written]) -> Given {
    let own = path.to_owned();
    let (Ok(sha256), Ok(written)) = (digest::file(path), Written::of(path)) else {
        return Given::Gone(own);
    };
    // Under a name with its hash, a profile is what it was.
    let is_named = file_name(path).contains(&sha256[..NAMED_DIGITS]);
    if !is_named && later.iter().any(|later| written.is_after(*later)) {
        Given::Rewritten(own)
    } else if sha256 == audited_sha256 {
        Given::Audited(own)
    } else {
        Given::Other(own)
    }
}

/// Stripping and patching leave the machine code as it is.
pub(super) fn shipped(log: &BuildLog, log_written: Written, binary: &Artifact) -> Shipped {
    let links: Vec<&PathBuf> = log
        .optimizing()
        .flat_map(|(compilation, _)| &compilation.links)
        .collect();
    let Some(first) = links.first() else {
        return Shipped::NotLogged;
    };
    let there = links
        .iter()
        .filter_map(|path| Artifact::read(path, Vec::new()).ok());
    let (of_log, rewritten): (Vec<Artifact>, Vec<Artifact>) = there.partition(|linked| {
        let written = Written::of(&linked.path);
        written.is_ok_and(|written| !written.is_after(log_written))
    });
    let same = |linked: &&Artifact| linked.text_sha256 == binary.text_sha256;
    if let Some(linked) = of_log.iter().find(same) {
        Shipped::AsLinked(linked.path.clone())
    } else if let Some(linked) = rewritten.first() {
        Shipped::Rewritten(linked.path.clone())
    } else if let Some(linked) = of_log.first() {
        Shipped::Otherwise(linked.path.clone())
    } else {
        Shipped::Gone((*first).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn at(seconds: f64) -> Written {
        Written(UNIX_EPOCH + Duration::from_secs_f64(seconds))
    }

    /// The file is as if it had been written then.
    fn date(path: &Path, seconds: f64) {
        let file = File::options().write(true).open(path).expect("a file");
        file.set_modified(at(seconds).0).expect("a time");
    }

    /// A log of `directory/p` + `extra`, linked with `directory/profile`.
    fn log(directory: &Path, profile: &str, extra: &str) -> BuildLog {
        let directory = directory.display();
        BuildLog::parse(&format!(
            "Running `rustc --crate-name p --crate-type bin -C extra-filename={extra} --out-dir {directory} -Cprofile-use={directory}/{profile}`\n"
        ))
    }

    #[test]
    fn times_of_whole_seconds_may_be_rounded() {
        for (other, own, expected) in [
            (100.5, 99.5, false),
            (100.5, 100.5, false),
            (100.5, 100.75, true),
            (100.0, 100.75, false),
            (100.0, 102.0, false),
            (100.0, 102.25, true),
        ] {
            assert_eq!(at(own).is_after(at(other)), expected, "{own} {other}");
        }
    }

    #[test]
    fn profiles_are_looked_for_where_the_log_says() {
        const LINKED: &str = "-1";
        const NOT_LINKED: &str = "-2";
        let scratch = tempfile::tempdir().expect("a directory");
        let directory = scratch.path();
        std::fs::write(directory.join("p-1"), "linked").expect("a file");
        date(&directory.join("p-1"), 100.5);
        let (own, other) = (digest::text("own"), digest::text("other"));
        let named = [&own, &other].map(|sha256| format!("m-{}.profdata", &sha256[..16]));
        for (profile, content, written, extra, expected) in [
            (
                "m",
                "own",
                50.5,
                LINKED,
                Given::Audited as fn(PathBuf) -> Given,
            ),
            ("m", "other", 50.5, LINKED, Given::Other),
            ("m", "own", 100.5, LINKED, Given::Audited),
            // Trained again between link and audit, or copied there.
            ("m", "own", 150.5, LINKED, Given::Rewritten),
            ("m", "other", 150.5, LINKED, Given::Rewritten),
            ("m", "own", 150.5, NOT_LINKED, Given::Audited),
            ("m", "own", 250.5, NOT_LINKED, Given::Rewritten),
            (named[0].as_str(), "own", 250.5, LINKED, Given::Audited),
            (named[1].as_str(), "other", 250.5, LINKED, Given::Other),
            (named[1].as_str(), "own", 250.5, LINKED, Given::Rewritten),
        ] {
            let path = directory.join(profile);
            std::fs::write(&path, content).expect("a file");
            date(&path, written);
            assert_eq!(
                given(&log(directory, profile, extra), at(200.5), &own),
                [expected(path)],
                "{profile} {content} {written} {extra}"
            );
        }
        assert_eq!(
            given(&log(directory, "gone", LINKED), at(200.5), &own),
            [Given::Gone(directory.join("gone"))]
        );
    }

    #[test]
    fn programs_are_looked_for_where_the_log_says() {
        let scratch = tempfile::tempdir().expect("a directory");
        let directory = scratch.path();
        let this = std::env::current_exe().expect("a path");
        let binary = Artifact::read(&this, Vec::new()).expect("a binary");
        let other = Artifact {
            text_sha256: "other".into(),
            ..binary.clone()
        };
        let linked = directory.join("p-1");
        std::fs::copy(&this, &linked).expect("a copy");
        date(&linked, 100.5);
        for (log_written, binary, expected) in [
            (100.5, &binary, Shipped::AsLinked as fn(PathBuf) -> Shipped),
            // A log that was copied is later than the build.
            (200.5, &binary, Shipped::AsLinked),
            (200.5, &other, Shipped::Otherwise),
            // Built again since, without this log: by name and flags it is the same build.
            (99.5, &binary, Shipped::Rewritten),
            (99.5, &other, Shipped::Rewritten),
        ] {
            let found = shipped(&log(directory, "m", "-1"), at(log_written), binary);
            assert_eq!(found, expected(linked.clone()), "{log_written}");
        }
        let gone = shipped(&log(directory, "m", "-2"), at(200.5), &binary);
        assert_eq!(gone, Shipped::Gone(directory.join("p-2")));
        let not_logged = shipped(&BuildLog::default(), at(200.5), &binary);
        assert_eq!(not_logged, Shipped::NotLogged);
    }
}
