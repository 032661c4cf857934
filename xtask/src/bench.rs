//! `cargo xtask bench`: the benchmarks, each with what it needs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cargo_inferno_pgo::print;
use clap::Args;
use inferno_measure::benchmarks;
use inferno_measure::process::{Command, ExitKind, Output};
use inferno_pgo::assets;
use inferno_pgo::spec::duration;

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

const SUITES: [Suite; 9] = [
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
    Suite {
        name: "inference",
        about: "loading, first token, further tokens; percentiles, requests per second, errors",
        expected: "80 s after the build",
        cargo: &["--package=inferno-benches", "--bench=inference_benchmark"],
        harness: Harness::Criterion,
        model: Model::Default,
    },
    Suite {
        name: "memory",
        about: "peaks, efficiency, what the allocator is asked for, leaks",
        expected: "40 s after the build",
        cargo: &["--package=inferno-benches", "--bench=memory_benchmark"],
        harness: Harness::Own,
        model: Model::Default,
    },
    Suite {
        name: "concurrent",
        about: "throughput of 1 to 25 clients, waiting, scalability",
        expected: "80 s after the build",
        cargo: &["--package=inferno-benches", "--bench=concurrent_benchmark"],
        harness: Harness::Criterion,
        model: Model::Default,
    },
    Suite {
        name: "cache",
        about: "hits beside theory, time per operation, evictions, latency saved",
        expected: "90 s after the build",
        cargo: &["--package=inferno-benches", "--bench=cache_benchmark"],
        harness: Harness::Criterion,
        model: Model::Default,
    },
    Suite {
        name: "profiling",
        about: "flamegraphs, pprof profiles, functions with the most time, in flamegraphs/",
        expected: "60 s after the build",
        cargo: &["--package=inferno-benches", "--bench=profiling_benchmark"],
        harness: Harness::Own,
        model: Model::Default,
    },
    Suite {
        name: "batched_models",
        about: "classifying and embedding through the batcher, kept answers, side by side",
        expected: "2 min after the build; needs `cargo xtask model fetch` of magika, minilm, \
                   minilm-int8-onnx and onnxruntime",
        cargo: &[
            "--package=inferno-benches",
            "--bench=batched_models",
            "--features=onnx",
        ],
        harness: Harness::Own,
        model: Model::Default,
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
    tell_without_baselines(arguments, &suites);
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
    let kept = arguments.baseline.as_deref();
    report(started, profiled, left_out.path(), kept)
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

/// A suite with a loop of its own keeps no results.
fn tell_without_baselines(arguments: &Arguments, suites: &[&Suite]) {
    let is_asked = arguments.save_baseline.is_some() || arguments.baseline.is_some();
    let of_their_own = suites.iter().filter(|suite| suite.harness == Harness::Own);
    for suite in of_their_own.filter(|_| is_asked) {
        eprintln!(
            "note: {} does not run under Criterion: its results are neither kept nor compared",
            suite.name
        );
    }
}

fn bench(
    suite: &Suite,
    arguments: &Arguments,
    budget: Option<Duration>,
    profiled: bool,
    left_out: &Path,
) -> Result<()> {
    let model = match suite.model {
        Model::Default if std::env::var_os("BENCH_MODEL_PATH").is_none() => {
            let name = project::DEFAULT_MODEL;
            Some(assets::fetch(|progress| {
                inferno_provision::fetch_model(name, progress)
            })?)
        }
        Model::Default | Model::Left => None,
    };
    let command = |words: &[&str]| {
        let command = Command::new("cargo")
            .args(words)
            .directory(project::root())
            .env("INFERNO_BENCH_LEFT_OUT", left_out);
        match &model {
            Some(model) => command.env("BENCH_MODEL_PATH", model),
            None => command,
        }
    };
    let mut words = vec!["bench"];
    words.extend(suite.cargo);
    let built = shown(command(&[&words[..], &["--no-run"]].concat()))?;
    if built != ExitKind::Code(0) {
        return Err(inferno_pgo::Error::Build {
            arm: suite.name.to_owned(),
            message: format!("cargo ended with {built}"),
            hint: "cargo's own words stand above".into(),
        }
        .into());
    }
    words.push("--");
    words.extend(criterion(suite, arguments, profiled));
    let mut command = command(&words);
    if let Some(budget) = budget {
        command = command.env(
            "INFERNO_BENCH_BUDGET",
            format!("{}s", budget.as_secs().max(1)),
        );
    }
    match shown(command)? {
        ExitKind::Code(0) => Ok(()),
        status => Err(Error::Suite {
            suite: suite.name,
            status,
        }),
    }
}

/// What Criterion is told.
fn criterion<'a>(suite: &Suite, arguments: &'a Arguments, profiled: bool) -> Vec<&'a str> {
    if suite.harness == Harness::Own {
        return Vec::new();
    }
    let names = [
        ("--save-baseline", &arguments.save_baseline),
        ("--baseline", &arguments.baseline),
    ];
    let mut words: Vec<&str> = names
        .into_iter()
        .filter_map(|(option, name)| Some([option, name.as_deref()?]))
        .flatten()
        .collect();
    if profiled {
        words.extend(["--profile-time", PROFILE_S]);
    }
    words
}

/// Runs `command` to its end and shows what it says meanwhile.
fn shown(command: Command) -> Result<ExitKind> {
    let command = command
        .stdout(Output::Lines(Box::new(|line| {
            // A reader that has read enough, such as `head`, is no failure.
            let _ = writeln!(std::io::stdout(), "{line}");
        })))
        .stderr(Output::Lines(Box::new(|line| eprintln!("{line}"))));
    Ok(command.run()?.status)
}

fn report(started: SystemTime, profiled: bool, left_out: &Path, kept: Option<&str>) -> Result<u8> {
    let home = project::criterion_home();
    if profiled {
        for file in benchmarks::files_since(&home, "flamegraph.svg", started)? {
            println!("{}", file.display());
        }
        return Ok(inferno_pgo::exit::ANSWERED);
    }
    let left_out = read_left_out(left_out)?;
    let found = benchmarks::since(&home, started)?;
    if !found.is_empty() || !left_out.is_empty() {
        let table = inferno_report::benchmarks(&found, &left_out, kept);
        print::write(&format!("\n{table}"));
        eprintln!("report: {}", project::criterion_report().display());
    }
    Ok(inferno_pgo::exit::ANSWERED)
}

/// What did not fit into the budget; nothing where no suite has said so.
fn read_left_out(path: &Path) -> Result<BTreeMap<String, String>> {
    let failed = |why: String| Error::Check(format!("cannot read what was left out: {why}"));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}
