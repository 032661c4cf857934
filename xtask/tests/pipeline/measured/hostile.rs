//! Conditions that would make equal programs look different: never a wrong verdict.
//!
//! The baseline is measured against a copy of itself, and differences below 5 % are declared not to
//! matter, so that `faster` and `slower` are both wrong, and chance alone does not give them. What is
//! done to the machine comes from outside: nothing that the arms read tells them apart. Each act is
//! counted: a test in which nothing was disturbed says nothing, and fails.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use inferno_measure::record::{Record, Verdict};
use inferno_measure::verdict;
use serde_json::Value;

use crate::xtask::{copy_of, pgo, place, run, scratch};

/// How often a disturber looks at the arms.
const LOOK: Duration = Duration::from_micros(300);
/// Threads that compute beside the candidate, per core: with one, some schedulers leave it a core.
const LOADS_PER_CORE: usize = 4;
/// Acts of a disturber that a test needs at least.
const LEAST_ACTS: u32 = 20;

/// A measurement that is over, and what was done to it.
struct Disturbed {
    record: Value,
    acts: u32,
}

/// What a disturber knows of the measurement.
struct Scene<'a> {
    /// The copy that is sampled as candidate.
    candidate: &'a Path,
    over: &'a AtomicBool,
    acts: &'a AtomicU32,
}

impl Scene<'_> {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn acted(&self) {
        self.acts.fetch_add(1, Ordering::Relaxed);
    }
}

/// Measures a program against itself while `disturb` does its work, which ends when the
/// measurement is over.
fn disturbed(disturb: impl Fn(&Scene<'_>) + Sync) -> Disturbed {
    let (directory, out) = (scratch(), scratch());
    let package = copy_of("gain", directory.path());
    let spec = package.join("pgo.toml");
    let text = std::fs::read_to_string(&spec).expect("a spec");
    let tolerant = text.replace("threshold = 0.02", "threshold = 0.05");
    assert_ne!(tolerant, text);
    std::fs::write(&spec, tolerant).expect("a file");
    let candidate = out
        .path()
        .canonicalize()
        .expect("a directory")
        .join("arms/sampled/arm-c");
    let (over, acts) = (AtomicBool::new(false), AtomicU32::new(0));
    let scene = Scene {
        candidate: &candidate,
        over: &over,
        acts: &acts,
    };
    let record = std::thread::scope(|scope| {
        scope.spawn(|| disturb(&scene));
        let outcome = run(pgo(["noise"])
            .args(place(&spec, out.path()))
            .args(["--budget", "12s", "--json"]));
        over.store(true, Ordering::Relaxed);
        outcome.succeeded().record()
    });
    Disturbed {
        record,
        acts: acts.into_inner(),
    }
}

#[track_caller]
fn never_wrong(disturbed: &Disturbed, least_acts: u32) {
    let (record, acts) = (&disturbed.record, disturbed.acts);
    assert!(acts >= least_acts, "nothing was disturbed: {acts} acts");
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
fn while_candidate_runs(scene: &Scene<'_>, act: impl Fn(u32)) {
    while !scene.is_over() {
        let Some(pid) = process_of(scene.candidate) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        while !scene.is_over() && Path::new(&format!("/proc/{pid}")).exists() {
            if is_running(pid) {
                scene.acted();
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
    let disturbed = disturbed(|scene| {
        while_candidate_runs(scene, |pid| {
            std::thread::scope(|scope| {
                for _ in 0..LOADS_PER_CORE * cores {
                    scope.spawn(|| burn(|| !is_running(pid)));
                }
            });
        });
    });
    never_wrong(&disturbed, LEAST_ACTS);
    // It is the guard that keeps the answer back: without it the same samples are called slower.
    let reasons = reasons(&disturbed.record);
    let is_guarded =
        |reason: &String| reason.contains("during the turns of") || reason.contains("waited for");
    assert!(reasons.iter().any(is_guarded), "{reasons:?}");
    let unguarded = verdicts(&judged_without_surroundings(&disturbed.record));
    let told = |result: &Value| {
        let samples = result["samples"]["restarts"].as_array().expect("restarts");
        format!(
            "{} {} {} ({} restarts) {}",
            result["name"],
            result["effect"],
            result["reason"],
            samples.len(),
            samples[samples.len() - 1]["surroundings"]
        )
    };
    let scenarios = disturbed.record["scenarios"].as_array().expect("some");
    let told: Vec<String> = scenarios.iter().map(told).collect();
    assert!(
        unguarded.contains(&Verdict::Slower),
        "{unguarded:?}: {told:#?}, {} acts",
        disturbed.acts
    );
}

fn reasons(record: &Value) -> Vec<String> {
    let scenarios = record["scenarios"].as_array().expect("scenarios");
    let reason = |scenario: &Value| scenario["reason"].as_str().expect("a reason").to_owned();
    scenarios.iter().map(reason).collect()
}

/// The same samples, as if nobody had watched what went on around them.
fn judged_without_surroundings(record: &Value) -> Record {
    let mut record: Record = serde_json::from_value(record.clone()).expect("a record");
    for result in &mut record.scenarios {
        for restart in &mut result.samples.restarts {
            restart.surroundings = None;
        }
    }
    verdict::judge_again(&record)
}

fn verdicts(record: &Record) -> Vec<Verdict> {
    let scenarios = record.scenarios.iter();
    scenarios.map(|result| result.verdict).collect()
}

fn signal(pid: u32, name: &str) {
    let _gone = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
}

#[test]
fn slow_workers_that_are_stopped_give_no_wrong_verdict() {
    let disturbed = disturbed(|scene| {
        while_candidate_runs(scene, |pid| {
            signal(pid, "STOP");
            std::thread::sleep(Duration::from_millis(20));
            signal(pid, "CONT");
            std::thread::sleep(Duration::from_millis(5));
        });
    });
    let warm = disturbed.record["scenarios"].as_array().expect("scenarios");
    let warm: Vec<_> = warm
        .iter()
        .filter(|scenario| scenario["kind"] == "warm")
        .collect();
    let warm = Disturbed {
        record: serde_json::json!({ "scenarios": warm }),
        acts: disturbed.acts,
    };
    never_wrong(&warm, LEAST_ACTS);
    let reasons = reasons(&warm.record);
    let is_told = |reason: &String| reason.contains("stopped from outside");
    assert!(reasons.iter().any(is_told), "{reasons:?}");
}

/// A control group with a quota of half a core. Removed with the value.
struct Quota {
    directory: PathBuf,
}

impl Quota {
    /// `None` where this user may not make one.
    fn new() -> Option<Self> {
        let name = format!("inferno-hostile-{}", std::process::id());
        let unified = Path::new("/sys/fs/cgroup").join(&name);
        let of_cpu = Path::new("/sys/fs/cgroup/cpu").join(&name);
        [
            (of_cpu, "cpu.cfs_quota_us", "50000"),
            (unified, "cpu.max", "50000 100000"),
        ]
        .into_iter()
        .find_map(|(directory, file, limit)| {
            std::fs::create_dir(&directory).ok()?;
            let quota = Self { directory };
            // A directory that is no control group has no such file.
            let limited = quota.directory.join(file);
            let is_group = limited.is_file() && std::fs::write(limited, limit).is_ok();
            is_group.then_some(quota)
        })
    }

    fn take_in(&self, pid: u32) {
        let _gone = std::fs::write(self.directory.join("cgroup.procs"), pid.to_string());
    }

    /// Periods in which its processes had to wait for the next one.
    fn throttled(&self) -> u32 {
        let stat = std::fs::read_to_string(self.directory.join("cpu.stat")).unwrap_or_default();
        let count = stat
            .lines()
            .find_map(|line| line.strip_prefix("nr_throttled "));
        count.map_or(0, |count| count.parse().expect("a count"))
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // The kernel takes a moment to forget the last process.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The process that started `pid`.
fn parent_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok()
}

fn children_of(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| parent_of(pid) == Some(parent))
        .collect()
}

/// Waits until the candidate has run for six seconds, which is half-way, and runs again; gives its
/// process. `None` when the measurement is over.
fn candidate_half_way(scene: &Scene<'_>) -> Option<u32> {
    let candidate = || {
        while !scene.is_over() {
            match process_of(scene.candidate) {
                Some(pid) => return Some(pid),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        None
    };
    candidate()?;
    let begin = Instant::now() + Duration::from_secs(6);
    while Instant::now() < begin && !scene.is_over() {
        std::thread::sleep(Duration::from_millis(20));
    }
    candidate()
}

#[test]
fn slow_a_cpu_quota_that_begins_half_way_gives_no_wrong_verdict() {
    let Some(quota) = Quota::new() else {
        eprintln!("skipped: this user may not make control groups with a CPU quota");
        return;
    };
    let disturbed = disturbed(|scene| {
        let Some(measurer) = candidate_half_way(scene).and_then(parent_of) else {
            return;
        };
        // What it starts from now on is in the group as well.
        quota.take_in(measurer);
        for arm in children_of(measurer) {
            quota.take_in(arm);
        }
        while !scene.is_over() {
            scene.acts.store(quota.throttled(), Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    never_wrong(&disturbed, LEAST_ACTS);
}

/// As a neighbour that begins half-way takes the cores away.
#[test]
fn slow_cores_that_are_taken_half_way_give_no_wrong_verdict() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let disturbed = disturbed(|scene| {
        candidate_half_way(scene);
        if !scene.is_over() {
            scene.acted();
        }
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| burn(|| scene.is_over()));
            }
        });
    });
    never_wrong(&disturbed, 1);
}

#[test]
fn slow_memory_pressure_gives_no_wrong_verdict() {
    const CHUNK_BYTES: usize = 64 << 20;
    let disturbed = disturbed(|scene| {
        while !scene.is_over() {
            let chunks: Vec<Vec<u8>> = (1..=16).map(|fill| vec![fill; CHUNK_BYTES]).collect();
            std::hint::black_box(&chunks);
            // What is written while nothing is sampled disturbs nothing.
            if process_of(scene.candidate).is_some() {
                scene.acted();
            }
        }
    });
    // Each takes about half a second.
    never_wrong(&disturbed, 3);
}
