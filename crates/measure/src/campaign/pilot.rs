//! The pilot: what pairs and restarts cost and how pairs spread.
//!
//! Its samples are kept and marked, and never judged. Its workers, their start-up included, are
//! held to a share of the budget: a scenario whose known cost exceeds its part is planned from
//! that cost alone. One run each of what has no known cost comes on top, or three short ones.

use std::time::{Duration, Instant};

use super::log::Entry;
use super::{Campaign, KnownCost, session_timeout};
use crate::cold::Cold;
use crate::error::Result;
use crate::order;
use crate::plan::{Demand, PILOT_SHARE, Sampling};
use crate::samples::{Arm, Phase, Restart};
use crate::scenario::{Kind, PageCache, Scenario};
use crate::stats;
use crate::warm::{Block, Launch, Session, Worker};

/// Pairs of a warm scenario's pilot: at most, and at least to tell their spread.
const MOST_PAIRS: u32 = 8;
const LEAST_PAIRS: u32 = 3;
/// The spread of few pairs is itself uncertain: it is not believed to be smaller than this.
const LEAST_PAIR_SD: f64 = 0.01;

/// Runs of a cold scenario's pilot at most, and the share of the scenario's part of the budget that
/// those after the first may reach.
const COLD_RUNS: usize = 3;
const COLD_PILOT_SHARE: f64 = 0.03;

/// What a pilot found.
#[derive(Debug)]
pub(super) struct Found {
    /// A demand per scenario of the unit.
    pub(super) demands: Vec<Demand>,
    /// Samples that were taken.
    pub(super) entries: Vec<Entry>,
}

/// Pilot of a cold scenario: its known cost, or one run of the baseline.
pub(super) fn cold(
    campaign: &Campaign<'_>,
    scenario: &Scenario,
    cache: PageCache,
) -> Result<Found> {
    let known = campaign.known_costs.get(&scenario.name);
    // A known cost was taken with the inputs in memory.
    let sample_s = if let (Some(cost), PageCache::Warm) = (known, cache) {
        cost.sample.as_secs_f64()
    } else {
        let cold = Cold::prepare(scenario, cache)?;
        let most_s =
            campaign.judging.budget_s / campaign.scenarios.len().max(1) as f64 * COLD_PILOT_SHARE;
        cold_cost_s(most_s, || {
            let started = Instant::now();
            cold.sample(campaign.pilot_arms(), Arm::Baseline)?;
            Ok(started.elapsed().as_secs_f64())
        })?
    };
    let demand = Demand {
        scenario: scenario.name.clone(),
        group: scenario.group.clone(),
        sampling: Sampling::Cold,
        pair_s: sample_s * arms(campaign) + renewal_s(campaign)?,
    };
    Ok(Found {
        demands: vec![demand],
        entries: Vec::new(),
    })
}

/// The cost of a cold process: of one run, or the median of several where these are short. The
/// first is often held up by what later ones find in memory, and a plan from it would leave time
/// unused.
fn cold_cost_s(most_s: f64, mut run: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut costs = vec![run()?];
    while costs.len() < COLD_RUNS && costs.iter().sum::<f64>() + costs[0] <= most_s {
        costs.push(run()?);
    }
    costs.sort_by(f64::total_cmp);
    Ok(costs[costs.len() / 2])
}

/// Pilot of the scenarios that share workers.
pub(super) fn warm(
    campaign: &Campaign<'_>,
    session: usize,
    scenarios: &[&Scenario],
) -> Result<Found> {
    let costs = scenarios
        .iter()
        .map(|scenario| match campaign.known_costs.get(&scenario.name) {
            Some(cost) => Ok(*cost),
            None => probe(campaign, scenario),
        })
        .collect::<Result<Vec<_>>>()?;
    let mut startup_s = costs
        .iter()
        .map(|cost| cost.startup.as_secs_f64())
        .fold(0.0, f64::max)
        * arms(campaign)
        + renewal_s(campaign)?;
    let budget_part_s = campaign.judging.budget_s / campaign.scenarios.len().max(1) as f64;
    let part_s = PILOT_SHARE * budget_part_s - startup_s / scenarios.len().max(1) as f64;
    let pairs: Vec<u32> = costs
        .iter()
        .map(|cost| pilot_pairs(part_s, cost.sample.as_secs_f64() * arms(campaign)))
        .collect();
    let mut pair_s: Vec<f64> = costs
        .iter()
        .map(|cost| cost.sample.as_secs_f64() * arms(campaign))
        .collect();
    let mut entries = Vec::new();
    if pairs.iter().any(|&pairs| pairs > 0) {
        let mut random = order::generator(
            campaign.judging.seed,
            "pilot",
            u32::try_from(session).unwrap_or(0),
        );
        let started = Instant::now();
        let timeout = session_timeout(scenarios);
        let mut workers =
            Session::start(scenarios[0], campaign.pilot_arms(), timeout, &mut random)?;
        let mut around = started.elapsed();
        for ((scenario, &pairs), pair_s) in scenarios.iter().zip(&pairs).zip(&mut pair_s) {
            if pairs > 0 {
                let begun = Instant::now();
                let block = block_of(pairs, campaign);
                let restart = workers.block(scenario, &block, &mut random)?;
                *pair_s = begun.elapsed().as_secs_f64() / f64::from(block.warmup + block.pairs);
                entries.push(Entry {
                    scenario: scenario.name.clone(),
                    restart,
                });
            }
        }
        let closing = Instant::now();
        workers.close(&scenarios[0].name)?;
        around += closing.elapsed();
        startup_s = around.as_secs_f64();
    }
    let demands = scenarios
        .iter()
        .zip(pair_s)
        .map(|(scenario, pair_s)| {
            let entry = entries.iter().find(|entry| entry.scenario == scenario.name);
            let sampling = Sampling::Warm {
                session,
                startup_s,
                warmup: warmup(scenario),
                pair_sd: entry.and_then(|entry| pair_sd(&entry.restart)),
                pin: scenario.kind.pin(),
            };
            Demand {
                scenario: scenario.name.clone(),
                group: scenario.group.clone(),
                sampling,
                pair_s,
            }
        })
        .collect();
    Ok(Found { demands, entries })
}

/// What it takes to make the arms' files anew, once per restart.
fn renewal_s(campaign: &Campaign<'_>) -> Result<f64> {
    let mut random = order::generator(campaign.judging.seed, "renewal", 0);
    let started = Instant::now();
    campaign.pilot_arms().renew(&mut random)?;
    Ok(started.elapsed().as_secs_f64())
}

/// The cost of one request, where nobody knows it: a baseline worker of its own.
fn probe(campaign: &Campaign<'_>, scenario: &Scenario) -> Result<KnownCost> {
    let started = Instant::now();
    let launch = Launch {
        scenario,
        binary: campaign.pilot_arms().path(Arm::Baseline),
        arm: Arm::Baseline,
        timeout: scenario.timeout,
    };
    let mut worker = Worker::start(&launch)?;
    let startup = started.elapsed();
    let asked = Instant::now();
    worker.request(scenario, 0)?;
    let sample = asked.elapsed().max(Duration::from_nanos(1));
    worker.close(&scenario.name)?;
    Ok(KnownCost { startup, sample })
}

/// Pairs that fit into the pilot's part of the budget beside one warm-up; none when these
/// are too few to tell anything.
fn pilot_pairs(part_s: f64, pair_s: f64) -> u32 {
    let pairs = (part_s / pair_s - 1.0).clamp(0.0, f64::from(MOST_PAIRS)) as u32;
    if pairs < LEAST_PAIRS { 0 } else { pairs }
}

fn block_of(pairs: u32, campaign: &Campaign<'_>) -> Block {
    Block {
        index: 0,
        first_seq: 0,
        warmup: 1,
        pairs,
        phase: Phase::Pilot,
        turn_requests: campaign.judging.turn_requests,
    }
}

/// Spread of the pairs by their median absolute deviation, which one interrupted request
/// does not move.
fn pair_sd(restart: &Restart) -> Option<f64> {
    let logs: Vec<f64> = restart
        .pairs
        .iter()
        .filter(|pair| pair.phase == Phase::Pilot)
        .map(|pair| (pair.candidate.wall_ns as f64 / pair.baseline.wall_ns as f64).ln())
        .collect();
    (logs.len() >= LEAST_PAIRS as usize)
        .then(|| stats::robust_sd(&logs))
        .flatten()
        .map(|sd| sd.max(LEAST_PAIR_SD))
}

fn warmup(scenario: &Scenario) -> u32 {
    match scenario.kind {
        Kind::Warm { warmup, .. } => warmup,
        Kind::Cold { .. } => 0,
    }
}

fn arms(campaign: &Campaign<'_>) -> f64 {
    campaign.pilot_arms().present().len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_processes_are_run_again_and_the_median_counts() {
        let cost = |most_s: f64, costs: &[f64]| {
            let mut next = costs.iter();
            cold_cost_s(most_s, || Ok(*next.next().expect("no further run"))).unwrap()
        };
        assert!((cost(0.5, &[0.10, 0.06, 0.07]) - 0.07).abs() < 1e-12);
        assert!((cost(0.05, &[0.10]) - 0.10).abs() < 1e-12);
    }

    #[test]
    fn a_pilot_keeps_to_its_part_of_the_budget() {
        assert_eq!(pilot_pairs(9.0, 0.3), MOST_PAIRS);
        assert_eq!(pilot_pairs(9.0, 2.0), 3);
        assert_eq!(pilot_pairs(9.0, 3.0), 0);
        assert_eq!(pilot_pairs(9.0, 230.0), 0);
        // Start-ups that take the whole part leave nothing for pairs.
        assert_eq!(pilot_pairs(-1.0, 0.3), 0);
    }
}
