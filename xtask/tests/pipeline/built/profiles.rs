//! Profiles that must not reach the candidate: empty, truncated, corrupt, foreign, of another
//! version, stale.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::xtask::{Outcome, copy_of, fixture, pgo, place, run, scratch};

/// A package whose training is merged, and the merged profile.
struct Trained {
    _directory: TempDir,
    package: PathBuf,
    out: PathBuf,
    profile: PathBuf,
}

fn trained(fixture: &str) -> Trained {
    let directory = scratch();
    let package = copy_of(fixture, directory.path());
    let out = directory.path().join("out");
    let merged = run(pgo(["merge"]).args(place(&package.join("pgo.toml"), &out))).succeeded();
    Trained {
        package,
        out,
        profile: merged.stdout.trim().into(),
        _directory: directory,
    }
}

impl Trained {
    fn optimize_with(&self, profile: &Path) -> Outcome {
        run(pgo(["optimize"])
            .args(place(&self.package.join("pgo.toml"), &self.out))
            .arg("--profile")
            .arg(profile))
    }

    fn merge(&self, raw: &Path) -> Outcome {
        run(pgo(["merge"])
            .args(place(&self.package.join("pgo.toml"), &self.out))
            .arg(raw))
    }

    /// `content` in a file beside the output directory.
    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.out.with_file_name(name);
        std::fs::write(&path, content).expect("a file");
        path
    }
}

/// The format's version is the second 64-bit number of the header, of raw and of merged profiles.
pub(crate) fn with_version(profile: &[u8], version: u8) -> Vec<u8> {
    let mut changed = profile.to_owned();
    changed[8] = version;
    changed
}

#[test]
fn slow_unusable_merged_profiles_are_refused() {
    let trained = trained("gain");
    let good = std::fs::read(&trained.profile).expect("a profile");
    let corrupt: Vec<u8> = good.iter().map(|byte| byte ^ 0x5a).collect();
    for (name, content, message) in [
        ("empty.profdata", &[][..], "empty"),
        ("truncated.profdata", &good[..good.len() / 2], "profile"),
        ("corrupt.profdata", &corrupt, "profile"),
        (
            "future.profdata",
            &with_version(&good, 99),
            "unsupported instrumentation profile format version",
        ),
        ("text.profdata", b"not a profile at all", "profile"),
    ] {
        trained
            .optimize_with(&trained.file(name, content))
            .failed(22, message);
    }
    trained
        .optimize_with(Path::new("/nowhere.profdata"))
        .failed(2, "/nowhere.profdata");
    trained.optimize_with(&trained.profile).succeeded();
}

#[test]
fn slow_unusable_raw_profiles_are_refused() {
    let trained = trained("gain");
    let raw = raw_profile(&trained.out.join("profiles"));
    let good = std::fs::read(raw).expect("a raw profile");
    let corrupt: Vec<u8> = good.iter().map(|byte| byte ^ 0x5a).collect();
    for (name, content, message) in [
        ("empty.profraw", &[][..], "is an empty file"),
        ("truncated.profraw", &good[..good.len() / 2], "profile"),
        ("corrupt.profraw", &corrupt, "profile"),
        ("older.profraw", &with_version(&good, 4), "version"),
    ] {
        trained
            .merge(&trained.file(name, content))
            .failed(22, message);
    }
    let empty = trained.out.with_file_name("nothing-here");
    std::fs::create_dir(&empty).expect("a directory");
    trained
        .merge(&empty)
        .failed(2, "there is no *.profraw file");
}

pub(crate) fn raw_profile(directory: &Path) -> PathBuf {
    let entries = std::fs::read_dir(directory)
        .expect("a directory")
        .flatten()
        .map(|entry| entry.path());
    let files = entries
        .filter(|path| path.is_dir())
        .flat_map(|path| std::fs::read_dir(path).expect("a directory"));
    let mut files = files.flatten().map(|entry| entry.path());
    files
        .find(|path| path.extension().is_some_and(|kind| kind == "profraw"))
        .expect("a raw profile")
}

#[test]
fn slow_a_foreign_profile_is_refused() {
    let (own, other) = (trained("gain"), trained("no-gain"));
    own.optimize_with(&other.profile)
        .failed(22, "stand under functions of this program");
}

#[test]
fn slow_a_stale_profile_is_refused() {
    let trained = trained("gain");
    let source = trained.package.join("src/machine.rs");
    let text = std::fs::read_to_string(&source).expect("the source");
    let changed = stale(&text);
    assert_ne!(
        changed, text,
        "the fixture no longer has the line that this test changes"
    );
    std::fs::write(&source, changed).expect("the source");
    let spec = trained.package.join("pgo.toml");
    run(pgo(["optimize"]).args(place(&spec, &trained.out)))
        .failed(22, "the sources or flags have changed since training");
}

/// The source with other control flow in its hottest function.
pub(crate) fn stale(text: &str) -> String {
    let hottest = "fn step(&mut self, op: Op) -> Result<(), Fault> {";
    let branch = "if self.stack.len() == 77 { eprintln!(\"77 deep\"); }";
    text.replacen(hottest, &format!("{hottest}\n{branch}"), 1)
}

#[test]
fn slow_a_step_without_its_predecessor_says_which() {
    let out = scratch();
    let spec = fixture("gain/pgo.toml");
    run(pgo(["optimize"]).args(place(&spec, out.path()))).failed(2, "there is no merged profile");
    run(pgo(["verify"]).args(place(&spec, out.path()))).failed(2, "there is no candidate");
}
