//! Conditions that would make equal programs look different: never a wrong verdict.
//!
//! The baseline is measured against a copy of itself, and differences below 10 % are declared not to
//! matter, so that `faster` and `slower` are both wrong, and chance alone does not give them. What is done to the machine
//! comes from outside: nothing that the arms read tells them apart.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::xtask::{copy_of, pgo, place, run, scratch};

/// How often a disturber looks at the arms.
const LOOK: Duration = Duration::from_micros(300);

/// Measures a program against itself while `disturb` does its work; it gets the path of the
/// copy that is sampled as candidate and ends when the flag is set.
fn disturbed(disturb: impl Fn(&Path, &AtomicBool) + Sync) -> Value {
    let (directory, out) = (scratch(), scratch());
    let package = copy_of("gain", directory.path());
    let spec = package.join("pgo.toml");
    let text = std::fs::read_to_string(&spec).expect("a spec");
    let tolerant = text.replace("threshold = 0.02", "threshold = 0.10");
    assert_ne!(tolerant, text);
    std::fs::write(&spec, tolerant).expect("a file");
    let candidate = out
        .path()
        .canonicalize()
        .expect("a directory")
        .join("arms/sampled/arm-c");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| disturb(&candidate, &over));
        let outcome = run(pgo(["noise"])
            .args(place(&spec, out.path()))
            .args(["--budget", "12s", "--json"]));
        over.store(true, Ordering::Relaxed);
        outcome.succeeded().record()
    })
}

#[track_caller]
fn never_wrong(record: &Value) {
    for scenario in record["scenarios"].as_array().expect("scenarios") {
        let verdict = scenario["verdict"].as_str().expect("a verdict");
        assert!(
            ["no-difference", "inconclusive"].contains(&verdict),
            "{}: {verdict}, effect {}: {}",
            scenario["name"],
            scenario["effect"],
            scenario["reason"]
        );
    }
}

/// The process whose program is `program`, while there is one.
fn process_of(program: &Path) -> Option<u32> {
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let exe: PathBuf = std::fs::read_link(entry.path().join("exe")).ok()?;
            (exe == program).then_some(pid)
        })
}

/// Whether a thread of the process has or wants a core.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('R'))
}

/// Computes until `until`.
fn burn(until: impl Fn() -> bool) {
    let mut value = 1_u64;
    while !until() {
        for _ in 0..20_000 {
            value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005));
        }
    }
}

/// Calls `act` with the process of the candidate whenever it runs.
fn while_candidate_runs(candidate: &Path, over: &AtomicBool, act: impl Fn(u32)) {
    while !over.load(Ordering::Relaxed) {
        let Some(pid) = process_of(candidate) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        while !over.load(Ordering::Relaxed) && Path::new(&format!("/proc/{pid}")).exists() {
            if is_running(pid) {
                act(pid);
            } else {
                std::thread::sleep(LOOK);
            }
        }
    }
}

#[test]
fn slow_a_load_in_phase_with_the_candidate_gives_no_wrong_verdict() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let record = disturbed(|candidate, over| {
        while_candidate_runs(candidate, over, |pid| {
            std::thread::scope(|scope| {
                for _ in 0..cores {
                    scope.spawn(|| burn(|| !is_running(pid)));
                }
            });
        });
    });
    never_wrong(&record);
}

fn signal(pid: u32, name: &str) {
    let _gone = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
}

#[test]
fn slow_workers_that_are_stopped_give_no_wrong_verdict() {
    let record = disturbed(|candidate, over| {
        while_candidate_runs(candidate, over, |pid| {
            signal(pid, "STOP");
            std::thread::sleep(Duration::from_millis(20));
            signal(pid, "CONT");
            std::thread::sleep(Duration::from_millis(5));
        });
    });
    let warm = record["scenarios"].as_array().expect("scenarios");
    let warm: Vec<_> = warm
        .iter()
        .filter(|scenario| scenario["kind"] == "warm")
        .collect();
    assert!(!warm.is_empty());
    never_wrong(&serde_json::json!({ "scenarios": warm }));
}

/// As a CPU quota that begins half-way takes the cores away.
#[test]
fn slow_cores_that_are_taken_half_way_give_no_wrong_verdict() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let record = disturbed(|candidate, over| {
        while process_of(candidate).is_none() && !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let begin = Instant::now() + Duration::from_secs(6);
        while Instant::now() < begin && !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| burn(|| over.load(Ordering::Relaxed)));
            }
        });
    });
    never_wrong(&record);
}

#[test]
fn slow_memory_pressure_gives_no_wrong_verdict() {
    const CHUNK_BYTES: usize = 64 << 20;
    let record = disturbed(|_, over| {
        while !over.load(Ordering::Relaxed) {
            let chunks: Vec<Vec<u8>> = (1..=16).map(|fill| vec![fill; CHUNK_BYTES]).collect();
            std::hint::black_box(&chunks);
        }
    });
    never_wrong(&record);
}
