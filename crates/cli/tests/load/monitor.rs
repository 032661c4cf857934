//! The command `monitor`.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Server, exit_code, inferno, model, signal, wait_until};

fn monitor(options: &[&str]) -> Command {
    let mut command = inferno();
    command
        .args(["performance-benchmark", "monitor"])
        .args(options);
    command
}

/// Watches the tests' own process and is killed as soon as there are some lines; gives the text.
fn killed(format: &str, output: &Path) -> String {
    let pid = std::process::id().to_string();
    let mut child = monitor(&["--pid", &pid, "--interval", "0.1", "--format", format])
        .arg("--output")
        .arg(output)
        .spawn()
        .expect("the binary starts");
    wait_until("there are lines", || {
        let text = std::fs::read_to_string(output).ok()?;
        (text.lines().count() > 3).then_some(())
    });
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    std::fs::read_to_string(output).expect("a text")
}

/// The documents of a run that comes to its end by itself.
fn documents(command: &mut Command) -> Vec<Value> {
    let output = command.output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let text = String::from_utf8(output.stdout).expect("a text");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn csv_is_valid_when_the_monitor_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = killed("csv", &folder.path().join("new").join("lines.csv"));
    assert!(text.ends_with('\n'), "{text}");
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let column = |name: &str| {
        let found = header.iter().position(|column| *column == name);
        found.unwrap_or_else(|| panic!("no {name} in {header:?}"))
    };
    for row in rows {
        assert_eq!(row.len(), header.len(), "{row:?}");
        let cpu: f64 = row[column("cpu_cores")].parse().expect("a number");
        assert!(cpu >= 0.0);
        let memory: u64 = row[column("anonymous_bytes")].parse().expect("a number");
        assert!(memory > 0);
        // A process alone says nothing of requests.
        assert_eq!(row[column("requests_per_s")], "");
    }
}

#[test]
fn json_is_valid_when_the_monitor_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = killed("json", &folder.path().join("lines.json"));
    assert!(text.ends_with('\n'), "{text}");
    let mut before = 0.0;
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let at = row["at_s"].as_f64().expect("a time");
        assert!(at > before);
        before = at;
        assert!(row["threads"].as_u64() > Some(0), "{row}");
        assert!(row["cpu_share"].as_f64() <= Some(1.5), "{row}");
        assert!(row["mean_latency_ms"].is_null(), "{row}");
    }
}

#[test]
fn a_line_is_written_at_the_end_of_each_interval() {
    let pid = std::process::id().to_string();
    let options = [
        "--pid",
        &pid,
        "--duration",
        "1",
        "--interval",
        "0.4",
        "--format",
        "json",
    ];
    let rows = documents(&mut monitor(&options));
    // At 0.4, 0.8 and 1 s; a busy machine may leave one out.
    assert!((2..=3).contains(&rows.len()), "{rows:?}");
    let last = rows.last().and_then(|row| row["at_s"].as_f64());
    assert!(last >= Some(1.0), "{last:?}");
    let source = format!("process {pid}");
    assert!(rows.iter().all(|row| row["source"] == source.as_str()));
}

#[test]
fn a_server_is_asked_for_its_metrics() {
    let server = Server::start(&[]);
    let url = format!("http://{}", server.address);
    let pid = server.child.id().to_string();
    let options = [
        "--url",
        &url,
        "--duration",
        "0.6",
        "--interval",
        "0.3",
        "--format",
        "json",
    ];
    let alone = documents(&mut monitor(&options));
    let row = alone.last().expect("a row");
    assert_eq!(row["requests_per_s"], 0.0, "{row}");
    assert_eq!(row["waiting"], 0.0, "{row}");
    assert!(row["resident_bytes"].as_u64() > Some(0), "{row}");
    assert!(
        row["cpu_share"].is_null() && row["cpu_cores"].is_f64(),
        "{row}"
    );
    let both = documents(monitor(&options).args(["--pid", &pid]));
    let row = both.last().expect("a row");
    assert!(
        row["cpu_share"].is_f64() && row["threads"].as_u64() > Some(0),
        "{row}"
    );
}

#[test]
fn an_engine_of_its_own_has_something_to_do() {
    let options = [
        "--duration",
        "2",
        "--interval",
        "0.5",
        "--format",
        "json",
        "--threads",
        "1",
    ];
    let rows = documents(monitor(&options).arg("--model").arg(model()));
    let has_tokens = |row: &Value| row["tokens_per_s"].as_f64() > Some(0.0);
    assert!(rows.iter().any(has_tokens), "{rows:?}");
    assert!(
        rows.iter().any(|row| row["mean_latency_ms"].is_f64()),
        "{rows:?}"
    );
    let source = rows[0]["source"].as_str().expect("a text");
    assert!(
        source.contains("closed loop") && source.contains("tiny"),
        "{source}"
    );
    assert!(rows.iter().all(|row| row["problem"].is_null()), "{rows:?}");
}

#[test]
fn a_process_that_ends_ends_the_monitor() {
    let mut watched = Command::new("sleep")
        .arg("100")
        .spawn()
        .expect("sleep is there");
    let pid = watched.id().to_string();
    let child = monitor(&["--pid", &pid, "--interval", "0.1", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    std::thread::sleep(std::time::Duration::from_millis(500));
    watched.kill().expect("it runs");
    watched.wait().expect("it was killed");
    let told = child.wait_with_output().expect("the binary ends");
    assert_eq!(told.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert!(
        stderr.contains(&format!("process {pid} has ended")),
        "{stderr}"
    );
    assert!(stderr.contains("intervals"), "{stderr}");
    let told = monitor(&["--pid", &pid]).output().expect("the binary runs");
    assert_eq!(told.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&told.stderr).contains("--pid"));
}

#[test]
fn a_signal_ends_it_with_a_summary() {
    let pid = std::process::id().to_string();
    for (duration, expected) in [(Some("100"), Some(143)), (None, Some(0))] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lines.txt");
        let mut command = monitor(&["--pid", &pid, "--interval", "0.1", "--output"]);
        command.arg(&path);
        if let Some(duration) = duration {
            command.args(["--duration", duration]);
        }
        let mut child = command.spawn().expect("the binary starts");
        wait_until("there are lines", || {
            let text = std::fs::read_to_string(&path).ok()?;
            (text.lines().count() > 1).then_some(())
        });
        signal(&child, Signal::TERM);
        assert_eq!(exit_code(&mut child), expected, "{duration:?}");
        let text = std::fs::read_to_string(&path).expect("a text");
        assert!(text.contains("CPU") && text.contains("median"), "{text}");
    }
}
