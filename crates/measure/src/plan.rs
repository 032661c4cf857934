//! How a time budget is split over scenarios: pure arithmetic on what the pilot found.
//!
//! Takes what each scenario's pairs and restarts cost, gives the number of restarts and
//! pairs per scenario, or how much budget a scenario would need. Measures nothing; the
//! plan is fixed before the first judged sample is taken.

use serde::{Deserialize, Serialize};

use crate::scenario::{Judging, Pin};

/// Share of the budget that is planned; the rest is for runs that take longer than the pilot's.
const PLANNED_SHARE: f64 = 0.95;
/// Least pairs of a cold scenario, whatever the spec's restarts: fewer say little about a
/// process time, whose pairs spread by several per cent (`FACTS.md`).
pub(crate) const LEAST_COLD_PAIRS: u32 = 10;
/// Above these the interval shrinks too slowly to be worth the time.
const MOST_COLD_PAIRS: u32 = 400;
const MOST_RESTARTS: u32 = 120;
const MOST_PAIRS: u32 = 60;
/// Restarts with which a scenario's minimum detectable effect is about 1.5 % under the noise
/// of the simulation beside the verdicts; and pairs of a cold scenario for about 3 %.
const GOOD_RESTARTS: u32 = 18;
const GOOD_COLD_PAIRS: u32 = 30;
/// Standard deviation of ln(candidate ÷ baseline) of a pair where no pilot could tell.
const TYPICAL_PAIR_SD: f64 = 0.06;
/// Standard deviation of the restarts' values: a handful of pilot pairs in one restart
/// cannot tell it, so it is assumed. Measured with copies of one binary: 0.75 % on one
/// pinned core, 1 to 4 % with two threads on two cores.
const TYPICAL_RESTART_SD_PINNED: f64 = 0.0075;
const TYPICAL_RESTART_SD: f64 = 0.025;

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
            budget_s: (spent_s + enough_for(demand, demands, judging)) / PLANNED_SHARE,
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

/// The least time, beside the pilots', with which `wanted` is measured.
fn enough_for(wanted: &Demand, demands: &[Demand], judging: &Judging) -> f64 {
    let is_chosen = |available_s: f64| {
        select(demands, judging, available_s)
            .into_iter()
            .any(|demand| std::ptr::eq(demand, wanted))
    };
    let mut high = minimum_s(wanted, judging, &[]).max(1.0);
    while !is_chosen(high) && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..50 {
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
    f64::from(restarts.max(draft.least_restarts)) * draft.restart_s(|member| member.best_pairs)
}

/// Least time of a scenario; workers that `chosen` scenarios start anyway cost it nothing.
fn minimum_s(demand: &Demand, judging: &Judging, chosen: &[&Demand]) -> f64 {
    match &demand.sampling {
        Sampling::Cold => f64::from(judging.restarts.max(LEAST_COLD_PAIRS)) * demand.pair_s,
        Sampling::Warm {
            session,
            startup_s,
            warmup,
            ..
        } => {
            let shared = chosen.iter().any(|other| other.session() == Some(*session));
            let startup_s = if shared { 0.0 } else { *startup_s };
            let pairs = f64::from(warmup + whole_turns(judging.min_pairs, judging));
            f64::from(judging.restarts) * (startup_s + pairs * demand.pair_s)
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

/// A unit before its share of the time is known.
struct Draft<'a> {
    members: Vec<Member<'a>>,
    startup_s: f64,
    least_restarts: u32,
    most_restarts: u32,
}

/// A scenario of a draft.
struct Member<'a> {
    scenario: &'a str,
    pair_s: f64,
    warmup: u32,
    least_pairs: u32,
    best_pairs: u32,
}

fn group_by_unit<'a>(chosen: &[&'a Demand], judging: &Judging) -> Vec<Draft<'a>> {
    let mut drafts: Vec<(Option<usize>, Draft<'a>)> = Vec::new();
    for demand in chosen {
        let session = demand.session();
        let known = drafts
            .iter_mut()
            .find(|(other, _)| session.is_some() && *other == session);
        let Some((_, draft)) = known else {
            let shared_by = chosen
                .iter()
                .filter(|other| other.session() == session)
                .count();
            drafts.push((session, Draft::new(demand, judging, shared_by)));
            continue;
        };
        let shared_by = chosen
            .iter()
            .filter(|other| other.session() == session)
            .count();
        draft.members.push(Member::new(demand, judging, shared_by));
    }
    drafts.into_iter().map(|(_, draft)| draft).collect()
}

impl<'a> Draft<'a> {
    fn new(demand: &'a Demand, judging: &Judging, shared_by: usize) -> Self {
        let members = vec![Member::new(demand, judging, shared_by)];
        match demand.sampling {
            Sampling::Cold => Self {
                members,
                startup_s: 0.0,
                least_restarts: judging.restarts.max(LEAST_COLD_PAIRS),
                most_restarts: MOST_COLD_PAIRS.max(judging.restarts),
            },
            Sampling::Warm { startup_s, .. } => Self {
                members,
                startup_s,
                least_restarts: judging.restarts,
                most_restarts: MOST_RESTARTS.max(judging.restarts),
            },
        }
    }

    fn restart_s(&self, pairs: impl Fn(&Member<'_>) -> u32) -> f64 {
        let pairs_s =
            |member: &Member<'_>| f64::from(member.warmup + pairs(member)) * member.pair_s;
        self.startup_s + self.members.iter().map(pairs_s).sum::<f64>()
    }

    fn minimum_s(&self) -> f64 {
        f64::from(self.least_restarts) * self.restart_s(|member| member.least_pairs)
    }

    fn maximum_s(&self) -> f64 {
        f64::from(self.most_restarts) * self.restart_s(|member| member.best_pairs)
    }

    /// As many restarts with the best number of pairs as fit; where that is too few, the
    /// least number of restarts with as many pairs as fit.
    fn unit(&self, share_s: f64) -> Unit {
        let restart_s = self.restart_s(|member| member.best_pairs);
        let restarts = whole(share_s / restart_s).min(self.most_restarts);
        if restarts >= self.least_restarts {
            return self.with(restarts, |member| member.best_pairs);
        }
        let pairs_s = share_s / f64::from(self.least_restarts) - self.restart_s(|_| 0);
        let best_s = restart_s - self.restart_s(|_| 0);
        let ratio = (pairs_s / best_s).clamp(0.0, 1.0);
        self.with(self.least_restarts, |member| {
            whole(f64::from(member.best_pairs) * ratio).max(member.least_pairs)
        })
    }

    fn with(&self, restarts: u32, pairs: impl Fn(&Member<'_>) -> u32) -> Unit {
        let share = |member: &Member<'_>| Share {
            scenario: member.scenario.to_owned(),
            warmup: member.warmup,
            pairs: pairs(member),
        };
        Unit {
            restarts,
            restart_s: self.restart_s(&pairs),
            scenarios: self.members.iter().map(share).collect(),
        }
    }
}

impl<'a> Member<'a> {
    fn new(demand: &'a Demand, judging: &Judging, shared_by: usize) -> Self {
        let (warmup, least_pairs, best_pairs) = match &demand.sampling {
            Sampling::Cold => (0, 1, 1),
            Sampling::Warm {
                startup_s,
                warmup,
                pair_sd,
                pin,
                ..
            } => {
                let restart_s =
                    startup_s / shared_by.max(1) as f64 + f64::from(*warmup) * demand.pair_s;
                let best = best_pairs(restart_s, demand.pair_s, *pair_sd, *pin);
                let least = whole_turns(judging.min_pairs, judging);
                (
                    *warmup,
                    least,
                    whole_turns(best.clamp(least, MOST_PAIRS.max(least)), judging),
                )
            }
        };
        Self {
            scenario: &demand.scenario,
            pair_s: demand.pair_s,
            warmup,
            least_pairs,
            best_pairs,
        }
    }
}

/// Pairs per restart that give the narrowest interval for a given time:
/// √(cost of a restart ÷ cost of a pair × pair variance ÷ restart variance).
///
/// Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, section 7.
fn best_pairs(restart_s: f64, pair_s: f64, pair_sd: Option<f64>, pin: Pin) -> u32 {
    let restart_sd = match pin {
        Pin::OneCore => TYPICAL_RESTART_SD_PINNED,
        Pin::None => TYPICAL_RESTART_SD,
    };
    let ratio = pair_sd.unwrap_or(TYPICAL_PAIR_SD) / restart_sd;
    whole((restart_s / pair_s).sqrt() * ratio).max(1)
}

/// `pairs`, raised to a whole number of turns.
fn whole_turns(pairs: u32, judging: &Judging) -> u32 {
    pairs.next_multiple_of(judging.turn_requests.max(1))
}

/// The whole part, within the range of counts.
fn whole(value: f64) -> u32 {
    if value.is_nan() {
        0
    } else {
        value.clamp(0.0, 1e6) as u32
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
mod tests {
    use super::*;

    fn warm(scenario: &str, session: usize, pair_s: f64) -> Demand {
        Demand {
            scenario: scenario.to_owned(),
            group: scenario.split('/').next().unwrap_or_default().to_owned(),
            sampling: Sampling::Warm {
                session,
                startup_s: 1.2,
                warmup: 3,
                pair_sd: Some(0.066),
                pin: Pin::OneCore,
            },
            pair_s,
        }
    }

    fn cold(scenario: &str, pair_s: f64) -> Demand {
        let group = scenario.split('/').next().unwrap_or_default().to_owned();
        Demand {
            scenario: scenario.to_owned(),
            group,
            sampling: Sampling::Cold,
            pair_s,
        }
    }

    fn judging(budget_s: f64) -> Judging {
        Judging {
            budget_s,
            ..Judging::default()
        }
    }

    fn names(plan: &Plan) -> Vec<&str> {
        let shares = plan.units.iter().flat_map(|unit| &unit.scenarios);
        shares.map(|share| share.scenario.as_str()).collect()
    }

    #[test]
    fn the_cheapest_of_every_group_comes_first() {
        let demands = [
            cold("a/1", 1.0),
            cold("a/2", 2.0),
            cold("b/1", 30.0),
            cold("c/1", 400.0),
        ];
        let plan = plan("key", &demands, &judging(340.0), 0.0);
        assert_eq!(names(&plan), ["a/1", "b/1"]);
        let waiting: Vec<_> = plan
            .waiting
            .iter()
            .map(|waiting| waiting.scenario.as_str())
            .collect();
        assert_eq!(waiting, ["a/2", "c/1"]);
    }

    #[test]
    fn the_budget_that_is_named_is_enough_and_one_less_is_not() {
        let demands = [cold("a/1", 1.0), warm("b/1", 0, 2.0), cold("c/1", 40.0)];
        let needed = plan("key", &demands, &judging(100.0), 5.0).waiting[1].budget_s;
        assert!(
            plan("key", &demands, &judging(needed + 1e-6), 5.0)
                .waiting
                .is_empty()
        );
        assert_eq!(
            plan("key", &demands, &judging(needed - 1.0), 5.0)
                .waiting
                .len(),
            1
        );
    }

    #[test]
    fn the_plan_stays_within_the_budget_and_above_the_minima() {
        for budget_s in [60.0, 150.0, 600.0, 3000.0, 1e6] {
            let demands = [
                cold("cold", 1.5),
                warm("w/1", 0, 0.25),
                warm("w/2", 0, 2.0),
                warm("x/1", 1, 0.3),
            ];
            let plan = plan("key", &demands, &judging(budget_s), 10.0);
            assert!(plan.expected_s() + 10.0 <= budget_s, "{budget_s}: {plan:?}");
            for unit in &plan.units {
                assert!(unit.restarts >= 8, "{plan:?}");
                assert!(
                    unit.scenarios
                        .iter()
                        .all(|share| share.warmup == 0 || share.pairs >= 5)
                );
            }
        }
    }

    #[test]
    fn scenarios_that_share_workers_share_a_unit() {
        let demands = [
            warm("w/1", 0, 0.25),
            warm("w/2", 0, 0.5),
            warm("x/1", 1, 0.3),
        ];
        let plan = plan("key", &demands, &judging(600.0), 0.0);
        let sizes: Vec<_> = plan.units.iter().map(|unit| unit.scenarios.len()).collect();
        assert_eq!(sizes, [2, 1]);
    }

    #[test]
    fn a_whole_budget_is_used_where_the_limits_allow() {
        let plan = plan("key", &[warm("w/1", 0, 0.25)], &judging(120.0), 0.0);
        assert!(plan.expected_s() > 100.0, "{plan:?}");
    }

    #[test]
    fn pairs_follow_costs_and_variances() {
        // √(1.2 / 0.3) × 0.075 / 0.0075 = 20.
        assert_eq!(best_pairs(1.2, 0.3, Some(0.075 + 1e-9), Pin::OneCore), 20);
        assert!(best_pairs(1.2, 0.3, Some(0.075), Pin::None) < 20);
        assert_eq!(best_pairs(0.0, 0.3, None, Pin::None), 1);
    }

    #[test]
    fn a_turn_is_never_cut() {
        let judging = Judging {
            turn_requests: 20,
            ..judging(600.0)
        };
        let plan = plan("key", &[warm("w/1", 0, 0.05)], &judging, 0.0);
        assert_eq!(plan.units[0].scenarios[0].pairs % 20, 0);
    }
}
