//! `cargo xtask test`: the fast tests, or with `--slow` all of them, or those of the heavy backends.

use cargo_inferno_pgo::setup;
use clap::Args;
use inferno_pgo::assets;
use xshell::{Shell, cmd};

mod backends;

use crate::error::Result;
use crate::project;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Also the tests named `slow_…`: the pipeline on the fixtures, the real model, real fetches
    #[arg(long)]
    slow: bool,
    /// Only the tests of the backends llama (needs cmake, a C++ compiler and libclang) and onnx, on the
    /// real models, which are fetched
    #[arg(long, conflicts_with = "slow")]
    backends: bool,
    /// Only tests whose name contains this
    filter: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    if arguments.backends {
        return backends::run(arguments.filter.as_deref());
    }
    let tool = setup::tool(&project::front())?;
    eprintln!("llvm-profdata {} at {}", tool.version, tool.path.display());
    let sh = Shell::new()?;
    sh.change_dir(project::root());
    let skip: &[&str] = if arguments.slow {
        &[]
    } else {
        &["--skip", "slow_"]
    };
    if arguments.slow {
        let name = project::DEFAULT_MODEL;
        let model = assets::fetch(|progress| inferno_provision::fetch_model(name, progress))?;
        sh.set_var("BENCH_MODEL_PATH", model);
        sh.set_var("INFERNO_TEST_NETWORK", "1");
    }
    let filter = arguments.filter.as_slice();
    cmd!(
        sh,
        "cargo test --workspace --exclude xtask --features inferno-inference/candle,inferno-inference/onnx -- {filter...} {skip...}"
    )
    .run()?;
    cmd!(
        sh,
        "cargo test --package xtask -- --test-threads=2 --skip measured:: {filter...} {skip...}"
    )
    .run()?;
    // One at a time: these measure, and would disturb each other.
    cmd!(
        sh,
        "cargo test --package xtask --test pipeline -- --test-threads=1 --skip built:: {filter...} {skip...}"
    )
    .run()?;
    Ok(inferno_pgo::exit::ANSWERED)
}
