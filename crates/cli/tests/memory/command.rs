//! The command: what it writes, also when it is killed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Time for anything that a test waits for: far more than it takes.
const LONG: Duration = Duration::from_secs(50);

/// The synthetic model, written once.
pub(crate) fn model() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-memory.gguf");
        inferno_provision::synthetic::write(&path).expect("writing the synthetic model");
        path
    })
}

fn profile(cycles: &str, output: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inferno"));
    command
        .env_remove("INFERNO_MODELS_DIR")
        .args(["performance-benchmark", "memory-profile", "--threads", "1"])
        .args(["--requests", "2", "--max-tokens", "4", "--track"])
        .args(["--cycles", cycles, "--output"])
        .arg(output)
        .arg("--model")
        .arg(model());
    command
}

#[test]
fn every_cycle_is_in_the_document_with_its_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new").join("memory_profile.json");
    let output = profile("24", &path).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let text = std::fs::read_to_string(&path).expect("a document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    // 24 cycles with requests, 20 without.
    let cycles = document["cycles"].as_array().expect("cycles");
    assert_eq!(cycles.len(), 44);
    assert_eq!(document["is_complete"], true);
    if cfg!(target_os = "linux") {
        let tracked = cycles.iter().skip(1);
        assert!(tracked.clone().all(|cycle| cycle["memory_delta"].is_i64()));
        // People look for it line by line.
        let lines = text.lines().filter(|line| line.contains("memory_delta"));
        assert_eq!(lines.count(), 43);
        assert!(document["series"]["anonymous_bytes"]["growth"]["slope"].is_f64());
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    let verdict = document["verdict"].as_str().expect("a verdict");
    assert!(stdout.contains(&format!("verdict: {verdict}")), "{stdout}");
    assert!(!path.with_extension("cycles.jsonl").exists());
}

#[test]
fn what_was_read_is_there_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.json");
    std::fs::write(&path, r#"{"is_complete": true}"#).expect("an older document");
    let lines = path.with_extension("cycles.jsonl");
    let mut child = profile("100000", &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let started = Instant::now();
    let read = || std::fs::read_to_string(&lines).unwrap_or_default();
    while read().lines().count() < 10 {
        assert!(started.elapsed() < LONG, "waited too long for lines");
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it runs");
    child.wait().expect("it is gone");
    let text = read();
    let whole = text.lines().filter(|line| line.ends_with('}'));
    let values: Vec<Value> = whole
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(values[0]["settings"]["cycles"], 100_000);
    assert_eq!(values[1]["cycle"], 0);
    assert_eq!(values[1]["phase"], "warm-up");
    assert!(values.len() >= 10);
    let document = std::fs::read_to_string(&path).expect("a document");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["is_complete"], false);
    assert_eq!(document["verdict"], "inconclusive");
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_the_model_is_loaded() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    // A file has nothing in it.
    let folder = file.path().join("at");
    let output = profile("24", &folder.join("all.json")).output();
    let output = output.expect("the binary runs");
    assert_ne!(output.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let folder = folder.display().to_string();
    assert!(stderr.contains(&folder), "{stderr}");
    assert!(!stderr.contains("cycle 1"), "{stderr}");
}
