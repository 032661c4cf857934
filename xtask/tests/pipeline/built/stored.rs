//! The profile that is kept beside the spec: used while it fits, and refused where it does not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::profiles::{raw_profile, with_version};
use crate::xtask::{copy_of, pgo, place, run, scratch};

const NAME: &str = "faulty-declared-exit";

/// The smallest package that reaches a run's end, with a store of its own.
struct Package {
    directory: TempDir,
    package: PathBuf,
}

impl Package {
    fn new() -> Self {
        let directory = scratch();
        let package = copy_of("faulty", directory.path());
        Self { directory, package }
    }

    /// The same sources and store where nothing was built, as in another checkout.
    fn checked_out_elsewhere(self) -> Self {
        let other = Self::new();
        std::fs::rename(self.package.join("store"), other.package.join("store")).expect("a store");
        other
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn place(&self) -> [PathBuf; 4] {
        place(&self.package.join("declared-exit.toml"), &self.path("out"))
    }

    fn step(&self, step: &str) -> Command {
        let mut command = pgo([step]);
        command.args(self.place());
        command
    }

    fn optimize(&self) -> Command {
        let mut command = self.step("optimize");
        command.arg("--use-stored");
        command
    }

    fn whole(&self) -> Command {
        let mut command = pgo(self.place());
        command.args(["--use-stored", "--budget", "1s", "--json"]);
        command
    }

    fn store(&self) -> PathBuf {
        self.package.join("store").join(NAME)
    }

    fn manifest(&self) -> String {
        std::fs::read_to_string(self.store().join("manifest.toml")).expect("a manifest")
    }

    /// The one profile in the store.
    fn profile(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.store()).expect("a store").flatten();
        let mut profiles = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "profdata"));
        let profile = profiles.next().expect("a profile");
        assert_eq!(profiles.next(), None, "one profile is kept");
        profile
    }

    fn edit_source(&self, from: &str, to: &str) {
        edit(&self.package.join("src/main.rs"), from, to);
    }

    /// Other control flow in the function that holds all counts.
    fn change_hot_loop(&self) {
        let arm = "_ => value ^ (round << 2),";
        self.edit_source(
            arm,
            &format!("_ if round == 77 => {{ eprintln!(\"77\"); value }}\n{arm}"),
        );
    }

    /// Runs the instrumented binary as somebody elsewhere does, and gives the directory of what it
    /// leaves.
    fn gather(&self, name: &str, work: &str) -> PathBuf {
        let instrumented = run(&mut self.step("instrument")).succeeded();
        let directory = self.path(name);
        std::fs::create_dir(&directory).expect("a directory");
        let status = Command::new(instrumented.stdout.trim())
            .arg(work)
            .env("LLVM_PROFILE_FILE", directory.join("run_%m_%p.profraw"))
            .output()
            .expect("it runs")
            .status;
        assert!(status.code().is_some());
        directory
    }
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).expect("a file");
    let edited = text.replacen(from, to, 1);
    assert_ne!(edited, text, "there is no `{from}` in {}", file.display());
    std::fs::write(file, edited).expect("a file");
}

/// `path=weight`.
fn weighted(path: &Path, weight: &str) -> String {
    format!("{}={weight}", path.display())
}

#[test]
fn slow_a_stored_profile_is_used_until_it_is_stale() {
    let package = Package::new();
    run(&mut package.whole()).failed(2, "there is no stored profile");
    let refreshed = run(&mut package.step("refresh")).succeeded();
    let manifest = package.store().join("manifest.toml").canonicalize();
    assert_eq!(
        Path::new(refreshed.stdout.trim()),
        manifest.expect("a manifest")
    );

    let package = package.checked_out_elsewhere();
    // The same sources, however cargo is told to list them.
    let listed_from = package.path("");
    let outcome = run(package
        .whole()
        .env("CARGO_BUILD_DEP_INFO_BASEDIR", listed_from))
    .succeeded();
    let record = outcome.record();
    let stored = &record["profile"]["source"]["stored"];
    assert_eq!(stored["sources"], "unchanged", "{stored}");
    let share = |name: &str| stored["staleness"][name].as_f64().expect("measured");
    assert!(share("training_overlap") > 0.9, "{stored}");
    assert!(share("counts_discarded_share") < 0.01, "{stored}");
    assert_eq!(record["profile"]["sha256"], profile_in(&package.manifest()));
    let checks = record["verification"]["checks"].as_array().expect("checks");
    for name in ["stored-profile", "profile-staleness"] {
        let mut named = checks.iter().filter(|check| check["name"] == name);
        assert!(named.any(|check| check["outcome"] == "passed"), "{name}");
    }
    assert!(
        outcome.stderr.contains("✓ staleness: staleness "),
        "{}",
        outcome.stderr
    );

    each_edit_is_refused(&package);

    package.change_hot_loop();
    run(&mut package.optimize()).failed(22, "the stored profile is stale: staleness");
    run(&mut package.step("refresh")).succeeded();
    assert!(package.profile().is_file());
    // A change that moves no count.
    package.edit_source("/// Some branches", "/// A few branches");
    let outcome = run(&mut package.optimize()).succeeded();
    assert!(
        outcome.stderr.contains("sources have changed since"),
        "{}",
        outcome.stderr
    );
}

/// The digest of the profile, as a manifest tells it.
fn profile_in(manifest: &str) -> String {
    let (_, rest) = manifest.split_once("[profile]").expect("a table");
    let (_, rest) = rest.split_once("sha256 = \"").expect("a digest");
    rest.split('"').next().expect("its end").to_owned()
}

/// All before anything is built, and before `--fresh` gives anything up.
fn each_edit_is_refused(package: &Package) {
    let (profile, manifest) = (package.profile(), package.store().join("manifest.toml"));
    let content = std::fs::read(&profile).expect("a profile");
    let mut flipped = content.clone();
    flipped[content.len() / 2] ^= 1;
    std::fs::write(&profile, flipped).expect("a file");
    run(package.whole().arg("--fresh")).failed(22, "is not the profile that its manifest names");
    assert!(package.path("out/record.json").is_file());
    std::fs::write(&profile, content).expect("a file");

    let text = package.manifest();
    edit(&manifest, "weight = 1.0", "weight = 2.0");
    run(&mut package.whole()).failed(22, "its seal is broken");
    run(&mut package.step("refresh")).failed(22, "its seal is broken");
    std::fs::write(&manifest, text).expect("a file");

    run(package
        .whole()
        .env("RUSTFLAGS", "-Cforce-frame-pointers=yes"))
    .failed(22, "every arm has `-Cforce-frame-pointers=yes`");

    let script = package.path("rustc.sh");
    let version =
        "#!/bin/sh\n[ \"$1\" = -vV ] || exec rustc \"$@\"\nrustc -vV | sed '1s/.*/rustc 1.0.0/'\n";
    std::fs::write(&script, version).expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
    run(package.optimize().env("RUSTC", &script)).failed(22, "and this is rustc 1.0.0");
}

#[test]
fn slow_profiles_from_elsewhere_are_merged_in_by_weight() {
    let package = Package::new();
    let (server, desk) = (
        package.gather("server", "ok"),
        package.gather("desk", "wrong-exit"),
    );
    let merge = |sources: &[String], into: &[&str]| {
        let mut command = package.step("merge");
        run(command.args(sources).args(into))
    };
    let (heavy, plain) = (weighted(&server, "3"), desk.display().to_string());
    merge(&[heavy.clone(), plain.clone()], &[]).succeeded();
    let outcome = merge(&[weighted(&server, "0")], &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("a positive number"),
        "{}",
        outcome.stderr
    );

    merge(&[heavy, plain], &["--into-stored"]).succeeded();
    let manifest = package.manifest();
    for part in [
        "name = \"server\"\norigin = \"elsewhere\"\nweight = 3.0\n",
        "name = \"elsewhere\"\norigin = \"elsewhere\"\nweight = 1.0\n",
    ] {
        assert!(manifest.contains(part), "{part}{manifest}");
    }
    merge(&[weighted(&server, "2")], &["--into-stored"])
        .failed(2, "`server` is part of the stored profile already");
    run(&mut package.step("refresh")).failed(2, "training cannot renew `server`");
    assert_eq!(package.manifest(), manifest, "nothing is lost");

    let older = package.path("older");
    std::fs::create_dir(&older).expect("a directory");
    let raw = std::fs::read(raw_profile(package.directory.path())).expect("a raw profile");
    std::fs::write(older.join("run.profraw"), with_version(&raw, 4)).expect("a file");
    merge(&[weighted(&server, "1"), weighted(&older, "1")], &[]).failed(22, "version");

    package.change_hot_loop();
    let newer = package.gather("newer", "ok");
    merge(&[weighted(&server, "1"), weighted(&newer, "1")], &[])
        .failed(22, "they are of different versions of the program");
    merge(&[weighted(&newer, "1")], &["--into-stored"])
        .failed(22, "the sources are not those of the stored profile");
    assert_eq!(package.manifest(), manifest, "nothing is lost");

    let outcome = run(&mut package.optimize()).failed(22, "the stored profile is stale");
    assert!(
        outcome.stderr.contains("gather `server`, `elsewhere` anew"),
        "{}",
        outcome.stderr
    );

    std::fs::remove_dir_all(package.store()).expect("a store");
    merge(&[weighted(&server, "1")], &["--into-stored"])
        .failed(22, "with another control flow than the program has now");
    assert!(
        !package.store().exists(),
        "nothing of another version is stored"
    );
    merge(&[weighted(&newer, "1")], &["--into-stored"]).succeeded();
}
