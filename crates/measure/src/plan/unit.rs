//! Restarts and pairs of scenarios that are restarted together.
//!
//! Takes the scenarios' costs and their share of the time; decides nothing between units.

use super::{Demand, LEAST_COLD_PAIRS, Sampling, Share, Unit};
use crate::record::Regime;
use crate::scenario::{Judging, Pin};

/// Above these the interval shrinks too slowly to be worth the time.
const MOST_COLD_PAIRS: u32 = 400;
const MOST_RESTARTS: u32 = 120;
const MOST_PAIRS: u32 = 60;
/// Standard deviation of ln(candidate ÷ baseline) of a pair where no pilot could tell.
const TYPICAL_PAIR_SD: f64 = 0.06;
/// Standard deviation of the restarts' values: a handful of pilot pairs in one restart
/// cannot tell it, so it is assumed. Measured with copies of one binary: 0.75 % on one
/// pinned core, 1 to 4 % with two threads on two cores.
const TYPICAL_RESTART_SD_PINNED: f64 = 0.0075;
const TYPICAL_RESTART_SD: f64 = 0.025;

/// A unit before its share of the time is known.
pub(super) struct Draft<'a> {
    pub(super) members: Vec<Member<'a>>,
    startup_s: f64,
    pub(super) least_restarts: u32,
    most_restarts: u32,
    /// The number of restarts is a multiple of it.
    layouts: u32,
}

/// A scenario of a draft.
pub(super) struct Member<'a> {
    scenario: &'a str,
    pair_s: f64,
    warmup: u32,
    /// Pairs of a turn: the numbers of pairs are multiples of it.
    turn: u32,
    least_pairs: u32,
    pub(super) best_pairs: u32,
}

pub(super) fn group_by_unit<'a>(chosen: &[&'a Demand], judging: &Judging) -> Vec<Draft<'a>> {
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
    pub(super) fn new(demand: &'a Demand, judging: &Judging, shared_by: usize) -> Self {
        let members = vec![Member::new(demand, judging, shared_by)];
        let layouts = judging.layouts.unwrap_or(1).max(1);
        match demand.sampling {
            Sampling::Cold => Self {
                members,
                startup_s: 0.0,
                least_restarts: judging.whole_layouts(judging.restarts.max(LEAST_COLD_PAIRS)),
                most_restarts: most_restarts(Regime::Cold, judging),
                layouts,
            },
            Sampling::Warm { startup_s, .. } => Self {
                members,
                startup_s,
                least_restarts: judging.whole_layouts(judging.restarts),
                most_restarts: most_restarts(Regime::Warm, judging),
                layouts,
            },
        }
    }

    pub(super) fn restart_s(&self, pairs: impl Fn(&Member<'_>) -> u32) -> f64 {
        let pairs_s =
            |member: &Member<'_>| f64::from(member.warmup + pairs(member)) * member.pair_s;
        self.startup_s + self.members.iter().map(pairs_s).sum::<f64>()
    }

    pub(super) fn minimum_s(&self) -> f64 {
        f64::from(self.least_restarts) * self.restart_s(|member| member.least_pairs)
    }

    pub(super) fn maximum_s(&self) -> f64 {
        f64::from(self.most_restarts) * self.restart_s(|member| member.best_pairs)
    }

    /// As many restarts with the best number of pairs as fit; where that is too few, the
    /// least number of restarts with as many pairs as fit.
    pub(super) fn unit(&self, share_s: f64) -> Unit {
        let restart_s = self.restart_s(|member| member.best_pairs);
        let restarts =
            whole(share_s / restart_s).min(self.most_restarts) / self.layouts * self.layouts;
        if restarts >= self.least_restarts {
            return self.with(restarts, |member| member.best_pairs);
        }
        let least_s = self.restart_s(|member| member.least_pairs);
        let spare_s = share_s / f64::from(self.least_restarts) - least_s;
        let ratio = (spare_s / (restart_s - least_s)).clamp(0.0, 1.0);
        self.with(self.least_restarts, |member| {
            let more = f64::from(member.best_pairs - member.least_pairs) * ratio;
            member.least_pairs + whole(more) / member.turn * member.turn
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
        let (warmup, turn, least_pairs, best_pairs) = match &demand.sampling {
            Sampling::Cold => (0, 1, 1, 1),
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
                    judging.turn_requests.max(1),
                    least,
                    whole_turns(best.clamp(least, MOST_PAIRS.max(least)), judging),
                )
            }
        };
        Self {
            scenario: &demand.scenario,
            pair_s: demand.pair_s,
            warmup,
            turn,
            least_pairs,
            best_pairs,
        }
    }
}

/// Pairs per restart that give the narrowest interval for a given time:
/// √(cost of a restart ÷ cost of a pair × pair variance ÷ restart variance).
///
/// Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, section 7.
pub(super) fn best_pairs(restart_s: f64, pair_s: f64, pair_sd: Option<f64>, pin: Pin) -> u32 {
    let restart_sd = match pin {
        Pin::OneCore => TYPICAL_RESTART_SD_PINNED,
        Pin::None => TYPICAL_RESTART_SD,
    };
    let ratio = pair_sd.unwrap_or(TYPICAL_PAIR_SD) / restart_sd;
    whole((restart_s / pair_s).sqrt() * ratio).max(1)
}

/// Restarts (cold: pairs) of a scenario at most, whatever its share of the time.
pub(crate) fn most_restarts(regime: Regime, judging: &Judging) -> u32 {
    let most = match regime {
        Regime::Cold => MOST_COLD_PAIRS,
        Regime::Warm => MOST_RESTARTS,
    };
    judging.whole_layouts(most.max(judging.restarts))
}

/// `pairs`, raised to a whole number of turns.
pub(super) fn whole_turns(pairs: u32, judging: &Judging) -> u32 {
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
