//! The stage that lets Criterion look at the verified pair as well, where the spec declares it.
//!
//! Takes a spec's `[criterion]` and the output directory of a finished run; runs `cargo bench`, whose
//! benchmark opens the pair itself. What Criterion finds is Criterion's: nothing of it goes into a
//! verdict.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use inferno_measure::process::{Command, Output};
use inferno_measure::write_atomically;

use crate::cargo::Resolution;
use crate::error::{Error, Result};
use crate::output::Layout;
use crate::progress::Progress;
use crate::spec::{Criterion, Spec};

/// Lines that an error repeats; the whole output is in the log.
const TAIL_LINES: usize = 12;

/// Runs the benchmark that `spec` declares on the pair in `out`, which no other holder may lock
/// meanwhile. Gives the file with its whole output.
///
/// # Errors
/// [`Error::Bench`] when it fails, [`Error::Measure`] when interrupted.
pub fn run(
    spec: &Spec,
    declared: &Criterion,
    resolution: Resolution,
    out: &Path,
    progress: &mut Progress,
) -> Result<PathBuf> {
    let path = Layout::new(out).criterion_log();
    progress.start("criterion");
    let (succeeded, log) = follow(command(spec, declared, resolution, out), progress)?;
    write_atomically(&path, log.as_bytes())?;
    if succeeded {
        progress.finish(&format!("the whole output is in {}", path.display()));
        return Ok(path);
    }
    let lines: Vec<&str> = log.lines().collect();
    Err(Error::Bench {
        message: lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"),
        hint: format!(
            "record and report are written and stand; the whole output is in {}; `--no-criterion` leaves this stage out",
            path.display()
        ),
    })
}

fn command(spec: &Spec, declared: &Criterion, resolution: Resolution, out: &Path) -> Command {
    let manifest = declared.manifest.as_ref();
    let manifest = manifest.map_or_else(|| spec.manifest(), |path| spec.resolve(path));
    let directory = manifest.parent().unwrap_or(Path::new("/"));
    let mut command = Command::new("cargo")
        .args(["bench", "--color=never", "--manifest-path"])
        .arg(&manifest)
        .args(["--package", &declared.package, "--bench", &declared.bench])
        .args(["--profile", &declared.profile])
        .args(resolution.arguments())
        .directory(directory)
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        // For whoever draws flamegraphs of other benchmarks; this one has no such feature.
        .env_remove("CRITERION_PROFILER")
        .env("INFERNO_BENCH_SPEC", &spec.path)
        .env("INFERNO_BENCH_OUT", out)
        .env("INFERNO_BENCH_BUDGET", seconds(declared.budget));
    if !declared.features.is_empty() {
        command = command.args(["--features", &declared.features.join(",")]);
    }
    if !declared.default_features {
        command = command.arg("--no-default-features");
    }
    command
}

/// A duration as [`crate::spec::duration`] reads it.
fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs().max(1))
}

/// Shows what the benchmark is at; keeps all that it says.
fn follow(command: Command, progress: &mut Progress) -> Result<(bool, String)> {
    let (sender, lines) = mpsc::channel();
    let (to_stdout, to_stderr) = (sender.clone(), sender.clone());
    let command = command
        .stdout(Output::Lines(Box::new(move |line| {
            let _ = to_stdout.send(Some(line.to_owned()));
        })))
        .stderr(Output::Lines(Box::new(move |line| {
            let _ = to_stderr.send(Some(line.to_owned()));
        })));
    let mut log = format!("{}\n", command.display());
    std::thread::scope(|scope| {
        let finished = scope.spawn(move || {
            let finished = command.run();
            let _ = sender.send(None);
            finished
        });
        for line in lines {
            let Some(line) = line else { break };
            if let Some(id) = line.strip_prefix("Benchmarking ") {
                progress.note(id);
            } else if line.trim_start().starts_with("Compiling ") {
                progress.note(line.trim());
            } else if line.contains(": left out, ") {
                progress.say(&line);
            }
            log.push_str(&line);
            log.push('\n');
        }
        let finished = finished
            .join()
            .map_err(|_| Error::Internal("cargo's thread failed".into()))?;
        Ok((finished?.success(), log))
    })
}
