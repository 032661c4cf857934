//! Criterion's view of a verified pair: the groups and scenarios of its spec, each as
//! `GROUP/SCENARIO/baseline` and `GROUP/SCENARIO/candidate`.
//!
//! Takes the pair that `cargo xtask pgo` has left, and opens it again: both binaries are hashed,
//! compared with what was verified and with each other, before anything is timed. Gives Criterion's
//! estimates, outlier analysis and HTML. It judges nothing: the verdict is `cargo xtask pgo`'s, whose
//! unit is the restarted process.
//!
//! **How the arms alternate.** Criterion runs one benchmark to its end before the next. So
//! `…/baseline` takes whole *pairs* – both arms, in random order, on the same input – and hands
//! Criterion the baseline's times; the candidate's times of the same pairs wait in a queue, from which
//! `…/candidate` is served first. A time is handed out once. The first call of each benchmark is
//! Criterion's warm-up: one pair that counts for neither arm. Times are those that the arms
//! report, so that waiting for the other arm is in none of them.
//!
//! Environment: `INFERNO_BENCH_SPEC` and `INFERNO_BENCH_OUT` name another spec and output
//! directory, `INFERNO_BENCH_BUDGET` (as in `5m`) bounds the time, `INFERNO_BENCH_LEFT_OUT` names a
//! file for what did not fit, and variables of the spec's `[assets]` (here `BENCH_MODEL_PATH`) name
//! other files. Arguments are Criterion's.

mod groups;
mod summary;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use inferno_measure::process;
use inferno_pgo::reopen::{AssetsSince, OpenedPair};
use inferno_pgo::spec::{Spec, duration};
use inferno_pgo::{Error, Result};

/// The spec without `INFERNO_BENCH_SPEC`.
const DEFAULT_SPEC: &str = "profiles/concurrent_inference.toml";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<()> {
    refuse_profiler()?;
    process::install_interrupt_handler()?;
    let place = Place::from_environment();
    let spec = Spec::load(&place.spec)?;
    let budget = budget()?;
    let out = place.out.clone().unwrap_or_else(|| default_out(&spec));
    let remedy = place.remedy();
    let pair = OpenedPair::open(&spec, &out, &remedy, &mut |line| eprintln!("{line}"))?;
    describe(&pair);
    let plan = groups::plan(&pair, budget)?;
    summary::tell_plan(&plan, budget);
    let results = groups::run(&spec, &pair, &plan)?;
    summary::print(&plan, &results);
    summary::write_left_out(&plan)
}

/// Where the spec and its results are.
struct Place {
    spec: PathBuf,
    out: Option<PathBuf>,
    is_default: bool,
}

impl Place {
    fn from_environment() -> Self {
        // cargo runs benchmarks in the package's directory; people name files from where they are.
        let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let absolute = |path: OsString| from_the_root(Path::new(&path));
        let (spec, out) = (given("INFERNO_BENCH_SPEC"), given("INFERNO_BENCH_OUT"));
        Self {
            is_default: spec.is_none() && out.is_none(),
            spec: spec.map_or_else(|| root().join(DEFAULT_SPEC), absolute),
            out: out.map(absolute),
        }
    }

    /// The command that makes the pair.
    fn remedy(&self) -> String {
        if self.is_default {
            return "cargo xtask pgo, or ./crates/inference/build-pgo-concurrent.sh".into();
        }
        let spec = format!("cargo xtask pgo --spec {}", self.spec.display());
        let out = self.out.as_ref();
        out.map_or(spec.clone(), |out| {
            format!("{spec} --out {}", out.display())
        })
    }
}

/// The workspace, in which the seed's commands are given.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}

/// A relative path as seen from the workspace.
fn from_the_root(path: &Path) -> PathBuf {
    root().join(path)
}

fn default_out(spec: &Spec) -> PathBuf {
    root().join("target/pgo").join(spec.name())
}

fn budget() -> Result<Option<Duration>> {
    const NAME: &str = "INFERNO_BENCH_BUDGET";
    let Some(text) = std::env::var(NAME).ok().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let parsed = duration::parse(&text).map_err(|message| Error::Usage {
        message: format!("{NAME}: {message}"),
        hint: "leave it out to measure every scenario".into(),
    });
    Ok(Some(parsed?))
}

/// An in-process profiler would draw this program waiting for the arms.
fn refuse_profiler() -> Result<()> {
    if std::env::var_os("CRITERION_PROFILER").is_none_or(|value| value.is_empty()) {
        return Ok(());
    }
    Err(Error::Usage {
        message: "CRITERION_PROFILER cannot see into `pgo_benches`: its work is done by other processes".into(),
        hint: "profile an arm itself, with `perf record` on the binaries that `cargo xtask pgo verify` prints; or a suite that works in its own process: cargo xtask bench engine_parts".into(),
    })
}

fn describe(pair: &OpenedPair) {
    for (name, artifact) in [
        ("baseline", pair.pair().baseline()),
        ("candidate", pair.pair().candidate().artifact()),
    ] {
        eprintln!("{name}: verified again, sha256 {}", artifact.sha256);
    }
    if pair.assets() == AssetsSince::Others {
        eprintln!(
            "note: the pair was verified with other files than the environment names now; outputs of warm scenarios are compared again"
        );
    }
    for scenario in pair.unverified() {
        eprintln!("{scenario}: left out, because the pair was not verified on it (--only)");
    }
}
