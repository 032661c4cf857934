//! The example as a program: what it prints, how it fails, and the worker protocol.
#![cfg(feature = "candle")]

mod models;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// The example's binary, which cargo builds beside the tests.
fn command() -> Command {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.ancestors().nth(2).expect("…/<profile>/deps/<test>");
    let program = profile.join("examples").join("concurrent_inference");
    assert!(
        program.exists(),
        "{} is missing: run `cargo build -p inferno-inference --examples`",
        program.display()
    );
    let mut command = Command::new(program);
    command.env_remove("BENCH_MODEL_PATH");
    command
}

fn with_model(args: &[&str]) -> Output {
    let mut command = command();
    command.args(args).args(["--threads", "1", "--model-path"]);
    command
        .arg(models::synthetic_path())
        .output()
        .expect("running the example")
}

fn prompts(lines: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("prompts.txt");
    std::fs::write(&path, lines).expect("writing the prompts");
    (directory, path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn answers_go_to_stdout_and_each_label_is_logged_once() {
    let output = with_model(&["-p", "Once upon a time", "-c", "3", "--max-tokens", "4"]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    for number in 1..=3 {
        assert!(stdout.contains(&format!("[{number}] ")), "{stdout}");
    }
    for label in [
        "Backend initialization: ",
        "Engine creation: ",
        "Model loading + GPU: ",
        "Total cold start: ",
        "Successful requests: 3/3",
        "Total tokens generated: 12",
        "Lock wait time: mean ",
        "Pure inference time: mean ",
        "Inference percentage: ",
        "Average tokens/sec: ",
        "Requests/sec: ",
        "Parallelism efficiency: ",
        "First token time: mean ",
        "Peak memory: ",
    ] {
        assert_eq!(stderr.matches(label).count(), 1, "{label:?} in {stderr}");
        assert!(!stdout.contains(label), "{label:?} on stdout");
    }
    assert!(
        stderr.contains("p90 n/a (needs 29), p99 n/a (needs 299)"),
        "{stderr}"
    );
}

#[test]
fn json_holds_the_same_figures_and_a_row_per_request() {
    let (_directory, path) = prompts("One\nTwo\n");
    let path = path.to_str().expect("UTF-8");
    let output = with_model(&["--prompts", path, "-c", "3", "--max-tokens", "5", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["successful_requests"], 3);
    assert_eq!(document["tokens"], 15);
    assert_eq!(document["threads"], 1);
    let rows = document["rows"].as_array().expect("rows");
    let prompts: Vec<_> = rows.iter().map(|row| row["prompt"].clone()).collect();
    assert_eq!(prompts, [0, 1, 0]);
    assert_eq!(
        rows[0]["tokens"], rows[2]["tokens"],
        "the same prompt, greedily"
    );
    assert_eq!(rows[0]["tokens"].as_array().map(Vec::len), Some(5));
}

#[test]
fn the_number_of_threads_does_not_change_the_answer() {
    let run = |threads: &str| {
        let mut command = command();
        command.args([
            "-p",
            "Once upon a time",
            "--max-tokens",
            "24",
            "--threads",
            threads,
        ]);
        let output = command.arg("-m").arg(models::synthetic_path()).output();
        text(&output.expect("running the example").stdout)
    };
    assert_eq!(run("1"), run("2"));
}

#[test]
fn failed_requests_are_told_one_by_one_and_fail_the_run() {
    let (_directory, path) = prompts(&format!("short\n{}\n", "long ".repeat(4000)));
    let path = path.to_str().expect("UTF-8");
    let output = with_model(&["--prompts", path, "-c", "2", "--max-tokens", "2", "--raw"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("Successful requests: 1/2"), "{stderr}");
    assert!(
        stderr.contains("request 2 failed: the prompt has "),
        "{stderr}"
    );
    assert!(text(&output.stdout).starts_with("[1] "));
}

#[test]
fn a_missing_model_says_what_to_do() {
    for args in [
        &["-p", "x"][..],
        &["-p", "x", "-m", "/nonexistent/model.gguf"],
    ] {
        let output = command().args(args).output().expect("running the example");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("cargo xtask model fetch smollm2-135m"),
            "{stderr}"
        );
    }
}

#[test]
fn a_directory_is_taken_for_the_one_model_in_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let copy = |name: &str| {
        std::fs::copy(models::synthetic_path(), directory.path().join(name)).expect("copying");
    };
    let run = || {
        let mut command = command();
        command.args(["-p", "x", "--max-tokens", "1", "--threads", "1"]);
        command.env("BENCH_MODEL_PATH", directory.path());
        let output = command.output().expect("running the example");
        (output.status.code(), text(&output.stderr))
    };
    assert!(matches!(run(), (Some(2), stderr) if stderr.contains("holds 0 .gguf files")));
    copy("a.gguf");
    assert_eq!(run().0, Some(0));
    copy("b.gguf");
    assert!(matches!(run(), (Some(2), stderr) if stderr.contains("holds 2 .gguf files")));
}

#[test]
fn empty_lines_are_no_prompts() {
    let (_directory, path) = prompts("One\n\n  \nTwo");
    let path = path.to_str().expect("UTF-8");
    let output = with_model(&["--prompts", path, "-c", "3", "--max-tokens", "1", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["rows"][1]["prompt"], 1);
    assert_eq!(document["rows"][2]["prompt"], 0);
    let (_directory, path) = prompts("\n \n");
    let output = with_model(&["--prompts", path.to_str().expect("UTF-8")]);
    assert!(text(&output.stderr).contains("holds no prompts"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn random_answers_follow_the_seed() {
    let run = |seed: &str| {
        let args = [
            "-p",
            "A story",
            "--temperature",
            "1.5",
            "--max-tokens",
            "12",
            "--seed",
            seed,
        ];
        text(&with_model(&args).stdout)
    };
    assert_eq!(run("5"), run("5"));
    assert_ne!(run("5"), run("6"));
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for args in [
        &["-p", "x", "--max-tokens", "0"][..],
        &["-p", "x", "--concurrent", "0"],
        &["-p", "x", "--prompts", "y"],
        &["-p", "x", "--worker"],
        &["--prompts", "/nonexistent"],
        &[],
    ] {
        let output = with_model(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    // Checked where a request begins to draw, so it fails the request.
    let output = with_model(&["-p", "x", "--temperature=-1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("temperature is -1"));
}

/// Sends `requests` to a worker and gives its lines; the worker must end well.
fn converse(args: &[&str], requests: &[Value]) -> Vec<Value> {
    let mut command = command();
    command
        .arg("--worker")
        .args(args)
        .arg("-m")
        .arg(models::synthetic_path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut worker = command.spawn().expect("starting the worker");
    let mut stdin = worker.stdin.take().expect("piped");
    let mut lines = BufReader::new(worker.stdout.take().expect("piped")).lines();
    let mut next = || {
        let line = lines.next().expect("a line").expect("UTF-8");
        serde_json::from_str(&line).expect("JSON")
    };
    let mut answers = vec![next()];
    for request in requests {
        writeln!(stdin, "{request}").expect("the worker reads");
        answers.push(next());
    }
    drop(stdin);
    assert!(lines.next().is_none(), "nothing but answers on stdout");
    assert!(worker.wait().expect("the worker").success());
    answers
}

#[test]
fn a_worker_is_ready_answers_and_ends_with_its_input() {
    let (_directory, path) = prompts("One\nTwo\nThree\n");
    let request = |seq: u64| json!({ "seq": seq, "prompts": path, "concurrent": 1, "threads": 1, "max_tokens": 4, "raw": true });
    let answers = converse(&[], &[request(1), request(2), request(4), request(1)]);
    assert_eq!(answers[0]["ready"], true);
    assert!(
        answers[0]["startup_ns"]
            .as_u64()
            .is_some_and(|startup| startup > 0)
    );
    let hashes: Vec<_> = answers[1..]
        .iter()
        .map(|answer| &answer["output_sha256"])
        .collect();
    assert_eq!(hashes[0], hashes[2], "4 is 1 modulo three prompts");
    assert_eq!(hashes[0], hashes[3]);
    assert_ne!(hashes[0], hashes[1]);
    for (answer, seq) in answers[1..].iter().zip([1, 2, 4, 1]) {
        assert_eq!(answer["seq"], seq);
        assert!(answer["wall_ns"].as_u64().is_some_and(|wall| wall > 0));
        assert!(answer["cpu_ns"].as_u64().is_some_and(|cpu| cpu > 0));
        for metric in [
            "tokens_per_s",
            "prefill_ms",
            "decode_ms",
            "queue_wait_ms",
            "inference_ms",
        ] {
            assert!(answer["metrics"][metric].is_f64(), "{metric} in {answer}");
        }
    }
}

#[test]
fn a_batch_takes_the_prompts_from_its_number_on() {
    let (_directory, path) = prompts("One\nTwo\nThree\nFour\n");
    let request = |seq: u64, concurrent: u64| json!({ "seq": seq, "prompts": path, "concurrent": concurrent, "max_tokens": 3 });
    let answers = converse(
        &["--threads", "1"],
        &[request(0, 2), request(2, 2), request(1, 2)],
    );
    assert_eq!(answers[1]["output_sha256"], answers[2]["output_sha256"]);
    assert_ne!(answers[1]["output_sha256"], answers[3]["output_sha256"]);
    assert_eq!(answers[1]["metrics"]["tokens"], 6.0);
}

#[test]
fn a_worker_answers_what_it_cannot_do_and_goes_on() {
    let (_directory, path) = prompts("One\n");
    let good = json!({ "seq": 9, "prompts": path, "threads": 1, "max_tokens": 2 });
    let mut unknown = good.clone();
    unknown["max_token"] = json!(1);
    let mut threads = good.clone();
    threads["threads"] = json!(2);
    let mut missing = good.clone();
    missing["prompts"] = json!("/nonexistent");
    let mut zero = good.clone();
    zero["max_tokens"] = json!(0);
    let requests = [unknown, missing, zero, good.clone(), threads, good];
    let answers = converse(&[], &requests);
    let errors: Vec<_> = answers[1..]
        .iter()
        .map(|answer| answer["error"].as_str())
        .collect();
    assert!(
        errors[0].is_some_and(|error| error.contains("max_token`")),
        "{errors:?}"
    );
    assert!(
        errors[1].is_some_and(|error| error.contains("/nonexistent")),
        "{errors:?}"
    );
    assert!(errors[2].is_some(), "{errors:?}");
    assert_eq!(errors[3], None, "{errors:?}");
    assert!(
        errors[4].is_some_and(|error| error.contains("threads")),
        "{errors:?}"
    );
    assert_eq!(errors[5], None, "{errors:?}");
    assert!(answers[1..].iter().all(|answer| answer["seq"] == 9));
}

#[test]
fn a_line_without_seq_ends_the_worker_with_a_usage_error() {
    let mut command = command();
    command
        .args(["--worker", "-m"])
        .arg(models::synthetic_path());
    let mut worker = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starting the worker");
    let mut stdin = worker.stdin.take().expect("piped");
    writeln!(stdin, "hello").expect("the worker reads");
    drop(stdin);
    assert_eq!(worker.wait().expect("the worker").code(), Some(2));
}
