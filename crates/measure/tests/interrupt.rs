//! SIGINT and SIGTERM: no child outlives the program, stopped workers included, and the
//! exit code says which signal it was.
//!
//! Signals concern a whole process, so this program starts itself as the one that is
//! interrupted; it has its own `main` for that.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use inferno_measure::campaign::{Campaign, Observer, Progress, measure};
use inferno_measure::process;
use inferno_measure::scenario::Judging;
use support::{judging, place, warm};

const INNER: &str = "--be-interrupted";
/// Nothing here takes long; this only keeps a failure from hanging.
const LIMIT: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    match std::env::args()
        .skip_while(|arg| arg != INNER)
        .nth(1)
        .as_deref()
    {
        Some("campaign") => be_interrupted_in_a_campaign(),
        Some("stubborn") => be_interrupted_with_a_stubborn_child(),
        Some("busy") => be_interrupted_without_looking(),
        _ => {
            for (situation, signal, code) in [
                ("campaign", "TERM", 143),
                ("campaign", "INT", 130),
                ("stubborn", "TERM", 143),
                ("busy", "INT", 130),
            ] {
                interrupt(situation, signal, code);
                println!("test {situation} {signal} ... ok");
            }
            ExitCode::SUCCESS
        }
    }
}

/// Starts this program, sends `signal` once it has children, and looks what is left.
fn interrupt(situation: &str, signal: &str, code: i32) {
    let mut inner = Command::new(std::env::current_exe().expect("this program has a path"))
        .args([INNER, situation])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    let id = inner.id().to_string();
    let lines = BufReader::new(inner.stdout.take().expect("it is piped")).lines();
    let ready = lines.map_while(Result::ok).find(|line| line == "ready");
    assert!(ready.is_some(), "{situation}: the program gets ready");
    let started = Instant::now();
    let children = loop {
        let children = children_of(&id);
        if !children.is_empty() {
            break children;
        }
        assert!(
            started.elapsed() < LIMIT,
            "{situation}: the program has children"
        );
        std::thread::sleep(Duration::from_millis(5));
    };
    let sent = Command::new("kill")
        .args(["-s", signal, &id])
        .status()
        .expect("kill runs");
    assert!(sent.success());
    let status = inner.wait().expect("it ends");
    assert_eq!(status.code(), Some(code), "{situation} {signal}");
    for child in children {
        let started = Instant::now();
        while is_alive(&child) {
            assert!(
                started.elapsed() < LIMIT,
                "{situation}: child {child} is left"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn children_of(id: &str) -> Vec<String> {
    let listed = Command::new("ps")
        .args(["-o", "pid=", "--ppid", id])
        .output()
        .expect("ps runs");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    text.split_whitespace().map(str::to_owned).collect()
}

fn is_alive(id: &str) -> bool {
    let listed = Command::new("ps")
        .args(["-o", "stat=", "-p", id])
        .output()
        .expect("ps runs");
    let state = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Says that it is ready once restarts are under way.
struct SayReady;

impl Observer for SayReady {
    fn progress(&mut self, progress: &Progress<'_>) {
        if progress.remaining.is_some() && progress.done == 2 {
            println!("ready");
        }
    }
}

fn end_with(result: inferno_measure::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(error.exit_code()),
    }
}

/// Three workers, of which two are stopped at any time.
fn be_interrupted_in_a_campaign() -> ExitCode {
    process::install_interrupt_handler().expect("signals can be handled");
    let (place, scenarios) = (place(), [warm("warm/short", "")]);
    let judging = Judging {
        budget_s: 600.0,
        ..judging()
    };
    let campaign = Campaign {
        scenarios: &scenarios,
        arms: std::slice::from_ref(&place.arms),
        judging: &judging,
        directory: place.directory.path().join("samples"),
        key: "test".to_owned(),
        known_costs: BTreeMap::new(),
    };
    end_with(measure(&campaign, &mut SayReady).map(drop))
}

/// A child that ignores SIGTERM and SIGINT.
fn be_interrupted_with_a_stubborn_child() -> ExitCode {
    process::install_interrupt_handler().expect("signals can be handled");
    let ready = process::Output::Lines(Box::new(|line| println!("{line}")));
    let script = "trap '' TERM INT; echo ready; while :; do sleep 1; done";
    let command = process::Command::new("/bin/sh")
        .args(["-c", script])
        .stdout(ready);
    end_with(command.run().map(drop))
}

/// A main thread that never looks: the watchdog ends it.
fn be_interrupted_without_looking() -> ExitCode {
    process::install_interrupt_handler().expect("signals can be handled");
    std::thread::spawn(|| {
        drop(
            process::Command::new("/bin/sh")
                .args(["-c", "exec sleep 600"])
                .run(),
        );
    });
    println!("ready");
    loop {
        std::thread::park();
    }
}
