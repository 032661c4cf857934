//! Where the CPU time goes: one request after the other, many at once, and loading again and again.
//!
//! Samples its own process and leaves, per workload, in `flamegraphs/`: a flamegraph (`.svg`), a
//! profile that `go tool pprof` and other readers open (`.pb`), the functions with the most time
//! (`.txt`), and the stacks (`.folded`). Where the stacks of an earlier run on the same model are
//! there, it also draws what changed since; and always how many at once differ from one alone. The
//! share of frames without a name is told: a picture of unknown functions tells nothing. Other
//! processes are not seen.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inferno_benches::model::ModelFile;
use inferno_benches::sampled_profile::{FREQUENCY_HZ, NOT_SAMPLED, Named, Profile};
use inferno_benches::{budget, drawing, model, pool, requests, sampled_profile, selection, stacks};
use inferno_inference::backend::{Backend as _, Model as _};
use inferno_inference::candle::{CandleBackend, CandleModel};
use inferno_inference::engine::{Engine, EngineConfig};

/// Time for all workloads, without `INFERNO_BENCH_BUDGET`.
const BUDGET: Duration = Duration::from_secs(45);

/// Names where pictures and profiles are left.
const DIRECTORY: &str = "INFERNO_FLAMEGRAPHS_DIR";

/// Functions in the table.
const LISTED: usize = 40;

/// Of these, so many are printed.
const PRINTED: usize = 8;

/// Tokens of each prompt, and of each answer.
const PROMPT_TOKENS: usize = 32;
const ANSWER_TOKENS: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Requests at once.
const MANY: NonZeroUsize = NonZeroUsize::new(25).unwrap();

/// Frames of the program without a name beyond this share are warned of.
const UNKNOWN_LIMIT: f64 = 0.05;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Workload {
    /// One request after the other.
    Inference,
    /// Loading the model, starting an engine, one short answer, and dropping both.
    Memory,
    /// [`MANY`] requests at once.
    Concurrent,
}

impl Workload {
    const ALL: [Self; 3] = [Self::Inference, Self::Memory, Self::Concurrent];
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Inference => "inference",
            Self::Memory => "memory",
            Self::Concurrent => "concurrent",
        })
    }
}

/// Where files go, and what they say of themselves.
struct Place {
    directory: PathBuf,
    /// Model and threads, by which stacks of an earlier run are known to be comparable.
    head: String,
}

fn main() -> ExitCode {
    #[expect(
        unsafe_code,
        reason = "the number of threads passes through the environment"
    )]
    // SAFETY: nothing has been started yet; this is the only thread.
    let threads = unsafe { pool::start() };
    if !selection::is_chosen("profiling") {
        eprintln!("profiling: nothing is sampled without `--bench`, or with another filter");
        return ExitCode::SUCCESS;
    }
    match run(threads) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(threads: NonZeroUsize) -> Outcome<()> {
    let file = model::file();
    let place = Place {
        directory: directory(),
        head: format!("# {}; {threads} threads", file.name()),
    };
    println!("{}", place.head.trim_start_matches("# "));
    fs::create_dir_all(&place.directory)
        .map_err(|error| format!("cannot create {}: {error}", place.directory.display()))?;
    let share = budget::or(BUDGET) / Workload::ALL.len() as u32;
    let mut folded = Vec::new();
    for workload in Workload::ALL {
        let profile = sample(workload, &file, share)?;
        folded.push((workload, place.write_profile(workload, &profile)?));
    }
    let of = |workload: Workload| {
        let stacks = folded.iter().find(|(other, _)| *other == workload);
        stacks.map_or("", |(_, stacks)| stacks.as_str())
    };
    place.write_difference(
        "inference_to_concurrent_difference.svg",
        (of(Workload::Inference), of(Workload::Concurrent)),
        "One request at a time, and many at once",
    )
}

/// cargo runs benchmarks in the package's directory; people look for the files in the workspace's.
fn directory() -> PathBuf {
    let given = std::env::var_os(DIRECTORY).filter(|value| !value.is_empty());
    given.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../flamegraphs"),
        PathBuf::from,
    )
}

/// Profiles `workload` for the time of `share`. What it needs is there before.
fn sample(workload: Workload, file: &ModelFile, share: Duration) -> Outcome<Profile> {
    let engine = match workload {
        Workload::Inference => Some(engine(file, NonZeroUsize::MIN)?),
        Workload::Concurrent => Some(engine(file, MANY)?),
        Workload::Memory => None,
    };
    let sampling = sampled_profile::start()?;
    let started = Instant::now();
    while started.elapsed() < share {
        match &engine {
            Some(engine) if workload == Workload::Concurrent => answer(engine, MANY.get())?,
            Some(engine) => answer(engine, 1)?,
            None => answer(&self::engine(file, NonZeroUsize::MIN)?, 1)?,
        }
    }
    Ok(sampling.finish()?)
}

fn engine(file: &ModelFile, slots: NonZeroUsize) -> Outcome<Engine<CandleModel>> {
    let model = CandleBackend.load(file.path())?;
    let config = EngineConfig {
        slots,
        ..EngineConfig::default()
    };
    Ok(Engine::new(Arc::new(model), config)?)
}

fn answer(engine: &Engine<CandleModel>, count: usize) -> Outcome<()> {
    let tokenizer = engine.model().tokenizer();
    let requests = (0..count).map(|number| {
        let prompt = requests::prompt(tokenizer, PROMPT_TOKENS, number);
        requests::greedy(&prompt, ANSWER_TOKENS, "")
    });
    for answer in engine.run(requests.collect()) {
        answer?;
    }
    Ok(())
}

impl Place {
    /// Writes all files of one workload, and what changed since an earlier run; gives the stacks.
    fn write_profile(&self, workload: Workload, profile: &Profile) -> Outcome<String> {
        let samples = stacks::samples(&profile.stacks);
        if samples == 0 {
            return Err(
                format!("{workload}: no sample was taken; set INFERNO_BENCH_BUDGET").into(),
            );
        }
        let name = |extension: &str| format!("{workload}_profile.{extension}");
        let folded = stacks::folded(&profile.stacks);
        let earlier = self.earlier(&name("folded"));
        let subtitle = said_of(samples, profile);
        let svg = drawing::flamegraph(&folded, &format!("CPU time: {workload}"), &subtitle)?;
        self.write(&name("svg"), &svg)?;
        self.write(&name("pb"), &profile.protobuf()?)?;
        self.write(
            &name("folded"),
            format!("{}\n{folded}", self.head).as_bytes(),
        )?;
        let hotspots = stacks::hotspots(&profile.stacks);
        let table = stacks::table(&hotspots, samples, LISTED);
        let text = format!("{workload}: {subtitle}\n{}\n\n{table}", self.head);
        self.write(&name("txt"), text.as_bytes())?;
        println!("\n{workload}: {subtitle}");
        warn(workload, profile.program);
        print!("{}", stacks::table(&hotspots, samples, PRINTED));
        match earlier {
            None => println!("{workload}: no earlier run on this model to compare with"),
            Some(earlier) => {
                let file = format!("{workload}_difference.svg");
                let title = format!("CPU time: {workload}, since the run before");
                self.write_difference(&file, (&earlier, &folded), &title)?;
            }
        }
        Ok(folded)
    }

    /// The stacks of an earlier run, if they are of the same model and number of threads.
    fn earlier(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.directory.join(name)).ok()?;
        let (head, folded) = text.split_once('\n')?;
        (head == self.head).then(|| folded.to_owned())
    }

    fn write_difference(&self, name: &str, runs: (&str, &str), title: &str) -> Outcome<()> {
        let subtitle = "red: more of the time than before, blue: less; lengths are made equal";
        let svg = drawing::difference(runs.0, runs.1, title, subtitle)?;
        self.write(name, &svg)
    }

    fn write(&self, name: &str, content: &[u8]) -> Outcome<()> {
        let path = self.directory.join(name);
        let said = |error: io::Error| format!("cannot write {}: {error}", path.display());
        fs::write(&path, content).map_err(said)?;
        println!("wrote {}", path.display());
        Ok(())
    }
}

/// How much was seen, and how much of it has a name.
fn said_of(samples: u64, profile: &Profile) -> String {
    let share = |named: Named| {
        named.unknown_share().map_or_else(
            || "no frames".to_owned(),
            |share| format!("{:.1} % of {} frames", share * 100.0, named.frames),
        )
    };
    format!(
        "{samples} samples at {FREQUENCY_HZ} Hz of CPU time, none inside {}; without a name: {} of the \
         program, {} of shared libraries",
        NOT_SAMPLED.join(", "),
        share(profile.program),
        share(profile.elsewhere)
    )
}

fn warn(workload: Workload, program: Named) {
    if program
        .unknown_share()
        .is_some_and(|share| share > UNKNOWN_LIMIT)
    {
        eprintln!(
            "warning: {workload}: more than {:.0} % of the program's frames have no name; is the binary \
             stripped?",
            UNKNOWN_LIMIT * 100.0
        );
    }
}
