//! The whole job on a program that gains and on one that cannot.

use crate::xtask::{fixture, pgo, place, run, scratch};

#[test]
fn slow_a_program_that_gains_is_faster() {
    let out = scratch();
    let spec = fixture("gain/pgo.toml");
    let outcome = run(pgo(place(&spec, out.path())).args(["--budget", "20s", "--json", "--audit"]));
    let record = outcome.succeeded().record();
    for scenario in record["scenarios"].as_array().expect("scenarios") {
        assert_eq!(scenario["verdict"], "faster", "{}", scenario["name"]);
        assert!(scenario["ci_high"].as_f64().expect("an interval") < 1.0);
        assert_eq!(scenario["expectation"], "met");
    }
    assert_ne!(
        record["artifacts"]["baseline"]["sha256"],
        record["artifacts"]["candidate"]["sha256"]
    );
    assert!(record["profile"]["functions_covered"].as_u64() > Some(0));
    assert!(record["verification"]["audit"]["null_rebuild"].is_string());
    let text = std::fs::read_to_string(out.path().join("record.json")).expect("a record");
    assert!(
        !text.contains(&out.path().display().to_string()),
        "the record has an absolute path"
    );
    assert!(out.path().join("report.md").is_file());
    let page = std::fs::read_to_string(out.path().join("report.html")).expect("a page");
    assert!(page.contains("PGO pays") && page.ends_with("</html>"));
    the_interpreter_is_the_hottest_function(&record["profile"]["hottest"]);

    judging_again_gives_the_same(out.path());
    another_budget_builds_nothing(out.path());
}

/// Both arms have symbols, and the profile's names are found in both.
fn the_interpreter_is_the_hottest_function(hottest: &serde_json::Value) {
    let hottest = hottest.as_array().expect("functions");
    assert!((1..=20).contains(&hottest.len()), "{}", hottest.len());
    assert_eq!(hottest[0]["name"], "gain::machine::run", "{}", hottest[0]);
    assert!(hottest[0]["counts_share"].as_f64() > Some(0.5));
    for arm in ["baseline", "candidate"] {
        let size_bytes = hottest[0][arm]["own"]["size_bytes"].as_u64();
        assert!(size_bytes > Some(100), "{arm}: {}", hottest[0]);
    }
}

fn judging_again_gives_the_same(out: &std::path::Path) {
    let saved = std::fs::read_to_string(out.join("record.json")).expect("a record");
    let saved: serde_json::Value = serde_json::from_str(&saved).expect("JSON");
    let again = run(
        pgo(["judge".as_ref(), out.join("record.json").as_os_str()]).args(["--format", "json"])
    );
    assert_eq!(again.succeeded().record()["scenarios"], saved["scenarios"]);
}

fn another_budget_builds_nothing(out: &std::path::Path) {
    let spec = fixture("gain/pgo.toml");
    let outcome = run(pgo(place(&spec, out)).args(["--budget", "6s", "--json"])).succeeded();
    let record = outcome.record();
    for stage in record["timings"]["stages"].as_array().expect("stages") {
        let made = ["build", "train", "verify"].contains(&stage["kind"].as_str().expect("a kind"));
        assert!(!made || stage["state"] == "reused", "{stage}");
    }
    assert!(!outcome.stderr.contains("compiled"), "{}", outcome.stderr);
}

#[test]
fn slow_a_program_that_cannot_gain_is_not_faster() {
    let out = scratch();
    let spec = fixture("no-gain/pgo.toml");
    let outcome = run(pgo(place(&spec, out.path())).args(["--budget", "40s", "--json"]));
    for scenario in outcome.succeeded().record()["scenarios"]
        .as_array()
        .expect("scenarios")
    {
        let verdict = scenario["verdict"].as_str().expect("a verdict");
        assert!(
            ["no-difference", "inconclusive"].contains(&verdict),
            "{}: {verdict}",
            scenario["name"]
        );
    }
}

#[test]
fn slow_the_single_steps_make_a_verified_pair() {
    let out = scratch();
    let spec = fixture("gain/pgo.toml");
    let step = |name: &str| run(pgo([name]).args(place(&spec, out.path())));
    let instrumented = step("instrument").succeeded();
    let elsewhere = out.path().with_extension("trained-elsewhere");
    std::fs::create_dir(&elsewhere).expect("a directory");
    let trained = std::process::Command::new(instrumented.stdout.trim())
        .arg(fixture("gain/inputs/train.txt"))
        .env("LLVM_PROFILE_FILE", elsewhere.join("run_%m_%p.profraw"))
        .output()
        .expect("the instrumented binary runs");
    assert!(trained.status.success());
    run(pgo(["merge"])
        .args(place(&spec, out.path()))
        .arg(&elsewhere))
    .succeeded();
    step("optimize").succeeded();
    let verified = step("verify").succeeded();
    assert!(
        verified.stdout.contains("binaries-differ"),
        "{}",
        verified.stdout
    );
    let status = step("status").succeeded();
    assert!(
        status
            .stdout
            .lines()
            .any(|line| line.starts_with("verify") && line.contains("passed"))
    );
    step("clean").succeeded();
    assert!(!out.path().exists());
    std::fs::remove_dir_all(elsewhere).expect("removed");
}

#[test]
fn slow_the_gate_tells_by_exit_code() {
    let out = scratch();
    let spec = fixture("faulty/insatiable.toml");
    let run_with = |gate: &[&str]| {
        let mut command = pgo(place(&spec, out.path()));
        run(command.args(["--budget", "1s"]).args(gate))
    };
    run_with(&[]).succeeded();
    let gated = run_with(&["--gate"]);
    assert_eq!(gated.code, Some(11), "{}", gated.stderr);
}

#[test]
fn slow_a_dry_run_changes_nothing() {
    let out = scratch();
    let spec = fixture("gain/pgo.toml");
    let outcome = run(pgo(place(&spec, out.path())).arg("--dry-run")).succeeded();
    for part in [
        "build baseline",
        "train programs",
        "measure",
        "in all about",
        "disk",
    ] {
        assert!(
            outcome.stderr.contains(part),
            "{part} is not in the plan: {}",
            outcome.stderr
        );
    }
    assert_eq!(
        std::fs::read_dir(out.path()).expect("a directory").count(),
        0
    );
}
