//! Where to stop on a ladder.
//!
//! One climbs: a rung takes the place of the one recommended so far when its gain over that one is
//! real, that is when at least one primary scenario is faster, no scenario is slower, and every guard
//! has an interval that can be trusted. Rungs that were measured against each other are judged by that
//! measurement alone. For others the interval follows from those that were measured: all of these hold
//! at once, so that their sums and differences hold as well.

use super::{Built, Change, Compared, Recommendation, Rung};
use crate::record::Verdict;
use crate::scenario::{Judging, Role};
use crate::stats::Interval;
use crate::verdict::{Trust, answer, log_threshold};

/// The cheapest rung that no dearer one has a real gain over; `None` when nothing was built.
pub fn recommend(rungs: &[Rung], judging: &Judging) -> Option<Recommendation> {
    let climb = Climb {
        rungs: rungs
            .iter()
            .filter_map(|rung| Some((rung.name.as_str(), rung.built()?)))
            .collect(),
        log_threshold: log_threshold(judging),
    };
    let (mut kept, mut over) = (0, None);
    for rung in 1..climb.rungs.len() {
        if climb.gain(kept, rung) == Gain::Real {
            over = Some(kept);
            kept = rung;
        }
    }
    let (name, _) = climb.rungs.get(kept)?;
    Some(Recommendation {
        rung: (*name).to_owned(),
        reason: climb.reason(kept, over),
    })
}

/// What one rung has over a lower one, over all scenarios.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Gain<'a> {
    /// Faster in a primary scenario, slower in none, and all guards hold.
    Real,
    /// Not that, and nothing more can be known.
    None,
    /// Not that, and some scenario has no answer.
    Open {
        /// The guards that alone keep it from being real.
        guards: Vec<&'a str>,
    },
}

/// What is known of a scenario on a rung against a lower one.
struct Answer<'a> {
    scenario: &'a str,
    role: Role,
    verdict: Verdict,
    trust: Trust,
}

impl Answer<'_> {
    /// A guard that was not measured, or that nothing may be built on, holds nothing. One that has an
    /// interval holds where it is not known to be slower.
    fn is_open_guard(&self) -> bool {
        self.role == Role::Guard && self.trust == Trust::Unsound
    }
}

struct Climb<'a> {
    /// Those that were built, with their names.
    rungs: Vec<(&'a str, &'a Built)>,
    log_threshold: f64,
}

impl Climb<'_> {
    fn gain(&self, from: usize, to: usize) -> Gain<'_> {
        let answers = self.answers(from, to);
        let any = |verdict| answers.iter().any(|answer| answer.verdict == verdict);
        let is_gain =
            |answer: &Answer<'_>| answer.role == Role::Primary && answer.verdict == Verdict::Faster;
        if any(Verdict::Slower) {
            return Gain::None;
        }
        if answers.iter().any(is_gain) {
            let open = answers.iter().filter(|answer| answer.is_open_guard());
            let guards: Vec<&str> = open.map(|answer| answer.scenario).collect();
            return if guards.is_empty() {
                Gain::Real
            } else {
                Gain::Open { guards }
            };
        }
        if any(Verdict::Inconclusive) {
            return Gain::Open { guards: Vec::new() };
        }
        Gain::None
    }

    /// What is known of all scenarios on `to` against `from`, which is lower.
    fn answers(&self, from: usize, to: usize) -> Vec<Answer<'_>> {
        let changes = self
            .first(to)
            .map_or(&[][..], |first| first.changes.as_slice());
        let measured = match from {
            0 => self.first(to),
            _ if from + 1 == to => self.below(to),
            _ => None,
        };
        changes
            .iter()
            .map(|change| {
                let scenario = change.scenario.as_str();
                let found = match measured {
                    Some(compared) => {
                        of(compared, scenario).map(|change| (change.verdict, change.trust))
                    }
                    None => self
                        .derived(from, to, scenario)
                        .map(|interval| (answer(&interval, self.log_threshold), Trust::Sound)),
                };
                let (verdict, trust) = found.unwrap_or((Verdict::Inconclusive, Trust::Unsound));
                Answer {
                    scenario,
                    role: change.role,
                    verdict,
                    trust,
                }
            })
            .collect()
    }

    /// The narrower of two intervals of ln(`to` ÷ `from`): over the steps between, and over the
    /// first rung.
    fn derived(&self, from: usize, to: usize, scenario: &str) -> Option<Interval> {
        let steps = (from + 1..=to)
            .map(|rung| known(self.below(rung), scenario))
            .reduce(|sum, step| Some(plus(sum?, step?)))
            .flatten();
        let over_first = known(self.first(to), scenario)
            .zip(known(self.first(from), scenario))
            .map(|(to, from)| plus(to, negated(from)));
        [steps, over_first]
            .into_iter()
            .flatten()
            .min_by(|a, b| a.half_width().total_cmp(&b.half_width()))
    }

    fn first(&self, rung: usize) -> Option<&Compared> {
        self.rungs[rung].1.first.as_ref()
    }

    fn below(&self, rung: usize) -> Option<&Compared> {
        self.rungs[rung].1.below.as_ref()
    }

    fn name(&self, rung: usize) -> &str {
        self.rungs[rung].0
    }

    fn reason(&self, kept: usize, over: Option<usize>) -> String {
        let last = self.rungs.len() - 1;
        let mut parts = vec![match over {
            Some(over) => self.gained(over, kept),
            None if last == 0 => "no other rung could be built".to_owned(),
            None => "no rung above it has a gain that is real".to_owned(),
        }];
        let within: Vec<&str> = over.map_or_else(Vec::new, |over| {
            (over + 1..kept).map(|rung| self.name(rung)).collect()
        });
        if !within.is_empty() {
            parts.push(format!(
                "it contains {}, without a real gain there",
                within.join(", ")
            ));
        }
        if over.is_some() && kept < last {
            parts.push("no rung above it has a gain over it that is real".to_owned());
        }
        parts.extend(self.open(kept));
        parts.join("; ")
    }

    /// What is not known of the rungs above `kept`.
    fn open(&self, kept: usize) -> Vec<String> {
        let (mut open, mut parts) = (Vec::new(), Vec::new());
        for rung in kept + 1..self.rungs.len() {
            match self.gain(kept, rung) {
                Gain::Open { guards } if guards.is_empty() => open.push(self.name(rung)),
                Gain::Open { guards } => parts.push(format!(
                    "{} is held back: there is no interval that can be trusted of the guard {}",
                    self.name(rung),
                    guards.join(" and the guard ")
                )),
                Gain::Real | Gain::None => {}
            }
        }
        if !open.is_empty() {
            parts.push(format!("open is whether {} gains", open.join(" or ")));
        }
        parts
    }

    fn gained(&self, over: usize, kept: usize) -> String {
        let answers = self.answers(over, kept);
        let faster = answers
            .iter()
            .filter(|answer| answer.verdict == Verdict::Faster)
            .count();
        format!(
            "its gain over {} is real: faster in {faster} of {} scenarios, slower in none",
            self.name(over),
            answers.len()
        )
    }
}

fn of<'a>(compared: &'a Compared, scenario: &str) -> Option<&'a Change> {
    compared
        .changes
        .iter()
        .find(|change| change.scenario == scenario)
}

/// The interval of the ln ratio of a comparison, where it can be trusted; it may be too wide for an
/// answer of its own.
fn known(compared: Option<&Compared>, scenario: &str) -> Option<Interval> {
    let change = of(compared?, scenario)?;
    (change.trust == Trust::Sound).then_some(())?;
    Some(Interval {
        center: change.effect?.ln(),
        low: change.simultaneous_low?.ln(),
        high: change.simultaneous_high?.ln(),
    })
}

fn plus(a: Interval, b: Interval) -> Interval {
    Interval {
        center: a.center + b.center,
        low: a.low + b.low,
        high: a.high + b.high,
    }
}

fn negated(interval: Interval) -> Interval {
    Interval {
        center: -interval.center,
        low: -interval.high,
        high: -interval.low,
    }
}
