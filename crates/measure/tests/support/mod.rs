//! The measured program, compiled once per test run, and scenarios for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use inferno_measure::arms::Arms;
use inferno_measure::scenario::{Better, Judging, Kind, Metric, PageCache, Pin, Role, Scenario};
use tempfile::TempDir;

/// Where a campaign lives: the arms and the output directory.
pub(crate) struct Place {
    #[allow(dead_code, reason = "held, so that the arms are there")]
    pub(crate) directory: TempDir,
    pub(crate) arms: Arms,
}

pub(crate) fn place() -> Place {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let arms = Arms::with_control(subject(), subject(), &directory.path().join("arms"))
        .expect("the binaries are copied");
    Place { directory, arms }
}

/// The compiled program.
fn subject() -> &'static Path {
    static SUBJECT: OnceLock<PathBuf> = OnceLock::new();
    SUBJECT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("subject-{}", std::process::id()));
        let status = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition", "2024", "-Copt-level=1", "-o"])
            .arg(&output)
            .arg(root.join("tests/programs/subject.rs"))
            .status()
            .expect("rustc runs");
        assert!(status.success(), "the measured program compiles");
        output
    })
}

pub(crate) fn warm(name: &str, mode: &str) -> Scenario {
    Scenario {
        name: name.to_owned(),
        group: name.to_owned(),
        kind: Kind::Warm {
            request: serde_json::Map::new(),
            pin: Pin::None,
            warmup: 1,
        },
        args: vec!["--worker".to_owned()],
        env: BTreeMap::from([("MODE".to_owned(), mode.to_owned())]),
        stdin: None,
        directory: PathBuf::from("/"),
        inputs: Vec::new(),
        timeout: Duration::from_mins(1),
        exit: 0,
        prepare: Vec::new(),
        server: None,
        class: Vec::new(),
        role: Role::Primary,
        expect: None,
        metrics: vec![metric()],
    }
}

#[allow(dead_code, reason = "not every test program measures cold scenarios")]
pub(crate) fn cold(name: &str, mode: &str) -> Scenario {
    Scenario {
        kind: Kind::Cold {
            cache: PageCache::Warm,
            pin: Pin::None,
        },
        args: Vec::new(),
        ..warm(name, mode)
    }
}

fn metric() -> Metric {
    Metric {
        name: "rate".to_owned(),
        regex: "rate: ([0-9.]+)".to_owned(),
        unit: "tokens/s".to_owned(),
        better: Better::Higher,
    }
}

/// A budget that holds little more than the minimum.
#[allow(dead_code, reason = "not every test program plans")]
pub(crate) fn judging() -> Judging {
    Judging {
        budget_s: 3.0,
        min_pairs: 3,
        ..Judging::default()
    }
}
