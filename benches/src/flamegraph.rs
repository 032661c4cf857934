//! Flamegraphs of Criterion's benchmarks: `CRITERION_PROFILER=pprof` and `--profile-time SECONDS`.
//!
//! Takes the environment; gives a Criterion that samples its own process while it profiles, and
//! writes `profile/flamegraph.svg` beside a benchmark's other files. It must not touch a measurement:
//! Criterion calls it only when it profiles. Work in other processes is not seen.

use std::fs::File;
use std::path::Path;
use std::process::exit;

use criterion::Criterion;
use criterion::profiler::Profiler;
use pprof::{ProfilerGuard, ProfilerGuardBuilder};

/// Names the profiler.
const VARIABLE: &str = "CRITERION_PROFILER";

/// Samples per second of CPU time; a prime, so that no regular work is hit always or never.
const FREQUENCY_HZ: i32 = 997;

/// Exit code for wrong usage.
const USAGE: i32 = 2;

/// Criterion as the command line and the environment want it. Ends the program when the
/// environment names a profiler that there is not.
pub fn criterion() -> Criterion {
    let criterion = match std::env::var(VARIABLE).unwrap_or_default().as_str() {
        "" => Criterion::default(),
        "pprof" => {
            if !std::env::args().any(|argument| argument.starts_with("--profile-time")) {
                eprintln!("note: {VARIABLE} draws nothing without `--profile-time SECONDS`");
            }
            Criterion::default().with_profiler(Flamegraph::default())
        }
        other => {
            eprintln!("error: {VARIABLE}=`{other}`: there is no such profiler\nhint: use `pprof`");
            exit(USAGE);
        }
    };
    criterion.configure_from_args()
}

/// Samples stacks from a benchmark's start to its end.
#[derive(Default)]
struct Flamegraph {
    sampling: Option<ProfilerGuard<'static>>,
}

impl Profiler for Flamegraph {
    fn start_profiling(&mut self, benchmark_id: &str, _benchmark_dir: &Path) {
        let guard = ProfilerGuardBuilder::default()
            .frequency(FREQUENCY_HZ)
            // The unwinder is not safe to interrupt in these.
            .blocklist(&["libc", "libgcc", "pthread", "vdso"])
            .build();
        match guard {
            Ok(guard) => self.sampling = Some(guard),
            Err(error) => eprintln!("{benchmark_id}: no flamegraph: {error}"),
        }
    }

    fn stop_profiling(&mut self, benchmark_id: &str, benchmark_dir: &Path) {
        let Some(guard) = self.sampling.take() else {
            return;
        };
        match write(&guard, benchmark_dir) {
            Ok(()) => eprintln!(
                "{benchmark_id}: {}",
                benchmark_dir.join("flamegraph.svg").display()
            ),
            Err(error) => eprintln!("{benchmark_id}: no flamegraph: {error}"),
        }
    }
}

fn write(guard: &ProfilerGuard<'_>, directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let report = guard.report().build()?;
    if report.data.is_empty() {
        return Err("no sample was taken; profile for longer".into());
    }
    std::fs::create_dir_all(directory)?;
    report.flamegraph(File::create(directory.join("flamegraph.svg"))?)?;
    Ok(())
}
