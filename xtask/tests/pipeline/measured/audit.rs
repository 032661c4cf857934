//! `cargo xtask pgo audit` on what a pipeline left: sound, and wrong in each way that is known.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;

use crate::built::profiles::stale;
use crate::xtask::{Outcome, copy_of, fixture, pgo, place, run, scratch};

/// What a pipeline left.
#[derive(Clone)]
struct Files {
    profile: PathBuf,
    build_log: PathBuf,
    binary: PathBuf,
    baseline: PathBuf,
}

impl Files {
    /// The gain fixture, built with its profile in `directory`.
    fn built(directory: &Path) -> Self {
        let profile = merged("gain", directory);
        let (spec, out) = (spec("gain", directory), out("gain", directory));
        for step in ["optimize", "verify"] {
            run(pgo([step]).args(place(&spec, &out))).succeeded();
        }
        Self {
            profile,
            build_log: out.join("logs/build-candidate.log"),
            binary: out.join("arms/candidate/gain"),
            baseline: out.join("arms/baseline/gain"),
        }
    }

    fn audit(&self, options: &[&str]) -> Outcome {
        let mut command = pgo(["audit"]);
        command.arg("--profile").arg(&self.profile);
        command.arg("--build-log").arg(&self.build_log);
        command.arg("--binary").arg(&self.binary);
        command.arg("--baseline").arg(&self.baseline);
        run(command.args(options))
    }

    /// Audits, expects `code`, and gives the questions that are not answered with yes.
    #[track_caller]
    fn not_yes(&self, code: i32) -> BTreeMap<String, String> {
        let directory = scratch();
        let file = directory.path().join("audit.json");
        let outcome = self.audit(&["--json", file.to_str().expect("UTF-8")]);
        assert_eq!(
            outcome.code,
            Some(code),
            "{}{}",
            outcome.stdout,
            outcome.stderr
        );
        let text = std::fs::read(&file).expect("a file");
        let findings: Value = serde_json::from_slice(&text).expect("JSON");
        let answers = findings["answers"].as_array().expect("answers");
        assert!(answers.len() >= 7, "{answers:?}");
        answers
            .iter()
            .map(|answered| (told(answered, "question"), told(answered, "answer")))
            .filter(|(_, answer)| answer != "yes")
            .collect()
    }
}

/// Lines break where the width wants it.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn told(answered: &Value, field: &str) -> String {
    answered[field].as_str().expect("a name").to_owned()
}

fn spec(name: &str, directory: &Path) -> PathBuf {
    directory.join(name).join("pgo.toml")
}

fn out(name: &str, directory: &Path) -> PathBuf {
    directory.join(format!("{name}-out"))
}

/// Trains a copy of the fixture `name`; gives the merged profile.
fn merged(name: &str, directory: &Path) -> PathBuf {
    copy_of(name, directory);
    let place = place(&spec(name, directory), &out(name, directory));
    let merged = run(pgo(["merge"]).args(place)).succeeded();
    merged.stdout.trim().into()
}

#[track_caller]
fn assert_has(found: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (question, answer) in expected {
        let given = found.get(*question).map(String::as_str);
        assert_eq!(given, Some(*answer), "{question} in {found:?}");
    }
}

/// One pair for all of it: a build costs more than an audit.
#[test]
fn slow_an_audit_finds_each_fault_of_a_pipeline() {
    let directory = scratch();
    let directory = directory.path();
    let sound = Files::built(directory);
    assert_eq!(sound.not_yes(0), BTreeMap::new());
    the_effect_has_its_interval(&sound, directory);
    another_binary_is_shipped(&sound, directory);
    a_stripped_binary_says_what_to_keep(&sound, directory);
    another_log_or_profile_is_named(&sound, directory);
    something_was_built_after_the_log(&sound, directory);
    // The last one: it overwrites binary and log.
    the_sources_have_changed(&sound, directory);
}

fn the_effect_has_its_interval(sound: &Files, directory: &Path) {
    let markdown = directory.join("audit.md");
    let measured = |workload: &str| {
        let out = directory.join("measured").display().to_string();
        let markdown = markdown.display().to_string();
        sound.audit(&[
            "--workload",
            workload,
            "--budget",
            "8s",
            "--out",
            &out,
            "--markdown",
            &markdown,
        ])
    };
    let holdout = fixture("gain/inputs/holdout.txt");
    let outcome = measured(&format!("'{}'", holdout.display()));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("EFFECT"), "{}", outcome.stdout);
    let report = std::fs::read_to_string(&markdown).expect("a report");
    let answer = "Is it no slower than the baseline? **yes**: faster";
    assert!(report.contains(answer), "{report}");
    assert!(directory.join("measured/record.json").is_file());

    let failed = measured("/nowhere.txt");
    assert_eq!(failed.code, Some(24), "{}", failed.stderr);
    let said = unwrapped(&failed.stdout);
    assert!(said.contains("measuring failed"), "{said}");
}

fn another_binary_is_shipped(sound: &Files, directory: &Path) {
    let arms = out("gain", directory).join("arms");
    let shipped = |arm: &str| {
        let binary = arms.join(arm).join("gain");
        let files = Files {
            binary,
            ..sound.clone()
        };
        files.not_yes(22)
    };
    let instrumented = shipped("instrumented");
    let expected = [("no-counters", "no"), ("shipped-as-built", "no")];
    assert_has(&instrumented, &expected);
    let unoptimised = shipped("baseline");
    let expected = [("hot-code-differs", "no"), ("shipped-as-built", "no")];
    assert_has(&unoptimised, &expected);
}

fn a_stripped_binary_says_what_to_keep(sound: &Files, directory: &Path) {
    let binary = directory.join("stripped");
    let mut strip = Command::new("strip");
    let status = strip.arg("-o").args([&binary, &sound.binary]).status();
    assert!(status.expect("strip runs").success());
    let stripped = Files {
        binary,
        ..sound.clone()
    };
    let open = stripped.not_yes(24);
    let expected = ["hot-code-differs", "profile-current", "profile-of-program"];
    assert_has(&open, &expected.map(|question| (question, "cannot-tell")));
    assert_eq!(open.len(), expected.len(), "{open:?}");
    let told = unwrapped(&stripped.audit(&[]).stdout);
    assert!(told.contains("symbol table is needed"), "{told}");
}

fn another_log_or_profile_is_named(sound: &Files, directory: &Path) {
    let log = |name: &str| out("gain", directory).join("logs").join(name);
    let with_log = |build_log: PathBuf| Files {
        build_log,
        ..sound.clone()
    };
    let unused = with_log(log("build-baseline.log")).not_yes(22);
    assert_has(&unused, &[("profile-used", "no")]);
    let missing = with_log(log("missing.log"));
    missing.audit(&[]).failed(2, "there is no file");

    let with_profile = |profile: PathBuf| Files {
        profile,
        ..sound.clone()
    };
    let empty = directory.join("empty.profdata");
    std::fs::write(&empty, "").expect("a file");
    let expected = [("profile-readable", "no"), ("profile-used", "no")];
    assert_has(&with_profile(empty).not_yes(22), &expected);
    let foreign = with_profile(merged("no-gain", directory)).not_yes(22);
    let expected = [("profile-of-program", "no"), ("profile-used", "no")];
    assert_has(&foreign, &expected);
}

/// What is linked later has the same name: with the same flags, it is the same build to cargo.
fn something_was_built_after_the_log(sound: &Files, directory: &Path) {
    let build_log = directory.join("earlier.log");
    std::fs::copy(&sound.build_log, &build_log).expect("a copy");
    let file = File::options().write(true).open(&build_log);
    let dated = file.expect("a file").set_modified(SystemTime::UNIX_EPOCH);
    dated.expect("a time");
    let earlier = Files {
        build_log,
        ..sound.clone()
    };
    let open = earlier.not_yes(24);
    assert_has(&open, &[("shipped-as-built", "cannot-tell")]);
    // The profile's name has its hash, so that its time does not matter.
    assert_eq!(open.len(), 1, "{open:?}");
}

fn the_sources_have_changed(sound: &Files, directory: &Path) {
    let source = directory.join("gain/src/machine.rs");
    let text = std::fs::read_to_string(&source).expect("the source");
    std::fs::write(&source, stale(&text)).expect("the source");
    let place = place(&spec("gain", directory), &out("gain", directory));
    run(pgo(["optimize"]).args(place)).failed(22, "have changed since training");
    let expected = [("counts-kept", "no"), ("profile-current", "no")];
    assert_has(&sound.not_yes(22), &expected);
}
