//! The command `stress`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Server, exit_code, inferno, model, signal, wait_until};

/// The exit codes of a run that was carried out: also one that was spoiled by a busy machine.
const CARRIED_OUT: [Option<i32>; 2] = [Some(0), Some(11)];

/// A run on an engine of the command's own.
fn stress(output: &Path, options: &[&str]) -> Command {
    let mut command = bare(output, options);
    command.args(["--threads", "1", "--model"]).arg(model());
    command
}

fn bare(output: &Path, options: &[&str]) -> Command {
    let mut command = inferno();
    command
        .args(["performance-benchmark", "stress", "--output"])
        .arg(output)
        .args(options);
    command
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("results").join("stress.json");
    (folder, output)
}

fn carried_out(command: &mut Command) -> Output {
    let output = command.output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        CARRIED_OUT.contains(&output.status.code()),
        "{:?}: {stderr}",
        output.status
    );
    output
}

fn document(output: &Path) -> Value {
    let text = std::fs::read_to_string(output).expect("a document");
    serde_json::from_str(&text).expect("JSON")
}

/// The lines of the file of outcomes beside `output`.
fn outcomes(output: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(output.with_extension("outcomes.jsonl")).expect("outcomes");
    assert!(text.is_empty() || text.ends_with('\n'), "half a line");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The sum of all endings, and how many there are of one.
fn endings(document: &Value, name: &str) -> (u64, u64) {
    let endings = document["summary"]["endings"].as_object().expect("endings");
    let sum = endings.values().filter_map(Value::as_u64).sum();
    (sum, endings[name].as_u64().expect("a count"))
}

#[test]
fn at_an_overload_the_endings_add_up_to_the_arrivals() {
    let (_folder, output) = folder();
    let options = [
        "--clients",
        "4",
        "--rate",
        "50",
        "--duration",
        "2",
        "--max-tokens",
        "512",
        "--slots",
        "1",
        "--queue",
        "4",
        "--max-in-flight",
        "16",
        "--grace",
        "0.5",
        "--objective-ms",
        "100",
    ];
    let told = carried_out(&mut stress(&output, &options));
    let document = document(&output);
    let arrivals = document["summary"]["arrivals"].as_u64().expect("a count");
    let outcomes = outcomes(&output);
    // 400 are expected: five standard deviations are 100.
    assert!((300..500).contains(&arrivals), "{arrivals}");
    assert_eq!(outcomes.len() as u64, arrivals);
    let mut numbers: Vec<_> = outcomes
        .iter()
        .filter_map(|line| line["number"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..arrivals));
    let (sum, served) = endings(&document, "served");
    assert_eq!(sum, arrivals);
    let (_, refused) = endings(&document, "refused");
    assert!(served > 0 && refused > 0, "{document:#}");
    let good = document["summary"]["goodput"]["share"].as_f64();
    assert!(good.is_some_and(|share| share < 0.9), "{good:?}");
    let stdout = String::from_utf8_lossy(&told.stdout);
    let label = "open loop: 4 clients × 50 requests/s each = 200 requests/s, Poisson arrivals";
    assert!(stdout.contains(label), "{stdout}");
}

#[test]
fn in_an_open_loop_latency_has_the_waiting_in_it() {
    let (_folder, output) = folder();
    let options = [
        "--clients",
        "1",
        "--rate",
        "20",
        "--arrivals",
        "constant",
        "--duration",
        "1",
        "--slots",
        "1",
        "--queue",
        "100",
        "--max-tokens",
        "1024",
        "--grace",
        "60",
        "--timeout",
        "120",
    ];
    carried_out(&mut stress(&output, &options));
    assert_eq!(endings(&document(&output), "served"), (20, 20));
    let mut outcomes = outcomes(&output);
    outcomes.sort_by_key(|line| line["number"].as_u64());
    let at = |line: &Value, name: &str| line[name].as_f64().expect("a time") / 1e9;
    let latency = |line: &Value| at(line, "ended_ns") - at(line, "due_ns");
    let (first, last) = (&outcomes[0], &outcomes[19]);
    // Where requests come at a rate λ and go at a rate μ, one that goes a time t later has waited
    // t (1 − μ ÷ λ) longer: the fluid limit of a queue. The first one found nobody before it: it took 1 ÷ μ.
    let answers_per_s = (at(first, "ended_ns") - at(first, "sent_ns")).recip();
    let expected = 1.0 - answers_per_s / 20.0;
    assert!(expected > 0.0, "no overload: {answers_per_s} answers/s");
    let later = at(last, "ended_ns") - at(first, "ended_ns");
    let found = (latency(last) - latency(first)) / later;
    let of_expected = found / expected;
    assert!(
        (0.5..1.5).contains(&of_expected),
        "{found} s per second, not {expected}"
    );
    let tokens = outcomes[0]["token_times_ns"].as_array().map(Vec::len);
    assert_eq!(tokens, Some(1024));
}

#[test]
fn a_closed_loop_is_labelled() {
    let (_folder, output) = folder();
    let options = ["--clients", "2", "--duration", "1", "--max-tokens", "16"];
    let told = carried_out(&mut stress(&output, &options));
    let stdout = String::from_utf8_lossy(&told.stdout);
    assert!(stdout.starts_with("closed loop: 2 clients"), "{stdout}");
    assert!(stdout.contains("nothing about capacity"), "{stdout}");
    let document = document(&output);
    assert_eq!(document["settings"]["pace"], "closed-loop");
    assert!(
        document["validity"]["not-judged"].is_string(),
        "{}",
        document["validity"]
    );
    let (sum, served) = endings(&document, "served");
    assert_eq!(sum, served);
    assert_eq!(sum, outcomes(&output).len() as u64);
}

#[test]
fn a_server_is_asked_in_its_own_interface() {
    let server = Server::start(&["--slots", "2"]);
    let (_folder, output) = folder();
    let url = format!("http://{}", server.address);
    let options = [
        "--url",
        &url,
        "--clients",
        "2",
        "--rate",
        "3",
        "--duration",
        "2",
        "--max-tokens",
        "8",
    ];
    carried_out(&mut bare(&output, &options));
    let document = document(&output);
    assert_eq!(document["target"]["kind"], "server");
    assert_eq!(document["target"]["model"], "tiny");
    let (sum, served) = endings(&document, "served");
    assert_eq!(sum, served, "{document:#}");
    for line in outcomes(&output) {
        assert_eq!(line["answer_tokens"], 8, "{line}");
        assert!(line["prompt_tokens"].as_u64() > Some(0), "{line}");
        assert!(
            line["first_token_ns"].as_u64() <= line["ended_ns"].as_u64(),
            "{line}"
        );
    }
}

#[test]
fn a_ramp_has_steps_and_says_where_its_knee_is() {
    let (_folder, output) = folder();
    let options = [
        "--clients",
        "1",
        "--rate",
        "20",
        "--ramp",
        "2",
        "--duration",
        "4",
        "--max-tokens",
        "4",
    ];
    let told = carried_out(&mut stress(&output, &options));
    let document = document(&output);
    let steps = document["ramp"]["steps"].as_array().expect("steps");
    assert!(!steps.is_empty() && steps.len() <= 2, "{document:#}");
    assert_eq!(steps[0]["rate_per_client"], 10.0);
    let has_knee = document["knee_rate_per_client"].is_f64();
    assert_eq!(document["summary"].is_object(), has_knee, "{document:#}");
    let first = steps[0]["outcomes"].as_str().expect("a name");
    assert!(output.with_file_name(first).is_file(), "{first}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("knee"));
}

#[test]
fn a_ramp_of_which_nothing_is_served_fails() {
    let (_folder, output) = folder();
    // No answer of so many tokens takes a millisecond.
    let options = [
        "--rate",
        "20",
        "--ramp",
        "2",
        "--duration",
        "2",
        "--max-tokens",
        "512",
        "--timeout",
        "0.001",
        "--grace",
        "2",
    ];
    let told = stress(&output, &options).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(23), "{stderr}");
    assert!(stderr.contains("no request was served"), "{stderr}");
    let stdout = String::from_utf8_lossy(&told.stdout);
    assert!(!stdout.contains("VALID"), "{stdout}");
    assert!(document(&output)["knee_rate_per_client"].is_null());
}

#[test]
fn a_run_that_is_killed_leaves_its_outcomes() {
    let (_folder, output) = folder();
    std::fs::create_dir_all(output.parent().expect("a folder")).expect("a folder");
    std::fs::write(&output, r#"{"complete": true}"#).expect("an older document");
    let options = ["--clients", "2", "--duration", "100", "--max-tokens", "8"];
    let mut child = stress(&output, &options)
        .spawn()
        .expect("the binary starts");
    let path = output.with_extension("outcomes.jsonl");
    wait_until("there are outcomes", || {
        let text = std::fs::read_to_string(&path).ok()?;
        (text.lines().count() > 3).then_some(())
    });
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    assert!(outcomes(&output).len() > 3);
    let document = document(&output);
    assert_eq!(document["complete"], false);
    assert_eq!(document["outcomes"], "stress.outcomes.jsonl");
}

#[test]
fn a_run_that_is_interrupted_says_what_it_has() {
    let (_folder, output) = folder();
    let options = [
        "--clients",
        "2",
        "--rate",
        "5",
        "--duration",
        "100",
        "--max-tokens",
        "8",
    ];
    let mut child = stress(&output, &options)
        .spawn()
        .expect("the binary starts");
    let path = output.with_extension("outcomes.jsonl");
    wait_until("there are outcomes", || {
        let text = std::fs::read_to_string(&path).ok()?;
        (text.lines().count() > 3).then_some(())
    });
    signal(&child, Signal::INT);
    assert_eq!(exit_code(&mut child), Some(130));
    let document = document(&output);
    assert_eq!(document["complete"], false);
    assert!(document["summary"]["length_s"].as_f64() < Some(100.0));
    assert_eq!(
        endings(&document, "served").0,
        outcomes(&output).len() as u64
    );
}

#[test]
fn what_makes_no_sense_and_what_is_not_there_is_said() {
    let (_folder, output) = folder();
    for options in [
        &["--arrivals", "constant"][..],
        &["--ramp"],
        &["--rate", "0"],
        &["--rate", "1e9"],
        &["--url", "http://127.0.0.1:1"],
        &["--prompts", "nowhere.txt"],
    ] {
        let told = stress(&output, options).output().expect("the binary runs");
        assert_eq!(told.status.code(), Some(2), "{options:?}");
    }
    let address = Server::start(&[]).address;
    let url = format!("http://{address}");
    let told = bare(&output, &["--url", &url])
        .output()
        .expect("the binary runs");
    assert_eq!(told.status.code(), Some(20));
    assert!(String::from_utf8_lossy(&told.stderr).contains("next:"));
    assert!(!output.exists());
}
