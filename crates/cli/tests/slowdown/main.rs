//! Whether `compare` finds a slowdown of 5 %, and none where there is none, at the default duration.
//!
//! It takes a real model and half an hour of a quiet machine, so it runs by hand:
//!
//! ```sh
//! BENCH_MODEL_PATH=/path/to/model.gguf cargo test --release -p inferno-cli --features slowdown --test slowdown -- --nocapture
//! ```
//!
//! The same binary is measured in turns, as it is and slowed down: each slow baseline is compared with
//! the plain one before it, and each plain one with the plain one before it. `INFERNO_SLOWDOWN_TRIES`
//! says how many of each, `INFERNO_SLOWDOWN_FOLDER` where the results stay.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Comparisons of each kind.
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

    /// A baseline at the default duration, called `name`.
    fn baseline(&self, name: &str, percent: Option<&str>) {
        let mut command = self.benchmark();
        command.args(["baseline", "--output", name, "--model"]);
        command.arg(&self.model);
        command.envs(percent.map(|percent| ("INFERNO_SLOWDOWN_PERCENT", percent)));
        let output = command.output().expect("the binary runs");
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Whether `current` is slower than `baseline`.
    fn is_slower(&self, baseline: &str, current: &str) -> bool {
        let file = |name: &str| format!("{name}/baseline_results.json");
        let output = self
            .benchmark()
            .args(["compare", "--report", "--baseline", &file(baseline)])
            .args(["--current", &file(current)])
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
    let model = std::env::var_os("BENCH_MODEL_PATH").expect("BENCH_MODEL_PATH names a GGUF file");
    let tries = std::env::var("INFERNO_SLOWDOWN_TRIES").map_or(TRIES, |text| {
        text.parse().expect("INFERNO_SLOWDOWN_TRIES is a number")
    });
    let folder = std::env::var_os("INFERNO_SLOWDOWN_FOLDER").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("slowdown"),
        PathBuf::from,
    );
    std::fs::create_dir_all(&folder).expect("a folder");
    let trial = Trial {
        model: model.into(),
        folder,
    };
    trial.baseline("plain-0", None);
    let (mut found, mut invented) = (0, 0);
    for round in 1..=tries {
        let [before, slow, plain] = [
            format!("plain-{}", round - 1),
            format!("slow-{round}"),
            format!("plain-{round}"),
        ];
        trial.baseline(&slow, Some(PERCENT));
        trial.baseline(&plain, None);
        found += usize::from(trial.is_slower(&before, &slow));
        invented += usize::from(trial.is_slower(&before, &plain));
        println!("after {round}: {found} found, {invented} invented");
    }
    assert_eq!(invented, 0, "of {tries} comparisons without a slowdown");
    assert!(
        found + MISSES_ALLOWED >= tries,
        "{found} of {tries} slowdowns were found"
    );
}
