//! Measuring all scenarios of a run: plan, sampling, resuming.
//!
//! Takes scenarios and arms, gives raw samples; writes them as they are taken and
//! continues an interrupted run. Does not judge, and does not print: progress goes
//! to an [`Observer`].

mod log;
mod pilot;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use self::log::{Entry, Log};
use crate::arms::Arms;
use crate::cold::compile;
use crate::error::{Error, Result};
use crate::host;
use crate::plan::{self, Plan};
use crate::record::{Declared, Host, SCHEMA_VERSION};
use crate::samples::{NotRun, Restart, Samples};
use crate::scenario::{Judging, Kind, Role, Scenario};
use crate::storage::write_atomically;
use crate::warm::{check_request, share_workers};

/// What is to be measured, and where it is kept meanwhile.
#[derive(Debug)]
pub struct Campaign<'a> {
    /// The scenarios; names are unique.
    pub scenarios: &'a [Scenario],
    /// The binaries: one set, or as many as [`Judging::layouts`] says, linked in different code
    /// layouts. Restart r is taken with set r modulo their number.
    pub arms: &'a [Arms],
    /// Thresholds and budget.
    pub judging: &'a Judging,
    /// Directory for `plan.json` and `samples.jsonl`. It is created; files there are continued
    /// when they belong to the same `key`, and replaced otherwise.
    pub directory: PathBuf,
    /// Hash of whatever the samples depend on beyond scenarios, judging and the machine: the
    /// binaries' and the inputs' content.
    pub key: String,
    /// Costs that are known already, by scenario name (see [`crate::trial`]); they replace the pilot of
    /// an expensive scenario.
    pub known_costs: BTreeMap<String, KnownCost>,
}

impl Campaign<'_> {
    /// The arms that stand for all in the pilots.
    fn pilot_arms(&self) -> &Arms {
        &self.arms[0]
    }

    /// The arms of a restart, and the number of their layout where layouts are controlled.
    fn layout_of(&self, restart: u32) -> (Option<u32>, &Arms) {
        let number = restart as usize % self.arms.len();
        let layout = self.judging.layouts.and(u32::try_from(number).ok());
        (layout, &self.arms[number])
    }
}

/// Version of the way in which samples are taken: those of another are not continued. 2: the arms' files
/// are made anew for every restart.
const SAMPLING: u32 = 2;

/// What one run of a scenario took before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownCost {
    /// Warm: start-up of a worker. Cold: zero.
    pub startup: Duration,
    /// One request, or one whole cold process.
    pub sample: Duration,
}

/// A measured scenario: what the judgement takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What the scenario declares.
    pub scenario: Declared,
    /// Its samples.
    pub samples: Samples,
}

/// Learns how far the campaign is. All methods do nothing by default.
pub trait Observer {
    /// The plan is fixed.
    fn planned(&mut self, _plan: &Plan) {}
    /// A restart is about to be taken.
    fn progress(&mut self, _progress: &Progress<'_>) {}
}

/// How far the campaign is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Scenario that is being measured.
    pub scenario: &'a str,
    /// Part of the campaign.
    pub stage: Stage,
    /// Work units (restarts) done over the whole campaign.
    pub done: u64,
    /// Work units in all.
    pub total: u64,
    /// Estimated time that is left.
    pub remaining: Option<Duration>,
}

/// Part of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Costs and variances are found out.
    Pilot,
    /// The plan is carried out.
    Measured,
}

/// An observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Measures all scenarios.
///
/// # Errors
/// When the campaign cannot be measured as it is declared, a process or worker does not do
/// what its scenario declares, a file cannot be written, or a signal asks the program to
/// end. What was measured is kept, and a further call continues it.
pub fn measure(campaign: &Campaign<'_>, observer: &mut dyn Observer) -> Result<Vec<Measured>> {
    validate(campaign)?;
    std::fs::create_dir_all(&campaign.directory)
        .map_err(|source| Error::io("create the directory", &campaign.directory, source))?;
    let key = key_of(campaign)?;
    let log_path = campaign.directory.join("samples.jsonl");
    let plan_path = campaign.directory.join("plan.json");
    let resumed = match read_plan(&plan_path, &key)? {
        Some(plan) => Log::resume(&log_path, &key)?.map(|(log, entries)| (log, entries, plan)),
        None => None,
    };
    let (mut log, mut entries, plan) = if let Some(resumed) = resumed {
        resumed
    } else {
        let mut log = Log::create(&log_path, &key)?;
        let (plan, entries) = explore(campaign, &key, &mut log, observer)?;
        let text = serde_json::to_vec_pretty(&plan).map_err(|source| Error::Encode { source })?;
        write_atomically(&plan_path, &text)?;
        (log, entries, plan)
    };
    observer.planned(&plan);
    schedule::carry_out(campaign, &plan, &mut log, &mut entries, observer)?;
    Ok(collect(campaign, &plan, entries))
}

/// Runs the pilots and fixes the plan.
fn explore(
    campaign: &Campaign<'_>,
    key: &str,
    log: &mut Log,
    observer: &mut dyn Observer,
) -> Result<(Plan, Vec<Entry>)> {
    let started = Instant::now();
    let units = units(campaign.scenarios);
    let (mut demands, mut entries) = (Vec::new(), Vec::new());
    for (number, unit) in units.iter().enumerate() {
        observer.progress(&Progress {
            scenario: &unit[0].name,
            stage: Stage::Pilot,
            done: number as u64,
            total: units.len() as u64,
            remaining: None,
        });
        let found = match unit[0].kind {
            Kind::Cold { cache, .. } => pilot::cold(campaign, unit[0], cache)?,
            Kind::Warm { .. } => pilot::warm(campaign, number, unit)?,
        };
        for entry in &found.entries {
            log.append(entry)?;
        }
        demands.extend(found.demands);
        entries.extend(found.entries);
    }
    Ok((
        plan::plan(
            key,
            &demands,
            campaign.judging,
            started.elapsed().as_secs_f64(),
        ),
        entries,
    ))
}

/// Scenarios that are restarted together.
fn units(scenarios: &[Scenario]) -> Vec<Vec<&Scenario>> {
    let mut units: Vec<Vec<&Scenario>> = Vec::new();
    for scenario in scenarios {
        match units
            .iter_mut()
            .find(|unit| share_workers(unit[0], scenario))
        {
            Some(unit) => unit.push(scenario),
            None => units.push(vec![scenario]),
        }
    }
    units
}

/// Time for a session's workers to become ready, and to end.
fn session_timeout(scenarios: &[&Scenario]) -> Duration {
    scenarios
        .iter()
        .map(|scenario| scenario.timeout)
        .max()
        .unwrap_or_default()
}

/// Sorts the entries by scenario.
fn collect(campaign: &Campaign<'_>, plan: &Plan, entries: Vec<Entry>) -> Vec<Measured> {
    let mut by_scenario: BTreeMap<String, Vec<Restart>> = BTreeMap::new();
    for entry in entries {
        by_scenario
            .entry(entry.scenario)
            .or_default()
            .push(entry.restart);
    }
    let measured = |scenario: &Scenario| {
        let waiting = plan
            .waiting
            .iter()
            .find(|waiting| waiting.scenario == scenario.name);
        let not_run = waiting.map(|waiting| NotRun::NeedsBudget {
            minimum_s: waiting.minimum_s,
            budget_s: waiting.budget_s,
        });
        let restarts = by_scenario.remove(&scenario.name).unwrap_or_default();
        Measured {
            scenario: scenario.declared(),
            samples: Samples { not_run, restarts },
        }
    };
    campaign.scenarios.iter().map(measured).collect()
}

/// Hash of everything that the samples depend on.
fn key_of(campaign: &Campaign<'_>) -> Result<String> {
    // What only the judgement and the report look at may change without sampling anew.
    let unjudged = |scenario: &Scenario| Scenario {
        class: Vec::new(),
        role: Role::Primary,
        expect: None,
        ..scenario.clone()
    };
    let scenarios: Vec<Scenario> = campaign.scenarios.iter().map(unjudged).collect();
    let judging = Judging {
        threshold: Judging::default().threshold,
        ..*campaign.judging
    };
    let host = host::describe();
    let declared = (
        &campaign.key,
        scenarios,
        judging,
        machine(&host),
        SCHEMA_VERSION,
        SAMPLING,
    );
    let text = serde_json::to_vec(&declared).map_err(|source| Error::Encode { source })?;
    let mut key = String::with_capacity(64);
    for byte in Sha256::digest(&text) {
        let _infallible = write!(key, "{byte:02x}");
    }
    Ok(key)
}

/// What makes a machine another one: samples that a copied or restored directory brings along are not
/// continued there.
pub fn machine(host: &Host) -> (&str, &str, Option<&str>, Option<u32>) {
    (&host.os, &host.arch, host.cpu_model.as_deref(), host.cores)
}

/// The plan of an earlier run, if it belongs to `key`.
fn read_plan(path: &Path, key: &str) -> Result<Option<Plan>> {
    match std::fs::read(path) {
        // A plan of another version of this program is no plan for this one.
        Ok(text) => Ok(serde_json::from_slice(&text)
            .ok()
            .filter(|plan: &Plan| plan.key == key)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

fn validate(campaign: &Campaign<'_>) -> Result<()> {
    let judging = campaign.judging;
    let invalid = |subject: &str, problem: String| {
        Err(Error::Invalid {
            subject: subject.to_owned(),
            problem,
        })
    };
    if judging.restarts < Judging::LEAST_RESTARTS {
        let least = Judging::LEAST_RESTARTS;
        return invalid(
            "restarts",
            format!("is {}, must be at least {least}", judging.restarts),
        );
    }
    if judging.min_pairs == 0 || judging.turn_requests == 0 {
        return invalid(
            "min_pairs and turn_requests",
            "must be at least 1".to_owned(),
        );
    }
    if !(judging.threshold > 0.0 && judging.threshold < 1.0) {
        let threshold = judging.threshold;
        return invalid(
            "threshold",
            format!("is {threshold}, must lie between 0 and 1"),
        );
    }
    let sets = campaign.arms.len();
    if sets != judging.layouts.unwrap_or(1) as usize {
        let declared = judging.layouts.unwrap_or(1);
        return invalid(
            "the arms",
            format!("there are {sets} sets of them for {declared} code layouts"),
        );
    }
    if let Some(layouts) = judging.layouts.filter(|&n| n < Judging::LEAST_RESTARTS) {
        let least = Judging::LEAST_RESTARTS;
        return invalid(
            "layouts",
            format!(
                "is {layouts}, must be at least {least}: the layout is the unit of the interval"
            ),
        );
    }
    let present = campaign.pilot_arms().present();
    if campaign.arms.iter().any(|arms| arms.present() != present) {
        return invalid(
            "the arms",
            "every code layout must have a control, or none".to_owned(),
        );
    }
    let lengths: BTreeSet<usize> = campaign
        .arms
        .iter()
        .flat_map(|arms| present.iter().map(|&arm| arms.path(arm).as_os_str().len()))
        .collect();
    if lengths.len() > 1 {
        let problem = "their paths must have equal length, because it moves the stack".to_owned();
        return invalid("the arms", problem);
    }
    let mut names = BTreeSet::new();
    for scenario in campaign.scenarios {
        let subject = format!("scenario {:?}", scenario.name);
        if !names.insert(&scenario.name) {
            return invalid(&subject, "is declared twice".to_owned());
        }
        match &scenario.kind {
            Kind::Cold { .. } => drop(compile(scenario)?),
            Kind::Warm { request, .. } if request.contains_key("seq") => {
                return invalid(
                    &subject,
                    "`request` must not hold `seq`, which is added".to_owned(),
                );
            }
            Kind::Warm { .. } => check_request(scenario)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_processor_is_another_machine_and_more_memory_is_not() {
        let here = host::describe();
        let other = |change: fn(&mut Host)| {
            let mut host = here.clone();
            change(&mut host);
            machine(&host) != machine(&here)
        };
        assert!(other(|host| host.cpu_model = Some("another".to_owned())));
        assert!(other(|host| host.cores = Some(9999)));
        assert!(other(|host| host.arch = "another".to_owned()));
        // The kernel keeps another part for itself after an update.
        assert!(!other(|host| host.memory_bytes = Some(1)));
        assert!(!other(|host| host.kernel = Some("another".to_owned())));
    }
}
