//! `cargo xtask lint`: what a change must pass before it is reviewed.

use std::path::PathBuf;

use xshell::{Shell, cmd};

use crate::error::Result;
use crate::project;

pub(crate) fn run() -> Result<u8> {
    let sh = Shell::new()?;
    sh.change_dir(project::root());
    cmd!(sh, "cargo fmt --all --check").run()?;
    cmd!(
        sh,
        "cargo clippy --workspace --all-targets --features inferno-inference/candle,inferno-inference/onnx -- -D warnings"
    )
    .run()?;
    for manifest in packages_outside(&sh)? {
        cmd!(sh, "cargo fmt --check --manifest-path {manifest}").run()?;
    }
    let scripts = scripts(&sh)?;
    let optional = [
        ("shellcheck", "scripts", cmd!(sh, "shellcheck {scripts...}")),
        ("actionlint", "workflows' syntax", cmd!(sh, "actionlint")),
        (
            "zizmor",
            "workflows' permissions",
            cmd!(sh, "zizmor --offline --quiet ."),
        ),
    ];
    for (tool, checked, command) in optional {
        if which::which(tool).is_ok() {
            command.run()?;
        } else {
            eprintln!("{tool} is not installed; not checked: {checked}");
        }
    }
    Ok(inferno_pgo::exit::ANSWERED)
}

/// The shell scripts that people and machines call.
fn scripts(sh: &Shell) -> Result<Vec<PathBuf>> {
    let is_script = |path: &PathBuf| path.extension().is_some_and(|it| it == "sh");
    let entries = sh.read_dir("scripts")?.into_iter().filter(is_script);
    let elsewhere = [".ci/run", "crates/inference/build-pgo-concurrent.sh"];
    Ok(entries.chain(elsewhere.map(Into::into)).collect())
}

/// The fixtures, the fuzz targets and the worker on tract are packages of their own, outside the workspace.
fn packages_outside(sh: &Shell) -> Result<Vec<PathBuf>> {
    let entries = sh.read_dir("fixtures")?;
    let elsewhere = ["fuzz", "profiles/tract"];
    let directories = entries.into_iter().chain(elsewhere.map(Into::into));
    let manifests = directories.map(|directory| directory.join("Cargo.toml"));
    Ok(manifests.filter(|manifest| manifest.is_file()).collect())
}
