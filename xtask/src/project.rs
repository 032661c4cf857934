//! Where this project keeps what its commands need.

use std::path::{Path, PathBuf};

use cargo_inferno_pgo::{Front, Project};

/// The workspace's root. Commands work from any directory below it.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The spec of a command that is given none.
pub(crate) fn default_spec() -> PathBuf {
    root().join("profiles/concurrent_inference.toml")
}

/// This project, for the commands that any project can use.
pub(crate) fn front() -> Front {
    Front {
        call: "cargo xtask pgo",
        project: Project::Fixed {
            root: root().to_owned(),
            spec: default_spec(),
        },
    }
}

/// Where Criterion keeps its results.
pub(crate) fn criterion_home() -> PathBuf {
    let elsewhere = std::env::var_os("CRITERION_HOME").map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    elsewhere.unwrap_or_else(|| {
        target
            .unwrap_or_else(|| root().join("target"))
            .join("criterion")
    })
}

/// The page to start from in Criterion's results.
pub(crate) fn criterion_report() -> PathBuf {
    criterion_home().join("report/index.html")
}

/// The output directory of a release without `--out`.
pub(crate) fn default_dist() -> PathBuf {
    root().join("target/dist")
}

/// The model of the default spec.
pub(crate) const DEFAULT_MODEL: &str = "smollm2-135m";
