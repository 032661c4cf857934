//! `cargo xtask dist` on the smallest package that has a profile, in repositories of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::xtask::{Outcome, pgo, place, run, scratch, xtask};

const MANIFEST: &str =
    "[package]\nname = \"tiny\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\n[workspace]\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"tiny\"\nversion = \"1.2.3\"\n";

/// Writes a source that holds what must not reach a release: where and when it was built.
const BUILD_SCRIPT: &str = r#"fn main() {
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    let now = format!("{:?}", std::time::SystemTime::now());
    let date = std::env::var("SOURCE_DATE_EPOCH").unwrap_or(now);
    let text = format!("fn origin() -> [&'static str; 2] {{ [file!(), {date:?}] }}");
    std::fs::write(format!("{out}/generated.rs"), text).expect("a file");
}
"#;

const PROGRAM: &str = r#"include!(concat!(env!("OUT_DIR"), "/generated.rs"));

#[inline(never)]
fn step(state: u64) -> u64 {
    if state == u64::MAX {
        eprintln!("this never happens");
    }
    match state % 5 {
        0 => state / 5 + 1,
        1 => state ^ 0x55,
        _ => state.wrapping_mul(7) >> 1,
    }
}

#[inline(never)]
fn work(rounds: u64) -> u64 {
    (0..rounds).fold(1, |state, round| step(state ^ round))
}

fn main() {
    std::hint::black_box(origin());
    let rounds = std::env::args().nth(1).map_or(1, |text| text.parse().expect("a number"));
    println!("{}", work(rounds));
}
"#;

/// No noise of a machine reaches this threshold.
const SPEC: &str = r#"name = "tiny"
[target]
manifest = "Cargo.toml"
package = "tiny"
bin = "tiny"
[judge]
threshold = 0.5
[[train]]
name = "work"
args = ["200000"]
[[scenario]]
name = "cold"
kind = "cold"
args = ["100000"]
guard = true
"#;

/// A repository whose profile is stored and committed.
struct Repository {
    scratch: TempDir,
    root: PathBuf,
}

impl Repository {
    fn new() -> Self {
        let scratch = scratch();
        let root = scratch.path().join("origin");
        std::fs::create_dir_all(root.join("src")).expect("a directory");
        for (name, text) in [
            ("Cargo.toml", MANIFEST),
            ("Cargo.lock", LOCK),
            ("build.rs", BUILD_SCRIPT),
            ("src/main.rs", PROGRAM),
            ("pgo.toml", SPEC),
            ("LICENSE", "Do what you want.\n"),
        ] {
            std::fs::write(root.join(name), text).expect("a file");
        }
        let repository = Self { scratch, root };
        let out = repository.path("refreshed");
        let spec = repository.root.join("pgo.toml");
        run(pgo(["refresh"]).args(place(&spec, &out))).succeeded();
        git(&repository.root, &["init", "--quiet"]);
        repository.commit();
        repository
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn commit(&self) {
        git(&self.root, &["add", "--all"]);
        git(&self.root, &["commit", "--quiet", "--message", "change"]);
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.root.join(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "there is no `{from}` in {file}");
        std::fs::write(path, text.replacen(from, to, 1)).expect("a file");
    }

    fn dist(&self, out: &str, last_release: &Path) -> Outcome {
        dist(&self.root, &self.path(out), last_release)
    }
}

fn git(directory: &Path, args: &[&str]) {
    let identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"];
    let mut command = Command::new("git");
    let command = command.args(identity).args(args).current_dir(directory);
    assert!(command.status().expect("git runs").success(), "{args:?}");
}

fn dist(root: &Path, out: &Path, last_release: &Path) -> Outcome {
    run(xtask("dist")
        .args(place(&root.join("pgo.toml"), out))
        .args(["--budget", "3s", "--last-release"])
        .arg(last_release))
}

fn first() -> &'static Path {
    Path::new("none")
}

/// Names and contents of a release.
fn release(out: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(out.join("release")).expect("a release");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").display().to_string();
            (name, std::fs::read(path).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn slow_clones_give_identical_archives_and_a_slower_program_is_not_packed() {
    let repository = Repository::new();
    let path = |name: &str| repository.path(name);
    let outcome = repository.dist("first", first()).succeeded();
    assert!(
        outcome
            .stderr
            .contains("the guards of tiny are not measured"),
        "{}",
        outcome.stderr
    );
    let released = path("first/release");
    let clone = path("another-clone");
    let names = [&repository.root, &clone].map(|path| path.to_str().expect("UTF-8"));
    git(&path(""), &["clone", "--quiet", names[0], names[1]]);
    let outcome = dist(&clone, &path("of-another-clone"), &released).succeeded();
    assert!(
        outcome.stderr.contains("guards of tiny"),
        "{}",
        outcome.stderr
    );
    assert!(path("of-another-clone/guards/tiny/record.json").is_file());

    let files = release(&path("first"));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[0], "SHA256SUMS");
    assert!(names[1].starts_with("tiny-1.2.3-") && names[1].ends_with(".tar.gz"));
    assert_eq!(outcome.stdout.lines().count(), 2, "{}", outcome.stdout);
    assert!(files == release(&path("of-another-clone")), "they differ");

    let program = std::fs::read(path("first/build/tiny/arms/candidate/tiny")).expect("a program");
    let holds = |text: &str| {
        program
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(
        holds("/output/build/"),
        "the build script's file is not in it"
    );
    assert!(
        !holds(path("").to_str().expect("UTF-8")),
        "it tells where it was built"
    );

    let sleep = "std::thread::sleep(std::time::Duration::from_millis(30));";
    repository.edit(
        "src/main.rs",
        "fn main() {",
        &format!("fn main() {{ {sleep}"),
    );
    repository.commit();
    repository
        .dist("first", &released)
        .failed(2, "is where this one goes");
    let outcome = repository.dist("first", &save(&released, &path("kept")));
    assert_eq!(outcome.code, Some(10), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("nothing was packed"),
        "{}",
        outcome.stderr
    );
    assert!(
        !released.exists(),
        "the release of the earlier run is still there"
    );
}

/// The release moved to where no run finds it.
fn save(release: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir(to).expect("a directory");
    for entry in std::fs::read_dir(release).expect("a release") {
        let from = entry.expect("an entry").path();
        let to = to.join(from.file_name().expect("a name"));
        std::fs::copy(&from, to).expect("a copy");
    }
    to.to_owned()
}

#[test]
fn slow_what_was_tampered_with_or_not_committed_is_refused_before_anything_is_built() {
    let repository = Repository::new();
    let refused = |code: i32, message: &str| {
        let outcome = repository.dist("out", first()).failed(code, message);
        assert!(
            !outcome.stderr.contains("build baseline"),
            "{}",
            outcome.stderr
        );
    };
    let stored = repository.root.join("store/tiny");
    let profile = std::fs::read_dir(&stored)
        .expect("a store")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|kind| kind == "profdata"))
        .expect("a profile");
    // The release of an earlier run, which had no program.
    let earlier = repository.path("out/release/SHA256SUMS");
    std::fs::create_dir_all(earlier.parent().expect("a directory")).expect("a directory");
    std::fs::write(&earlier, "").expect("a file");

    repository.edit("pgo.toml", "guard = true", "guard = false");
    refused(2, "no scenario is a guard");
    repository.edit("pgo.toml", "guard = false", "guard = true");

    let training = "[[train]]\nname = \"work\"\nargs = [\"200000\"]\n";
    repository.edit("pgo.toml", training, "");
    refused(2, "no [[train]] workload");
    repository.edit(
        "pgo.toml",
        "[[scenario]]",
        &format!("{training}[[scenario]]"),
    );

    let new = repository.root.join("new.rs");
    std::fs::write(&new, "").expect("a file");
    refused(2, "is not as it was committed");
    std::fs::remove_file(&new).expect("it is there");

    // The cargo profile is in the commit, and nowhere else.
    let configured = repository.path(".cargo/config.toml");
    std::fs::create_dir(repository.path(".cargo")).expect("a directory");
    std::fs::write(&configured, "[profile.release]\nlto = \"off\"\n").expect("a file");
    refused(2, ".cargo/config.toml` is not in commit");
    std::fs::remove_file(&configured).expect("it is there");
    let mut with_variable = xtask("dist");
    let with_variable = with_variable
        .args(place(
            &repository.root.join("pgo.toml"),
            &repository.path("out"),
        ))
        .args(["--last-release", "none"])
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    run(with_variable).failed(2, "the variable `CARGO_PROFILE_RELEASE_LTO` sets");

    let ignoring = repository.root.join(".gitignore");
    for (ignored, message) in [
        ("Cargo.lock", "Cargo.lock` is not in commit"),
        ("*.profdata", ".profdata` is not in commit"),
    ] {
        std::fs::write(&ignoring, ignored).expect("a file");
        git(&repository.root, &["rm", "--quiet", "-r", "--cached", "."]);
        repository.commit();
        refused(2, message);
    }
    std::fs::remove_file(&ignoring).expect("it is there");
    repository.commit();

    let whole = std::fs::read(&profile).expect("a profile");
    let mut tampered = whole.clone();
    let middle = tampered.len() / 2;
    tampered[middle] ^= 1;
    std::fs::write(&profile, tampered).expect("a file");
    repository.commit();
    refused(22, "is not the profile that its manifest names");
    std::fs::write(&profile, whole).expect("a file");

    repository.edit("store/tiny/manifest.toml", "\"work\"", "\"other\"");
    repository.commit();
    refused(22, "its seal is broken");
    repository.edit("store/tiny/manifest.toml", "\"other\"", "\"work\"");
    repository.commit();

    let empty = repository.path("empty");
    std::fs::create_dir(&empty).expect("a directory");
    repository.dist("out", &empty).failed(2, "SHA256SUMS");

    // One spec that could be released, and one that could not.
    let built = repository.path("out/build/tiny/of-an-earlier-run");
    std::fs::write(&built, "").expect("a file in a directory of ours");
    let other = repository.root.join("other.toml");
    let spec = SPEC.replacen("name = \"tiny\"", "name = \"other\"", 1);
    std::fs::write(&other, spec).expect("a file");
    repository.commit();
    let both = place(&repository.root.join("pgo.toml"), &repository.path("out"));
    let mut both_specs = xtask("dist");
    let both_specs = both_specs.args(both).arg("--spec").arg(&other);
    run(both_specs.args(["--last-release", "none"])).failed(2, "there is no stored profile");
    for kept in [earlier, built] {
        assert!(kept.is_file(), "a refused run has removed {kept:?}");
    }
}
