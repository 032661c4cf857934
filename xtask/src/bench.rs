//! `cargo xtask bench`: the benchmarks, each with what it needs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;
use inferno_measure::benchmarks;
use inferno_pgo::assets;
use inferno_pgo::spec::duration;
use xshell::{Shell, cmd};

use crate::error::{Error, Result};
use crate::project;

/// Names a profiler; see docs/benches.md.
const PROFILER: &str = "CRITERION_PROFILER";

/// Seconds of each benchmark under the profiler.
const PROFILE_S: &str = "5";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The suites; without one, all
    #[arg(value_name = "SUITE", value_parser = clap::builder::PossibleValuesParser::new(SUITES.map(|suite| suite.name)))]
    suites: Vec<String>,
    /// List the suites and stop
    #[arg(long)]
    list: bool,
    /// Time for all suites that are run, shared out evenly, as in `5m`
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    budget: Option<Duration>,
    /// Keep the results under this name, to compare with later
    #[arg(long, value_name = "NAME", conflicts_with = "baseline")]
    save_baseline: Option<String>,
    /// Compare with the results that were kept under this name
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
}

/// A bench target and what it needs.
struct Suite {
    name: &'static str,
    about: &'static str,
    expected: &'static str,
    /// What cargo is told.
    cargo: &'static [&'static str],
    harness: Harness,
    model: Model,
}

/// What runs the suite, and where its work is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Harness {
    /// Criterion, in its own process.
    Criterion,
    /// Criterion, over other processes.
    CriterionOverArms,
    /// A loop of its own.
    Own,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Model {
    /// The default model, unless `BENCH_MODEL_PATH` names another.
    Default,
    /// The suite sees to it, or needs none.
    Left,
}

const SUITES: [Suite; 3] = [
    Suite {
        name: "pgo",
        about: "baseline and candidate of the verified pair, five groups",
        expected: "about 15 min; needs the pair of `cargo xtask pgo`",
        // The driver only waits for the arms, which state their own times.
        cargo: &[
            "--package=inferno-inference",
            "--bench=pgo_benches",
            "--no-default-features",
            "--features=benches",
            "--profile=dev",
        ],
        harness: Harness::CriterionOverArms,
        model: Model::Left,
    },
    Suite {
        name: "engine_overhead",
        about: "the engine against a bare loop over the same model",
        expected: "40 s after the build",
        cargo: &["--package=inferno-benches", "--bench=engine_overhead"],
        harness: Harness::Own,
        model: Model::Default,
    },
    Suite {
        name: "engine_parts",
        about: "tokenizer and sampling by themselves",
        expected: "30 s after the build",
        cargo: &["--package=inferno-benches", "--bench=engine_parts"],
        harness: Harness::Criterion,
        model: Model::Left,
    },
];

pub(crate) fn run(arguments: &Arguments) -> Result<u8> {
    if arguments.list {
        for suite in &SUITES {
            println!("{:<16} {}; {}", suite.name, suite.about, suite.expected);
        }
        return Ok(inferno_pgo::exit::ANSWERED);
    }
    let profiled = std::env::var_os(PROFILER).is_some_and(|value| !value.is_empty());
    let suites = chosen(arguments, profiled)?;
    let started = SystemTime::now();
    let left_out = tempfile::NamedTempFile::new()
        .map_err(|error| Error::Check(format!("cannot make a temporary file: {error}")))?;
    for (number, suite) in (1..).zip(&suites) {
        eprintln!(
            "suite {number} of {}: {} ({})",
            suites.len(),
            suite.name,
            suite.expected
        );
        let share = arguments
            .budget
            .map(|budget| budget / u32::try_from(suites.len()).unwrap_or(u32::MAX));
        bench(suite, arguments, share, profiled, left_out.path())?;
    }
    report(started, profiled, left_out.path())
}

fn chosen(arguments: &Arguments, profiled: bool) -> Result<Vec<&'static Suite>> {
    let named = |suite: &&Suite| {
        arguments.suites.is_empty() || arguments.suites.iter().any(|name| name == suite.name)
    };
    let suites: Vec<&'static Suite> = SUITES.iter().filter(named).collect();
    let blind = |suite: &&&'static Suite| profiled && suite.harness != Harness::Criterion;
    if let Some(suite) = suites.iter().find(blind) {
        let reason = match suite.harness {
            Harness::CriterionOverArms => "its work is done by other processes",
            Harness::Criterion | Harness::Own => "it does not run under Criterion",
        };
        return Err(inferno_pgo::Error::Usage {
            message: format!("{PROFILER} cannot see into the suite `{}`: {reason}", suite.name),
            hint: "profile a suite that works under Criterion in its own process: cargo xtask bench engine_parts".into(),
        }
        .into());
    }
    Ok(suites)
}

fn bench(
    suite: &Suite,
    arguments: &Arguments,
    budget: Option<Duration>,
    profiled: bool,
    left_out: &Path,
) -> Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(project::root());
    sh.set_var("INFERNO_BENCH_LEFT_OUT", left_out);
    if let Some(budget) = budget {
        sh.set_var(
            "INFERNO_BENCH_BUDGET",
            format!("{}s", budget.as_secs().max(1)),
        );
    }
    if suite.model == Model::Default && std::env::var_os("BENCH_MODEL_PATH").is_none() {
        let name = project::DEFAULT_MODEL;
        let model = assets::fetch(|progress| inferno_provision::fetch_model(name, progress))?;
        sh.set_var("BENCH_MODEL_PATH", model);
    }
    let mut criterion: Vec<&str> = Vec::new();
    if suite.harness != Harness::Own {
        for (option, name) in [
            ("--save-baseline", &arguments.save_baseline),
            ("--baseline", &arguments.baseline),
        ] {
            criterion.extend(name.iter().flat_map(|name| [option, name.as_str()]));
        }
        if profiled {
            criterion.extend(["--profile-time", PROFILE_S]);
        }
    }
    let target = suite.cargo;
    cmd!(sh, "cargo bench {target...} -- {criterion...}").run()?;
    Ok(())
}

fn report(started: SystemTime, profiled: bool, left_out: &Path) -> Result<u8> {
    let home = project::criterion_home();
    if profiled {
        for file in benchmarks::files_since(&home, "flamegraph.svg", started)? {
            println!("{}", file.display());
        }
        return Ok(inferno_pgo::exit::ANSWERED);
    }
    let text = std::fs::read_to_string(left_out).unwrap_or_default();
    let left_out: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_default();
    let found = benchmarks::since(&home, started)?;
    if !found.is_empty() || !left_out.is_empty() {
        print!("\n{}", inferno_report::benchmarks(&found, &left_out));
        eprintln!("report: {}", project::criterion_report().display());
    }
    Ok(inferno_pgo::exit::ANSWERED)
}
