//! How a time budget is split over scenarios: pure arithmetic on what the pilot found.
//!
//! Takes what each scenario's pairs and restarts cost, gives the number of restarts and
//! pairs per scenario, or how much budget a scenario would need. Measures nothing; the
//! plan is fixed before the first judged sample is taken.

mod unit;

pub(crate) use unit::most_restarts;

use serde::{Deserialize, Serialize};

use self::unit::{Draft, group_by_unit, whole_turns};
use crate::scenario::{Judging, Pin};

/// Share of the budget that is planned; the rest is for runs that take longer than the pilot's.
const PLANNED_SHARE: f64 = 0.95;
/// Share of the budget that the pilots' workers may take: a larger budget allows longer pilots.
pub(crate) const PILOT_SHARE: f64 = 0.15;
/// Least pairs of a cold scenario, whatever the spec's restarts: fewer say little about a
/// process time, whose pairs spread by several per cent.
pub(crate) const LEAST_COLD_PAIRS: u32 = 10;
/// Restarts with which a scenario's minimum detectable effect is about 1.2 % under the noise
/// of the simulation beside the verdicts; and pairs of a cold scenario for about 2 %.
const GOOD_RESTARTS: u32 = 18;
const GOOD_COLD_PAIRS: u32 = 30;

/// What a scenario costs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Demand {
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// Its group.
    pub(crate) group: String,
    /// How its samples are taken.
    pub(crate) sampling: Sampling,
    /// Seconds that a pair takes, all arms.
    pub(crate) pair_s: f64,
}

/// What the plan must know of how a scenario is sampled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sampling {
    /// Each pair is a restart.
    Cold,
    /// Requests to workers.
    Warm {
        /// Scenarios with the same number share their workers.
        session: usize,
        /// Seconds to start and end the session's workers, all arms.
        startup_s: f64,
        /// Pairs per restart that only warm up.
        warmup: u32,
        /// Standard deviation of a pair's ln(candidate ÷ baseline), where the pilot could tell.
        pair_sd: Option<f64>,
        /// Cores of the workers.
        pin: Pin,
    },
}

/// The fixed plan of a campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Hash of everything that the plan depends on.
    pub key: String,
    /// Seconds that the pilots took.
    pub pilot_s: f64,
    /// What is measured.
    pub units: Vec<Unit>,
    /// What does not fit into the budget.
    pub waiting: Vec<Waiting>,
}

/// Scenarios that are restarted together: one cold scenario, or those that share workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Restarts per arm.
    pub restarts: u32,
    /// Seconds that a restart is expected to take, all arms and scenarios.
    pub restart_s: f64,
    /// The scenarios of a restart.
    pub scenarios: Vec<Share>,
}

/// One scenario's part of a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Name of the scenario.
    pub scenario: String,
    /// Pairs that only warm up.
    pub warmup: u32,
    /// Judged pairs.
    pub pairs: u32,
}

/// A scenario that does not fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Name of the scenario.
    pub scenario: String,
    /// Seconds that its own minimum takes.
    pub minimum_s: f64,
    /// The smallest whole budget with which it would be measured, in seconds.
    pub budget_s: f64,
}

impl Plan {
    /// Seconds that the measurement is expected to take after the pilots.
    pub fn expected_s(&self) -> f64 {
        self.units
            .iter()
            .map(|unit| f64::from(unit.restarts) * unit.restart_s)
            .sum()
    }
}

/// Splits what is left of the budget after `spent_s` seconds of pilots.
pub(crate) fn plan(key: &str, demands: &[Demand], judging: &Judging, spent_s: f64) -> Plan {
    let available_s = judging.budget_s * PLANNED_SHARE - spent_s;
    let chosen = select(demands, judging, available_s);
    let is_waiting = |demand: &&Demand| !chosen.iter().any(|other| std::ptr::eq(*other, *demand));
    let waiting = demands
        .iter()
        .filter(is_waiting)
        .map(|demand| Waiting {
            scenario: demand.scenario.clone(),
            minimum_s: minimum_s(demand, judging, &[]),
            budget_s: whole_budget_s(spent_s, enough_for(demand, demands, judging)),
        })
        .collect();
    let drafts = group_by_unit(&chosen, judging);
    let shares = fill(&drafts, available_s);
    let units = drafts
        .iter()
        .zip(shares)
        .map(|(draft, share_s)| draft.unit(share_s))
        .collect();
    Plan {
        key: key.to_owned(),
        pilot_s: spent_s,
        units,
        waiting,
    }
}

/// The budget that leaves `needed_s` to the measurement. Its pilots may take longer than the
/// `spent_s` of this one's, by at most their share.
fn whole_budget_s(spent_s: f64, needed_s: f64) -> f64 {
    (spent_s + needed_s) / (PLANNED_SHARE - PILOT_SHARE)
}

/// The scenarios that are measured. First the cheapest of every group, by ascending
/// minimum, as far as their minima fit; then the others, by ascending minimum, as far as
/// those before them keep an equal share of the time (or what a good plan of theirs takes,
/// if that is less): a few good answers are worth more than many vague ones.
fn select<'a>(demands: &'a [Demand], judging: &Judging, available_s: f64) -> Vec<&'a Demand> {
    let mut by_cost: Vec<&Demand> = demands.iter().collect();
    by_cost.sort_by(|a, b| minimum_s(a, judging, &[]).total_cmp(&minimum_s(b, judging, &[])));
    let mut seen: Vec<&str> = Vec::new();
    let (leaders, others): (Vec<&Demand>, Vec<&Demand>) = by_cost.into_iter().partition(|demand| {
        let first = !seen.contains(&demand.group.as_str());
        seen.push(&demand.group);
        first
    });
    let equal_share_s = available_s / demands.len().max(1) as f64;
    let (mut chosen, mut least_s, mut reserved_s) = (Vec::new(), 0.0, 0.0);
    let leaders = leaders.into_iter().map(|demand| (demand, true));
    for (demand, leads) in leaders.chain(others.into_iter().map(|demand| (demand, false))) {
        let minimum_s = minimum_s(demand, judging, &chosen);
        let before_s: f64 = if leads { least_s } else { reserved_s };
        if before_s + minimum_s <= available_s {
            least_s += minimum_s;
            reserved_s += good_s(demand, judging).min(equal_share_s).max(minimum_s);
            chosen.push(demand);
        }
    }
    chosen
}

/// Time, beside the pilots', from which on `wanted` is always measured. More time can admit an
/// expensive group and so leave less for others: hence the search comes down from the time that
/// surely holds everything.
fn enough_for(wanted: &Demand, demands: &[Demand], judging: &Judging) -> f64 {
    const STEP: f64 = 0.99;
    let is_chosen = |available_s: f64| {
        select(demands, judging, available_s)
            .into_iter()
            .any(|demand| std::ptr::eq(demand, wanted))
    };
    let most_s = |demand| good_s(demand, judging).max(minimum_s(demand, judging, &[]));
    let mut high: f64 = demands.iter().map(most_s).sum();
    while high > minimum_s(wanted, judging, &[]) * STEP && is_chosen(high * STEP) {
        high *= STEP;
    }
    let mut low = high * STEP;
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if is_chosen(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// Time of a plan that sees effects of 1 to 2 per cent.
fn good_s(demand: &Demand, judging: &Judging) -> f64 {
    let restarts = match demand.sampling {
        Sampling::Cold => GOOD_COLD_PAIRS,
        Sampling::Warm { .. } => GOOD_RESTARTS,
    };
    let draft = Draft::new(demand, judging, 1);
    f64::from(judging.whole_layouts(restarts.max(draft.least_restarts)))
        * draft.restart_s(|member| member.best_pairs)
}

/// Least time of a scenario; workers that `chosen` scenarios start anyway cost it nothing.
fn minimum_s(demand: &Demand, judging: &Judging, chosen: &[&Demand]) -> f64 {
    match &demand.sampling {
        Sampling::Cold => {
            let pairs = judging.whole_layouts(judging.restarts.max(LEAST_COLD_PAIRS));
            f64::from(pairs) * demand.pair_s
        }
        Sampling::Warm {
            session,
            startup_s,
            warmup,
            ..
        } => {
            let shared = chosen.iter().any(|other| other.session() == Some(*session));
            let startup_s = if shared { 0.0 } else { *startup_s };
            let pairs = f64::from(warmup + whole_turns(judging.min_pairs, judging));
            f64::from(judging.whole_layouts(judging.restarts)) * (startup_s + pairs * demand.pair_s)
        }
    }
}

impl Demand {
    fn session(&self) -> Option<usize> {
        match self.sampling {
            Sampling::Cold => None,
            Sampling::Warm { session, .. } => Some(session),
        }
    }
}

/// Seconds per unit: the same level for every scenario where minima and maxima allow it.
fn fill(drafts: &[Draft<'_>], available_s: f64) -> Vec<f64> {
    let at_level = |level_s: f64| -> Vec<f64> {
        let share = |draft: &Draft<'_>| {
            let minimum_s = draft.minimum_s();
            (level_s * draft.members.len() as f64)
                .clamp(minimum_s, draft.maximum_s().max(minimum_s))
        };
        drafts.iter().map(share).collect()
    };
    let (mut low, mut high) = (0.0, available_s.max(0.0));
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_level(middle).iter().sum::<f64>() <= available_s {
            low = middle;
        } else {
            high = middle;
        }
    }
    at_level(low)
}

#[cfg(test)]
mod tests;
