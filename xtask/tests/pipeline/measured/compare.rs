//! `cargo xtask compare` on programs, records and baselines of Criterion.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::xtask::{Outcome, compare, fixture, run, scratch};

/// A program that works for `rounds`, prints `word` and ends with the code it is given.
fn program(directory: &Path, name: &str, rounds: u64, word: &str) -> PathBuf {
    let source = directory.join(format!("{name}.rs"));
    let text = format!(
        "fn main() {{
            let mut sum = 0_u64;
            for round in 0..{rounds} {{ sum = std::hint::black_box(sum.wrapping_add(round)); }}
            println!(\"{word}\");
            let code = std::env::args().nth(1).map_or(0, |code| code.parse().expect(\"a code\"));
            std::process::exit(code);
        }}"
    );
    std::fs::write(&source, text).expect("a file");
    let program = directory.join(name);
    let status = Command::new("rustc")
        .args(["-O", "--edition", "2024", "-o"])
        .args([&program, &source])
        .status()
        .expect("rustc runs");
    assert!(status.success());
    program
}

/// Ten million rounds take some milliseconds.
const ROUNDS: u64 = 10_000_000;

fn programs(directory: &Path) -> [PathBuf; 2] {
    [
        program(directory, "quick", ROUNDS, "done"),
        program(directory, "slow", 3 * ROUNDS, "done"),
    ]
}

fn measured(sides: [&Path; 2], out: &Path, options: &[&str]) -> Outcome {
    run(compare(sides)
        .args(["--budget", "3s", "--format", "json", "--out"])
        .arg(out)
        .args(options))
}

/// A record of the two programs, in `directory`/`name`.
fn recorded(directory: &Path, sides: [&Path; 2], name: &str) -> PathBuf {
    let out = directory.join(name);
    let options = ["--name", "work", "--threshold", "0.2"];
    let outcome = measured(sides, &out, &options);
    assert!(matches!(outcome.code, Some(0 | 10)), "{}", outcome.stderr);
    out.join("record.json")
}

fn results(sides: [&Path; 2], options: &[&str]) -> Outcome {
    run(compare(sides).args(options))
}

#[test]
fn slow_pinning_is_recorded_and_advised_where_it_may_help() {
    let scratch = scratch();
    let quick = program(scratch.path(), "quick", ROUNDS, "done");
    let out = scratch.path().join("out");
    // No sample of three seconds tells a ten-thousandth.
    let compare = |options: &[&str]| {
        let options = [&["--threshold", "0.0001"], options].concat();
        let comparison = measured([&quick, &quick], &out, &options).record();
        let record = std::fs::read(out.join("record.json")).expect("a record");
        let record: Value = serde_json::from_slice(&record).expect("JSON");
        (
            comparison["notes"].to_string().contains("`--pin`"),
            record["scenarios"][0]["pin"].clone(),
        )
    };
    assert_eq!(compare(&[]), (true, Value::Null));
    assert_eq!(compare(&["--pin"]), (false, json!("one-core")));
}

#[test]
fn slow_two_unmodified_programs_are_told_apart() {
    let scratch = scratch();
    let [quick, slow] = programs(scratch.path());
    let out = scratch.path().join("out");
    let outcome = measured([&quick, &slow], &out, &["--", "0"]);
    assert_eq!(outcome.code, Some(10), "{}", outcome.stdout);
    let comparison = outcome.record();
    assert_eq!(comparison["schema"], 1);
    assert_eq!(comparison["rows"][0]["verdict"], "slower");
    assert_eq!(comparison["rows"][0]["pairing"], "paired");
    assert!(comparison["rows"][0]["aa"]["effect"].is_f64());
    let record: Value =
        serde_json::from_slice(&std::fs::read(out.join("record.json")).expect("a record"))
            .expect("JSON");
    for unknown in ["/spec", "/toolchain", "/artifacts/baseline/rustflags"] {
        assert_eq!(record.pointer(unknown), Some(&Value::Null), "{unknown}");
    }
    for report in ["report.md", "report.html"] {
        let text = std::fs::read_to_string(out.join(report)).expect("a report");
        assert!(text.contains("The candidate is slower"), "{report}");
        for foreign in ["PGO", "profile", "--layout-control", "--audit"] {
            assert!(!text.contains(foreign), "{foreign} in {report}");
        }
    }

    let back = measured([&slow, &quick], &out, &[]).succeeded().record();
    assert_eq!(back["rows"][0]["verdict"], "faster");
}

#[test]
fn slow_the_same_program_and_differing_outputs_are_said() {
    let scratch = scratch();
    let quick = program(scratch.path(), "quick", ROUNDS, "done");
    let other = program(scratch.path(), "other", ROUNDS, "ready");
    let out = scratch.path().join("out");
    // The threshold is such that no load of the machine is taken for a difference.
    let outcome = measured([&quick, &quick], &out, &["--threshold", "0.9"]).succeeded();
    assert!(
        outcome.stderr.contains("A/A comparison"),
        "{}",
        outcome.stderr
    );
    let outcome = measured([&quick, &other], &out, &["--threshold", "0.9"]).succeeded();
    assert!(
        outcome.stderr.contains("different results"),
        "{}",
        outcome.stderr
    );
    let notes = outcome.record()["notes"].to_string();
    assert!(notes.contains("different results"), "{notes}");

    // What a spec wants to be equal must be.
    let spec = scratch.path().join("pgo.toml");
    let manifest = fixture("gain/Cargo.toml");
    let text = format!(
        "name = \"x\"\n[target]\nmanifest = {:?}\npackage = \"gain\"\nbin = \"gain\"\n\
         [[scenario]]\nname = \"work\"\nkind = \"cold\"\n",
        manifest.display()
    );
    std::fs::write(&spec, text).expect("a file");
    let named = ["--spec", spec.to_str().expect("UTF-8")];
    measured([&quick, &other], &out, &named).failed(22, "different results");
    measured(
        [&quick, &quick],
        &out,
        &[named[0], named[1], "--threshold", "0.9"],
    )
    .succeeded();
    measured(
        [&quick, &quick],
        &out,
        &[named[0], named[1], "--only", "nothing"],
    )
    .failed(2, "no scenario `nothing`");
}

#[test]
fn slow_a_program_must_end_as_declared() {
    let scratch = scratch();
    let quick = program(scratch.path(), "quick", ROUNDS, "done");
    let out = scratch.path().join("out");
    measured([&quick, &quick], &out, &["--", "3"]).failed(23, "exit");
    let declared = ["--exit", "3", "--threshold", "0.9", "--", "3"];
    measured([&quick, &quick], &out, &declared).succeeded();
}

#[test]
fn slow_an_interrupted_comparison_continues() {
    let scratch = scratch();
    let [quick, slow] = programs(scratch.path());
    let out = scratch.path().join("out");
    let arguments = |command: &mut Command| {
        command.args(["--budget", "15s", "--out"]).arg(&out);
    };
    let mut command = compare([&quick, &slow]);
    arguments(&mut command);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let begun = |line: &Result<String, _>| {
        let line = line.as_ref().expect("readable");
        line.contains("sampling takes about")
    };
    assert!(lines.any(|line| begun(&line)));
    std::thread::sleep(std::time::Duration::from_millis(500));
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "INT", &id])
            .status()
            .expect("kill runs")
            .success()
    );
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let samples = out.join("samples/pair/samples.jsonl");
    let kept = std::fs::read_to_string(&samples).expect("samples are kept");
    assert!(kept.lines().count() > 2, "{kept}");

    let mut command = compare([&quick, &slow]);
    arguments(&mut command);
    let outcome = run(&mut command);
    assert_eq!(outcome.code, Some(10), "{}", outcome.stdout);
    let continued = std::fs::read_to_string(&samples).expect("samples");
    assert!(
        continued.starts_with(kept.trim_end()),
        "they were taken anew"
    );
}

#[test]
fn slow_a_finished_comparison_is_measured_anew_and_a_path_is_no_name() {
    let scratch = scratch();
    let quick = program(scratch.path(), "quick", ROUNDS, "done");
    let out = scratch.path().join("out");
    let samples = || {
        measured([&quick, &quick], &out, &["--threshold", "0.9"]).succeeded();
        std::fs::read_to_string(out.join("samples/pair/samples.jsonl")).expect("samples")
    };
    let first = samples();
    let second = samples();
    assert_eq!(
        first.lines().next(),
        second.lines().next(),
        "the same question"
    );
    assert_ne!(first, second, "old samples were told as new");

    for name in ["../outside", "/outside", ".."] {
        run(compare([&quick, &quick]).args(["--budget", "3s", "--name", name]))
            .failed(2, "is no name of a comparison");
    }
}

#[test]
fn slow_records_are_bridged_refused_or_forced() {
    let scratch = scratch();
    let [quick, slow] = programs(scratch.path());
    let older = recorded(scratch.path(), [&quick, &quick], "older");
    let newer = recorded(scratch.path(), [&quick, &slow], "newer");
    let outcome = results([&older, &newer], &["--format", "json"]);
    assert_eq!(outcome.code, Some(10), "{}", outcome.stderr);
    let comparison = outcome.record();
    assert_eq!(comparison["rows"][0]["pairing"], "bridged");
    assert_eq!(comparison["drift"], Value::Null);

    // An output directory stands for its record; no record differs surely by 0.01 %.
    let itself = older.parent().expect("a directory");
    let strict = ["--strict", "--threshold", "0.0001"];
    assert_eq!(results([itself, &older], &strict).code, Some(11));
    assert_eq!(results([itself, &older], &strict[1..]).code, Some(0));

    let elsewhere = scratch.path().join("elsewhere.json");
    edit(&newer, &elsewhere, |record| {
        record["host"]["cpu_model"] = json!("another processor");
    });
    results([&older, &elsewhere], &[]).failed(2, "processor");
    let forced = results([&older, &elsewhere], &["--force"]);
    assert_eq!(forced.code, Some(10), "{}", forced.stderr);
    assert!(forced.stdout.contains("Forced"), "{}", forced.stdout);

    for (format, begins) in [
        ("markdown", "`"),
        ("bmf", "{"),
        ("github", "["),
        ("benchstat", "BenchmarkWork/arm=baseline 1 "),
    ] {
        let outcome = results([&older, &newer], &["--format", format]);
        assert!(
            outcome.stdout.starts_with(begins),
            "{format}: {}",
            outcome.stdout
        );
    }
}

pub(crate) fn edit(from: &Path, to: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read(from).expect("a record");
    let mut record = serde_json::from_slice(&text).expect("JSON");
    change(&mut record);
    std::fs::write(to, record.to_string()).expect("a file");
}

#[test]
fn slow_what_is_no_good_record_is_refused_with_a_next_step() {
    let scratch = scratch();
    let quick = program(scratch.path(), "quick", ROUNDS, "done");
    let good = recorded(scratch.path(), [&quick, &quick], "good");
    let whole = std::fs::read_to_string(&good).expect("a record");
    let bad = scratch.path().join("bad.json");
    for (text, message) in [
        (&whole[..whole.len() / 2], "is not a record"),
        ("", "is not a record"),
        ("{\"rows\": []}", "has schema (none)"),
        ("{\"schema\": 0}", "has schema 0"),
        ("{\"schema\": 99}", "has schema 99"),
        ("[1, 2]", "has schema (none)"),
    ] {
        std::fs::write(&bad, text).expect("a file");
        for sides in [[&bad, &good], [&good, &bad]] {
            let outcome = results(sides.map(PathBuf::as_path), &[]).failed(2, message);
            assert!(outcome.stderr.contains("bad.json"), "{}", outcome.stderr);
        }
    }
    edit(&good, &bad, |record| {
        record["scenarios"][0]["effect"] = json!(0.5);
    });
    let outcome = results([&good, &bad], &[]).failed(2, "contradicts its own samples");
    assert!(
        outcome.stderr.contains("effect is 0.5"),
        "{}",
        outcome.stderr
    );
    let forced = results([&good, &bad], &["--force"]);
    assert!(forced.stdout.contains("Forced"), "{}", forced.stdout);

    results([&good, &quick], &[]).failed(2, "the first is a record, the second a program");
    results([&good, &scratch.path().join("missing")], &[]).failed(2, "there is no");
    results([&good, &good], &["--", "1"]).failed(2, "ARGS belongs to two programs");
    let of_programs = ["--budget", "5s", "--out", "x", "--remeasure"];
    let message = "--budget, --out, --remeasure belong to two programs";
    results([&good, &good], &of_programs).failed(2, message);
    let of_results = ["--drift", "0.1", "--force"];
    results([&quick, &quick], &of_results).failed(2, "--drift, --force belong to results");
}

#[test]
fn slow_baselines_of_criterion_are_compared_by_their_samples() {
    let scratch = scratch();
    let write = |baseline: &str, time_ns: f64| {
        let directory = scratch.path().join("group/function").join(baseline);
        std::fs::create_dir_all(&directory).expect("a directory");
        let iterations: Vec<f64> = (1..=100).map(f64::from).collect();
        let noise = |sample: &f64| 1.0 + (sample * 7.0 % 5.0 - 2.0) / 1000.0;
        let times: Vec<f64> = iterations.iter().map(|n| n * time_ns * noise(n)).collect();
        let sample = json!({"sampling_mode": "Linear", "iters": iterations, "times": times});
        std::fs::write(directory.join("sample.json"), sample.to_string()).expect("a file");
    };
    for (baseline, time_ns) in [("main", 100.0), ("drifted", 110.0), ("doubled", 200.0)] {
        write(baseline, time_ns);
    }
    let side = |name: &str| PathBuf::from(format!("{}:{name}", scratch.path().display()));
    let json = ["--format", "json"];
    let doubled = results([&side("main"), &side("doubled")], &json);
    assert_eq!(doubled.code, Some(10), "{}", doubled.stderr);
    // Within the drift allowance nothing is called, unless the caller knows the machine.
    let drifted = results([&side("main"), &side("drifted")], &json).succeeded();
    assert_eq!(drifted.record()["rows"][0]["verdict"], "inconclusive");
    let quiet = results([&side("main"), &side("drifted")], &["--drift", "0.01"]);
    assert_eq!(quiet.code, Some(10), "{}", quiet.stderr);

    results([scratch.path(), &side("main")], &[]).failed(2, "several baselines");
    results([&side("other"), &side("main")], &[]).failed(2, "no baseline `other`");
    let empty = scratch.path().join("group");
    std::fs::remove_dir_all(empty.join("function")).expect("removed");
    results([&empty, &empty], &[]).failed(2, "neither record.json nor a baseline");
}
