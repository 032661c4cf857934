//! Whether `compare` finds a slowdown of 5 %, and none where there is none, at the default number of requests.
//!
//! It takes a real model and a quarter of an hour, so it runs by hand:
//!
//! ```sh
//! BENCH_MODEL_PATH=/path/to/model.gguf cargo test --release -p inferno-cli --features slowdown --test slowdown -- --nocapture
//! ```
//!
//! The program is measured in turns with itself, in one half of the tries with one of both slowed down.
//! `INFERNO_SLOWDOWN_TRIES` says how many tries each half has, `INFERNO_SLOWDOWN_FOLDER` where the results
//! stay, `INFERNO_SLOWDOWN_OPTIONS` what else the benchmark is told.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tries of each half.
const TRIES: usize = 10;
/// How many of them may miss the slowdown.
const MISSES_ALLOWED: usize = 1;
/// What is to be found.
const PERCENT: &str = "5";

/// Exit code of `compare` when something is slower.
const SLOWER: i32 = 10;

struct Trial {
    model: PathBuf,
    folder: PathBuf,
    options: Vec<String>,
}

impl Trial {
    fn benchmark(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inferno"));
        command
            .arg("performance-benchmark")
            .current_dir(&self.folder)
            .env_remove("INFERNO_SLOWDOWN_PERCENT");
        command
    }

    /// The program as it is, whatever the environment of its caller says.
    fn plain(&self) -> PathBuf {
        let path = self.folder.join("plain.sh");
        let text = format!(
            "#!/bin/sh\nunset INFERNO_SLOWDOWN_PERCENT\nexec {} \"$@\"\n",
            env!("CARGO_BIN_EXE_inferno")
        );
        std::fs::write(&path, text).expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("executable");
        path
    }

    /// Whether the program, slowed down by `percent`, is slower than the plain one.
    fn is_slower(&self, name: &str, percent: Option<&str>) -> bool {
        let mut command = self.benchmark();
        command.args(["benchmark", "--bench-type", "inference", "--output", name]);
        command.args(&self.options);
        command.arg("--model").arg(&self.model);
        command.arg("--against").arg(self.plain());
        command.envs(percent.map(|percent| ("INFERNO_SLOWDOWN_PERCENT", percent)));
        let output = command.output().expect("the binary runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {told}");
        let output = self
            .benchmark()
            .args(["compare", "--baseline", &format!("{name}/against")])
            .args(["--current", name])
            .output()
            .expect("the binary runs");
        println!("{}", String::from_utf8_lossy(&output.stdout));
        match output.status.code() {
            Some(0) => false,
            Some(SLOWER) => true,
            _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

#[test]
fn a_slowdown_of_five_per_cent_is_found_and_none_is_invented() {
    let variable = |name: &str| std::env::var(name).ok();
    let model = variable("BENCH_MODEL_PATH").expect("BENCH_MODEL_PATH names a GGUF file");
    let tries = variable("INFERNO_SLOWDOWN_TRIES").map_or(TRIES, |text| {
        text.parse().expect("INFERNO_SLOWDOWN_TRIES is a number")
    });
    let folder = variable("INFERNO_SLOWDOWN_FOLDER").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("slowdown"),
        PathBuf::from,
    );
    std::fs::create_dir_all(&folder).expect("a folder");
    let options = variable("INFERNO_SLOWDOWN_OPTIONS").unwrap_or_default();
    let trial = Trial {
        model: model.into(),
        folder,
        options: options.split_whitespace().map(str::to_owned).collect(),
    };
    let (mut found, mut invented) = (0, 0);
    for number in 1..=tries {
        found += usize::from(trial.is_slower(&format!("slow-{number}"), Some(PERCENT)));
        invented += usize::from(trial.is_slower(&format!("plain-{number}"), None));
        println!("after {number} of each: {found} found, {invented} invented");
    }
    assert_eq!(invented, 0, "of {tries} comparisons without a slowdown");
    assert!(
        found + MISSES_ALLOWED >= tries,
        "{found} of {tries} slowdowns were found"
    );
}
