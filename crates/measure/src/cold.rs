//! Cold samples: a fresh process each.
//!
//! Takes a scenario and the arms, gives one pair per call. Each pair is a restart,
//! because memory layout is drawn anew in every process, and the files' with it. A process that serves is
//! sampled by its driver's time. Checks exit code, time-out
//! and metrics: a figure that is not there is an error, never a zero.

mod page_cache;
#[cfg(target_os = "linux")]
mod residency;

use std::collections::BTreeMap;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use regex::Regex;

use crate::arms::Arms;
use crate::error::{Error, Result};
use crate::host::{BlockProbe, Own, Watch};
use crate::order;
use crate::process::{Child, Command, Driven, ExitKind, Finished, Pinning, Stdin, Undriven, drive};
use crate::samples::{Arm, Pair, PerArm, Phase, Restart, Sample, Surroundings};
use crate::scenario::{Metric, PageCache, Pin, Scenario, Server};

/// Bytes of output that an error quotes.
const TAIL_BYTES: usize = 2000;

/// A cold scenario that is ready to be sampled.
#[derive(Debug)]
pub(crate) struct Cold<'a> {
    scenario: &'a Scenario,
    cache: PageCache,
    metrics: Vec<(&'a Metric, Regex)>,
}

impl<'a> Cold<'a> {
    /// Compiles the regexes and, for a warm page cache, reads the inputs once.
    pub(crate) fn prepare(scenario: &'a Scenario, cache: PageCache) -> Result<Self> {
        if cache == PageCache::Warm {
            page_cache::fill(scenario)?;
        }
        Ok(Self {
            scenario,
            cache,
            metrics: compile(scenario)?,
        })
    }

    /// Takes one sample per arm, in random order.
    pub(crate) fn pair(
        &self,
        arms: &Arms,
        index: u32,
        phase: Phase,
        random: &mut ChaCha8Rng,
    ) -> Result<Restart> {
        let order = order::shuffled(arms.present(), random);
        arms.renew(random)?;
        let probe = BlockProbe::start();
        let (mut samples, mut surroundings) = (BTreeMap::new(), BTreeMap::new());
        for &arm in &order {
            prepare(self.scenario, arm)?;
            let watch = Watch::start(Own {
                used_ns: Some(0),
                waited_ns: Some(0),
            });
            let (sample, own) = self.take(arms, arm)?;
            let mut around = Surroundings::default();
            watch.add_to(&mut around, own);
            surroundings.insert(arm, around);
            samples.insert(arm, sample);
        }
        let surroundings = order::pair_of(surroundings, |baseline, control, candidate| PerArm {
            baseline,
            control,
            candidate,
        });
        let switches = samples
            .values()
            .filter_map(|sample| sample.involuntary_switches)
            .sum();
        let pair = order::pair_of(samples, |baseline, control, candidate| Pair {
            seq: u64::from(index),
            phase,
            turn: 0,
            turn_position: 0,
            order: order.clone(),
            baseline,
            control,
            candidate,
            output: None,
        });
        Ok(Restart {
            index,
            layout: None,
            start_order: order.clone(),
            startup_ns: None,
            idle_cpu_ns: None,
            surroundings: Some(surroundings),
            host: Some(probe.finish(Some(switches), self.scenario.kind.pin())),
            pairs: vec![pair],
        })
    }

    /// Runs one arm once.
    pub(crate) fn sample(&self, arms: &Arms, arm: Arm) -> Result<Sample> {
        prepare(self.scenario, arm)?;
        Ok(self.take(arms, arm)?.0)
    }

    fn take(&self, arms: &Arms, arm: Arm) -> Result<(Sample, Own)> {
        if self.cache == PageCache::Disk {
            page_cache::drop_inputs(self.scenario)?;
        }
        let Ran { finished, own } = run(self.scenario, arms.path(arm), arm)?;
        let metrics = self.extract(&finished, arm)?;
        let sample = Sample {
            wall_ns: finished.wall_ns,
            cpu_ns: Some(finished.usage.cpu_ns()),
            round_trip_ns: None,
            peak_rss_bytes: Some(finished.usage.peak_rss_bytes),
            minor_faults: Some(finished.usage.minor_faults),
            major_faults: Some(finished.usage.major_faults),
            involuntary_switches: Some(finished.usage.involuntary_switches),
            metrics,
        };
        Ok((sample, own))
    }

    fn extract(&self, finished: &Finished, arm: Arm) -> Result<BTreeMap<String, f64>> {
        let output = joined(finished);
        self.metrics
            .iter()
            .map(|(metric, regex)| {
                let value = one_number(regex, &output).map_err(|problem| Error::Metric {
                    scenario: self.scenario.name.clone(),
                    arm,
                    metric: metric.name.clone(),
                    regex: metric.regex.clone(),
                    problem,
                    output_tail: tail(&output),
                })?;
                Ok((metric.name.clone(), value))
            })
            .collect()
    }
}

/// A scenario that was run once and ended as declared.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The process; of one that serves, output and time are its driver's.
    pub(crate) finished: Finished,
    /// What all that was started for it has used.
    pub(crate) own: Own,
}

/// Runs the command that the scenario wants before each process.
pub(crate) fn prepare(scenario: &Scenario, arm: Arm) -> Result<()> {
    let Some(command) = Command::declared(&scenario.prepare, &scenario.directory) else {
        return Ok(());
    };
    let finished = surrounded(scenario, command)
        .timeout(scenario.timeout)
        .run()?;
    if finished.success() {
        return Ok(());
    }
    let problem = format!(
        "could not be prepared: `prepare` ended with {}",
        finished.status
    );
    Err(failed(scenario, arm, problem, &joined(&finished)))
}

/// Runs `scenario` once on `binary` and checks how it ended.
pub(crate) fn run(scenario: &Scenario, binary: &Path, arm: Arm) -> Result<Ran> {
    let command = Command::new(binary)
        .args(&scenario.args)
        .directory(&scenario.directory)
        .stdin(match &scenario.stdin {
            Some(path) => Stdin::File(scenario.directory.join(path)),
            None => Stdin::Null,
        });
    let command = surrounded(scenario, command);
    if let Some(server) = &scenario.server {
        return serve(scenario, server, command, arm);
    }
    let command = command.timeout(scenario.timeout);
    let finished = Child::spawn(command, pinning(scenario)?)?.finish()?;
    check_end(scenario, arm, &finished)?;
    Ok(Ran {
        own: own(&finished),
        finished,
    })
}

/// The same for a process that serves.
fn serve(scenario: &Scenario, server: &Server, command: Command, arm: Arm) -> Result<Ran> {
    let Some(driver) = Command::declared(&server.driver, &scenario.directory) else {
        return Err(Error::Invalid {
            subject: format!("scenario {:?}", scenario.name),
            problem: "it has a server without a driver".to_owned(),
        });
    };
    let driver = surrounded(scenario, driver);
    let command = match scenario.kind.pin() {
        Pin::OneCore => command.pinned(),
        Pin::None => command,
    };
    let Driven { server, driver } = match drive(command, driver, server, scenario.timeout)? {
        Ok(driven) => driven,
        Err(Undriven { problem, output }) => return Err(failed(scenario, arm, problem, &output)),
    };
    check_end(scenario, arm, &server)?;
    let (served, asked) = (own(&server), own(&driver));
    let sum = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
    Ok(Ran {
        finished: Finished {
            stdout: driver.stdout,
            stderr: driver.stderr,
            wall_ns: driver.wall_ns,
            ..server
        },
        own: Own {
            used_ns: sum(served.used_ns, asked.used_ns),
            waited_ns: sum(served.waited_ns, asked.waited_ns),
        },
    })
}

/// The scenario's environment for one of its commands.
fn surrounded(scenario: &Scenario, command: Command) -> Command {
    scenario
        .env
        .iter()
        .fold(command, |command, (name, value)| command.env(name, value))
}

fn own(finished: &Finished) -> Own {
    Own {
        used_ns: Some(finished.usage.cpu_ns()),
        waited_ns: finished.usage.waited_ns,
    }
}

fn check_end(scenario: &Scenario, arm: Arm, finished: &Finished) -> Result<()> {
    let problem = match finished.status {
        ExitKind::Code(code) if code == scenario.exit => return Ok(()),
        ExitKind::TimedOut => format!("did not end within {:?}", scenario.timeout),
        status => format!("ended with {status} instead of exit code {}", scenario.exit),
    };
    Err(failed(scenario, arm, problem, &joined(finished)))
}

fn failed(scenario: &Scenario, arm: Arm, problem: String, output: &str) -> Error {
    Error::Workload {
        scenario: scenario.name.clone(),
        arm,
        problem,
        output_tail: tail(output),
    }
}

/// Where the processes or workers of `scenario` run.
pub(crate) fn pinning(scenario: &Scenario) -> Result<Pinning> {
    Pinning::of(
        scenario.kind.pin(),
        &format!("scenario {:?}", scenario.name),
    )
}

/// Compiles the regexes of the scenario's metrics.
pub(crate) fn compile(scenario: &Scenario) -> Result<Vec<(&Metric, Regex)>> {
    let compile = |metric: &'_ Metric| -> Result<Regex> {
        let invalid = |problem: String| Error::Invalid {
            subject: format!("metric {:?}: regex {:?}", metric.name, metric.regex),
            problem,
        };
        let regex = Regex::new(&metric.regex).map_err(|error| invalid(error.to_string()))?;
        if regex.captures_len() < 2 {
            return Err(invalid(
                "it needs a group around the number, such as ([0-9.]+)".to_owned(),
            ));
        }
        Ok(regex)
    };
    scenario
        .metrics
        .iter()
        .map(|metric| Ok((metric, compile(metric)?)))
        .collect()
}

/// Stdout and stderr together, as the metrics' regexes see them.
fn joined(finished: &Finished) -> String {
    let mut output = String::from_utf8_lossy(&finished.stdout).into_owned();
    if !output.is_empty() && !output.ends_with('\n') {
        output.push('\n');
    }
    output.push_str(&String::from_utf8_lossy(&finished.stderr));
    output
}

/// The number in the first group of the only match.
fn one_number(regex: &Regex, output: &str) -> Result<f64, String> {
    let mut matches = regex.captures_iter(output);
    let found = matches.next().ok_or("does not match")?;
    let more = matches.count();
    if more > 0 {
        return Err(format!("matches {} times", more + 1));
    }
    let text = found
        .get(1)
        .ok_or("matches without its first group")?
        .as_str();
    let number: f64 = text
        .parse()
        .map_err(|_| format!("matches {text:?}, which is no number"))?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err(format!("matches {text:?}, which is not finite"))
    }
}

/// The last lines of `output`.
pub(crate) fn tail(output: &str) -> String {
    let mut start = output.len().saturating_sub(TAIL_BYTES);
    while !output.is_char_boundary(start) {
        start += 1;
    }
    let tail = &output[start..];
    match tail.split_once('\n') {
        // The first line is cut: leave it out when there are others.
        Some((_, rest)) if start > 0 && !rest.is_empty() => rest.to_owned(),
        _ => tail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_the_number_of_the_only_match() {
        let regex = Regex::new("rate: ([0-9.a-z-]+)").unwrap();
        for (output, expected) in [
            ("x\nrate: 12.5 tokens/s\n", Ok(12.5)),
            ("rate: -3\n", Ok(-3.0)),
            ("nothing", Err("does not match")),
            ("rate: 1\nrate: 1\n", Err("matches 2 times")),
            ("rate: 1.2.3", Err("no number")),
            ("rate: inf", Err("not finite")),
        ] {
            match (one_number(&regex, output), expected) {
                (Ok(number), Ok(expected)) => assert!((number - expected).abs() < 1e-12),
                (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{problem}"),
                (found, expected) => panic!("{output:?}: {found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn a_tail_holds_whole_lines_and_characters() {
        let long = "ä".repeat(1500) + "\nlast\n";
        assert_eq!(tail(&long), "last\n");
        assert_eq!(tail("short"), "short");
    }
}
