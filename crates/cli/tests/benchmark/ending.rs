//! What is left when a run is ended before its time.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::Folder;

/// Time for anything that a test waits for: far more than it takes.
const LONG: Duration = Duration::from_secs(50);

/// A run that would take hours, in its first process.
fn endless(folder: &Folder) -> Child {
    inference(folder, &["--iterations", "100000000"])
}

fn inference(folder: &Folder, options: &[&str]) -> Child {
    start(
        folder,
        &[&["benchmark", "--bench-type", "inference"][..], options].concat(),
    )
}

fn start(folder: &Folder, arguments: &[&str]) -> Child {
    folder
        .inferno()
        .arg("performance-benchmark")
        .args(arguments)
        .args(["--threads", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts")
}

fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < LONG, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The result so far, once so many processes are in it.
fn partial(folder: &Folder, least: usize) -> Value {
    let path = folder.path("benchmark_results/inference_benchmark.json");
    wait_until("samples are written", || {
        let text = std::fs::read_to_string(&path).ok()?;
        let result: Value = serde_json::from_str(&text).expect("whole, whenever it is read");
        (result["processes"].as_array()?.len() >= least).then_some(result)
    })
}

/// The processes that `parent` has started.
#[cfg(target_os = "linux")]
fn children(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).expect("threads");
    let lists = tasks
        .flatten()
        .map(|task| std::fs::read_to_string(task.path().join("children")));
    let text: String = lists.flatten().collect();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Whether a process is gone, or a zombie that nobody has reaped yet.
#[cfg(target_os = "linux")]
fn is_gone(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        let state = stat.rsplit(')').next().unwrap_or_default();
        state.trim_start().starts_with('Z')
    })
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_that_is_killed_leaves_its_samples_and_no_process() {
    let folder = Folder::new();
    let mut child = endless(&folder);
    let result = partial(&folder, 1);
    assert_eq!(result["complete"], false);
    assert!(result["processes"][0]["load_ns"].as_u64() > Some(0));
    let workers = children(child.id());
    assert!(!workers.is_empty(), "a measuring process runs");
    child.kill().expect("killed");
    child.wait().expect("it ends");
    wait_until("the measuring process ends", || {
        workers.iter().all(|pid| is_gone(*pid)).then_some(())
    });
    assert_eq!(partial(&folder, 1)["complete"], false);
}

#[test]
fn an_interrupt_keeps_what_was_measured() {
    let folder = Folder::new();
    let mut child = endless(&folder);
    partial(&folder, 1);
    kill_process(Pid::from_child(&child), Signal::INT).expect("the process is there");
    let code = wait_until("the process ends", || child.try_wait().expect("a child"));
    assert_eq!(code.code(), Some(130));
    let result = partial(&folder, 1);
    assert_eq!(result["complete"], false);
    assert!(result["avg_latency_ms"].as_f64() > Some(0.0));
}

#[test]
fn processes_that_are_over_are_kept_however_short_they_were() {
    let folder = Folder::new();
    // One request each.
    let many = ["--iterations", "1000", "--restarts", "1000"];
    let mut child = inference(&folder, &[&many[..], &["--max-tokens", "1"]].concat());
    partial(&folder, 2);
    child.kill().expect("killed");
    child.wait().expect("it ends");
    let result = partial(&folder, 2);
    assert_eq!(result["complete"], false);
    assert!(result["avg_latency_ms"].as_f64() > Some(0.0));
}

#[test]
fn a_baseline_that_is_interrupted_leaves_the_older_one() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("base")).expect("a folder");
    std::fs::write(folder.path("base/baseline_results.json"), "older").expect("a file");
    let mut child = start(
        &folder,
        &["baseline", "--output", "base", "--duration", "1000"],
    );
    let partial = "base/baseline_results.partial.json";
    wait_until("the new one is begun", || {
        folder.path(partial).exists().then_some(())
    });
    kill_process(Pid::from_child(&child), Signal::INT).expect("the process is there");
    let code = wait_until("the process ends", || child.try_wait().expect("a child"));
    assert_eq!(code.code(), Some(130));
    assert_eq!(folder.text("base/baseline_results.json"), "older");
    let partial = folder.json(partial);
    assert_eq!(partial["benchmark_type"], "baseline");
    assert_eq!(partial["complete"], false);
}
