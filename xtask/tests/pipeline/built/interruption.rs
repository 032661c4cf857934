//! Ctrl-C, SIGTERM and a second run on the same directory.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::xtask::{fixture, pgo, place, run, scratch};

/// Long enough for any stage of a fixture, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Starts a run and waits until its standard error has said `words`.
fn start_until(out: &Path, words: &str) -> Child {
    let spec = fixture("gain/pgo.toml");
    let mut command = pgo(place(&spec, out));
    let mut child = command
        .args(["--budget", "20s"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stderr = child.stderr.take().expect("a pipe");
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&said).contains(words) {
        assert!(
            stderr.read(&mut byte).expect("readable") > 0,
            "it ended before `{words}`: {}",
            String::from_utf8_lossy(&said)
        );
        said.push(byte[0]);
    }
    // The pipe must not fill up, nor break.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    child
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill")
        .args(["-s", signal, &id])
        .status()
        .expect("kill runs");
    assert!(sent.success());
}

fn end(mut child: Child) -> Option<i32> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("killed");
    panic!("the run did not end");
}

/// Processes, other than ours, that name `out` in their command line or run a program below it.
fn left_over(out: &Path) -> Vec<String> {
    let out = out.display().to_string();
    let entries = std::fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .map(|entry| entry.path());
    let shown = |process: PathBuf| {
        let command = std::fs::read(process.join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let program = std::fs::read_link(process.join("exe"))
            .ok()?
            .display()
            .to_string();
        (command.contains(&out) || program.contains(&out)).then_some(command)
    };
    entries.filter_map(shown).collect()
}

/// Every JSON file is whole, and no temporary file is left.
fn assert_whole(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        // What cargo keeps is cargo's own.
        if path.file_name().is_some_and(|name| name == "build") {
            continue;
        }
        if path.is_dir() {
            assert_whole(&path);
            continue;
        }
        assert!(
            !entry.file_name().to_string_lossy().starts_with(".tmp"),
            "{} is left over",
            path.display()
        );
        if path.extension().is_some_and(|kind| kind == "json") {
            let text = std::fs::read_to_string(&path).expect("readable");
            serde_json::from_str::<serde_json::Value>(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

#[test]
fn slow_a_signal_at_any_stage_leaves_nothing_behind() {
    let out = scratch();
    for (words, signal, code) in [
        ("… build baseline", "INT", 130),
        ("… build instrumented", "TERM", 143),
        ("… train", "INT", 130),
        ("… build candidate", "TERM", 143),
        ("… verify", "INT", 130),
        ("… measure", "TERM", 143),
        ("sampling takes about", "INT", 130),
    ] {
        let child = start_until(out.path(), words);
        std::thread::sleep(Duration::from_millis(150));
        send(signal, &child);
        assert_eq!(end(child), Some(code), "{signal} at `{words}`");
        let left = left_over(out.path());
        assert!(left.is_empty(), "{signal} at `{words}` left {left:?}");
        assert_whole(out.path());
    }
    let spec = fixture("gain/pgo.toml");
    let outcome = run(pgo(place(&spec, out.path())).args(["--budget", "20s"])).succeeded();
    assert!(
        outcome.stderr.contains("✓ build baseline: unchanged"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("✓ build candidate: unchanged"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn slow_a_second_run_says_who_holds_the_directory() {
    let out = scratch();
    let first = start_until(out.path(), "… build baseline");
    let holder = format!("process {}", first.id());
    let spec = fixture("gain/pgo.toml");
    let second = run(pgo(place(&spec, out.path())).args(["--budget", "3s"])).succeeded();
    assert!(
        second.stderr.contains(&format!("{holder} holds")),
        "{}",
        second.stderr
    );
    assert_eq!(end(first), Some(0));
}
