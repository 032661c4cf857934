//! Carrying out the plan: which restart comes next, and how long it still takes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::log::{Entry, Log};
use super::{Campaign, Observer, Progress, Stage, session_timeout};
use crate::cold::Cold;
use crate::error::Result;
use crate::order;
use crate::plan::{Plan, Share, Unit};
use crate::process::check_interrupted;
use crate::samples::Phase;
use crate::scenario::{Kind, Scenario};
use crate::warm::{Block, Session};

/// A unit of the plan with what is there of it.
struct Task<'a> {
    unit: &'a Unit,
    members: Vec<(&'a Scenario, &'a Share)>,
    cold: Option<Cold<'a>>,
    next: u32,
}

/// Takes all restarts of the plan that `entries` do not hold yet.
///
/// Units take turns, the one that is furthest behind first: so all of them see the same
/// stretch of time, and a disturbance or a drift hits none alone.
pub(super) fn carry_out(
    campaign: &Campaign<'_>,
    plan: &Plan,
    log: &mut Log,
    entries: &mut Vec<Entry>,
    observer: &mut dyn Observer,
) -> Result<()> {
    let mut have = judged(entries);
    let mut tasks = plan
        .units
        .iter()
        .map(|unit| Task::new(campaign, unit, &have))
        .collect::<Result<Vec<_>>>()?;
    let total: u64 = plan.units.iter().map(|unit| u64::from(unit.restarts)).sum();
    let mut pace = Pace::default();
    while let Some(current) = furthest_behind(&tasks) {
        check_interrupted()?;
        let task = &tasks[current];
        observer.progress(&Progress {
            scenario: &task.members[0].0.name,
            stage: Stage::Measured,
            done: tasks.iter().map(|task| u64::from(task.next)).sum(),
            total,
            remaining: Some(pace.remaining(tasks.iter().map(Task::left_s).sum())),
        });
        let missing = task.missing(&have);
        let started = Instant::now();
        task.take(campaign, missing, &mut |entry: Entry| {
            log.append(&entry)?;
            have.insert((entry.scenario.clone(), entry.restart.index));
            entries.push(entry);
            Ok(())
        })?;
        pace.add(task.unit.restart_s, started.elapsed());
        tasks[current].next += 1;
    }
    Ok(())
}

/// Scenario and number of the restarts that are there.
fn judged(entries: &[Entry]) -> BTreeSet<(String, u32)> {
    let is_judged = |entry: &&Entry| {
        entry
            .restart
            .pairs
            .iter()
            .any(|pair| pair.phase == Phase::Measured)
    };
    entries
        .iter()
        .filter(is_judged)
        .map(|entry| (entry.scenario.clone(), entry.restart.index))
        .collect()
}

fn furthest_behind(tasks: &[Task<'_>]) -> Option<usize> {
    let share = |task: &Task<'_>| f64::from(task.next) / f64::from(task.unit.restarts);
    (0..tasks.len())
        .filter(|&task| tasks[task].next < tasks[task].unit.restarts)
        .min_by(|&a, &b| share(&tasks[a]).total_cmp(&share(&tasks[b])))
}

impl<'a> Task<'a> {
    fn new(
        campaign: &Campaign<'a>,
        unit: &'a Unit,
        have: &BTreeSet<(String, u32)>,
    ) -> Result<Self> {
        let members: Vec<_> = unit
            .scenarios
            .iter()
            .filter_map(|share| {
                let named = |scenario: &&Scenario| scenario.name == share.scenario;
                campaign
                    .scenarios
                    .iter()
                    .find(named)
                    .map(|scenario| (scenario, share))
            })
            .collect();
        let complete = |index: &u32| {
            members
                .iter()
                .all(|(scenario, _)| have.contains(&(scenario.name.clone(), *index)))
        };
        let next = (0..unit.restarts).take_while(complete).count();
        let cold = match members[0].0.kind {
            Kind::Cold { cache, .. } => Some(Cold::prepare(members[0].0, cache)?),
            Kind::Warm { .. } => None,
        };
        Ok(Self {
            unit,
            members,
            cold,
            next: u32::try_from(next).unwrap_or(u32::MAX),
        })
    }

    fn left_s(&self) -> f64 {
        f64::from(self.unit.restarts - self.next) * self.unit.restart_s
    }

    /// The scenarios whose next restart is not there: all, but for a restart that was cut off.
    fn missing(&self, have: &BTreeSet<(String, u32)>) -> Vec<(&'a Scenario, &'a Share)> {
        let is_missing =
            |(scenario, _): &&(&Scenario, _)| !have.contains(&(scenario.name.clone(), self.next));
        self.members.iter().filter(is_missing).copied().collect()
    }

    /// Takes the next restart of the scenarios in `missing`.
    fn take(
        &self,
        campaign: &Campaign<'_>,
        missing: Vec<(&Scenario, &Share)>,
        keep: &mut dyn FnMut(Entry) -> Result<()>,
    ) -> Result<()> {
        let (first, _) = self.members[0];
        let mut random = order::generator(campaign.judging.seed, &first.name, self.next);
        let (layout, arms) = campaign.layout_of(self.next);
        if let Some(cold) = &self.cold {
            let mut restart = cold.pair(arms, self.next, Phase::Measured, &mut random)?;
            restart.layout = layout;
            return keep(Entry {
                scenario: first.name.clone(),
                restart,
            });
        }
        let scenarios: Vec<&Scenario> = missing.iter().map(|(scenario, _)| *scenario).collect();
        let timeout = session_timeout(&scenarios);
        let mut session = Session::start(first, arms, timeout, &mut random)?;
        let mut held_back = None;
        let count = missing.len();
        for (position, (scenario, share)) in (1..).zip(order::shuffled(missing, &mut random)) {
            let block = Block {
                index: self.next,
                first_seq: u64::from(self.next) * u64::from(share.warmup + share.pairs),
                warmup: share.warmup,
                pairs: share.pairs,
                phase: Phase::Measured,
                turn_requests: campaign.judging.turn_requests,
            };
            let mut restart = session.block(scenario, &block, &mut random)?;
            restart.layout = layout;
            let entry = Entry {
                scenario: scenario.name.clone(),
                restart,
            };
            if position < count {
                keep(entry)?;
            } else {
                held_back = Some(entry);
            }
        }
        // Kept before the workers have ended as they should, it would make the restart complete.
        session.close(&first.name)?;
        held_back.map_or(Ok(()), keep)
    }
}

/// How the real time relates to the planned one.
#[derive(Debug, Default)]
struct Pace {
    planned_s: f64,
    taken_s: f64,
}

impl Pace {
    fn add(&mut self, planned_s: f64, taken: Duration) {
        self.planned_s += planned_s;
        self.taken_s += taken.as_secs_f64();
    }

    fn remaining(&self, planned_s: f64) -> Duration {
        let pace = if self.planned_s > 0.0 {
            self.taken_s / self.planned_s
        } else {
            1.0
        };
        Duration::try_from_secs_f64(planned_s * pace).unwrap_or_default()
    }
}
