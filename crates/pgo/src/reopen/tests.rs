use std::path::PathBuf;

use serde_json::json;

use super::*;

const SPEC: &str = r#"
name = "sample"
[target]
manifest = "Cargo.toml"
package = "sample"
bin = "sample"
[[train]]
name = "t"
inputs = ["train.txt"]
[[scenario]]
name = "one"
kind = "cold"
inputs = ["holdout.txt"]
[[scenario]]
name = "two"
kind = "cold"
inputs = ["holdout.txt"]
"#;

/// A spec, and an output directory as verification leaves it, of two of the system's programs.
struct Left {
    directory: tempfile::TempDir,
}

impl Left {
    fn new(tried: &[&str]) -> Self {
        let left = Self {
            directory: tempfile::tempdir().expect("a directory"),
        };
        for (file, text) in [
            ("Cargo.toml", ""),
            ("train.txt", "train"),
            ("holdout.txt", "holdout"),
            ("sample.toml", SPEC),
        ] {
            std::fs::write(left.path(file), text).expect("a file");
        }
        drop(OutputDir::open(&left.path("out"), &mut |_| {}).expect("a directory"));
        std::fs::copy("/bin/sh", left.path("out/baseline")).expect("a program");
        std::fs::copy("/bin/ls", left.path("out/candidate")).expect("a program");
        left.keep(tried, "baseline", "candidate");
        left
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn spec(&self) -> Spec {
        Spec::load(&self.path("sample.toml")).expect("a valid spec")
    }

    /// Writes what the stage `verify` keeps.
    fn keep(&self, tried: &[&str], baseline: &str, candidate: &str) {
        let read = |name: &str| {
            let path = self.path("out").join(name);
            Artifact::read(&path, Vec::new()).expect("a program")
        };
        let spec = self.spec();
        let mut scenarios = spec.scenarios(&BTreeMap::new());
        scenarios.retain(|scenario| tried.contains(&scenario.name.as_str()));
        let costs: BTreeMap<&str, serde_json::Value> = tried
            .iter()
            .map(|&name| (name, json!({ "startup_s": 0.0, "sample_s": 0.5 })))
            .collect();
        let kept = json!({
            "key": "any",
            "output": {
                "baseline": read(baseline),
                "candidate": {
                    "artifact": read(candidate),
                    "profile": {
                        "path": "merged.profdata", "sha256": "", "workloads": [],
                        "functions_total": 1, "functions_covered": 1, "counts_total": 1,
                        "blocks_total": 1, "blocks_for_99_percent": 1,
                    },
                    "profile_use": {
                        "functions_mismatched": 0, "functions_missing": 0,
                        "counts_discarded": 0, "unreadable": [],
                    },
                },
                "checks": [],
                "costs": costs,
                "grounds": verify::grounds(&spec, &scenarios, &Assets::default())
                    .expect("the files are there"),
            },
        });
        let stage = Layout::new(&self.path("out")).stage("verify");
        std::fs::write(stage, kept.to_string()).expect("a file");
    }

    fn open(&self) -> Result<OpenedPair> {
        let out = self.path("out");
        OpenedPair::open(&self.spec(), &out, "run the maker", &mut |_| {})
    }

    #[track_caller]
    fn refused(&self, message: &str) {
        let error = self.open().expect_err("it must be refused");
        assert_eq!(error.exit_code(), crate::exit::VERIFICATION_FAILED);
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().is_some());
    }

    #[track_caller]
    fn refused_with_remedy(&self, message: &str) {
        self.refused(message);
        let hint = self.open().expect_err("refused").hint().unwrap_or_default();
        assert!(hint.contains("run the maker"), "{hint}");
    }
}

#[test]
fn a_pair_that_still_holds_is_opened() {
    let left = Left::new(&["one", "two"]);
    let opened = left.open().expect("it is as it was left");
    assert_eq!(opened.scenarios().len(), 2);
    assert!(opened.unverified().is_empty());
    assert_eq!(opened.known_costs().len(), 2);
    assert_eq!(opened.assets(), AssetsSince::Same);
    let [baseline, candidate] = [Arm::Baseline, Arm::Candidate].map(|arm| opened.arms().path(arm));
    assert_eq!(baseline.as_os_str().len(), candidate.as_os_str().len());
    assert_eq!(opened.arms().present(), [Arm::Baseline, Arm::Candidate]);
}

#[test]
fn a_flipped_byte_in_either_file_is_refused() {
    for name in ["baseline", "candidate"] {
        let left = Left::new(&["one", "two"]);
        let path = left.path("out").join(name);
        let mut content = std::fs::read(&path).expect("a program");
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(&path, content).expect("a program");
        left.refused_with_remedy("is no longer the file that was verified");
    }
}

#[test]
fn a_missing_file_is_refused() {
    for name in ["baseline", "candidate"] {
        let left = Left::new(&["one", "two"]);
        std::fs::remove_file(left.path("out").join(name)).expect("a program");
        left.refused_with_remedy("binary verification failed");
    }
}

#[test]
fn the_same_program_twice_is_refused() {
    let left = Left::new(&["one", "two"]);
    std::fs::copy(left.path("out/baseline"), left.path("out/candidate")).expect("a program");
    left.keep(&["one", "two"], "baseline", "candidate");
    left.refused("identical");
}

#[test]
fn a_spec_or_an_input_that_changed_is_refused() {
    for (file, text) in [
        (
            "sample.toml",
            SPEC.replace("name = \"t\"", "name = \"t\"\nweight = 2.0"),
        ),
        (
            "sample.toml",
            SPEC.replace("bin = \"sample\"", "bin = \"sample\"\nfeatures = [\"f\"]"),
        ),
        (
            "sample.toml",
            SPEC.replace("name = \"one\"", "name = \"one\"\nargs = [\"-x\"]"),
        ),
        ("holdout.txt", "other".to_owned()),
        ("train.txt", "other".to_owned()),
    ] {
        let left = Left::new(&["one", "two"]);
        std::fs::write(left.path(file), text).expect("a file");
        left.refused_with_remedy("is stale");
    }
}

#[test]
fn what_the_verdict_alone_needs_makes_nothing_stale() {
    let left = Left::new(&["one", "two"]);
    let judged = format!("{SPEC}\n[judge]\nthreshold = 0.05\n");
    std::fs::write(left.path("sample.toml"), judged).expect("a spec");
    left.open().expect("the pair is as it was");
}

#[test]
fn an_absent_or_unreadable_verification_is_refused_and_makes_nothing() {
    let left = Left::new(&["one", "two"]);
    let stage = Layout::new(&left.path("out")).stage("verify");
    std::fs::write(&stage, "{").expect("a file");
    left.refused_with_remedy("there is no verified pair");
    std::fs::remove_dir_all(left.path("out")).expect("a directory");
    left.refused_with_remedy("there is no verified pair");
    assert!(!left.path("out").exists());
}

#[test]
fn scenarios_that_were_not_tried_are_named() {
    let left = Left::new(&["two"]);
    let opened = left.open().expect("a pair for one scenario");
    assert_eq!(opened.scenarios()[0].name, "two");
    assert_eq!(opened.unverified(), ["one"]);
}
