use std::collections::BTreeSet;

use inferno_measure::record::{CCompiler, Toolchain};

use super::*;
use crate::status::Status;

const SPEC: &str = r#"
name = "sample"
[target]
manifest = "Cargo.toml"
package = "sample"
bin = "sample"
"#;

/// A spec with a stored profile of two parts.
struct Kept {
    directory: tempfile::TempDir,
    spec: Spec,
}

impl Kept {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (file, text) in [("Cargo.toml", ""), ("sample.toml", SPEC)] {
            std::fs::write(directory.path().join(file), text).expect("a file");
        }
        let spec = Spec::load(&directory.path().join("sample.toml")).expect("a valid spec");
        let kept = Self { directory, spec };
        kept.write("first");
        kept
    }

    fn store(&self) -> Store {
        Store::of(&self.spec)
    }

    /// Stores a profile of this content.
    fn write(&self, content: &str) {
        let path = self.directory.path().join("merged.profdata");
        std::fs::write(&path, content).expect("a file");
        let profile = merged(path, content);
        let made = made(&self.spec);
        let stored = self.store().write(&profile, made, "sample");
        stored.expect("it can be written");
    }

    fn profile(&self) -> PathBuf {
        let (manifest, _) = self.store().read().expect("readable").expect("stored");
        self.store().profile(&manifest.profile.sha256)
    }

    /// Changes the manifest's text, and seals it again where `seal` says so.
    fn edit(&self, from: &str, to: &str, seal: Seal) {
        let path = self.store().manifest();
        let text = std::fs::read_to_string(&path).expect("a manifest");
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text, "there is no `{from}` in {text}");
        let edited = match seal {
            Seal::Broken => edited,
            Seal::Anew => {
                let (_, sealed) = edited.split_once('\n').expect("two lines");
                format!("seal = \"{}\"\n{sealed}", digest::text(sealed))
            }
        };
        std::fs::write(path, edited).expect("a file");
    }

    fn open(&self) -> Result<StoredProfile> {
        StoredProfile::open(&self.spec, &build(&self.spec))
    }

    #[track_caller]
    fn refused(&self, now: &Build, message: &str) {
        let error = StoredProfile::open(&self.spec, now).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains("step `refresh`"), "{hint}");
    }
}

#[derive(Clone, Copy)]
enum Seal {
    Broken,
    Anew,
}

fn merged(path: PathBuf, content: &str) -> MergedProfile {
    MergedProfile {
        path,
        sha256: digest::text(content),
        functions_total: 20,
        functions_covered: 10,
        counts_total: 1000,
        blocks_total: 50,
        blocks_for_99_percent: 5,
        workloads: Vec::new(),
    }
}

fn build(spec: &Spec) -> Build {
    Build {
        flags: vec!["-Ctarget-cpu=x86-64-v3".into()],
        toolchain: Toolchain {
            rustc: "rustc 1.95.0 (59807616e 2026-03-21)".into(),
            llvm: "22.1.2".into(),
            llvm_profdata: Some("22.1.8".into()),
            target: "x86_64-unknown-linux-gnu".into(),
            c: None,
        },
        target: spec.target().clone(),
    }
}

fn made(spec: &Spec) -> Made {
    let part = |name: &str, origin, weight| Part {
        name: name.into(),
        origin,
        weight,
        counts_total: 100,
        files: 1,
        sha256: digest::text(name),
    };
    Made {
        build: build(spec),
        source: SourceState {
            commit: Some("0123456789abcdef".into()),
            sha256: digest::text("sources"),
        },
        parts: vec![
            part("chat", Origin::Training, 1.0),
            part("production", Origin::Elsewhere, 0.5),
        ],
    }
}

fn workload(name: &str) -> WorkloadProfile {
    WorkloadProfile {
        name: name.into(),
        path: "w.profdata".into(),
        sha256: digest::text(name),
        weight: 1.0,
        counts_total: 1,
        raw_files: 1,
        wall_s: 0.0,
    }
}

#[test]
fn what_was_stored_is_opened() {
    let kept = Kept::new();
    let stored = kept.open().expect("it is as it was written");
    let copy = stored
        .copy_to(kept.directory.path())
        .expect("it can be written");
    assert_eq!(std::fs::read(&copy).expect("a copy"), b"first");
    let profile = merged(copy.clone(), "first");
    stored.check_figures(&profile).expect("the same figures");
    let renewal = Renewal::Gathering("`production`".into());
    assert_eq!(stored.manifest().renewal(), renewal);
    let told = stored.manifest().parts_told();
    assert_eq!(told, "chat × 1, production × 0.5 (elsewhere)");
    let part = stored.as_part(copy);
    assert!((part.weight - 1.5).abs() < 1e-12);
    assert_eq!(part.counts_total, 1000);
}

#[test]
fn the_manifest_is_toml_below_its_seal() {
    let kept = Kept::new();
    let text = std::fs::read_to_string(kept.store().manifest()).expect("a manifest");
    let (seal, sealed) = text.split_once('\n').expect("two lines");
    assert_eq!(seal, format!("seal = \"{}\"", digest::text(sealed)));
    let table: toml::Table = toml::from_str(&text).expect("TOML as a whole");
    let keys: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    let expected = [
        "seal", "schema", "name", "created", "profile", "build", "source", "part",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    let directory = kept.directory.path().display().to_string();
    assert!(!text.contains(&directory), "no paths of the machine");
}

#[test]
fn storing_again_leaves_one_profile() {
    let kept = Kept::new();
    let first = kept.profile();
    kept.write("second");
    assert!(!first.exists());
    let stored = kept.open().expect("the second");
    assert_eq!(stored.content, b"second");
    kept.write("second");
    kept.open().expect("still the second");
}

#[test]
fn an_edited_or_missing_profile_is_refused() {
    let kept = Kept::new();
    let now = build(&kept.spec);
    let path = kept.profile();
    std::fs::write(&path, "fjrst").expect("a file");
    kept.refused(&now, "is not the profile that its manifest names");
    std::fs::remove_file(&path).expect("a file");
    kept.refused(&now, "or is missing");
}

#[test]
fn an_edited_manifest_is_refused() {
    for (from, to, seal, message) in [
        (
            "counts_total = 1000",
            "counts_total = 1001",
            Seal::Broken,
            "its seal is broken",
        ),
        (
            "weight = 0.5",
            "weight = 5.0",
            Seal::Broken,
            "its seal is broken",
        ),
        ("# Not", "# not", Seal::Broken, "its seal is broken"),
        (
            "seal = \"",
            "seal = \"0",
            Seal::Broken,
            "its seal is broken",
        ),
        ("seal", "zeal", Seal::Broken, "does not begin with its seal"),
        ("schema = 1", "schema = 2", Seal::Anew, "has schema 2"),
        (
            "schema = 1",
            "scheme = 1",
            Seal::Anew,
            "unknown field `scheme`",
        ),
        (
            "name = \"sample\"",
            "name = \"other\"",
            Seal::Anew,
            "is of the spec `other`",
        ),
    ] {
        let kept = Kept::new();
        kept.edit(from, to, seal);
        kept.refused(&build(&kept.spec), message);
    }
}

#[test]
fn figures_that_the_profile_does_not_have_are_refused() {
    let kept = Kept::new();
    kept.edit("counts_total = 1000", "counts_total = 1001", Seal::Anew);
    let stored = kept.open().expect("sealed anew");
    let profile = merged(kept.profile(), "first");
    let error = stored.check_figures(&profile).expect_err("other figures");
    assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
}

#[test]
fn another_compiler_other_flags_or_another_target_are_refused() {
    type Edit = fn(&mut Build);
    let kept = Kept::new();
    let edits: [(Edit, &str); 8] = [
        (
            |now| now.toolchain.rustc = "rustc 1.96.0".into(),
            "and this is rustc 1.96.0",
        ),
        (|now| now.toolchain.llvm = "23.1.0".into(), "LLVM 23.1.0"),
        (
            |now| now.toolchain.target = "aarch64-unknown-linux-gnu".into(),
            "aarch64-unknown-linux-gnu)",
        ),
        (
            |now| {
                now.toolchain.c = Some(CCompiler {
                    clang: "22.1.8".into(),
                    instrumented_flags: Vec::new(),
                    candidate_flags: Vec::new(),
                });
            },
            "(59807616e 2026-03-21) and clang 22.1.8 (LLVM",
        ),
        (|now| now.flags.clear(), "and every arm has no flags"),
        (
            |now| now.flags.push("-Copt-level=2".into()),
            "every arm has `-Ctarget-cpu=x86-64-v3 -Copt-level=2`",
        ),
        (
            |now| now.target.features.push("fast".into()),
            "another [target]",
        ),
        (|now| now.target.profile = "dev".into(), "another [target]"),
    ];
    for (edit, message) in edits {
        let mut now = build(&kept.spec);
        edit(&mut now);
        kept.refused(&now, message);
    }
    let mut newer_tool = build(&kept.spec);
    newer_tool.toolchain.llvm_profdata = None;
    StoredProfile::open(&kept.spec, &newer_tool).expect("what merged does not matter");
}

#[test]
fn the_profile_of_a_benchmark_is_not_stored() {
    let kept = Kept::new();
    check_storable(&kept.spec).expect("a binary");
    let text = SPEC.replace("bin =", "bench =");
    let path = kept.directory.path().join("bench.toml");
    std::fs::write(&path, text).expect("a file");
    let spec = Spec::load(&path).expect("a valid spec");
    let error = check_storable(&spec).expect_err("a benchmark");
    assert!(error.to_string().contains("cannot be stored"), "{error}");
}

#[test]
fn without_a_store_there_is_a_next_step() {
    let kept = Kept::new();
    std::fs::remove_dir_all(kept.directory.path().join("store")).expect("a directory");
    let error = kept.open().expect_err("nothing is stored");
    assert_eq!(error.exit_code(), crate::exit::USAGE);
    assert!(error.hint().is_some_and(|hint| hint.contains("refresh")));
    assert_eq!(kept.store().read().expect("readable"), None);
}

#[test]
fn the_status_tells_a_damaged_store_from_none() {
    let kept = Kept::new();
    let told = || {
        let status = Status::of(&kept.spec, &kept.directory.path().join("out")).to_string();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("stored profile"));
        line.expect("a line of its own").trim().to_owned()
    };
    assert!(told().starts_with("of chat × 1, production"), "{}", told());

    kept.edit("weight = 0.5", "weight = 5.0", Seal::Broken);
    let damaged = told();
    assert!(damaged.starts_with("refused: "), "{damaged}");
    let file = kept.store().manifest().display().to_string();
    for part in [file.as_str(), "its seal is broken", "hint: restore it"] {
        assert!(damaged.contains(part), "there is no `{part}` in {damaged}");
    }

    std::fs::remove_dir_all(kept.directory.path().join("store")).expect("a directory");
    assert_eq!(told(), "not done");
}

#[test]
fn what_is_merged_in_must_be_new_and_of_the_same_sources() {
    let kept = Kept::new();
    let stored = kept.open().expect("it is as it was written");
    stored.check_new(&[workload("other")]).expect("it is new");
    let twice = stored.check_new(&[workload("other"), workload("production")]);
    let error = twice.expect_err("it would weigh twice");
    assert!(
        error.to_string().contains("`production` is part"),
        "{error}"
    );

    let now = |content: &str| SourceState {
        commit: None,
        sha256: digest::text(content),
    };
    stored.check_sources(&now("sources")).expect("the same");
    let error = stored
        .check_sources(&now("others"))
        .expect_err("another version");
    assert!(
        error.to_string().contains("at commit 0123456789ab"),
        "{error}"
    );
}

#[test]
fn what_training_cannot_renew_is_not_lost() {
    let kept = Kept::new();
    let error = check_renewable(&kept.store()).expect_err("a part is from elsewhere");
    assert_eq!(error.exit_code(), crate::exit::USAGE);
    assert!(error.to_string().contains("`production`"), "{error}");
    kept.edit(
        "origin = \"elsewhere\"",
        "origin = \"training\"",
        Seal::Anew,
    );
    check_renewable(&kept.store()).expect("training alone");
    let stored = kept.open().expect("sealed anew");
    assert_eq!(stored.manifest().renewal(), Renewal::Training);

    kept.edit("weight = 0.5", "weight = 5.0", Seal::Broken);
    let text = || std::fs::read_to_string(kept.store().manifest()).expect("a manifest");
    let damaged = text();
    let error = check_renewable(&kept.store()).expect_err("nobody knows what is in it");
    assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
    let hint = error.hint().unwrap_or_default();
    assert!(
        hint.contains("git checkout") && hint.contains("remove"),
        "{hint}"
    );
    let path = kept.directory.path().join("merged.profdata");
    let written = kept
        .store()
        .write(&merged(path, "first"), made(&kept.spec), "sample");
    written.expect_err("the same");
    assert_eq!(text(), damaged);
}

#[test]
fn the_record_says_whether_sources_have_changed() {
    let kept = Kept::new();
    let stored = kept.open().expect("it is as it was written");
    for (content, expected, words) in [
        ("sources", Sources::Unchanged, "unchanged since"),
        ("others", Sources::Changed, "sources have changed since"),
    ] {
        let now = SourceState {
            commit: None,
            sha256: digest::text(content),
        };
        let told = stored.told(&now, None);
        assert_eq!(told.sources, expected);
        let text = std::fs::read_to_string(kept.store().manifest()).expect("a manifest");
        assert_eq!(told.manifest_sha256, digest::text(&text));
        let check = stored.check(&told);
        assert!(check.detail.contains(words), "{check:?}");
        assert!(check.detail.contains("production × 0.5"), "{check:?}");
    }
}
