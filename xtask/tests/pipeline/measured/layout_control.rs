//! `--layout-control`: both arms in several code layouts.

use std::collections::BTreeSet;
use std::path::Path;

use crate::xtask::{copy_of, fixture, pgo, place, run, scratch};

#[test]
fn slow_layouts_are_the_unit_and_the_arms_stay_untouched() {
    let out = scratch();
    let spec = fixture("gain/pgo.toml");
    let arguments = ["--budget", "20s", "--json", "--layout-control", "8"];
    let record = run(pgo(place(&spec, out.path())).args(arguments))
        .succeeded()
        .record();
    assert_eq!(record["judging"]["layouts"], 8);
    for scenario in record["scenarios"].as_array().expect("scenarios") {
        assert_eq!(scenario["layouts"], 8, "{}", scenario["name"]);
        assert_eq!(scenario["verdict"], "faster", "{}", scenario["name"]);
        let reason = scenario["reason"].as_str().expect("a reason");
        assert!(reason.contains("over 8 code layouts"), "{reason}");
        let restarts = scenario["restarts"].as_u64().expect("restarts");
        assert_eq!(restarts % 8, 0);
    }
    let checks = record["verification"]["checks"].as_array().expect("checks");
    assert!(checks.iter().any(|check| check["name"] == "code-layouts"));
    let judged = run(
        pgo(["judge".as_ref(), out.path().join("record.json").as_os_str()])
            .args(["--format", "json"]),
    )
    .succeeded()
    .record();
    assert_eq!(judged["scenarios"], record["scenarios"]);

    for arm in ["baseline", "candidate"] {
        let binaries: BTreeSet<Vec<u8>> = (0..8)
            .map(|number| layout(out.path(), number, arm))
            .collect();
        assert_eq!(binaries.len(), 8, "every layout of the {arm} is another");
        assert!(!binaries.contains(&arm_binary(out.path(), arm)));
    }

    // Without layout control, the same directory has the same arms, and nothing is built.
    let again = run(pgo(place(&spec, out.path())).args(["--budget", "6s", "--json"])).succeeded();
    assert_eq!(again.record()["artifacts"], record["artifacts"]);
    assert!(!again.stderr.contains("compiled"), "{}", again.stderr);
    assert!(again.record()["scenarios"][0].get("layouts").is_none());
}

fn layout(out: &Path, number: usize, arm: &str) -> Vec<u8> {
    let path = format!("arms/layouts/{number:03}/{arm}/gain");
    std::fs::read(out.join(path)).expect("a binary")
}

fn arm_binary(out: &Path, arm: &str) -> Vec<u8> {
    std::fs::read(out.join("arms").join(arm).join("gain")).expect("a binary")
}

#[test]
fn slow_few_layouts_are_refused() {
    let out = scratch();
    let outcome =
        run(pgo(place(&fixture("gain/pgo.toml"), out.path())).args(["--layout-control", "7"]));
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
}

#[test]
fn slow_another_linker_is_refused() {
    let directory = scratch();
    let package = copy_of("gain", directory.path());
    std::fs::create_dir_all(package.join(".cargo")).expect("a directory");
    std::fs::write(
        package.join(".cargo/config.toml"),
        "[build]\nrustflags = [\"-Clinker-features=-lld\", \"-Clink-arg=-fuse-ld=bfd\"]\n",
    )
    .expect("a file");
    let out = scratch();
    run(pgo(place(&package.join("pgo.toml"), out.path())).args([
        "--budget",
        "4s",
        "--layout-control",
        "8",
    ]))
    .failed(20, "another linker was used");
}
